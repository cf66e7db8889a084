// Loads the hardware catalogue from genesis/data. Owns: reading and rating classes (genesis/data/README.md).
// Not: the catalogue in state (state/modules/catalogue).
import { readFileSync } from 'node:fs'
import { utf8 } from '../base/bytes.ts'
import { sha256 } from '../base/crypto/hash.ts'
import type { Hash32 } from '../base/ids.ts'
import type { Genesis } from './schema.ts'

/** A class for the genesis document; ratings in ppm of the reference device (H100 SXM = 1,000,000). */
export interface CatalogueClass {
  readonly classId: string
  readonly vendor: string
  readonly model: string
  readonly memoryGb: number
  readonly ratingTrain: bigint
  readonly ratingFinetune: bigint
  readonly ratingInfer: bigint
  /** No benchmark for any service: `specOnly` applies (ECONOMY §1). */
  readonly specOnly: boolean
  /** SHA-256 of the two data rows, so that a reader can locate the evidence. */
  readonly evidenceHash: Hash32
}

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

function dataFile(name: string): string {
  // From dist/genesis/ to the package root: the data files are not compiled.
  return readFileSync(new URL(`../../genesis/data/${name}`, import.meta.url), 'utf8')
}

/**
 * All rated classes, in byte order of their id. Omits classes without a rating, without a whole number of gigabytes,
 * and rows of low confidence (their source excludes them from a genesis file).
 */
export function loadCatalogue(): readonly CatalogueClass[] {
  const hardware = new Map(
    parseCsv(dataFile('accelerators.csv')).map((row) => [row.cells.get('class_id')!, row]),
  )
  const classes: CatalogueClass[] = []
  for (const rated of parseCsv(dataFile('class_ratings.csv'))) {
    const cell = (name: string): string => rated.cells.get(name) ?? ''
    const classId = cell('class_id')
    const device = hardware.get(classId)
    if (device === undefined || device.cells.get('confidence') === 'low') continue
    const memoryGb = Number(device.cells.get('memory_gb'))
    if (!Number.isSafeInteger(memoryGb) || memoryGb <= 0) continue
    const rating = (name: string): bigint => BigInt(cell(name)) * 1000n
    classes.push({
      classId,
      vendor: cell('vendor'),
      model: device.cells.get('name') ?? '',
      memoryGb,
      ratingTrain: rating('rating_train'),
      ratingFinetune: rating('rating_finetune'),
      ratingInfer: rating('rating_infer'),
      specOnly: ['bench_train', 'bench_finetune', 'bench_infer'].every((name) => cell(name) === ''),
      evidenceHash: sha256(utf8(`${device.line}\n${rated.line}\n`)),
    })
  }
  return classes.sort((a, b) => (a.classId < b.classId ? -1 : 1))
}

/** All of them, as the genesis document lists them. */
export function genesisClasses(): Genesis['classes'] {
  return loadCatalogue().map((c) => ({
    slug: c.classId,
    vendor: c.vendor,
    model: c.model,
    memoryGb: c.memoryGb,
    trainPpm: c.ratingTrain,
    finetunePpm: c.ratingFinetune,
    inferPpm: c.ratingInfer,
    specOnly: c.specOnly,
    evidenceHash: c.evidenceHash,
  }))
}
