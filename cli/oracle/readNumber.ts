// Finds a number and its time in the text of a source: a value of JSON by its pointer, or the last row of a CSV table. Pure.
import { scaledDecimal } from './decimal.ts'
import type { Source } from './sourcesFile.ts'

const FIELDS_MAX = 4_096

export interface Reading {
  readonly value: bigint
  /** When the source says it was true; undefined when it does not. */
  readonly timeMs?: number
}

/** RFC 6901. */
function valueAt(json: unknown, pointer: string): unknown {
  let value = json
  for (const part of pointer.split('/').slice(1)) {
    const name = part.replaceAll('~1', '/').replaceAll('~0', '~')
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name))
      throw new Error(`nothing at ${pointer}`)
    value = (value as { readonly [name: string]: unknown })[name]
  }
  return value
}

/** The fields of one line of a CSV table (RFC 4180, without line breaks in fields). */
export function csvFields(line: string): readonly string[] {
  const fields: string[] = []
  const pattern = /(?:"((?:[^"]|"")*)"|([^",]*))(,|$)/gy
  for (;;) {
    const match = pattern.exec(line)
    if (match === null || fields.length === FIELDS_MAX) throw new Error('not a line of CSV')
    const [, quoted, plain, end] = match
    fields.push(quoted?.replaceAll('""', '"') ?? plain?.trim() ?? '')
    if (end === '') return fields
  }
}

/** By heading, the fields of the last row. */
function lastRow(text: string): ReadonlyMap<string, string> {
  const lines = text.split(/\r?\n/).filter((line) => line.trim() !== '')
  if (lines.length < 2) throw new Error('expected a heading and a row')
  const [heading, row] = [csvFields(lines[0]!.replace(/^\uFEFF/, '')), csvFields(lines.at(-1)!)]
  if (heading.length !== row.length) throw new Error('the last row has not as many fields as the heading')
  return new Map(heading.map((name, i) => [name, row[i]!]))
}

/** Numbers of JSON as they are written matter: 3.0282 is a text of digits here. */
function textOf(value: unknown, where: string): string {
  if (typeof value === 'string') return value
  if (typeof value === 'number' && Number.isFinite(value)) return String(value)
  throw new Error(`${where}: expected a number`)
}

const SECONDS_MAX = 100_000_000_000

function timeOf(text: string): number {
  const isNumber = /^\d{1,16}(?:\.\d+)?$/.test(text)
  const number = Number(text)
  const timeMs = isNumber ? Math.floor(number < SECONDS_MAX ? number * 1_000 : number) : Date.parse(text)
  if (!Number.isSafeInteger(timeMs) || timeMs < 0) throw new Error(`${text.slice(0, 40)} is not a time`)
  return timeMs
}

/** The number of a source in its text. Throws an Error that says what is wrong with it. */
export function readNumber(source: Source, text: string): Reading {
  const { json, column, time, decimals } = source
  const where = json ?? column!
  const find = finderOf(source, text)
  const found = find(where)
  const value = scaledDecimal(found, decimals)
  if (value === undefined) throw new Error(`${where}: ${found.slice(0, 40)} is not a number above 0`)
  return time === undefined ? { value } : { value, timeMs: timeOf(find(time)) }
}

function finderOf({ json }: Source, text: string): (where: string) => string {
  if (json !== undefined) {
    const document: unknown = JSON.parse(text)
    return (where) => textOf(valueAt(document, where), where)
  }
  const row = lastRow(text)
  return (where) => {
    const field = row.get(where)
    if (field === undefined) throw new Error(`no column ${where}`)
    return field
  }
}
