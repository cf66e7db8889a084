// Clients of simulated whole nodes: funded accounts pay each other, resend lost transactions, and sometimes sign two
// transactions with one nonce. Owns: submitted transactions and their outcome.
import { toHex } from '../../../base/bytes.ts'
import { COIN } from '../../../base/units.ts'
import { type DevelopmentAccount, developmentAccounts } from '../../../genesis/devKeys.ts'
import type { FinalizedEvent } from '../../../node/chain/importerTypes.ts'
import { decodeTransaction, signTransaction } from '../../../state/transaction.ts'
import type { Random, Scheduler } from '../../support/random.ts'
import { Violation } from '../../support/violation.ts'

const RESEND_MS = 2_000
const OPEN_MAX = 8
const GWEI = 10n ** 9n

/** One nonce of one account, and every envelope signed for it. */
interface Slot {
  readonly account: number
  readonly nonce: number
  readonly raws: Uint8Array[]
}

/** The world as clients see it. */
export interface TrafficWorld<N> {
  readonly config: { readonly txEveryMs: number; readonly burst: number }
  readonly random: Random
  readonly scheduler: Scheduler
  readonly chain: { readonly chainId: number }
  readonly healed: boolean
  /** Running nodes, by index. */
  up(): readonly N[]
  submit(node: N, raw: Uint8Array): Promise<boolean>
  spawn(work: Promise<unknown>): void
}

export class FullNodeTraffic<N> {
  readonly #world: TrafficWorld<N>
  readonly #accounts: readonly DevelopmentAccount[] = developmentAccounts()
  readonly #nonces: number[]
  /** Not final yet, by account and nonce. */
  readonly #open = new Map<string, Slot>()
  /** Final envelopes by account and nonce. */
  readonly #final = new Map<string, string>()
  /** Height of the receipt of each transaction, by the first node to show it: it must not change. */
  readonly #receipts = new Map<string, number>()
  #stopped = false

  constructor(world: TrafficWorld<N>) {
    this.#world = world
    this.#nonces = this.#accounts.map(() => 0)
  }

  get finalCount(): number {
    return this.#final.size
  }

  begin(): void {
    if (this.#world.config.txEveryMs === 0) return
    this.#next()
    this.#resend()
  }

  /** Whether all submitted transactions are final; none is submitted after healing. */
  isSettled(): boolean {
    if (!this.#world.healed) return false
    this.#stopped = true
    return this.#open.size === 0
  }

  describe(): string {
    const open = [...this.#open.values()].slice(0, 5).map(({ account, nonce }) => `${account}:${nonce}`)
    return `${this.#open.size} transactions are not final, the first ${open.join(' ')}`
  }

  #next(): void {
    const { scheduler, random, config } = this.#world
    scheduler.after(random.between(1, 2 * config.txEveryMs), () => {
      if (this.#stopped) return
      const count = config.burst > 0 && random.chance(0.02) ? config.burst : 1
      for (let i = 0; i < count; i++) this.#pay()
      this.#next()
    })
  }

  /** Sends a random account's next nonce to one running node, unless too many are open; sometimes in two versions. */
  #pay(): void {
    const { random } = this.#world
    const account = random.between(0, this.#accounts.length - 1)
    const open = [...this.#open.values()].filter((slot) => slot.account === account).length
    if (open >= OPEN_MAX) return
    const nonce = this.#nonces[account]!
    this.#nonces[account] = nonce + 1
    const slot: Slot = { account, nonce, raws: [this.#sign(account, nonce, 0)] }
    if (random.chance(0.1)) slot.raws.push(this.#sign(account, nonce, 1))
    this.#open.set(`${account}:${nonce}`, slot)
    for (const raw of slot.raws) this.#submit(raw)
  }

  #sign(account: number, nonce: number, variant: number): Uint8Array {
    const { random } = this.#world
    const from = this.#accounts[account]!
    const to = this.#accounts[(account + 1 + variant + random.between(0, 3)) % this.#accounts.length]!
    return signTransaction(
      {
        type: 2,
        chainId: this.#world.chain.chainId,
        nonce,
        maxPriorityFeePerGas: GWEI * BigInt(1 + variant),
        maxFeePerGas: 10_000n * GWEI,
        gasLimit: 21_000,
        to: to.address,
        valueBase: (COIN / 1000n) * BigInt(random.between(0, 5)),
        data: new Uint8Array(0),
        accessList: [],
      },
      from.secretKey,
    )
  }

  #submit(raw: Uint8Array): void {
    const running = this.#world.up()
    if (running.length === 0) return
    this.#world.spawn(this.#world.submit(this.#world.random.pick(running), raw))
  }

  /** Sends the same bytes again to any running node, as a wallet without a receipt does. */
  #resend(): void {
    this.#world.scheduler.after(RESEND_MS, () => {
      for (const slot of this.#open.values()) for (const raw of slot.raws) this.#submit(raw)
      if (!this.#stopped || this.#open.size > 0) this.#resend()
    })
  }

  /** Called for each block of each node. */
  onFinalized(event: FinalizedEvent): void {
    const { block, receipts } = event.executed
    block.transactions.forEach((raw, i) => {
      const decoded = decodeTransaction(raw, this.#world.chain.chainId)
      if ('failure' in decoded) throw new Violation('D', `block ${event.height} holds what is no transaction`)
      const { hash, nonce } = decoded.transaction
      const id = toHex(hash)
      const known = this.#receipts.get(id)
      if (known !== undefined && known !== event.height)
        throw new Violation('D', `a transaction is final at ${known} and at ${event.height}`)
      this.#receipts.set(id, event.height)
      const sender = toHex(event.executed.senders[i]!)
      const account = this.#accounts.findIndex(({ address }) => toHex(address) === sender)
      // Operators submit evidence: only the first of several that say the same succeeds.
      if (account < 0) return
      if (!receipts[i]!.succeeded)
        throw new Violation('D', `a funded transfer failed in block ${event.height}`)
      const key = `${account}:${nonce}`
      const first = this.#final.get(key)
      if (first !== undefined && first !== id)
        throw new Violation('S1', `two transactions with nonce ${nonce} of account ${account} are final`)
      this.#final.set(key, id)
      this.#open.delete(key)
    })
  }
}
