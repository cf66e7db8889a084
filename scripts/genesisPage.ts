// The parts of docs/genesis.md that the definitions give: parameters by module, with the values of the presets.
// Not: the other fields, which the page explains by hand and a test compares with the schema.
import { type AnyParam, PRESETS } from '../base/parameters.ts'
import { MODULE_SCHEMAS } from '../state/schemas.ts'

export const BEGIN = '<!-- parameters: written by `npm run docs:genesis` -->'
export const END = '<!-- end of parameters -->'

const grouped = (value: unknown): string =>
  String(value).replace(/^\d{5,}$/, (digits) => digits.replace(/\B(?=(\d{3})+$)/g, ','))

function row(name: string, param: AnyParam): string {
  const values = PRESETS.map((preset) => grouped(param[preset]))
  const same = values.every((value) => value === values[0])
  const cells = same ? [values[0], '', ''] : values
  const text = param.doc.replaceAll('|', '\\|')
  return `| \`${name}\` | ${cells.join(' | ')} | ${text}${param.fixed === true ? ' Set by genesis for good.' : ''} |`
}

/** A table for each module that has parameters, as Markdown. */
export function parameterTables(): string {
  const tables = MODULE_SCHEMAS.flatMap(({ name, params }) => {
    const rows = Object.entries(params).map(([parameter, declared]) =>
      row(`params.${name}.${parameter}`, declared),
    )
    const head = `| ${name} | ${PRESETS.join(' | ')} | |\n|---|---|---|---|---|`
    return rows.length === 0 ? [] : [[head, ...rows].join('\n')]
  })
  return tables.join('\n\n')
}

/** The page with its tables written anew. */
export function withTables(page: string): string {
  const [before, rest] = page.split(BEGIN)
  const after = rest?.split(END)[1]
  if (before === undefined || after === undefined) throw new Error('docs/genesis.md has lost its marks')
  return `${before}${BEGIN}\n\n${parameterTables()}\n\n${END}${after}`
}
