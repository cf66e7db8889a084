// Watches one validator as a client does: subscribes to heads by WebSocket and reads receipts of blocks it shows first.
// Owns: one connection. Not: the record (ledger.ts).
import { WebSocket } from 'ws'
import type { RpcClient } from '../../bench/rpcClient.ts'
import type { Ledger } from './ledger.ts'

interface HeadJson {
  readonly number: string
  readonly hash: string
  readonly stateRoot: string
}

interface ReceiptJson {
  readonly transactionHash: string
  readonly blockHash: string
  readonly blockNumber: string
  readonly status: string
}

export class Observer {
  readonly #index: number
  readonly #client: RpcClient
  readonly #ledger: Ledger
  /** Heights whose receipts any observer of the network has read or is reading. */
  readonly #claimed: Set<number>
  #socket: WebSocket | undefined

  constructor(options: { index: number; client: RpcClient; ledger: Ledger; claimed: Set<number> }) {
    this.#index = options.index
    this.#client = options.client
    this.#ledger = options.ledger
    this.#claimed = options.claimed
  }

  /** Subscribes; resolves once heads arrive and the current head is recorded. */
  async open(): Promise<void> {
    this.#ledger.forgetHeight(this.#index)
    const socket = new WebSocket(this.#client.url.href.replace('http', 'ws'))
    this.#socket = socket
    // A killed validator closes the connection; the harness learns that from the process.
    socket.on('error', () => {})
    await new Promise<void>((resolve, reject) => {
      socket.once('open', () => {
        socket.send(JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'eth_subscribe', params: ['newHeads'] }))
      })
      socket.once('close', () => reject(new Error(`validator ${this.#index} closed the subscription`)))
      socket.on('message', (data) => {
        const answer = JSON.parse(data.toString())
        if (answer.id === 1) resolve()
        else if (answer.params !== undefined) this.#note(answer.params.result)
      })
    })
    this.#note(await this.#client.call<HeadJson>('eth_getBlockByNumber', ['latest', false]))
  }

  close(): void {
    this.#socket?.terminate()
    this.#socket = undefined
  }

  #note(head: HeadJson): void {
    const height = Number(head.number)
    this.#ledger.addHead(this.#index, { height, hash: head.hash, stateRoot: head.stateRoot })
    if (height === 0 || this.#claimed.has(height)) return
    this.#claimed.add(height)
    void this.#readReceipts(head.number, height)
  }

  async #readReceipts(number: string, height: number): Promise<void> {
    try {
      const receipts = await this.#client.call<readonly ReceiptJson[] | null>('eth_getBlockReceipts', [
        number,
      ])
      if (receipts === null) {
        this.#ledger.failures.push(`validator ${this.#index} has no block ${height} though it announced it`)
        return
      }
      for (const { transactionHash, blockHash, blockNumber, status } of receipts) {
        this.#ledger.addReceipt(this.#index, transactionHash, {
          blockHash,
          height: Number(blockNumber),
          status,
        })
      }
    } catch {
      // It died before answering: read from the next validator that shows this height.
      this.#claimed.delete(height)
    }
  }
}
