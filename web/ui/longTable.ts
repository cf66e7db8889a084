// A table of thousands of rows of which only those in sight are in the document. Owns: which rows those are, and how rows are
// counted for assistive technology. Not: short tables (table.ts).
import { css, html, type TemplateResult } from 'lit'
import { adopt } from './sheets/adopt.ts'
import type { Column } from './table.ts'
import { View } from './view.ts'

const ROW_PX = 40
/** Rows in sight at once, and as many before and after them. */
const SIGHT_ROWS = 12
const MARGIN_ROWS = 6

const sheet = css`
  su-long-table .table {
    max-height: 30rem;
    overflow: auto;
  }
  su-long-table thead th {
    position: sticky;
    top: 0;
    z-index: 1;
    background: var(--card);
  }
  su-long-table tbody tr {
    height: 40px;
  }
  su-long-table tbody td,
  su-long-table tbody th {
    padding-block: 0;
    white-space: nowrap;
    vertical-align: middle;
  }
  su-long-table .space td {
    padding: 0;
    border: 0;
  }
`

class LongTable extends View {
  static override properties = {
    rows: { attribute: false },
    columns: { attribute: false },
    label: { attribute: false },
  }
  declare rows: readonly unknown[]
  declare columns: readonly Column<unknown>[]
  declare label: string
  #first = 0

  override connectedCallback(): void {
    super.connectedCallback()
    adopt(sheet)
  }

  readonly #onScroll = (event: Event): void => {
    const first = Math.max(
      0,
      Math.floor((event.currentTarget as HTMLElement).scrollTop / ROW_PX) - MARGIN_ROWS,
    )
    if (Math.abs(first - this.#first) < MARGIN_ROWS / 2 && first !== 0) return
    this.#first = first
    this.requestUpdate()
  }

  protected override render(): TemplateResult {
    const { rows, columns, label } = this
    const first = Math.max(0, Math.min(this.#first, rows.length - SIGHT_ROWS - MARGIN_ROWS))
    const shown = rows.slice(first, first + SIGHT_ROWS + 2 * MARGIN_ROWS)
    const kind = (column: Column<unknown>): string => (column.isNumber === true ? 'number' : '')
    return html`<div class="table" role="region" aria-label=${label} tabindex="0" @scroll=${this.#onScroll}>
      <table aria-rowcount=${rows.length + 1}>
        <thead>
          <tr aria-rowindex="1">
            ${columns.map((column) => html`<th scope="col" class=${kind(column)}>${column.name}</th>`)}
          </tr>
        </thead>
        <tbody>
          ${space(first, columns.length)}
          ${shown.map(
            (row, i) =>
              html`<tr aria-rowindex=${first + i + 2}>
                ${columns.map((column, at) =>
                  at === 0
                    ? html`<th scope="row" class=${kind(column)}>${column.cell(row)}</th>`
                    : html`<td class=${kind(column)}>${column.cell(row)}</td>`,
                )}
              </tr>`,
          )}
          ${space(rows.length - first - shown.length, columns.length)}
        </tbody>
      </table>
    </div>`
  }
}

/** The height of the rows that are not there, as an attribute: the page's policy allows no styles in markup. */
function space(rows: number, columns: number): TemplateResult | string {
  if (rows <= 0) return ''
  return html`<tr class="space" aria-hidden="true"><td colspan=${columns}><svg width="1" height=${rows * ROW_PX}></svg></td></tr>`
}

customElements.define('su-long-table', LongTable)

/** The first column names the row; all rows are one line high. */
export function longTable<T>(options: {
  readonly label: string
  readonly columns: readonly Column<T>[]
  readonly rows: readonly T[]
}): TemplateResult {
  const { label, columns, rows } = options
  return html`<su-long-table .label=${label} .columns=${columns} .rows=${rows}></su-long-table>`
}
