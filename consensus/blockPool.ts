// Bodies above the finalized tip and their execution verdicts. Bounded; the tip itself is always held.
import { bytesKey, equalBytes } from '../base/bytes.ts'
import type { Hash32 } from '../base/ids.ts'
import type { SealedBlock } from '../base/protocol/header.ts'
import type { Verdict } from './types.ts'

/** Unfinalized bodies held; beyond this the lowest uncertified ones are dropped and fetched again if needed. */
export const BLOCKS_HELD_MAX = 256

export interface HeldBlock {
  readonly block: SealedBlock
  verdict: Verdict | undefined
  /** A verdict from the journal of an earlier run: a different one now means that execution is not deterministic. */
  journaledVerdict: Verdict | undefined
  verifying: boolean
  journaled: boolean
}

export class BlockPool {
  readonly #held = new Map<string, HeldBlock>()
  #tip: SealedBlock

  constructor(tip: SealedBlock) {
    this.#tip = tip
    this.#insert(tip).verdict = 'valid'
  }

  /** The highest block delivered as finalized. */
  get tip(): SealedBlock {
    return this.#tip
  }

  get size(): number {
    return this.#held.size
  }

  get(digest: Hash32): HeldBlock | undefined {
    return this.#held.get(bytesKey(digest))
  }

  block(digest: Hash32): SealedBlock | undefined {
    return this.get(digest)?.block
  }

  isVerified(digest: Hash32): boolean {
    return this.get(digest)?.verdict === 'valid'
  }

  /** Holds a body; ignores blocks at or below the tip. */
  add(block: SealedBlock, keep: (digest: Hash32) => boolean): HeldBlock | undefined {
    const held = this.get(block.hash)
    if (held !== undefined) return held
    if (block.header.height <= this.#tip.header.height) return undefined
    if (this.#held.size >= BLOCKS_HELD_MAX) this.#dropOne(keep)
    return this.#insert(block)
  }

  #insert(block: SealedBlock): HeldBlock {
    const entry: HeldBlock = {
      block,
      verdict: undefined,
      journaledVerdict: undefined,
      verifying: false,
      journaled: false,
    }
    this.#held.set(bytesKey(block.hash), entry)
    return entry
  }

  #dropOne(keep: (digest: Hash32) => boolean): void {
    let drop: HeldBlock | undefined
    for (const entry of this.#held.values()) {
      if (entry.block === this.#tip || entry.verifying || keep(entry.block.hash)) continue
      if (drop === undefined || entry.block.header.view < drop.block.header.view) drop = entry
    }
    if (drop !== undefined) this.#held.delete(bytesKey(drop.block.hash))
  }

  /**
   * The path from the tip (excluded) to `digest`, oldest first. `missing`: the first body not held, going back.
   * `detached`: the path reaches the tip's height at another block.
   */
  pathTo(digest: Hash32): { path: readonly SealedBlock[] } | { missing: Hash32 } | { detached: true } {
    const path: SealedBlock[] = []
    let at = digest
    while (!equalBytes(at, this.#tip.hash)) {
      const block = this.block(at)
      if (block === undefined) return { missing: at }
      if (block.header.height <= this.#tip.header.height) return { detached: true }
      path.push(block)
      at = block.header.parentHash
    }
    return { path: path.reverse() }
  }

  /** Moves the tip and drops every body at or below it. */
  moveTip(tip: SealedBlock): void {
    this.#tip = tip
    const held = this.get(tip.hash) ?? this.#insert(tip)
    held.verdict = 'valid'
    for (const [key, entry] of this.#held) {
      if (entry.block.header.height <= tip.header.height && entry.block !== tip && entry !== held) {
        this.#held.delete(key)
      }
    }
  }

  /** Held ancestors of `digest` including itself, newest first. */
  chain(digest: Hash32, limits: { countMax: number; bytesMax: number }): readonly SealedBlock[] {
    const out: SealedBlock[] = []
    let bytes = 0
    let block = this.block(digest)
    while (block !== undefined && out.length < limits.countMax) {
      bytes += block.bytes.length
      if (out.length > 0 && bytes > limits.bytesMax) break
      out.push(block)
      block = this.block(block.header.parentHash)
    }
    return out
  }
}
