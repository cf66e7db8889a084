// What a user's redemptions need between two runs: one file each, mode 0600. No key is in it: the wallet's key gives them again.
// Owns: the files. Not: what is counted (client/redemption/ownMeter.ts).
import { mkdirSync, readdirSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { toHex } from '../../base/bytes.ts'
import { errorText, OperatorError } from '../../base/errors.ts'
import type { Infer } from '../../base/field.ts'
import type { Hash32 } from '../../base/ids.ts'
import { message, t } from '../../base/schema.ts'
import type { RedeemStore } from '../../client/redemption/redeemer.ts'
import { SERVICES } from '../../state/modules/catalogue/schema.ts'
import { isThere, readText, writeDurablySync } from '../../storage/durableFile.ts'

/** Assignments whose counts are kept: the newest. */
const ASSIGNMENTS_MAX = 256
/** Files that are looked through. */
const FILES_MAX = 10_000
const NAME = /^([0-9a-f]{16})-(\d{1,15})\.json$/

const fileShape = message('RedemptionFile', {
  chainId: t.u64,
  genesis: t.hash,
  id: t.u64,
  owner: t.address,
  service: t.oneOf(SERVICES),
  amountBase: t.amount,
  /** Empty: any. */
  model: t.text(128),
  assignments: t.list(
    message('AssignmentCount', {
      assignment: t.u32,
      meteredBase: t.amount,
      voucheredBase: t.amount,
      /** Whether jobs were asked for. */
      hasJobs: t.optional(t.bool),
    }),
    ASSIGNMENTS_MAX,
  ),
})
export type RedemptionFile = Infer<typeof fileShape>

export function defaultStateDir(): string {
  return join(homedir(), '.suanli', 'redeem')
}

function fileOf(dir: string, { genesis, id }: Pick<RedemptionFile, 'genesis' | 'id'>): string {
  return join(dir, `${toHex(genesis).slice(2, 18)}-${id}.json`)
}

export function writeRedemption(dir: string, file: RedemptionFile): void {
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  writeDurablySync(fileOf(dir, file), `${JSON.stringify(fileShape.toJson(file), null, 2)}\n`)
}

function read(path: string): RedemptionFile {
  try {
    return fileShape.fromJson(JSON.parse(readText(path)))
  } catch (error) {
    throw new OperatorError(`${path}: ${errorText(error)}`)
  }
}

/** The redemptions of a chain that were made here, oldest first. Throws OperatorError naming a damaged file. */
export function listRedemptions(dir: string, genesis: Hash32): readonly RedemptionFile[] {
  if (!isThere(dir)) return []
  const chain = toHex(genesis).slice(2, 18)
  return readdirSync(dir)
    .filter((name) => NAME.exec(name)?.[1] === chain)
    .slice(0, FILES_MAX)
    .map((name) => read(join(dir, name)))
    .sort((a, b) => a.id - b.id)
}

/** Keeps the counts of a redemption in its file. */
export function storeOf(dir: string, file: RedemptionFile): RedeemStore {
  const path = fileOf(dir, file)
  const known = (): RedemptionFile => (isThere(path) ? read(path) : file)
  return {
    load: (assignment) => known().assignments.find((one) => one.assignment === assignment),
    save: (assignment, { meteredBase, voucheredBase, hasJobs = false }) => {
      const now = known()
      const others = now.assignments.filter((one) => one.assignment !== assignment)
      const count = { assignment, meteredBase, voucheredBase, ...(hasJobs ? { hasJobs } : {}) }
      const assignments = [...others.slice(1 - ASSIGNMENTS_MAX), count]
      writeRedemption(dir, { ...now, assignments })
    },
  }
}
