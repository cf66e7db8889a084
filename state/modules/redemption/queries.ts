// Queries of redemption: redemptions, the queue, assignments and listings, in coins and in device-hours.
// Owns: the shapes of answers. Not: rules.
import { mustExist } from '../../../base/assert.ts'
import { equalBytes } from '../../../base/bytes.ts'
import type { Infer } from '../../../base/field.ts'
import type { QueryArgs } from '../../../base/moduleDefinition.ts'
import { COIN, mulDivCeil, mulDivFloor, PPM } from '../../../base/units.ts'
import type { ReadContext } from '../../context.ts'
import type { StateReader } from '../../view.ts'
import type { Service } from '../catalogue/schema.ts'
import { isUnreliable } from './bonus.ts'
import {
  anchorNow,
  classNameOf,
  coinsOf,
  groupsOf,
  hoursLeftIn,
  isAnySuspended,
  isServing,
  lotGroup,
  runningWindow,
} from './external.ts'
import { ownerOf } from './history.ts'
import { minimumNow } from './limits.ts'
import { membersByShare, orderOf } from './order.ts'
import { getTotals, stateOf } from './redemptions.ts'
import type { Assignment, AssignmentKey, Redemption, redemptionSchema } from './schema.ts'
import {
  type assignmentInfo,
  type listingInfo,
  PAGE_MAX,
  type queueInfo,
  REJECT_REASONS,
  type redemptionInfo,
} from './shapes.ts'
import { redemptionParams, redemptionTables } from './tables.ts'

type Args<Q extends keyof (typeof redemptionSchema)['queries']> = QueryArgs<typeof redemptionSchema, Q>

/** The class whose rating is 1,000,000 by definition (ECONOMY §1). */
const REFERENCE_CLASS = 'h100-sxm'
/** Most assignment numbers that a query searches for open ones. */
const LOOK_BACK_MAX = 1024

/** Millionths of device-hours that coins are worth on a class: amount · A · (P + bonus) / (rating · P). Rounded down. */
export function deviceMicroHours(
  amountBase: bigint,
  terms: { readonly anchor: bigint; readonly rating: bigint; readonly bonusPpm: bigint },
): bigint {
  const perCoin = COIN / PPM
  return mulDivFloor(amountBase * terms.anchor, PPM + terms.bonusPpm, terms.rating * PPM * perCoin)
}

function assignmentOf(
  state: StateReader,
  at: AssignmentKey,
  record: Assignment,
): Infer<typeof assignmentInfo> {
  const { settlePending: _, entry: __, previous: ___, next: ____, ...facts } = record
  const ciphertext = redemptionTables.grant.get(state, at)?.ciphertext
  return {
    redemptionId: at.id,
    assignment: at.assignment,
    state: record.window <= runningWindow(state) ? 'active' : 'assigned',
    ...facts,
    deviceMicroHours: deviceMicroHours(record.amountBase, record),
    className: classNameOf(state, record.classId) ?? '',
    ...(ciphertext === undefined ? {} : { grant: ciphertext }),
  }
}

function openAssignments(state: StateReader, id: number, redemption: Redemption) {
  let left = redemption.open.reduce((sum, { count }) => sum + count, 0)
  const found: Infer<typeof assignmentInfo>[] = []
  const oldest = Math.max(1, redemption.nextAssignment - LOOK_BACK_MAX)
  for (let n = redemption.nextAssignment - 1; n >= oldest && left > 0 && found.length < PAGE_MAX; n--) {
    const record = redemptionTables.assignment.get(state, { id, assignment: n })
    if (record === undefined) continue
    found.push(assignmentOf(state, { id, assignment: n }, record))
    left--
  }
  return found
}

function redemptionOf(state: StateReader, id: number): Infer<typeof redemptionInfo> | undefined {
  const record = redemptionTables.redemption.get(state, { id })
  if (record === undefined) return undefined
  const { tierPpm: _, nextAssignment: __, bucket: ___, open: ____, newer, older, ...rest } = record
  const { voucheredWindow: _____, rejectedVoucheredBase: ______, ...facts } = rest
  return {
    id,
    state: stateOf(record, runningWindow(state)),
    ...facts,
    deviceMicroHours: deviceMicroHours(record.amountBase, {
      anchor: anchorNow(state),
      rating: PPM,
      bonusPpm: 0n,
    }),
    className: REFERENCE_CLASS,
    assignments: openAssignments(state, id, record),
  }
}

const pageOf = (limit: number): number => (limit === 0 ? PAGE_MAX : Math.min(limit, PAGE_MAX))

