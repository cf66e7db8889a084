// Queries of redemption: redemptions, the queue, assignments and listings, in coins and in device-hours.
// Owns: the shapes of answers. Not: rules.
import { mustExist } from '../../../base/assert.ts'
import type { Infer } from '../../../base/field.ts'
import type { QueryArgs } from '../../../base/moduleDefinition.ts'
import { COIN, mulDivCeil, mulDivFloor, PPM } from '../../../base/units.ts'
import type { ReadContext } from '../../context.ts'
import { pageDown, pageUp } from '../../pages.ts'
import type { StateReader } from '../../view.ts'
import type { Service } from '../catalogue/schema.ts'
import { anchorNow, classNameOf, freeCoinsIn, horizonOf, runningWindow } from './external.ts'
import { getTotals, stateOf } from './redemptions.ts'
import type { Assignment, AssignmentKey, Redemption, redemptionSchema } from './schema.ts'
import { serversInOrder } from './servers.ts'
import {
  type assignmentInfo,
  type listingInfo,
  PAGE_MAX,
  type queueInfo,
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
  const { settlePending: _, ...facts } = record
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
  const { nextAssignment: _, open: __, ...facts } = record
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

/** Newest first: the cursor is the number of older ones left. */
function redemptionsOf(ctx: ReadContext, { owner, ...page }: Args<'redemptions'>) {
  const { items, nextCursor } = pageDown(page, {
    count: redemptionTables.owner.get(ctx.state, { owner })?.count ?? 0,
    pageMax: PAGE_MAX,
    read(index) {
      const { id } = redemptionTables.owned.mustGet(ctx.state, { owner, index })
      return mustExist(redemptionOf(ctx.state, id), 'an owned redemption exists')
    },
  })
  return { redemptions: [...items], nextCursor }
}

/** Windows fill nearest first, so the whole queue takes ⌈queued / free per window⌉ of them, after those reserved. */
function queueOf({ state }: ReadContext): Infer<typeof queueInfo> {
  const { openCount, queuedCount, queuedBase, assignedBase } = getTotals(state)
  const { assignAhead } = redemptionParams.get(state)
  const horizonWindows = horizonOf(state)
  const current = runningWindow(state)
  const servers = serversInOrder(state, [])
  let freeBase = 0n
  let leftBase = queuedBase
  let expectedWindows = 0
  let lastBase = 0n
  for (let k = 1; k <= horizonWindows; k++) {
    lastBase = servers.reduce(
      (sum, { provider }) => sum + freeCoinsIn(state, { provider, windowIndex: current + k }),
      0n,
    )
    if (k <= assignAhead) freeBase += lastBase
    if (leftBase > 0n) expectedWindows = k
    leftBase = leftBase > lastBase ? leftBase - lastBase : 0n
    if (leftBase === 0n && k >= assignAhead) break
  }
  if (leftBase > 0n && lastBase > 0n) expectedWindows += Number(mulDivCeil(leftBase, 1n, lastBase))
  return { openCount, queuedCount, queuedBase, assignedBase, freeBase, expectedWindows }
}

function assignmentsOf(ctx: ReadContext, { provider, window, ...page }: Args<'assignments'>) {
  const { state } = ctx
  const { items, nextCursor } = pageUp(page, {
    count: redemptionTables.book.get(state, { provider, window })?.count ?? 0,
    pageMax: PAGE_MAX,
    lookMax: LOOK_BACK_MAX,
    read(index) {
      // Entries of an ended window are deleted one by one while it is swept.
      const key = redemptionTables.booked.get(state, { provider, window, index })
      const record = key === undefined ? undefined : redemptionTables.assignment.get(state, key)
      return key === undefined || record === undefined ? undefined : assignmentOf(state, key, record)
    },
  })
  return { assignments: [...items], nextCursor }
}

function listingOf(
  state: StateReader,
  at: { readonly provider: number; readonly service: Service },
): Infer<typeof listingInfo> | undefined {
  const record = redemptionTables.listing.get(state, at)
  if (record === undefined) return undefined
  const { changedWindow: _, ...facts } = record
  return { ...at, ...facts, suspended: redemptionTables.suspension.has(state, { provider: at.provider }) }
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
    serversInOrder(ctx.state, []).flatMap(({ provider }) => {
      const listing = listingOf(ctx.state, { provider, service })
      return listing === undefined ? [] : [listing]
    }),
}
