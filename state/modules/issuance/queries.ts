// Queries of issuance: mint limits, liabilities, coverage, security, cures and the freshness of prices.
import { maxBigint } from '../../../base/units.ts'
import type { ReadContext } from '../../context.ts'
import type { Rules } from '../../rules.ts'
import type { StateReader } from '../../view.ts'
import { cureOf } from './cures.ts'
import { backingAtRisk, capacityOf, getMember, priceIn } from './external.ts'
import { getLiability } from './ledger.ts'
import { getCoverage, judgeMint, leastLimit, mintStopOf, securityOf } from './limits.ts'
import { getProceeds, lockedProceeds } from './proceeds.ts'
import type { issuanceSchema } from './schema.ts'
import { issuanceTables } from './tables.ts'

function quotaOfProvider(state: StateReader, provider: number) {
  if (getMember(state, provider) === undefined) return undefined
  const { blocked, limits, bondValueBase, promisedBase } = judgeMint(state, provider)
  return {
    provider,
    mintableBase: blocked === undefined ? maxBigint(0n, leastLimit(limits) - promisedBase) : 0n,
    blocked: blocked?.code ?? '',
    ...limits,
    bondValueBase,
    promisedBase,
  }
}

function coverageNow({ state }: ReadContext) {
  const coverage = getCoverage(state)
  const short = issuanceTables.short.get(state, {})
  const mintStop = mintStopOf(state, coverage.shortfallBase)
  return {
    ...coverage,
    ...(short === undefined ? {} : { shortSince: short.sinceWindow }),
    ...(mintStop === undefined ? {} : { mintStop }),
    stopReason: issuanceTables.stop.get(state, {})?.reason ?? '',
  }
}

function statusOfPrice(state: StateReader, asset: number) {
  const price = priceIn(state, asset)
  if (price === undefined) return undefined
  const { priceBase, bondPriceBase, lockPriceBase, renewedWindow, staleSince } = price
  const status =
    staleSince !== undefined
      ? `stale since window ${staleSince}: mints that rest on it are refused, redemption goes on`
      : renewedWindow === undefined
        ? 'set in genesis, not renewed yet'
        : `renewed in window ${renewedWindow}`
  return {
    asset,
    priceBase,
    bondPriceBase,
    lockPriceBase,
    ...(staleSince === undefined ? {} : { staleSince }),
    status,
  }
}

export const issuanceQueries: Rules<typeof issuanceSchema>['queries'] = {
  quota: (ctx, { provider }) => quotaOfProvider(ctx.state, provider),
  liability: (ctx, { provider }) => ({
    provider,
    ...getLiability(ctx.state, provider),
    reservedBase: capacityOf(ctx.state, provider).reservedBase,
  }),
  security: (ctx, { provider }) =>
    getMember(ctx.state, provider) === undefined
      ? undefined
      : { provider, ...securityOf(ctx.state, provider), backedBase: backingAtRisk(ctx.state, provider) },
  proceeds: (ctx, { provider }) =>
    lockedProceeds(ctx.state, provider).map(({ asset }) => {
      const { goodWindows: _, ...lock } = getProceeds(ctx.state, { provider, asset })
      return { asset, ...lock }
    }),
  cure: (ctx, { provider }) => cureOf(ctx.state, provider),
  priceStatus: (ctx, { asset }) => statusOfPrice(ctx.state, asset),
  coverage: coverageNow,
}
