// Queries of issuance: mint limits, liabilities and coverage.
import type { ReadContext } from '../../context.ts'
import type { Rules } from '../../rules.ts'
import type { StateReader } from '../../view.ts'
import { capacityOf, getMember } from './external.ts'
import { getLiability } from './ledger.ts'
import { checkMayMint, getCoverage, getMintLimits, leastLimit } from './limits.ts'
import type { issuanceSchema } from './schema.ts'
import { issuanceParams, issuanceTables } from './tables.ts'

function quotaOfProvider(state: StateReader, provider: number) {
  if (getMember(state, provider) === undefined) return undefined
  const { shortfallBase, ...limits } = getMintLimits(state, provider)
  const blocked = checkMayMint(state, provider, shortfallBase)
  return {
    provider,
    mintableBase: blocked === undefined ? leastLimit(limits) : 0n,
    blocked: blocked?.code ?? '',
    ...limits,
  }
}

function coverageNow(ctx: ReadContext) {
  const cure = issuanceTables.cure.get(ctx.state, {})
  const { cureWindows } = issuanceParams.get(ctx.state)
  return {
    ...getCoverage(ctx.state),
    ...(cure === undefined
      ? {}
      : { shortSince: cure.sinceWindow, cureUntil: cure.sinceWindow + cureWindows }),
    stopReason: issuanceTables.stop.get(ctx.state, {})?.reason ?? '',
  }
}

export const issuanceQueries: Rules<typeof issuanceSchema>['queries'] = {
  quota: (ctx, { provider }) => quotaOfProvider(ctx.state, provider),
  liability: (ctx, { provider }) => ({
    provider,
    ...getLiability(ctx.state, provider),
    reservedBase: capacityOf(ctx.state, provider).reservedBase,
  }),
  coverage: coverageNow,
}
