// A table as CSV (RFC 4180): a line of names, fields quoted only where they must be, an empty field for null.
import type { FileHandle } from 'node:fs/promises'
import type { Cell, Column, Row, TableFile } from './table.ts'

function field(cell: Cell): string {
  if (cell === null) return ''
  const text = String(cell)
  // An empty text is quoted, so that it is not taken for null.
  return text === '' || /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

const line = (cells: readonly Cell[]): string => `${cells.map(field).join(',')}\n`

/** Writes to an open file, which it closes. */
export async function csvFile(file: FileHandle, columns: readonly Column[]): Promise<TableFile> {
  await file.appendFile(line(columns.map(({ name }) => name)))
  return {
    async write(rows: readonly Row[]) {
      await file.appendFile(rows.map(line).join(''))
    },
    async close() {
      await file.sync()
      await file.close()
    },
  }
}
