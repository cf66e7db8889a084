// What an issuer must do next about a series, by when, and what happens otherwise: an answer for people and programs.
// Not: the rules themselves (sweep.ts, conversion.ts).
import type { Infer } from '../../../base/field.ts'
import type { StateReader } from '../../view.ts'
import { timeOf, windowOf } from './clock.ts'
import { outlookOf } from './conversion.ts'
import { priceIn, runningWindow } from './external.ts'
import { isOpenAt } from './offerings.ts'
import { lockNeeded, outstandingOf, securedCap } from './pricing.ts'
import type { Series } from './schema.ts'
import type { BlockReason, dutyInfo } from './shapes.ts'

type Duty = Infer<typeof dutyInfo>
type Deed = Pick<Duty, 'duty' | 'untilWindow' | 'addBase' | 'text'>

/** Reasons that only the provider itself can end, besides capacity. */
const STANDING: readonly BlockReason[] = ['ProviderNotActive', 'ProviderSuspended', 'UnderNotice']

/** What is missing from the lock at today's price, for what it must be and for the conversion of all receipts. */
function lockDuty(state: StateReader, series: Series): Deed | undefined {
  const oracle = priceIn(state, series.asset)
  if (series.kind === 'immediate' || oracle === undefined) return undefined
  const neededBase = lockNeeded(state, series, { outstandingBase: securedCap(series), oracle })
  const addBase = neededBase - series.lockBase
  if (addBase <= 0n) return undefined
  const untilWindow = series.lockShortSince ?? runningWindow(state) + 1
  const text = `Add ${addBase} units to the lock before window ${untilWindow} ends: a lock that is still too small then fails the series.`
  return { duty: 'secureLock', untilWindow, addBase, text }
}

function deliveryDuty(state: StateReader, series: Series, blockedBy: BlockReason): Deed {
  const untilWindow = windowOf(state, series.asset, series.dueAt)
  const date = `through window ${untilWindow}`
  const otherwise =
    'after it, receipts without coins are refunded with the lock, and minting is barred for K windows.'
  const at = { untilWindow, addBase: 0n }
  if (blockedBy === 'LockTooSmall')
    return {
      ...at,
      duty: 'secureLock',
      text: `Add to the lock, ${date}: the price paid and the lock do not cover what the mint locks at today's price; ${otherwise}`,
    }
  if (STANDING.includes(blockedBy))
    return {
      ...at,
      duty: 'fixProvider',
      text: `You cannot mint (${blockedBy}): mend that, ${date}; ${otherwise}`,
    }
  return {
    ...at,
    duty: 'bringCapacity',
    text: `Bring attested capacity or bond until the receipts are coins, ${date}; ${otherwise}`,
  }
}

function nothing(text: string, untilWindow = 0): Deed {
  return { duty: 'none', untilWindow, addBase: 0n, text }
}

function deedOf(state: StateReader, series: Series, blockedBy: BlockReason): Deed {
  const { asset, kind } = series
  const price = priceIn(state, asset)
  if (price?.staleSince !== undefined)
    return nothing(
      `The price has been stale since window ${price.staleSince}: sales wait, and all dates move with it.`,
    )
  const lock = lockDuty(state, series)
  if (lock !== undefined) return lock
  const time = timeOf(state, asset)
  if (series.state === 'selling') {
    const closes = windowOf(state, asset, series.closesAt)
    if (isOpenAt(series, time)) return nothing(`On sale through window ${closes}.`, closes)
    if (!series.stopped && time < series.opensAt)
      return nothing(`Opens in window ${windowOf(state, asset, series.opensAt)}.`)
    return nothing('The sale is over: the last purchases are being settled.')
  }
  if (series.state === 'blocked')
    return nothing(
      'Only the joint limit or a stop for all keeps the receipts back: holders may take their money.',
    )
  return kind === 'immediate' ? nothing('Over.') : deliveryDuty(state, series, blockedBy)
}

export function dutyOf(state: StateReader, id: number, series: Series): Duty {
  const { kind, soldBase } = series
  const isWaiting = series.state === 'delivering' || series.state === 'blocked'
  const blockedBy = isWaiting ? outlookOf(state, id, series).reason : 'none'
  return {
    series: id,
    kind,
    state: series.state,
    soldBase,
    outstandingBase: outstandingOf(series),
    ...deedOf(state, series, blockedBy),
    blockedBy,
  }
}
