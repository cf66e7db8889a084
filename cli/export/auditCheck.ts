// Checks an audited file against the header totals of its manifest, and these against a node. Owns: what completeness means.
// Not: writing either (audit.ts, commands/export.ts).
import { createHash } from 'node:crypto'
import { createReadStream, existsSync, readFileSync } from 'node:fs'
import { fromHex, toHex } from '../../base/bytes.ts'
import { sha256 } from '../../base/crypto/hash.ts'
import { errorText, OperatorError } from '../../base/errors.ts'
import type { Json } from '../../base/field.ts'
import { headerSchema } from '../../base/protocol/header.ts'
import {
  AUDITED,
  AUDITED_DATASETS,
  type AuditedName,
  CHECKPOINTS_MAX,
  type Checkpoint,
  signOf,
} from './audit.ts'
import { readRows } from './readRows.ts'

export interface Manifest {
  readonly suanliExport: 1
  readonly dataset: AuditedName
  readonly format: 'csv' | 'parquet'
  readonly sha256: string
  readonly rows: number
  readonly chainId: number
  readonly genesisHash: string
  readonly from: number
  readonly to: number
  /** What the sums of the rows between two checkpoints are equal to. */
  readonly proves: string
  readonly checkpoints: readonly Checkpoint[]
}

export const manifestFile = (file: string): string => `${file}.manifest.json`

export const PROVES: Readonly<Record<AuditedName, string>> = {
  issuance: 'mint - burn = difference of header.reserve.supplyBase',
  redemption: 'lock - return - burn = difference of header.reserve.lockedInRedemptionBase',
  circulation:
    'minted - burned = difference of header.reserve.supplyBase; locked - released = difference of header.reserve.lockedInRedemptionBase',
}

/** SHA-256 of a file, in pieces. */
export async function fileHash(file: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const piece of createReadStream(file)) hash.update(piece as Uint8Array)
  return `0x${hash.digest('hex')}`
}

function readManifest(file: string): Manifest {
  const path = manifestFile(file)
  if (!existsSync(path)) throw new OperatorError(`${path} is missing: it is written with the file`)
  let manifest: Manifest
  try {
    manifest = JSON.parse(readFileSync(path, 'utf8')) as Manifest
  } catch (cause) {
    throw new OperatorError(`${path}: ${errorText(cause)}`)
  }
  const { checkpoints } = manifest
  const isUsable =
    manifest.suanliExport === 1 &&
    AUDITED.includes(manifest.dataset) &&
    Array.isArray(checkpoints) &&
    checkpoints.length >= 2 &&
    checkpoints.length <= CHECKPOINTS_MAX + 2 &&
    checkpoints.every(({ height }, i) => i === 0 || height > checkpoints[i - 1]!.height) &&
    checkpoints[0]!.height === manifest.from - 1 &&
    checkpoints.at(-1)!.height === manifest.to
  if (!isUsable) throw new OperatorError(`${path} is no manifest of an audited export`)
  return manifest
}

type Cells = { readonly [name: string]: string }

const total = (checkpoint: Checkpoint, dataset: AuditedName): bigint =>
  BigInt(dataset === 'redemption' ? checkpoint.lockedInRedemptionBase : checkpoint.supplyBase)

/** Sums the rows between two checkpoints each; a missing, added, changed or misplaced row shows. */
function* checkMovements({ dataset, checkpoints }: Manifest): Generator<undefined, void, Cells | undefined> {
  let at = 1
  let sumBase = 0n
  let last: readonly [number, number] = [0, -1]
  const close = (): void => {
    const [before, after] = [checkpoints[at - 1]!, checkpoints[at]!]
    const wanted = total(after, dataset) - total(before, dataset)
    if (sumBase !== wanted)
      throw new OperatorError(
        `blocks ${before.height + 1} to ${after.height}: the rows sum to ${sumBase}, the headers differ by ${wanted}`,
      )
    sumBase = 0n
    at++
  }
  for (let row = yield; row !== undefined; row = yield) {
    const place = [Number(row.height), Number(row.log_index)] as const
    if (place[0] < last[0] || (place[0] === last[0] && place[1] <= last[1]))
      throw new OperatorError(`block ${row.height}, log ${row.log_index}: out of order`)
    last = place
    while (at < checkpoints.length && place[0] > checkpoints[at]!.height) close()
    if (at === checkpoints.length || place[0] <= checkpoints[0]!.height)
      throw new OperatorError(`block ${row.height} is outside the export`)
    sumBase += signOf(row.kind!) * BigInt(row.amount_base!)
  }
  while (at < checkpoints.length) close()
}

