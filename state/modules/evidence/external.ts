// What evidence needs from other modules: who signs in an epoch, and the penalty of a convicted member.
import type { ValidatorSet } from '../../../base/protocol/validators.ts'
import type { ReadContext, WriteContext } from '../../context.ts'
import type { StateReader } from '../../view.ts'
import { touchCapacity } from '../capacity/sums.ts'
import { settleCoverage } from '../issuance/settle.ts'
import { faultRoom } from '../providers/faultQueue.ts'
import { convictEquivocator, providerIds } from '../providers/members.ts'
import { validatorSetOfEpoch } from '../providers/pastSets.ts'
import { evidenceSchema } from './schema.ts'

/** The validators of an epoch; undefined when it has not begun or ended too long ago. */
export function signersOf(ctx: ReadContext, epoch: number): ValidatorSet | undefined {
  return validatorSetOfEpoch(ctx, epoch)
}

/** All members, by id. */
export function memberIds(state: StateReader): readonly number[] {
  return providerIds(state)
}

/** Jails members and freezes their bonds; their capacity no longer counts. */
export function convict(ctx: WriteContext, providers: readonly number[]): void {
  for (const provider of providers) convictEquivocator(ctx, provider, evidenceSchema.id)
  touchCapacity(ctx.state)
  settleCoverage(ctx)
}

/** How many convictions the queue of faults has room for. */
export function faultRoomIn(state: StateReader): number {
  return faultRoom(state)
}
