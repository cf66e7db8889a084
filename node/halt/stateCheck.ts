// Checks a stored state against its chain: roots of recent heights, execution of recent blocks, `tree.cache`.
// Owns: finding heights and keys that differ. Not: repair (storage/rollback.ts), advice (cli/doctor/diagnose.ts).
import { setImmediate } from 'node:timers/promises'
import { equalBytes, keyBytes, toHex } from '../../base/bytes.ts'
import { sha256 } from '../../base/crypto/hash.ts'
import { errorText } from '../../base/errors.ts'
import type { Hash32 } from '../../base/ids.ts'
import type { SealedBlock } from '../../base/protocol/header.ts'
import { type ExecutedBlock, type ExecuteOptions, executeBlock } from '../../state/execute.ts'
import type { Module } from '../../state/rules.ts'
import { TreeVersion } from '../../state/tree/tree.ts'
import type { StateKey } from '../../state/view.ts'
import { readTreeCache } from '../../storage/treeCache.ts'
import type { ChainStore } from '../../storage/types.ts'

/** Report at most this many keys; more add nothing to a diagnosis. */
const KEYS_NAMED_MAX = 32

export interface WrongKey {
  /** `accounts.account`, or `unknown`. */
  readonly record: string
  readonly key: string
  /** As stored; undefined = absent. */
  readonly stored: string | undefined
  /** Result of execution; undefined = absent, `null` = unknown but different. */
  readonly expected: string | undefined | null
  /** The block that should have written it; undefined if none of the checked blocks did. */
  readonly height: number | undefined
}

export interface StateReport {
  readonly fromHeight: number
  readonly toHeight: number
  /** Highest height in the range whose stored state has the root of its header. */
  readonly goodHeight: number | undefined
  /** Lowest height from which every stored state is wrong. */
  readonly badHeight: number | undefined
  /** The first block that this build executes to a different result on a state with the right root. */
  readonly execution: { readonly height: number; readonly reason: string } | undefined
  readonly keys: readonly WrongKey[]
}

/** The record that a raw key belongs to. */
export function recordName(modules: readonly Module[], key: StateKey): string {
  const module = modules.find(({ definition }) => definition.id === key.charCodeAt(0))
  if (module === undefined) return 'unknown'
  const records = Object.entries(module.definition.records)
  const name = records.find(([, record]) => record.id === key.charCodeAt(1))?.[0] ?? 'params'
  return `${module.definition.name}.${name}`
}

const hexOf = (value: Uint8Array | undefined): string | undefined =>
  value === undefined ? undefined : toHex(value)

/** Checks the last `count` kept heights; reads the whole state once. */
export async function checkState(
  store: ChainStore,
  options: {
    /** How this build executes; senders are recovered again. */
    readonly execution: ExecuteOptions
    readonly treeCachePath: string
    readonly count: number
  },
): Promise<StateReport> {
  const { execution, treeCachePath, count } = options
  const toHeight = store.tip()!.height
  let fromHeight = Math.max(store.stateHeightMin(), toHeight - count, 0)
  // A pruned block leaves no header to compare with.
  while (fromHeight < toHeight && store.headerAt(fromHeight) === undefined) fromHeight++
  const walk = new Walk(store, execution)
  await walk.begin(fromHeight)
  for (let height = fromHeight + 1; height <= toHeight; height++) {
    walk.step(height)
    await setImmediate()
  }
  const keys = [...walk.keys]
  if (walk.goodHeight !== toHeight && keys.length === 0) {
    keys.push(...(await compareWithCache(store, execution.chain.modules, treeCachePath)))
  }
  walk.end()
  return {
    fromHeight,
    toHeight,
    goodHeight: walk.goodHeight,
    badHeight: walk.badHeight,
    execution: walk.execution,
    keys,
  }
}

/** Walks up the stored states and executes every block on the stored state below it. */
class Walk {
  goodHeight: number | undefined
  badHeight: number | undefined
  execution: { height: number; reason: string } | undefined
  readonly keys: WrongKey[] = []
  readonly #store: ChainStore
  readonly #execution: ExecuteOptions
  #tree = TreeVersion.empty()
  #isGood = true

