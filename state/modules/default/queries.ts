// Queries of default: the guarantee fund.
import type { Rules } from '../../rules.ts'
import { feesHeld, fundHeld } from './external.ts'
import { fundTarget } from './fees.ts'
import type { defaultSchema } from './schema.ts'

export const defaultQueries: Rules<typeof defaultSchema>['queries'] = {
  fund: ({ state }) => ({
    heldBase: fundHeld(state),
    targetBase: fundTarget(state),
    feesBase: feesHeld(state),
  }),
}
