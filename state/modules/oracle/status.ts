// The status of the oracle for people: phase, anchor, quorum, prices and who missed, with a sentence on each. Not: the rules.
import type { ReadContext } from '../../context.ts'
import type { StateReader } from '../../view.ts'
import { absenceOf, committedIn, membersOf, reportOf } from './chambers.ts'
import { phaseOf, runningWindow } from './clock.ts'
import { quorumOf } from './decide.ts'
import { anchorBound } from './drift.ts'
import { getPrice, pricedAssets, priceText, staleSince } from './prices.ts'
import { getReporters, reportedSince, silenceOf } from './reporters.ts'
import type { Chamber, Decision } from './shapes.ts'
import { oracleParams, oracleTables } from './tables.ts'
import { anchorAhead, resultOf } from './tally.ts'
import { RATING_TOPIC, valuesOf } from './values.ts'

const DECISION_TEXTS: { readonly [D in Decision]: string } = {
  agreed: 'both chambers agreed in the last window',
  disputed: 'the chambers differed in the last window: the reporters’ median counts, within gDisputed',
  providersSilent:
    'the providers lacked a quorum in the last window: the reporters’ median counts, within gDisputed',
  held: 'the reporters lack a quorum: the anchor holds',
  trend: 'the reporters have lacked a quorum for too long: the anchor rises by gDisputed a window',
}

function chamberStatus(state: StateReader, chamber: Chamber, window: number) {
  const members = membersOf(state, chamber, window).length
  const quorum = quorumOf(members)
  const revealed = valuesOf(state, { chamber, topic: RATING_TOPIC, window }).length
  const last = window === 0 ? undefined : resultOf(state, window - 1)
  const lastRevealed = last?.[chamber].revealed ?? 0
  return {
    members,
    quorum,
    committed: committedIn(state, chamber, window),
    revealed,
    hasQuorum: revealed >= quorum,
    lastRevealed,
    lastHadQuorum: last !== undefined && lastRevealed >= quorumOf(last[chamber].members),
    lastMissed: last === undefined ? [] : missedIn(state, chamber, window - 1),
  }
}

function missedIn(state: StateReader, chamber: Chamber, window: number) {
  return membersOf(state, chamber, window).flatMap((member) => {
    const reason = absenceOf(reportOf(state, { chamber, member }, window))
    return reason === undefined ? [] : [{ member, reason }]
  })
}

function priceStatuses(state: StateReader, window: number) {
  return pricedAssets(state).flatMap((asset) => {
    const price = getPrice(state, asset)
    if (price === undefined) return []
    const stale = staleSince(state, price, window)
    const since = stale === undefined ? {} : { staleSince: stale }
    return [{ asset, ...price, ...since, status: priceText(price, stale) }]
  })
}

function statusText(state: StateReader, window: number, stale: readonly number[]): string {
  const since = reportedSince(state)
  if (since === undefined)
    return 'no reporters are appointed: the anchor holds, and the prices of genesis stand'
  if (since > window) return `the first reporters report from window ${since} on`
  const last = window === 0 ? undefined : resultOf(state, window - 1)
  const { windows } = silenceOf(state)
  const texts = [last === undefined ? 'the first window with reporters' : DECISION_TEXTS[last.decision]]
  if (windows > 0)
    texts.push(`${windows} windows without a quorum, ${oracleParams.get(state).graceWindows} are the grace`)
  if (stale.length > 0)
    texts.push(
      `stale prices of ${stale.length === 1 ? 'asset' : 'assets'} ${listed(stale)}: mints and sales that rest on them are refused; redemption goes on, and so do penalties and defaults, by the last price`,
    )
  return texts.join('; ')
}

/** At most eight of them by name. */
function listed(assets: readonly number[]): string {
  const more = assets.length - 8
  return `${assets.slice(0, 8).join(', ')}${more > 0 ? ` and ${more} more` : ''}`
}

export function oracleStatus(ctx: ReadContext) {
  const { state } = ctx
  const windowIndex = runningWindow(state)
  const { phase, untilMs } = phaseOf(state, ctx.block)
  const { anchor } = oracleTables.anchor.mustGet(state, {})
  const prices = priceStatuses(state, windowIndex)
  const stale = prices.flatMap((price) => ('staleSince' in price ? [price.asset] : []))
  return {
    windowIndex,
    phase,
    phaseUntilMs: untilMs,
    anchor,
    ...anchorAhead(state, windowIndex),
    boundAnchor: anchorBound(anchor, oracleParams.get(state).driftPpm),
    silentWindows: getReporters(state).ids.length === 0 ? 0 : silenceOf(state).windows,
    reporters: chamberStatus(state, 'reporters', windowIndex),
    providers: chamberStatus(state, 'providers', windowIndex),
    prices,
    status: statusText(state, windowIndex, stale),
  }
}
