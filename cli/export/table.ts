// What an exported table is: columns with units, and rows in pieces. Not: the tables (datasets.ts), their files (csvFile.ts, parquetFile.ts).

export type Cell = string | number | bigint | boolean | null

export interface Column {
  /** Lower case with underscores; the unit is its last part. */
  readonly name: string
  /** `integer`: a whole number below 2^63. Amounts are text: they exceed that. */
  readonly kind: 'integer' | 'text' | 'boolean'
  readonly doc: string
}

/** Cells in the order of the columns. */
export type Row = readonly Cell[]

export interface TableFile {
  write(rows: readonly Row[]): Promise<void>
  /** Resolves once everything is on disk. */
  close(): Promise<void>
}

/** `amountBase` as `amount_base`. */
export const columnName = (field: string): string =>
  field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
