// Tables that scroll inside themselves on narrow screens and are reachable by keyboard there.
import { html, type TemplateResult } from 'lit'
import type { Part } from './figures.ts'

export interface Column<T> {
  readonly name: string
  readonly isNumber?: boolean
  readonly cell: (row: T) => Part
}

/** The first column names the row. */
export function table<T>(options: {
  readonly label: string
  readonly columns: readonly Column<T>[]
  readonly rows: readonly T[]
}): TemplateResult {
  const { label, columns, rows } = options
  const kind = (column: Column<T>): string => (column.isNumber === true ? 'number' : '')
  return html`<div class="table" role="region" aria-label=${label} tabindex="0">
    <table>
      <thead>
        <tr>
          ${columns.map((column) => html`<th scope="col" class=${kind(column)}>${column.name}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${rows.map(
          (row) =>
            html`<tr>
              ${columns.map((column, i) =>
                i === 0
                  ? html`<th scope="row" class=${kind(column)}>${column.cell(row)}</th>`
                  : html`<td class=${kind(column)}>${column.cell(row)}</td>`,
              )}
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`
}
