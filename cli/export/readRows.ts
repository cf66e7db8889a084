// Reads the rows of an exported file again, one at a time from CSV and a group at a time from Parquet. Only columns without quotes.
import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } from 'hyparquet'
import { OperatorError } from '../../base/errors.ts'

type Cells = { readonly [name: string]: string }

async function* csvRows(file: string, names: readonly string[]): AsyncGenerator<Cells> {
  let line = 0
  for await (const text of createInterface({ input: createReadStream(file), crlfDelay: Infinity })) {
    line++
    const cells = text.split(',')
    if (line === 1) {
      if (text !== names.join(','))
        throw new OperatorError(`${file}: expected the columns ${names.join(', ')}`)
      continue
    }
    if (cells.length !== names.length)
      throw new OperatorError(`${file}, line ${line}: expected ${names.length} fields`)
    yield Object.fromEntries(names.map((name, i) => [name, cells[i]!]))
  }
  if (line === 0) throw new OperatorError(`${file} is empty`)
}

async function* parquetRows(path: string, names: readonly string[]): AsyncGenerator<Cells> {
  const file = await asyncBufferFromFile(path)
  const metadata = await parquetMetadataAsync(file)
  let rowStart = 0
  for (const group of metadata.row_groups) {
    const rowEnd = rowStart + Number(group.num_rows)
    const rows = await parquetReadObjects({ file, metadata, rowStart, rowEnd, columns: [...names] })
    for (const row of rows) yield Object.fromEntries(names.map((name) => [name, String(row[name])]))
    rowStart = rowEnd
  }
}

/** The cells of each row by the names of their columns. Throws OperatorError for another table. */
export function readRows(
  file: string,
  format: 'csv' | 'parquet',
  names: readonly string[],
): AsyncGenerator<Cells> {
  return format === 'csv' ? csvRows(file, names) : parquetRows(file, names)
}
