// The report between its commitment and its reveal, in a file of its own: without the salt in it a restart would lose the
// report. Owns: the file. Not: when it is written (reporter.ts).
import { join } from 'node:path'
import { equalBytes, toHex } from '../../base/bytes.ts'
import { errorText, OperatorError } from '../../base/errors.ts'
import type { Json } from '../../base/field.ts'
import { PRICES_MAX, priceReportSchema } from '../../base/protocol/oracleReport.ts'
import { message, t } from '../../base/schema.ts'
import { isThere, readText, writeDurablySync } from '../../storage/durableFile.ts'

const pendingSchema = message('PendingReport', {
  genesisHash: t.hash,
  account: t.address,
  window: t.u64,
  /** Secret until the reveal: with it the report can be guessed from its commitment. */
  salt: t.hash,
  rating: t.ppm,
  prices: t.list(priceReportSchema, PRICES_MAX),
  /** What became of it is known, and was said. */
  isDone: t.bool,
})
export type PendingReport = ReturnType<typeof pendingSchema.decode>

export const PENDING_FILE = 'report.json'

/** The report that was written last; undefined without one. Throws OperatorError for a file of another chain or account. */
export function readPending(
  folder: string,
  owner: { readonly genesisHash: Uint8Array; readonly account: Uint8Array },
): PendingReport | undefined {
  const path = join(folder, PENDING_FILE)
  if (!isThere(path)) return undefined
  let pending: PendingReport
  try {
    pending = pendingSchema.fromJson(JSON.parse(readText(path)) as Json)
  } catch (error) {
    throw new OperatorError(`${path}: ${errorText(error)}: remove it to report anew from the next window on`)
  }
  if (!equalBytes(pending.genesisHash, owner.genesisHash))
    throw new OperatorError(`${path} is of the chain ${toHex(pending.genesisHash)}: use another folder`)
  if (!equalBytes(pending.account, owner.account))
    throw new OperatorError(`${path} is of the account ${toHex(pending.account)}: use another folder`)
  return pending
}

/** Writes it whole or not at all, for its owner alone; returns once it survives a power loss. */
export function writePending(folder: string, pending: PendingReport): void {
  writeDurablySync(join(folder, PENDING_FILE), `${JSON.stringify(pendingSchema.toJson(pending), null, 2)}\n`)
}
