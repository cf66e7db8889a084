// Tells the listeners of a commit about its blocks, in slices: one write of a node that catches up holds 64 blocks.
import type { Steps } from '../../state/steps.ts'
import type { FinalizedEvent } from './importerTypes.ts'

/** Transactions told in one step: about 10 ms. A block is never divided. */
const TOLD_PER_STEP = 16_384

/** Every listener hears each block before any hears the next one; the first step tells what fits without a pause. */
export function* tellSteps(
  events: readonly FinalizedEvent[],
  listeners: ReadonlySet<(event: FinalizedEvent) => void>,
): Steps<void> {
  let told = 0
  for (const event of events) {
    const count = event.executed.block.transactions.length
    if (told > 0 && told + count > TOLD_PER_STEP) {
      yield
      told = 0
    }
    for (const listener of listeners) listener(event)
    told += count
  }
}
