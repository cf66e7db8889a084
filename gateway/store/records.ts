// What a gateway's store holds of an assignment: its standing, and the lines of its statement. Owns: their shapes.
import type { Infer } from '../../base/field.ts'
import { message, t } from '../../base/schema.ts'
import { type StatementLine, statementLine } from '../../client/redemption/wire.ts'

/** One client's share of one window. */
export interface AssignmentId {
  readonly redemptionId: number
  readonly assignment: number
}

/** What must survive a crash, besides the lines. */
export const standingRecord = message('GatewayStanding', {
  redemptionId: t.u64,
  assignment: t.u32,
  window: t.u64,
  /** Highest voucher accepted, with its signature; 0 and empty before the first. */
  voucheredBase: t.amount,
  signature: t.bytes(65),
  /** Sum of the lines. */
  meteredBase: t.amount,
  /** Lines so far: the newest one's number. */
  lineCount: t.u64,
  /** The statement's hash after the newest line. */
  head: t.hash,
  /** At most so much has been served, metered or not: it is raised before more is. */
  horizonBase: t.amount,
})
export type Standing = Infer<typeof standingRecord>

export type Line = StatementLine
export const storedLine = message('GatewayLine', { line: statementLine, head: t.hash })
export interface StoredLine {
  readonly line: Line
  /** The statement's hash after it. */
  readonly head: Standing['head']
}
