// Reads the files of genesis/data. Owns: CSV. Not: what is in them (catalogue.ts, references.ts).
import { readFileSync } from 'node:fs'

/** Parses CSV with quoted cells into rows of named cells. Throws on a row of the wrong width. */
export function parseCsv(
  text: string,
): readonly { readonly line: string; readonly cells: ReadonlyMap<string, string> }[] {
  const lines = text.split('\n').filter((line) => line !== '')
  const names = splitCsvLine(lines[0] ?? '')
  return lines.slice(1).map((line, i) => {
    const values = splitCsvLine(line)
    if (values.length !== names.length)
      throw new Error(`row ${i + 2}: ${values.length} cells, expected ${names.length}`)
    return { line, cells: new Map(names.map((name, at) => [name, values[at]!])) }
  })
}

function splitCsvLine(line: string): string[] {
  const cells: string[] = []
  let cell = ''
  let quoted = false
  for (let i = 0; i < line.length; i++) {
    const c = line[i]!
    if (c === '"' && quoted && line[i + 1] === '"') {
      cell += '"'
      i++
    } else if (c === '"') quoted = !quoted
    else if (c === ',' && !quoted) {
      cells.push(cell)
      cell = ''
    } else cell += c
  }
  cells.push(cell)
  return cells
}

/** A file of genesis/data, as text. */
export function dataFile(name: string): string {
  // From dist/genesis/ to the package root: the data files are not compiled.
  return readFileSync(new URL(`../../genesis/data/${name}`, import.meta.url), 'utf8')
}
