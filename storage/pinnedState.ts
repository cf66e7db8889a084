// One version of the stored state, held by a snapshot or an iterator of the database. Not: when it may be taken (chainStore.ts).
import type { StateKey } from '../state/view.ts'
import { type Database, plain } from './database.ts'
import { stateKeyBytes, stateKeyOf, stateRange } from './layout.ts'
import type { PinnedState } from './types.ts'

/** Pins what the database holds now: the state of `height`. */
export function pinState(database: Database, height: number): PinnedState {
  const snapshot = database.snapshot()
  return {
    height,
    get(key) {
      const value = database.getSync(stateKeyBytes(key), { snapshot })
      return value === undefined ? undefined : plain(value)
    },
    async entries({ prefix, after }, limit) {
      const { gte, lt } = stateRange(prefix)
      const from = after === undefined ? { gte } : { gt: stateKeyBytes(after) }
      const iterator = database.iterator({ ...from, lt, limit, snapshot, fillCache: false })
      try {
        const found: (readonly [StateKey, Uint8Array])[] = []
        // LevelDB answers with fewer once their bytes reach its high-water mark; nothing says that there are no more but none.
        for (;;) {
          const some = await iterator.nextv(limit - found.length)
          for (const [key, value] of some) found.push([stateKeyOf(key), plain(value)])
          if (some.length === 0 || found.length === limit) return found
        }
      } finally {
        await iterator.close()
      }
    },
    close: () => snapshot.close(),
  }
}

/** Stored keys and values of the state as LevelDB gives them; the version read is pinned when `onStart` is called. */
export async function* entryPieces(
  database: Database,
  options: {
    readonly prefix: StateKey
    readonly limits: { readonly countMax: number; readonly bytesMax: number }
    readonly onStart: () => void
  },
): AsyncGenerator<[Uint8Array, Uint8Array][]> {
  const { prefix, limits, onStart } = options
  const iterator = database.iterator({
    ...stateRange(prefix),
    fillCache: false,
    highWaterMarkBytes: limits.bytesMax,
  })
  onStart()
  try {
    for (;;) {
      const entries = await iterator.nextv(limits.countMax)
      if (entries.length === 0) return
      yield entries
    }
  } finally {
    await iterator.close()
  }
}
