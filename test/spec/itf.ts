// Parses the model's traces (Quint's Informal Trace Format) into plain typed values. Not: their meaning (replay.ts).
import { assert } from '../../base/assert.ts'

/** A block of the model: its steps from genesis, each epoch · 1000 + view · 10 + twin. */
export type ModelBlock = readonly number[]

export interface ModelSubject {
  readonly k: 'N' | 'U' | 'F' | '-'
  readonly e: number
  readonly v: number
  readonly p: number
  readonly b: ModelBlock
}

export interface ModelProposal {
  readonly s: ModelSubject
  readonly just: readonly ModelSubject[]
}

/** One node of the model; names as in consensus/spec/simplex.qnt. */
export interface ModelNode {
  readonly i: number
  readonly e: number
  readonly v: number
  readonly certs: readonly ModelSubject[]
  readonly pool: readonly { readonly i: number; readonly s: ModelSubject }[]
  readonly props: readonly ModelSubject[]
  readonly bodies: readonly ModelBlock[]
  readonly tip: ModelBlock
  readonly watched: ModelBlock
  readonly work: boolean
  readonly armed: boolean
  readonly own: readonly ModelSubject[]
  readonly sent: readonly ModelProposal[]
}

/** The action that led to a state: its name, its node, and the message and its sender. */
export interface ModelAction {
  readonly a: string
  readonly i: number
  readonly from: number
  readonly s: ModelSubject
  readonly just: readonly ModelSubject[]
}

export interface ModelState {
  readonly nodes: ReadonlyMap<number, ModelNode>
  readonly byzantine: number
  readonly did: ModelAction
}

/** Converts bigints to numbers, sets to arrays, maps to Maps; keeps records and lists. */
function plain(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(plain)
  const record = value as Record<string, unknown>
  if ('#bigint' in record) {
    const number = Number(record['#bigint'])
    assert(Number.isSafeInteger(number), 'integers of the model are small')
    return number
  }
  for (const list of ['#set', '#tup'] as const) {
    if (list in record) return (record[list] as unknown[]).map(plain)
  }
  if ('#map' in record) {
    const pairs = record['#map'] as [unknown, unknown][]
    return new Map(pairs.map(([key, held]) => [plain(key), plain(held)]))
  }
  return Object.fromEntries(Object.entries(record).map(([key, held]) => [key, plain(held)]))
}

/** The states of one trace file. Drops the instance prefix of variables (`simplex4::simplex::nodes`). */
export function readTrace(text: string): readonly ModelState[] {
  const file = JSON.parse(text) as { states: Record<string, unknown>[] }
  assert(file.states.length > 0, 'a trace has states')
  return file.states.map((state) => {
    const own = Object.entries(state).map(([name, value]) => [name.split('::').at(-1)!, plain(value)])
    return Object.fromEntries(own) as ModelState
  })
}
