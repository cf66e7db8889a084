// The budget that the walks of the economy share in a block. Each module names its walks in its definition, and opens them
// through its `external.ts`. Not: how a budget is divided (state/blockWork.ts), what an act costs (the modules).
import type { ModuleDef, WalkName } from '../../../base/moduleDefinition.ts'
import { numberOfWalk, openWalk, type Walk } from '../../blockWork.ts'
import type { WriteContext } from '../../context.ts'
import { capacityParams } from './tables.ts'

/** Opens a walk of a module in this block. */
export function openEconomyWalk<D extends ModuleDef>(
  ctx: WriteContext,
  definition: D,
  name: WalkName<D>,
): Walk {
  const { blockStepsMax } = capacityParams.get(ctx.state)
  return openWalk(ctx, { stepsMax: blockStepsMax, ...numberOfWalk(ctx.block.modules, definition, name) })
}
