// Sends the provider's transactions, one after the other, each until it is final or refused: a fee that does not get it into
// a block is raised. Owns: nonces, fees, retries. Not: what is sent (granter.ts, settler.ts).

import { toHex } from '../../base/bytes.ts'
import type { Json } from '../../base/field.ts'
import type { LocalAccount } from '../../client/accounts/account.ts'
import type { Call } from '../../client/calls.ts'
import type { ChainClient } from '../../client/chainClient.ts'
import { ClientError } from '../../client/clientError.ts'
import { membersOf, quantityOf, read, textOf } from '../../client/members.ts'
import { pause } from '../../client/waiting.ts'
import type { GatewayLog } from '../gatewayLog.ts'

/** Of each raise, percent; nodes ask for ten. */
const RAISE_PERCENT = 25n
const RAISES_MAX = 12
const ATTEMPTS_MAX = 5
const POLL_MS = 100
const PAUSE_MS = 500

interface Fees {
  readonly maxFeePerGas: bigint
  readonly maxPriorityFeePerGas: bigint
}

export interface TransactorOptions {
  readonly client: ChainClient
  readonly account: LocalAccount
  readonly log: GatewayLog
  readonly signal: AbortSignal
  /** How long one fee is tried. */
  readonly raiseAfterMs: number
}

type Sent = 'final' | 'lost' | 'waiting'

export class Transactor {
  readonly #options: TransactorOptions
  #last: Promise<unknown> = Promise.resolve()
  raises = 0

  constructor(options: TransactorOptions) {
    this.#options = options
  }

  /** Resolves once the call is final. Throws ClientError `failed` when the rules refuse it, `waiting` when nothing helps. */
  send(call: Call): Promise<void> {
    const sent = this.#last.then(() => this.#send(call))
    this.#last = sent.catch(() => undefined)
    return sent
  }

  async #send(call: Call): Promise<void> {
    const { client, account, signal, log } = this.#options
    let failure: unknown
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      signal.throwIfAborted()
      try {
        const gasLimit = await client.estimate(account.address, call)
        if (await this.#untilFinal(call, gasLimit)) return
        failure = new ClientError('waiting', 'the transaction does not get into a block')
      } catch (error) {
        if (!(error instanceof ClientError) || error.code === 'failed' || error.code === 'input') throw error
        // Another gateway of this provider may have taken the nonce; the node may be away for a moment.
        failure = error
        log.debug({ code: error.code, attempt }, 'a transaction is tried again')
      }
      await pause(PAUSE_MS, this.#options.signal)
    }
    throw failure
  }

  /** False when its nonce went to another transaction. */
  async #untilFinal(call: Call, gasLimit: number): Promise<boolean> {
    const { client, account, raiseAfterMs, log } = this.#options
    const [{ pendingNonce: nonce }, first, chainId] = await Promise.all([
      client.account(account.address),
      this.#fees(call),
      client.chainId(),
    ])
    let fees = first
    const hashes: string[] = []
    for (let raise = 0; raise <= RAISES_MAX; raise++) {
      const raw = account.sign({
        type: 2,
        chainId,
        nonce,
        ...fees,
        gasLimit,
        to: call.to,
        valueBase: call.valueBase,
        data: call.data,
        accessList: [],
      })
      const method = 'eth_sendRawTransaction'
      try {
        hashes.push(read(method, { hash: await client.request(method, [toHex(raw)]) }, 'hash', textOf))
      } catch (error) {
        // Refused: an earlier one of this nonce may be in a block.
        if (hashes.length === 0) throw error
      }
      const sent = await this.#watch(hashes, raiseAfterMs)
      if (sent === 'final') return true
      if (sent === 'lost') return false
      this.raises++
      const raised = raisedBy(fees)
      log.warn(
        { nonce, maxFeePerGas: raised.maxFeePerGas.toString() },
        'a transaction waits: its fee is raised',
      )
      fees = raised
    }
    return false
  }

  /** Whether one of these transactions of one nonce is final. */
  async #watch(hashes: readonly string[], forMs: number): Promise<Sent> {
    const { client, signal } = this.#options
    const sinceMs = performance.now()
    do {
      signal.throwIfAborted()
      let gone = 0
      for (const hash of hashes) {
        const status = await client.status(hash)
        if (status.status === 'included' && status.succeeded !== undefined) {
          if (status.succeeded) return 'final'
          const { failure } = status
          throw new ClientError('failed', status.sentence, {
            transaction: hash,
            ...(failure === undefined ? {} : { failure }),
          })
        }
        if (status.status === 'dropped' || status.status === 'unknown') gone++
      }
      if (gone === hashes.length) return 'lost'
      await pause(POLL_MS, this.#options.signal)
    } while (performance.now() - sinceMs < forMs)
    return 'waiting'
  }

  async #fees({ to, valueBase, data }: Call): Promise<Fees> {
    const method = 'eth_fillTransaction'
    const { client, account } = this.#options
    const call: Json = {
      from: toHex(account.address),
      to: toHex(to),
      value: `0x${valueBase.toString(16)}`,
      data: toHex(data),
    }
    const answer = membersOf(await client.request(method, [call]), method)
    const tx = read(method, answer, 'tx', (json) => membersOf(json, method))
    return {
      maxFeePerGas: read(method, tx, 'maxFeePerGas', quantityOf),
      maxPriorityFeePerGas: read(method, tx, 'maxPriorityFeePerGas', quantityOf),
    }
  }
}

/** Both fees a quarter higher, and by one at least. */
export function raisedBy({ maxFeePerGas, maxPriorityFeePerGas }: Fees): Fees {
  const raised = (fee: bigint): bigint => fee + (fee * RAISE_PERCENT) / 100n + 1n
  return { maxFeePerGas: raised(maxFeePerGas), maxPriorityFeePerGas: raised(maxPriorityFeePerGas) }
}