  constructor(store: ChainStore, execution: ExecuteOptions) {
    this.#store = store
    this.#execution = execution
  }

  async begin(height: number): Promise<void> {
    for await (const piece of this.#store.pastStatePieces(height)) {
      this.#grow(piece)
      await setImmediate()
    }
    this.#judge(height)
  }

  #grow(changes: ReadonlyMap<StateKey, Uint8Array | undefined>): void {
    const next = this.#tree.update(changes)
    this.#tree.release()
    this.#tree = next
  }

  #judge(height: number): void {
    const root = this.#store.headerAt(height)?.header.stateRoot
    this.#isGood = root !== undefined && equalBytes(root, this.#tree.rootHash)
    if (this.#isGood) {
      this.goodHeight = height
      this.badHeight = undefined
    } else this.badHeight ??= height
  }

  step(height: number): void {
    const wasGood = this.#isGood
    const block = this.#store.blockAt(height)
    const executed = block === undefined ? undefined : this.#execute(block, height - 1, wasGood)
    const stored = new Map<StateKey, Uint8Array | undefined>()
    const after = this.#store.stateAt(height)!
    for (const key of this.#store.differenceAt(height).keys()) stored.set(key, after.get(key))
    this.#grow(stored)
    this.#judge(height)
    if (executed === undefined) return
    if (wasGood) this.#compare(height, executed, after)
    executed.tree.release()
  }

  #execute(block: SealedBlock, parentHeight: number, report: boolean): ExecutedBlock | undefined {
    const below = this.#store.headerAt(parentHeight)
    const state = this.#store.stateAt(parentHeight)
    if (below === undefined || state === undefined) return undefined
    const parent = { header: below.header, hash: below.hash, state, tree: this.#tree }
    const reason = ((): string | ExecutedBlock => {
      try {
        const result = executeBlock(parent, block, this.#execution)
        return 'executed' in result ? result.executed : `${result.rejected.code}: ${result.rejected.detail}`
      } catch (error) {
        // An invariant of severity halt: the parent state violates it.
        return errorText(error)
      }
    })()
    if (typeof reason !== 'string') return reason
    if (report) this.execution ??= { height: block.header.height, reason }
    return undefined
  }

  /** Execution gives the header's root, so any stored value that differs is wrong. */
  #compare(
    height: number,
    executed: ExecutedBlock,
    stored: { get(key: StateKey): Uint8Array | undefined },
  ): void {
    for (const [key, expected] of executed.overlay.changes()) {
      const found = stored.get(key)
      if (
        found === undefined ? expected === undefined : expected !== undefined && equalBytes(found, expected)
      ) {
        continue
      }
      if (this.keys.length >= KEYS_NAMED_MAX) return
      this.keys.push({
        record: recordName(this.#execution.chain.modules, key),
        key: toHex(keyBytes(key)),
        stored: hexOf(found),
        expected: hexOf(expected),
        height,
      })
    }
  }

  end(): void {
    this.#tree.release()
  }
}

/** Compares the leaves of `tree.cache` with the entries of its height: finds keys that no recent block changed. */
async function compareWithCache(
  store: ChainStore,
  modules: readonly Module[],
  path: string,
): Promise<readonly WrongKey[]> {
  const cached = await readTreeCache(path)
  if (cached === undefined || cached.height < store.stateHeightMin()) return []
  const header = store.headerAt(cached.height)?.header
  if (header === undefined || !equalBytes(header.stateRoot, cached.tree.rootHash)) return []
  const wrong: WrongKey[] = []
  for await (const piece of store.pastStatePieces(cached.height)) {
    for (const [key, value] of piece) {
      const keyHash: Hash32 = sha256(keyBytes(key))
      const leaf = cached.tree.leavesFrom(keyHash, 1)
      const isKnown = leaf.length === 64 && equalBytes(leaf.subarray(0, 32), keyHash)
      if (isKnown && equalBytes(leaf.subarray(32), sha256(value))) continue
      if (wrong.length >= KEYS_NAMED_MAX) break
      const record = recordName(modules, key)
      const expected = isKnown ? null : undefined
      wrong.push({ record, key: toHex(keyBytes(key)), stored: toHex(value), expected, height: undefined })
    }
    await setImmediate()
  }
  return wrong
}