/** Every period has its row, with the totals of its headers and the sums between. */
function* checkCirculation({ checkpoints }: Manifest): Generator<undefined, void, Cells | undefined> {
  let at = 1
  for (let row = yield; row !== undefined; row = yield) {
    const [before, after] = [checkpoints[at - 1], checkpoints[at]]
    const text = `blocks ${row.from_height} to ${row.to_height}`
    if (before === undefined || after === undefined || Number(row.from_height) !== before.height + 1)
      throw new OperatorError(`${text}: no such period`)
    const of = (name: string): bigint => BigInt(row![name]!)
    const isRight =
      Number(row.to_height) === after.height &&
      of('supply_base') === BigInt(after.supplyBase) &&
      of('locked_in_redemption_base') === BigInt(after.lockedInRedemptionBase) &&
      of('minted_base') - of('burned_base') === of('supply_base') - BigInt(before.supplyBase) &&
      of('locked_base') - of('released_base') ===
        of('locked_in_redemption_base') - BigInt(before.lockedInRedemptionBase) &&
      of('circulating_base') === of('supply_base') - of('locked_in_redemption_base')
    if (!isRight) throw new OperatorError(`${text}: the row does not agree with the headers`)
    at++
  }
  if (at !== checkpoints.length)
    throw new OperatorError(`the period that ends with block ${checkpoints[at]!.height} is missing`)
}

/** Compares checkpoints with a node's headers, whose hash is computed here. */
async function checkHeaders(
  manifest: Manifest,
  ask: (method: string, ...params: readonly Json[]) => Promise<Json>,
): Promise<void> {
  for (const { height, hash, supplyBase, lockedInRedemptionBase } of manifest.checkpoints) {
    const found = (await ask('chain_header', height)) as { readonly bytes: string } | null
    if (found === null) throw new OperatorError(`the node does not hold block ${height}`)
    const bytes = fromHex(found.bytes.slice(2))
    const { reserve } = headerSchema.decode(bytes)
    const isSame =
      toHex(sha256(bytes)) === hash &&
      reserve.supplyBase === BigInt(supplyBase) &&
      reserve.lockedInRedemptionBase === BigInt(lockedInRedemptionBase)
    if (!isSame) throw new OperatorError(`block ${height} of the node is another than that of the manifest`)
  }
}

/** Throws OperatorError at the first contradiction. `ask`: of a node whose headers are compared too. */
export async function checkAudited(
  file: string,
  ask?: (method: string, ...params: readonly Json[]) => Promise<Json>,
): Promise<Manifest> {
  const manifest = readManifest(file)
  if (!existsSync(file)) throw new OperatorError(`${file} is missing`)
  if ((await fileHash(file)) !== manifest.sha256)
    throw new OperatorError(`${file} is not the file of its manifest: its SHA-256 differs`)
  const check = manifest.dataset === 'circulation' ? checkCirculation(manifest) : checkMovements(manifest)
  check.next()
  let rows = 0
  const names = AUDITED_DATASETS[manifest.dataset].columns.map(({ name }) => name)
  for await (const row of readRows(file, manifest.format, names)) {
    rows++
    check.next(row)
  }
  check.next(undefined)
  if (rows !== manifest.rows)
    throw new OperatorError(`${file} has ${rows} rows, its manifest ${manifest.rows}`)
  if (ask !== undefined) await checkHeaders(manifest, ask)
  return manifest
}
