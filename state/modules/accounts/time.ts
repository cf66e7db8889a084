// The clock of signed actions: seconds, as Solidity and wallets count them.
import type { BlockContext } from '../../context.ts'

/** Unix seconds of a block, rounded down: what is valid before a second is valid until that second begins. */
export function secondsOf({ timestampMs }: Pick<BlockContext, 'timestampMs'>): number {
  return Math.floor(timestampMs / 1000)
}
