// Queries of compliance.
import { mustExist } from '../../../base/assert.ts'
import type { ReadContext } from '../../context.ts'
import type { Rules } from '../../rules.ts'
import { credentialsOf, getAttestors, getRequirement } from './credentials.ts'
import { checkDebit } from './debits.ts'
import { freezesOf, getFreeze, getStatus } from './freezes.ts'
import { type complianceSchema, FREEZES_PAGE_MAX } from './schema.ts'
import { complianceTables } from './tables.ts'

function inForce(ctx: ReadContext, id: number) {
  const freeze = getFreeze(ctx.state, id)
  return freeze === undefined || freeze.expiresMs <= ctx.block.timestampMs ? undefined : { id, ...freeze }
}

export const complianceQueries: Rules<typeof complianceSchema>['queries'] = {
  freezes: (ctx, { from }) =>
    getStatus(ctx.state)
      .freezes.filter(({ id, expiresMs }) => id >= from && expiresMs > ctx.block.timestampMs)
      .slice(0, FREEZES_PAGE_MAX)
      .map(({ id }) => mustExist(inForce(ctx, id), 'a listed freeze exists')),
  freeze: (ctx, { id }) => inForce(ctx, id),
  freezesOf: (ctx, { account }) => freezesOf(ctx.state, account).flatMap((id) => inForce(ctx, id) ?? []),
  pause: (ctx) => {
    const pause = complianceTables.pause.get(ctx.state, {})
    return pause === undefined || pause.expiresMs <= ctx.block.timestampMs ? undefined : pause
  },
  attestors: (ctx) => getAttestors(ctx.state),
  credentials: (ctx, { subject }) => credentialsOf(ctx, subject),
  requirement: (ctx, { asset }) => getRequirement(ctx.state, asset),
  transferRefusal: (ctx, { from, to, asset }) =>
    checkDebit(ctx, { asset, account: from, amountBase: 0n, to }),
}
