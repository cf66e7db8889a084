// Plays recorded blocks again, and leaves out of them what a finding does not need.
import { type Act, describeAct } from './act.ts'
import { drain } from './drain.ts'
import { type Block, History } from './history.ts'

/** Replays of one shrinking: a history takes seconds. */
const REPLAYS_MAX = 120

/** What is wrong with a history, in words; undefined when nothing is. */
export type Finding = string | undefined

export function findingOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}

/** Winds a history up; undefined when nothing is left. */
export function end(history: History): Finding {
  const { window } = history.chain
  const left = drain(history)
  return left.length === 0
    ? undefined
    : `left after ${history.chain.window - window} windows:\n  ${left.join('\n  ')}`
}

/** Plays blocks on the chain of a seed, then winds it up. */
export function replay(seed: number, blocks: readonly Block[]): Finding {
  const history = new History(seed)
  try {
    for (const block of blocks) history.play(block)
    history.chain.recount()
    return end(history)
  } catch (error) {
    return findingOf(error)
  } finally {
    history.close()
  }
}

/** Two findings are alike when they differ in numbers alone. */
const kindOf = (finding: string): string =>
  finding.slice(0, 200).replace(/\d+/g, '#').split('\n').slice(0, 2).join(' ')

/**
 * Leaves out blocks' calls, halves first, as long as what `replayed` finds stays alike. Pauses stay: time is part of it.
 */
export function shrink(
  blocks: readonly Block[],
  finding: string,
  replayed: (blocks: readonly Block[]) => Finding,
): readonly Block[] {
  const kind = kindOf(finding)
  let kept = blocks
  let replays = 0
  const isSame = (tried: readonly Block[]): boolean => {
    replays++
    const found = replayed(tried)
    return found !== undefined && kindOf(found) === kind
  }
  const without = (acts: ReadonlySet<Act>): readonly Block[] =>
    kept.map((block) => ({ ...block, acts: block.acts.filter((each) => !acts.has(each)) }))
  for (let size = Math.ceil(countOf(kept) / 2); size >= 1; size = Math.floor(size / 2)) {
    const all = kept.flatMap(({ acts }) => acts)
    for (let from = 0; from < all.length && replays < REPLAYS_MAX; from += size) {
      const tried = without(new Set(all.slice(from, from + size)))
      if (isSame(tried)) kept = tried
    }
  }
  return kept
}

const countOf = (blocks: readonly Block[]): number => blocks.reduce((sum, { acts }) => sum + acts.length, 0)

/** The calls of blocks that have any, a line each. */
export function describeBlocks(blocks: readonly Block[]): readonly string[] {
  return blocks.flatMap(({ acts }, i) => acts.map((each) => `block ${i + 1}, ${describeAct(each)}`))
}
