// Queries of providers: members, bonds, faults and validator sets.
import { mustExist } from '../../../base/assert.ts'
import type { Rules } from '../../rules.ts'
import type { StateReader } from '../../view.ts'
import { getBonds } from './bonds.ts'
import { getProvider, providerIds } from './members.ts'
import { validatorSetOfEpoch } from './pastSets.ts'
import { FAULT_KINDS, type providersSchema } from './schema.ts'
import { suspendedSince, unpaidPenalties } from './suspension.ts'
import { providersTables } from './tables.ts'
import { validatorSet } from './validatorSet.ts'

function infoOf(state: StateReader, id: number) {
  const provider = getProvider(state, id)
  return provider === undefined ? undefined : { id, ...provider }
}

export const providersQueries: Rules<typeof providersSchema>['queries'] = {
  provider: (ctx, { id }) => infoOf(ctx.state, id),
  providers: (ctx) =>
    providerIds(ctx.state).map((id) => mustExist(infoOf(ctx.state, id), 'indexed provider exists')),
  bonds: (ctx, { id }) => getBonds(ctx.state, id),
  faults: (ctx, { id }) =>
    FAULT_KINDS.flatMap((kind) => {
      const tally = providersTables.fault.get(ctx.state, { provider: id, kind })
      return tally === undefined ? [] : [{ kind, ...tally }]
    }),
  validators: (ctx) => validatorSet(ctx.state).validators,
  validatorsAt: (ctx, { epoch }) => validatorSetOfEpoch(ctx, epoch),
  frozenBonds: (ctx) =>
    providerIds(ctx.state).flatMap((provider) => {
      const frozen = providersTables.frozenBond.get(ctx.state, { provider })
      return frozen === undefined ? [] : [{ provider, ...frozen }]
    }),
  suspensions: (ctx) =>
    providerIds(ctx.state).flatMap((provider) => {
      const sinceWindow = suspendedSince(ctx.state, provider)
      if (sinceWindow === undefined) return []
      return [{ provider, sinceWindow, unpaidBase: unpaidPenalties(ctx.state, provider) }]
    }),
}
