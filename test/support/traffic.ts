// Load while validators are killed: transfers of many accounts through any validator that answers, resent until they
// have a receipt. Owns: nonces, pacing, resending. Not: what was confirmed (ledger.ts).
import {
  fundAccounts,
  generousFeeCap,
  type LoadAccount,
  loadAccounts,
  nonceOf,
  type SignedTransfer,
  signTransfer,
} from '../../bench/accounts.ts'
import type { RpcClient } from '../../bench/rpcClient.ts'
import type { Ledger } from './ledger.ts'
import { within } from './processNetwork.ts'
import type { Random } from './random.ts'

const TICK_MS = 50
/** Open transfers per account: below a pool's limit for one account. */
const OPEN_PER_ACCOUNT = 16
/** An open transfer is resent, to another validator, after this long. */
const RESEND_MS = 1_500
const FUNDING_BASE = 5n * 10n ** 17n
/** Errors which only mean that the transfer is already pooled or included. */
const HARMLESS = /already known|nonce too low/

interface Sender {
  readonly account: LoadAccount
  nonce: number
  open: number
}

interface Open extends SignedTransfer {
  readonly sender: Sender
  sentAtMs: number
}

export class Traffic {
  readonly accounts: readonly LoadAccount[]
  /** Transfers signed so far. */
  signed = 0
  /** Counts of refusals that a client does not expect. */
  readonly refusals = new Map<string, number>()
  readonly #clients: () => readonly RpcClient[]
  readonly #random: Random
  readonly #perTick: number
  readonly #open = new Map<string, Open>()
  #senders: Sender[] = []
  #chainId = 0
  #maxFeePerGas = 0n
  #timer: NodeJS.Timeout | undefined
  #isSigning = false
  readonly #onSigned: (hash: string) => void
  #onDrained: () => void = () => {}

  constructor(options: {
    readonly clients: () => readonly RpcClient[]
    readonly ledger: Ledger
    readonly random: Random
    readonly accounts: number
    readonly perSecond: number
    /** Called for each transfer before it is first sent. */
    readonly onSigned?: (hash: string) => void
  }) {
    this.#clients = options.clients
    this.#random = options.random
    this.#perTick = Math.max(1, Math.round((options.perSecond * TICK_MS) / 1000))
    this.accounts = loadAccounts(options.accounts, 'faults')
    this.#onSigned = options.onSigned ?? (() => {})
    options.ledger.onReceipt((hash) => this.#close(hash))
  }

  /** Transfers without a receipt. */
  get openCount(): number {
    return this.#open.size
  }

  /** Final nonce of each account if nothing is lost. */
  nonces(): readonly number[] {
    return this.#senders.map((sender) => sender.nonce)
  }

  /** Funds the accounts and starts sending. */
  async start(): Promise<void> {
    const client = this.#clients()[0]!
    this.#chainId = Number(await client.call<string>('eth_chainId'))
    this.#maxFeePerGas = await generousFeeCap(client)
    await fundAccounts(client, this.accounts, { chainId: this.#chainId, valueBase: FUNDING_BASE })
    this.#senders = await Promise.all(
      this.accounts.map(async (account) => ({
        account,
        nonce: await nonceOf(client, account.address),
        open: 0,
      })),
    )
    this.resume()
  }

  resume(): void {
    this.#isSigning = true
    this.#timer ??= setInterval(() => this.#tick(), TICK_MS)
  }

  /** Signs no more transfers; open ones are still resent. */
  pause(): void {
    this.#isSigning = false
  }

  /** Resolves when every transfer has a receipt. */
  async drain(limitMs: number): Promise<void> {
    this.pause()
    if (this.#open.size === 0) return
    const drained = new Promise<void>((resolve) => {
      this.#onDrained = resolve
    })
    await within(drained, limitMs, 'transfers without a receipt').catch((error: Error) => {
      const [first] = this.#open.values()
      throw new Error(`${error.message}: ${this.#open.size}, one is ${first?.hash}`)
    })
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  #close(hash: string): void {
    const open = this.#open.get(hash)
    if (open === undefined) return
    open.sender.open--
    this.#open.delete(hash)
    if (this.#open.size === 0) this.#onDrained()
  }

  #tick(): void {
    const clients = this.#clients()
    if (clients.length === 0) return
    const now = performance.now()
    const again = [...this.#open.values()].filter((open) => now - open.sentAtMs > RESEND_MS)
    if (again.length > 0) this.#send(this.#random.pick(clients), again.slice(0, 500), now)
    if (!this.#isSigning) return
    // Send one account's transfers of a tick to one validator, so that nonces arrive in order.
    const fresh: Open[] = []
    for (let tries = 0; fresh.length < this.#perTick && tries < this.#senders.length; tries++) {
      const sender = this.#random.pick(this.#senders)
      if (sender.open < OPEN_PER_ACCOUNT) fresh.push(this.#sign(sender, now))
    }
    if (fresh.length > 0) this.#send(this.#random.pick(clients), fresh, now)
  }

  #sign(sender: Sender, now: number): Open {
    const to = this.#random.pick(this.accounts).address
    const transfer = signTransfer({
      from: sender.account,
      to,
      nonce: sender.nonce++,
      chainId: this.#chainId,
      valueBase: 1n,
      maxFeePerGas: this.#maxFeePerGas,
    })
    const open: Open = { ...transfer, sender, sentAtMs: now }
    sender.open++
    this.signed++
    this.#open.set(transfer.hash, open)
    this.#onSigned(transfer.hash)
    return open
  }

  #send(client: RpcClient, transfers: readonly Open[], now: number): void {
    for (const transfer of transfers) transfer.sentAtMs = now
    client.batch(transfers.map(({ raw }) => ({ method: 'eth_sendRawTransaction', params: [raw] }))).then(
      (answers) => {
        for (const { error } of answers) {
          if (error === undefined || HARMLESS.test(error.message)) continue
          const text = error.message.replace(/\d+/g, 'N')
          this.refusals.set(text, (this.refusals.get(text) ?? 0) + 1)
        }
      },
      // The validator died before answering: the transfers are resent to another.
      () => {},
    )
  }
}
