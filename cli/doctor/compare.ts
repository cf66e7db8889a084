// Compares a halted node's result for a block (its diagnosis file) with this node's data at that height.
// Owns: reading the file, finding the differences. Not: writing it (node/halt/haltRecord.ts).
import { equalBytes, keyBytes, parseHex, toHex } from '../../base/bytes.ts'
import { OperatorError } from '../../base/errors.ts'
import { receiptSchema } from '../../base/protocol/receipt.ts'
import { recordName } from '../../node/halt/stateCheck.ts'
import type { Module } from '../../state/rules.ts'
import { readText } from '../../storage/durableFile.ts'
import type { ChainStore } from '../../storage/types.ts'

const NAMED_MAX = 32

export interface Comparison {
  readonly height: number
  /** Whether this node's block at that height is the refused one. */
  readonly isSameBlock: boolean
  /** `there`: at the halt; `here`: in this node's store. */
  readonly receipts: readonly { readonly index: number; readonly there: unknown; readonly here: unknown }[]
  readonly keys: readonly {
    readonly record: string
    readonly key: string
    readonly there: string | null
    readonly here: string | null
  }[]
}

interface Diagnosed {
  readonly block?: {
    readonly height: number
    readonly hash: string
    readonly own: {
      readonly error?: string
      readonly receipts?: readonly unknown[]
      readonly changedKeys?: readonly { readonly key: string; readonly value: string | null }[]
    }
  }
}

function readDiagnosis(file: string): NonNullable<Diagnosed['block']> {
  let parsed: Diagnosed
  try {
    parsed = JSON.parse(readText(file)) as Diagnosed
  } catch (cause) {
    if (cause instanceof SyntaxError)
      throw new OperatorError(`${file} is not a diagnosis file: ${cause.message}`)
    throw cause
  }
  const { block } = parsed
  if (block === undefined || !Number.isSafeInteger(block.height)) {
    throw new OperatorError(`${file} names no block: there is nothing to compare`)
  }
  if (block.own?.error !== undefined) {
    throw new OperatorError(`${file}: the halted node could not execute the block: ${block.own.error}`)
  }
  return block
}

/** Throws OperatorError when the file is not a diagnosis, or this node no longer has receipts and state of that height. */
export function compareDiagnosis(store: ChainStore, modules: readonly Module[], file: string): Comparison {
  const { height, hash, own } = readDiagnosis(file)
  const block = store.blockAt(height)
  const kept = store.receiptsAt(height)
  const state = store.stateAt(height)
  const before = store.stateAt(height - 1)
  if (block === undefined || kept === undefined || state === undefined || before === undefined) {
    throw new OperatorError(`block ${height} and its state are not kept here`)
  }
  const receipts: Comparison['receipts'][number][] = []
  const there = own.receipts ?? []
  for (let i = 0; i < Math.max(there.length, kept.receipts.length) && receipts.length < NAMED_MAX; i++) {
    const receipt = kept.receipts[i]
    const here = receipt === undefined ? null : receiptSchema.toJson(receipt)
    if (JSON.stringify(here) !== JSON.stringify(there[i] ?? null)) {
      receipts.push({ index: i, there: there[i] ?? null, here })
    }
  }
  const changed = new Map((own.changedKeys ?? []).map(({ key, value }) => [key, value]))
  const names = new Set([
    ...changed.keys(),
    ...[...store.differenceAt(height).keys()].map((k) => toHex(keyBytes(k))),
  ])
  const keys: Comparison['keys'][number][] = []
  for (const name of names) {
    const bytes = parseHex(name)
    if (bytes === undefined || keys.length >= NAMED_MAX) continue
    const raw = Array.from(bytes, (byte) => String.fromCharCode(byte)).join('')
    const value = state.get(raw)
    const here = value === undefined ? null : toHex(value)
    const prior = before.get(raw)
    // A key that the halted node did not change still has its value from before the block there.
    const unchanged = prior === undefined ? null : toHex(prior)
    const said = changed.has(name) ? changed.get(name)! : unchanged
    if (said !== here) keys.push({ record: recordName(modules, raw), key: name, there: said, here })
  }
  return { height, isSameBlock: equalBytes(block.hash, parseHex(hash) ?? new Uint8Array(0)), receipts, keys }
}
