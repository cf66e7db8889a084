// Streams the state of a past height: the newest state in key order with the reverse differences applied.
// Not: single reads (history.ts), which need no full pass.
import type { Steps } from '../state/steps.ts'
import type { StateKey } from '../state/view.ts'
import type { ReverseDifference } from './reverseDifference.ts'
import { inTurns } from './turns.ts'

type Piece = ReadonlyMap<StateKey, Uint8Array>

/** Keys taken back or sorted per step, some 3 ms. */
const KEYS_PER_STEP = 2048
/** A table's prefix and the first byte of its key: sorted one such part after another. */
const PART_UNITS = 3

/** Keys ascend across pieces. Throws HistoryPruned when the height is pruned before the first piece. */
export async function* pastPieces(options: {
  readonly height: number
  /** The newest state; calls `onStart` with its height once the version read is pinned. */
  readonly pieces: (onStart: (height: number) => void) => AsyncIterable<Piece>
  readonly differenceAt: (height: number) => ReverseDifference
}): AsyncGenerator<Piece> {
  const { height, differenceAt } = options
  const priors = new Map<StateKey, Uint8Array | undefined>()
  let newest = height
  function* takeBack(): Steps<StateKey[]> {
    let read = 0
    // The first block above `height` that changed a key has the key's value at `height`.
    for (let at = height + 1; at <= newest; at++) {
      for (const [key, prior] of differenceAt(at).entries()) {
        if (!priors.has(key)) priors.set(key, prior)
        if (++read % KEYS_PER_STEP === 0) yield
      }
    }
    return yield* sortKeys(priors.keys())
  }
  // Descending, so that `pop` takes the lowest.
  let missing: StateKey[] | undefined
  const pieces = options.pieces((at) => {
    newest = at
  })
  for await (const piece of pieces) {
    missing ??= (await inTurns(takeBack())).reverse()
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
  missing ??= (await inTurns(takeBack())).reverse()
  const rest = new Map<StateKey, Uint8Array>()
  for (const key of missing.reverse()) {
    const prior = priors.get(key)
    if (prior !== undefined) rest.set(key, prior)
  }
  if (rest.size > 0) yield rest
}

/** The keys in order, sorted in parts so that no step is long. */
function* sortKeys(keys: Iterable<StateKey>): Steps<StateKey[]> {
  const parts = new Map<string, StateKey[]>()
  let count = 0
  for (const key of keys) {
    const name = key.slice(0, PART_UNITS)
    const part = parts.get(name)
    if (part === undefined) parts.set(name, [key])
    else part.push(key)
    if (++count % KEYS_PER_STEP === 0) yield
  }
  const sorted: StateKey[] = []
  let step = 0
  for (const name of [...parts.keys()].sort()) {
    const part = parts.get(name)!.sort()
    for (const key of part) sorted.push(key)
    step += part.length
    if (step < KEYS_PER_STEP) continue
    step = 0
    yield
  }
  return sorted
}
