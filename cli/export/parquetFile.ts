// A table as Parquet: 64-bit integers, UTF-8 text and booleans, all of them optional, a row group every some thousand rows.
import type { FileHandle } from 'node:fs/promises'
import { ByteWriter, ParquetWriter } from 'hyparquet-writer'
import type { Cell, Column, Row, TableFile } from './table.ts'

/** Rows held in memory, which become a row group. */
const GROUP_ROWS = 10_000

/** Holds no more than one row group. */
class FileBytes extends ByteWriter {
  readonly #file: FileHandle

  constructor(file: FileHandle) {
    super()
    this.#file = file
  }

  async flush(): Promise<void> {
    await this.#file.appendFile(this.getBytes())
    this.index = 0
  }

  override finish(): Promise<void> {
    return this.flush()
  }
}

const ELEMENTS = {
  integer: { type: 'INT64' },
  text: { type: 'BYTE_ARRAY', converted_type: 'UTF8' },
  boolean: { type: 'BOOLEAN' },
} as const

function stored(cell: Cell, kind: Column['kind']): Cell {
  if (cell === null) return null
  return kind === 'integer' ? BigInt(cell) : kind === 'text' ? String(cell) : cell
}

/** Writes to an open file, which it closes. */
export async function parquetFile(file: FileHandle, columns: readonly Column[]): Promise<TableFile> {
  const writer = new ParquetWriter({
    writer: new FileBytes(file),
    createdBy: 'suanli',
    schema: [
      { name: 'root', num_children: columns.length },
      ...columns.map(({ name, kind }) => ({ name, repetition_type: 'OPTIONAL' as const, ...ELEMENTS[kind] })),
    ],
  })
  let held: Row[] = []
  const writeGroup = async (): Promise<void> => {
    if (held.length === 0) return
    const columnData = columns.map(({ name, kind }, i) => ({
      name,
      data: held.map((row) => stored(row[i]!, kind)),
    }))
    held = []
    await writer.write({ columnData, rowGroupSize: GROUP_ROWS })
  }
  return {
    async write(rows) {
      for (const row of rows) {
        held.push(row)
        if (held.length === GROUP_ROWS) await writeGroup()
      }
    },
    async close() {
      await writeGroup()
      await writer.finish()
      await file.sync()
      await file.close()
    },
  }
}