/** Newest first: the cursor is the id to begin with. */
function redemptionsOf(ctx: ReadContext, { owner, cursor, limit }: Args<'redemptions'>) {
  const { state } = ctx
  const redemptions: Infer<typeof redemptionInfo>[] = []
  let id = cursor === 0 ? ownerOf(state, owner).newest : cursor
  while (id !== 0 && redemptions.length < pageOf(limit)) {
    const record = redemptionTables.redemption.get(state, { id })
    // A cursor may name what has left the state, or is another account's.
    if (record === undefined || !equalBytes(record.owner, owner)) return { redemptions, nextCursor: 0 }
    redemptions.push(mustExist(redemptionOf(state, id), 'a redemption of the account exists'))
    id = record.older
  }
  return { redemptions, nextCursor: id }
}

/** Coins that all lot groups that may be assigned can still take in some windows ahead, at the anchor in force. */
function freeAhead(state: StateReader, windows: readonly number[]): readonly bigint[] {
  const hours = windows.map(() => 0n)
  for (const provider of orderOf(state)) {
    if (!isServing(state, provider) || isAnySuspended(state, provider)) continue
    for (const id of groupsOf(state, provider)) {
      const group = mustExist(lotGroup(state, id), 'a listed group exists')
      for (const [i, window] of windows.entries()) hours[i]! += hoursLeftIn(state, group, window)
    }
  }
  const anchor = anchorNow(state)
  return hours.map((free) => coinsOf(free, anchor))
}

/** Windows fill nearest first; those beyond `assignAhead` are taken to be like the one after it. */
function queueOf({ state }: ReadContext): Infer<typeof queueInfo> {
  const { openCount, queuedCount, queuedBase, matchableBase, assignedBase } = getTotals(state)
  const { assignAhead } = redemptionParams.get(state)
  const current = runningWindow(state)
  const free = freeAhead(
    state,
    Array.from({ length: assignAhead + 1 }, (_, k) => current + 1 + k),
  )
  const near = free.slice(0, assignAhead)
  const freeBase = near.reduce((sum, base) => sum + base, 0n)
  let leftBase = queuedBase
  let expectedWindows = 0
  for (const base of near) {
    if (leftBase === 0n) break
    expectedWindows++
    leftBase = leftBase > base ? leftBase - base : 0n
  }
  const later = free[assignAhead]!
  if (leftBase > 0n && later > 0n) expectedWindows += Number(mulDivCeil(leftBase, 1n, later))
  const minimumBase = minimumNow(state)
  return {
    openCount,
    queuedCount,
    queuedBase,
    matchableBase,
    assignedBase,
    minimumBase,
    freeBase,
    expectedWindows,
  }
}

function assignmentsOf(ctx: ReadContext, { provider, window, cursor, limit }: Args<'assignments'>) {
  const { state } = ctx
  const count = redemptionTables.book.get(state, { provider, window })?.count ?? 0
  const assignments: Infer<typeof assignmentInfo>[] = []
  const until = Math.min(count, cursor + LOOK_BACK_MAX)
  let index = cursor
  for (; index < until && assignments.length < pageOf(limit); index++) {
    // Entries of an ended window are deleted one by one while it is swept.
    const key = redemptionTables.booked.get(state, { provider, window, index })
    const record = key === undefined ? undefined : redemptionTables.assignment.get(state, key)
    if (key !== undefined && record !== undefined) assignments.push(assignmentOf(state, key, record))
  }
  return { assignments, nextCursor: index < count ? index : 0 }
}

function listingOf(
  state: StateReader,
  at: { readonly provider: number; readonly service: Service },
): Infer<typeof listingInfo> | undefined {
  const record = redemptionTables.listing.get(state, at)
  if (record === undefined) return undefined
  const { changedWindow: _, ...facts } = record
  const { provider } = at
  return {
    ...at,
    ...facts,
    suspended: isAnySuspended(state, provider),
    bonusIgnored: isUnreliable(state, provider),
  }
}

export const redemptionQueries = {
  redemption: (ctx: ReadContext, { id }: Args<'redemption'>) => redemptionOf(ctx.state, id),
  redemptions: redemptionsOf,
  queue: queueOf,
  assignment: (ctx: ReadContext, at: Args<'assignment'>) => {
    const record = redemptionTables.assignment.get(ctx.state, at)
    return record === undefined ? undefined : assignmentOf(ctx.state, at, record)
  },
  assignments: assignmentsOf,
  listing: (ctx: ReadContext, at: Args<'listing'>) => listingOf(ctx.state, at),
  listings: (ctx: ReadContext, { service }: Args<'listings'>) =>
    membersByShare(ctx.state).flatMap((provider) => {
      const listing = listingOf(ctx.state, { provider, service })
      return listing === undefined ? [] : [listing]
    }),
  rejections: (ctx: ReadContext, { provider }: Args<'rejections'>) =>
    REJECT_REASONS.flatMap((reason) => {
      const tally = redemptionTables.rejections.get(ctx.state, { provider, reason })
      return tally === undefined ? [] : [{ reason, ...tally }]
    }),
}
