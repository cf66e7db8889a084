// The application of a simulated node: builds, executes, reports work. Overlays are in memory only.
import { bytesKey } from '../../base/bytes.ts'
import type { SealedBlock } from '../../base/protocol/header.ts'
import type { BuildOrder, Verdict } from '../../consensus/types.ts'
import { BLOCK_TXS, buildBlock, type ChainRules, type SimStore, verifyBlock } from '../support/simChain.ts'
import { SimMempool } from './simMempool.ts'

export class SimApplication {
  readonly mempool = new SimMempool()
  #rules: ChainRules
  readonly #store: SimStore
  /** Blocks executed since the start, with their ancestry, like overlays. */
  #executed = new Map<string, SealedBlock>()
  #watched: SealedBlock | undefined
  #ready = false

  constructor(rules: ChainRules, store: SimStore) {
    this.#rules = rules
    this.#store = store
  }

  /** Switches the software version. */
  useRules(rules: ChainRules): void {
    this.#rules = rules
  }

  get rules(): ChainRules {
    return this.#rules
  }

  /** Clears everything in memory. */
  restart(): void {
    this.mempool.clear()
    this.#executed = new Map()
    this.#watched = undefined
  }

  /** False when known, final, or the pool is full. */
  submit(transaction: Uint8Array): boolean {
    return !this.#store.includes(transaction) && this.mempool.add(transaction)
  }

  build(
    order: BuildOrder & { readonly proposer: Uint8Array; readonly randaoReveal: Uint8Array },
  ): SealedBlock {
    const block = buildBlock(this.#rules, order, this.#pending(order.parent, BLOCK_TXS))
    this.#executed.set(bytesKey(block.hash), block)
    return block
  }

  verify(block: SealedBlock, parent: SealedBlock): Verdict {
    const isKnown = parent.header.height <= this.#store.height || this.#executed.has(bytesKey(parent.hash))
    if (!isKnown) throw new Error('asked to execute on an unknown parent')
    const verdict = verifyBlock(this.#rules, block, parent)
    if (verdict === 'valid') this.#executed.set(bytesKey(block.hash), block)
    return verdict
  }

  watch(parent: SealedBlock): boolean {
    this.#watched = parent
    this.#ready = this.hasWork(parent)
    return this.#ready
  }

  /** The watched parent and whether it has work, if that changed. */
  change(): { readonly parent: SealedBlock; readonly ready: boolean } | undefined {
    const parent = this.#watched
    if (parent === undefined) return undefined
    const ready = this.hasWork(parent)
    if (ready === this.#ready) return undefined
    this.#ready = ready
    return { parent, ready }
  }

  hasWork(parent: SealedBlock): boolean {
    return this.#pending(parent, 1).length > 0
  }

  /** Transactions for the leader of a needed view. */
  shared(): readonly Uint8Array[] {
    return this.mempool.except(new Set(), BLOCK_TXS)
  }

  /** Pool transactions that are neither final nor in the unfinalized ancestors of a child of `parent`. */
  #pending(parent: SealedBlock, countMax: number): readonly Uint8Array[] {
    const taken = new Set<string>()
    let at: SealedBlock | undefined = parent
    while (at !== undefined && at.header.height > this.#store.height) {
      for (const transaction of at.transactions) taken.add(bytesKey(transaction))
      at = this.#executed.get(bytesKey(at.header.parentHash))
    }
    return this.mempool.except(taken, countMax)
  }

  onCommitted(blocks: readonly SealedBlock[]): void {
    this.mempool.drop(blocks)
    for (const [key, block] of this.#executed) {
      if (block.header.height < this.#store.height - 1) this.#executed.delete(key)
    }
  }
}
