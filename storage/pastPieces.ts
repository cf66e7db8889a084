// Streams the state of a past height: the newest state in key order with the reverse differences applied.
// Not: single reads (history.ts), which need no full pass.
import type { StateKey } from '../state/view.ts'
import type { ReverseDifference } from './reverseDifference.ts'

type Piece = ReadonlyMap<StateKey, Uint8Array>

/** Keys ascend across pieces. Throws HistoryPruned when the height is pruned before the first piece. */
export async function* pastPieces(options: {
  readonly height: number
  /** The newest state; calls `onStart` with its height once the version read is pinned. */
  readonly pieces: (onStart: (height: number) => void) => AsyncIterable<Piece>
  readonly differenceAt: (height: number) => ReverseDifference
}): AsyncGenerator<Piece> {
  const { height, differenceAt } = options
  const priors = new Map<StateKey, Uint8Array | undefined>()
  let missing: StateKey[] = []
  const takeBack = (newest: number): void => {
    // The first block above `height` that changed a key has the key's value at `height`.
    for (let at = height + 1; at <= newest; at++) {
      const difference = differenceAt(at)
      for (const key of difference.keys()) {
        if (!priors.has(key)) priors.set(key, difference.find(key)?.value)
      }
    }
    // Descending, so that `pop` takes the lowest.
    missing = [...priors.keys()].sort().reverse()
  }
  for await (const piece of options.pieces(takeBack)) {
    const out = new Map<StateKey, Uint8Array>()
    for (const [key, value] of piece) {
      for (let next = missing.at(-1); next !== undefined && next <= key; next = missing.at(-1)) {
        missing.pop()
        const prior = priors.get(next)
        if (next !== key && prior !== undefined) out.set(next, prior)
      }
      const held = priors.has(key) ? priors.get(key) : value
      if (held !== undefined) out.set(key, held)
    }
    yield out
  }
  const rest = new Map<StateKey, Uint8Array>()
  for (const key of missing.reverse()) {
    const prior = priors.get(key)
    if (prior !== undefined) rest.set(key, prior)
  }
  if (rest.size > 0) yield rest
}
