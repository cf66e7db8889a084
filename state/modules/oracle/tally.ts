// The end of a window: what its reports make of the anchor and of the prices, in one step, since the values are in order
// already. Not: the arithmetic (decide.ts).
import type { WriteContext } from '../../context.ts'
import type { StateReader } from '../../view.ts'
import { clampAnchor, getAnchor, isAnchorHeld, setAnchor } from './anchor.ts'
import { committedIn, membersOf } from './chambers.ts'
import { type AnchorDecision, decideAnchor, decidePrice, hasQuorum, medianOf, type Side } from './decide.ts'
import { getPrice, pricedAssets, renewPrice } from './prices.ts'
import { noteQuorum, reportedSince, silenceOf } from './reporters.ts'
import { RESULT_WINDOWS, type Result } from './schema.ts'
import type { Chamber } from './shapes.ts'
import { events, oracleParams, oracleTables } from './tables.ts'
import { RATING_TOPIC, valuesOf } from './values.ts'

type Members = Readonly<Record<Chamber, number>>

/** Whether anybody was to report in a window. */
export function hasReporters(state: StateReader, window: number): boolean {
  const since = reportedSince(state)
  return since !== undefined && since <= window
}

/** How many members each chamber has in a window. */
export function chamberSizes(state: StateReader, window: number): Members {
  return {
    reporters: membersOf(state, 'reporters', window).length,
    providers: membersOf(state, 'providers', window).length,
  }
}

/** What both chambers have revealed of a topic in a window. */
export function sidesOf(
  state: StateReader,
  at: { readonly topic: number; readonly window: number; readonly members: Members },
): Readonly<Record<Chamber, Side>> {
  const { topic, window, members } = at
  const side = (chamber: Chamber): Side => ({
    members: members[chamber],
    values: valuesOf(state, { chamber, topic, window }),
  })
  return { reporters: side('reporters'), providers: side('providers') }
}

/** What the ratings of a window decide of the anchor, were it to end now. */
export function anchorDecision(
  state: StateReader,
  at: { readonly window: number; readonly members: Members },
): AnchorDecision {
  const sides = sidesOf(state, { ...at, topic: RATING_TOPIC })
  const silent = hasQuorum(sides.reporters) ? 0 : silenceOf(state).windows + 1
  return decideAnchor(sides, oracleParams.get(state), silent)
}

function tallyOf(
  state: StateReader,
  at: { readonly window: number; readonly members: Members },
  chamber: Chamber,
): Result['reporters'] {
  const { values } = sidesOf(state, { ...at, topic: RATING_TOPIC })[chamber]
  return {
    members: at.members[chamber],
    committed: committedIn(state, chamber, at.window),
    revealed: values.length,
    medianRating: values.length === 0 ? 0n : medianOf(values),
  }
}

/** Renews the prices for which enough reporters have reported one. */
function renewPrices(
  ctx: WriteContext,
  at: { readonly window: number; readonly members: Members },
): Result['prices'] {
  const { state } = ctx
  const params = oracleParams.get(state)
  const renewed: Result['prices'][number][] = []
  for (const asset of pricedAssets(state)) {
    const before = getPrice(state, asset)
    const sides = sidesOf(state, { ...at, topic: asset })
    const price = before === undefined ? undefined : decidePrice(before, sides, params)
    if (price === undefined) continue
    renewPrice(state, { asset, window: at.window, ...price })
    renewed.push({ asset, ...price })
    events.PriceRenewed(ctx, { asset, window: at.window, ...price })
  }
  return renewed
}

/**
 * Tallies the window that has ended, before capacity puts the next anchor into force. Without reporters nothing changes:
 * the anchor holds, and prices of genesis stand.
 */
export function onWindowEnd(ctx: WriteContext, window: number): void {
  const { state } = ctx
  if (!hasReporters(state, window)) return
  const at = { window, members: chamberSizes(state, window) }
  const { decision, target, boundPpm } = anchorDecision(state, at)
  const anchor = getAnchor(state)
  const nextAnchor = setAnchor(ctx, target, boundPpm)
  const reporters = tallyOf(state, at, 'reporters')
  const providers = tallyOf(state, at, 'providers')
  noteQuorum(state, window, decision !== 'held' && decision !== 'trend')
  const prices = renewPrices(ctx, at)
  const result = { windowIndex: window, decision, anchor, nextAnchor, boundPpm, reporters, providers, prices }
  oracleTables.result.set(state, { slot: window % RESULT_WINDOWS }, result)
  const first = oracleTables.tallied.get(state, {})?.firstWindow ?? window
  oracleTables.tallied.set(state, {}, { firstWindow: first, lastWindow: window })
  events.ReportsTallied(ctx, {
    window,
    decision,
    anchor: nextAnchor,
    reporters: reporters.revealed,
    providers: providers.revealed,
  })
}

/** What a window decided; undefined without reporters, or once it is gone. */
export function resultOf(state: StateReader, window: number): Result | undefined {
  const result = oracleTables.result.get(state, { slot: window % RESULT_WINDOWS })
  return result?.windowIndex === window ? result : undefined
}

/** The anchor that the window's end would bring if it came now. */
export function anchorAhead(
  state: StateReader,
  window: number,
): { readonly nextAnchor: bigint; readonly boundPpm: bigint } {
  const { anchor, nextAnchor } = oracleTables.anchor.mustGet(state, {})
  if (!hasReporters(state, window)) return { nextAnchor, boundPpm: 0n }
  const { target, boundPpm } = anchorDecision(state, { window, members: chamberSizes(state, window) })
  if (isAnchorHeld(state)) return { nextAnchor: anchor, boundPpm: 0n }
  return { nextAnchor: clampAnchor(anchor, target, boundPpm), boundPpm }
}
