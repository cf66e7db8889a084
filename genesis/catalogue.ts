// Loads the hardware catalogue from genesis/data. Owns: reading and rating classes (genesis/data/README.md).
// Not: the catalogue in state (state/modules/catalogue).
import { utf8 } from '../base/bytes.ts'
import { sha256 } from '../base/crypto/hash.ts'
import type { Hash32 } from '../base/ids.ts'
import { dataFile, parseCsv } from './catalogueFiles.ts'
import { loadReferences } from './references.ts'
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
  const references = loadReferences()
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
    references: references.get(c.classId) ?? [],
  }))
}
