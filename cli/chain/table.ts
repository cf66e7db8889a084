// Answers as people read them: aligned columns, wide characters counted as two. Not: JSON (`--json` prints that).

import type { Json } from '../../base/field.ts'
import { printable } from '../../base/printable.ts'

const WIDTH_MAX = 80
const GAP = 2
/** Columns that a cut cell keeps at least. */
const COLUMN_MIN = 8

/** Columns that a terminal gives a character: 2 for East Asian wide ones, 0 for marks that join the one before. */
function columnsOf(character: string): number {
  if (/\p{Mark}/u.test(character)) return 0
  const point = character.codePointAt(0)!
  const isWide =
    (point >= 0x1100 && point <= 0x115f) ||
    (point >= 0x2e80 && point <= 0xa4cf) ||
    (point >= 0xac00 && point <= 0xd7a3) ||
    (point >= 0xf900 && point <= 0xfaff) ||
    (point >= 0xfe30 && point <= 0xfe6f) ||
    (point >= 0xff00 && point <= 0xff60) ||
    (point >= 0xffe0 && point <= 0xffe6) ||
    (point >= 0x1f300 && point <= 0x1faff) ||
    (point >= 0x20000 && point <= 0x3fffd)
  return isWide ? 2 : 1
}

/** Columns of a text on a terminal. */
export function displayWidth(text: string): number {
  return [...text].reduce((sum, character) => sum + columnsOf(character), 0)
}

/** Cut to `columns`, with an ellipsis. */
export function cut(text: string, columns: number): string {
  if (displayWidth(text) <= columns) return text
  let out = ''
  for (const character of text) {
    if (displayWidth(out) + columnsOf(character) > columns - 1) break
    out += character
  }
  return `${out}…`
}

const padded = (text: string, columns: number): string =>
  `${text}${' '.repeat(Math.max(0, columns - displayWidth(text)))}`

/** One line per row under a line of names; the widest columns are cut until a line fits 80. */
export function tableText(names: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = names.map((name, i) =>
    Math.max(displayWidth(name), ...rows.map((row) => displayWidth(row[i] ?? ''))),
  )
  const total = (): number => widths.reduce((sum, width) => sum + width, GAP * (names.length - 1))
  while (total() > WIDTH_MAX && Math.max(...widths) > COLUMN_MIN) {
    widths[widths.indexOf(Math.max(...widths))]!--
  }
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, i) => padded(cut(cell, widths[i]!), widths[i]!))
      .join(' '.repeat(GAP))
      .trimEnd()
  return [names, ...rows].map(line).join('\n')
}

/** A value in one line. */
function cellText(value: Json | undefined): string {
  if (value === undefined || value === null) return '-'
  return printable(typeof value === 'object' ? JSON.stringify(value) : String(value))
}

type Members = { readonly [name: string]: Json }
const isObject = (json: Json): json is Members =>
  typeof json === 'object' && json !== null && !Array.isArray(json)

/** Members of members side by side: `profile.legalName`. */
function flat(json: Members, prefix = ''): Members {
  return Object.fromEntries(
    Object.entries(json).flatMap(([name, value]) =>
      isObject(value) ? Object.entries(flat(value, `${prefix}${name}.`)) : [[`${prefix}${name}`, value]],
    ),
  )
}

/** A list of objects by its places: `assignments.0`. */
function placed(json: Json): Json {
  if (Array.isArray(json)) {
    const list = json as readonly Json[]
    return list.length > 0 && list.every(isObject)
      ? Object.fromEntries(list.map((one, i) => [i, placed(one)]))
      : json
  }
  if (!isObject(json)) return json
  return Object.fromEntries(Object.entries(json).map(([name, value]) => [name, placed(value)]))
}

/** Calldata and proofs are for programs (`--json`); a hash stays whole. */
function blockCell(value: Json | undefined, columns: number): string {
  const text = cellText(value)
  return /^0x[0-9a-f]{65,}$/.test(text) ? cut(text, Math.max(columns, COLUMN_MIN)) : text
}

/** One line per member. */
function blockText(json: Members): string {
  const members = flat(placed(json) as Members)
  const names = Object.keys(members)
  const width = Math.max(0, ...names.map(displayWidth))
  const columns = WIDTH_MAX - width - GAP
  return names.map((name) => `${padded(name, width)}  ${blockCell(members[name], columns)}`).join('\n')
}

/** The members that are no lists of objects, then each such list under its name. */
function objectText(json: Members): string {
  const isList = (value: Json): value is readonly Json[] =>
    Array.isArray(value) && value.length > 0 && (value as readonly Json[]).every(isObject)
  const entries = Object.entries(json)
  const own = Object.fromEntries(entries.filter(([, value]) => !isList(value)))
  const lists = entries
    .filter(([, value]) => isList(value))
    .map(([name, value]) => `${name}\n${answerText(value)}`)
  return [...(Object.keys(own).length === 0 ? [] : [blockText(own)]), ...lists].join('\n\n')
}

/** Whether columns that are cut to `COLUMN_MIN` still fit beside each other. */
const fits = (count: number): boolean => count * (COLUMN_MIN + GAP) - GAP <= WIDTH_MAX

/** An answer as text: a table for a list of few columns, a block of lines for each of its objects otherwise. */
export function answerText(json: Json): string {
  if (isObject(json)) return objectText(json)
  if (!Array.isArray(json)) return cellText(json)
  const list = json as readonly Json[]
  if (list.length === 0) return 'none'
  if (!list.every(isObject)) return list.map(cellText).join('\n')
  const rows = list.map((one) => flat(one))
  const names = [...new Set(rows.flatMap((row) => Object.keys(row)))]
  if (!fits(names.length)) return list.map(blockText).join('\n\n')
  return tableText(
    names,
    rows.map((row) => names.map((name) => cellText(row[name]))),
  )
}
