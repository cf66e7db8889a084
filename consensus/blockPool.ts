// Bodies above the finalized tip and their execution verdicts. Bounded; the tip itself is always held.
import { bytesKey, equalBytes } from '../base/bytes.ts'
import type { Hash32 } from '../base/ids.ts'
import type { SealedBlock } from '../base/protocol/header.ts'
import { BLOCK_BYTES_MAX } from '../base/protocol/limits.ts'
import type { Verdict } from './types.ts'

/** Unfinalized bodies held; beyond this the oldest uncertified ones are dropped and fetched again if needed. */
export const BLOCKS_HELD_MAX = 256
/** Their bytes: as many full blocks as fetches may need at once, and as proposals may bring ahead of their view. */
export const BLOCKS_HELD_BYTES_MAX = (64 + 8) * BLOCK_BYTES_MAX

export interface HeldBlock {
  readonly block: SealedBlock
  /**
   * The view under which it is kept here: that of its proposal or, if it was fetched, the current one. Never a number of
   * its header, which nobody has checked yet.
   */
  filedView: number
  verdict: Verdict | undefined
  /** A verdict from the journal of an earlier run: a different one now means that execution is not deterministic. */
  journaledVerdict: Verdict | undefined
  verifying: boolean
  journaled: boolean
}

export class BlockPool {
  readonly #held = new Map<string, HeldBlock>()
  #tip: SealedBlock
  #bytes = 0

  constructor(tip: SealedBlock) {
    this.#tip = tip
    this.#insert(tip, 0).verdict = 'valid'
  }

  /** The highest block delivered as finalized. */
  get tip(): SealedBlock {
    return this.#tip
  }

  get size(): number {
    return this.#held.size
  }

  get bytes(): number {
    return this.#bytes
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

  /** Holds a body that is its header's (`openBlock`); ignores blocks at or below the tip. */
  add(
    block: SealedBlock,
    options: { readonly view: number; readonly keep: (digest: Hash32) => boolean },
  ): HeldBlock | undefined {
    const { view, keep } = options
    const held = this.get(block.hash)
    if (held !== undefined) {
      held.filedView = Math.max(held.filedView, view)
      return held
    }
    if (block.header.height <= this.#tip.header.height) return undefined
    while (this.#isFull(block.bytes.length) && this.#dropOne(keep)) {
      // One at a time, until there is room or nothing may be dropped.
    }
    return this.#insert(block, view)
  }

  #isFull(moreBytes: number): boolean {
    return this.#held.size >= BLOCKS_HELD_MAX || this.#bytes + moreBytes > BLOCKS_HELD_BYTES_MAX
  }

  #insert(block: SealedBlock, filedView: number): HeldBlock {
    const entry: HeldBlock = {
      block,
      filedView,
      verdict: undefined,
      journaledVerdict: undefined,
      verifying: false,
      journaled: false,
    }
    this.#held.set(bytesKey(block.hash), entry)
    this.#bytes += block.bytes.length
    return entry
  }

  #delete(key: string, entry: HeldBlock): void {
    if (this.#held.delete(key)) this.#bytes -= entry.block.bytes.length
  }

  /** False when nothing may be dropped. */
  #dropOne(keep: (digest: Hash32) => boolean): boolean {
    let drop: HeldBlock | undefined
    for (const entry of this.#held.values()) {
      if (entry.block === this.#tip || entry.verifying || keep(entry.block.hash)) continue
      if (drop === undefined || entry.filedView < drop.filedView) drop = entry
    }
    if (drop === undefined) return false
    this.#delete(bytesKey(drop.block.hash), drop)
    return true
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

  /**
   * Moves the tip, which F of `finalizedView` names, and drops every other body at or below it, and those filed at or
   * below that view: no certificate can ever name them.
   */
  moveTip(tip: SealedBlock, finalizedView: number): void {
    this.#tip = tip
    const held = this.get(tip.hash) ?? this.#insert(tip, finalizedView)
    held.verdict = 'valid'
    for (const [key, entry] of this.#held) {
      const isPast = entry.block.header.height <= tip.header.height || entry.filedView <= finalizedView
      if (isPast && entry !== held) this.#delete(key, entry)
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
