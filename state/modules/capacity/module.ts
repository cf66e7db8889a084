// Joins the definition of capacity with its rules.
import { implement } from '../../rules.ts'
import { endBlock, endWindowWhenCounted, hasWork, onParametersChanged, onWindowEnd } from './blockEnd.ts'
import { capacityInvariants } from './invariants.ts'
import { checkParameters } from './parameters.ts'
import { giveNotice, pledge } from './pledges.ts'
import { capacityQueries } from './queries.ts'
import { capacitySchema } from './schema.ts'
import { reserve } from './sums.ts'
import { dueAtMs } from './windows.ts'

export const capacityModule = implement(capacitySchema, {
  actions: { pledge, giveNotice },
  queries: capacityQueries,
  checkParameters,
  endWindow: endWindowWhenCounted,
  onWindowEnd,
  onParametersChanged,
  endBlock,
  dueAtMs,
  hasWork,
  reserve,
  invariants: capacityInvariants,
})
