// What evidence asks of other modules: who signed in an epoch, and that a convicted member loses what it must.
import type { ValidatorSet } from '../../../base/protocol/validators.ts'
import type { ReadContext, WriteContext } from '../../context.ts'
import type { StateReader } from '../../view.ts'
import { recountProvider } from '../capacity/book.ts'
import { convictEquivocator, providerIds } from '../providers/members.ts'
import { validatorSetOfEpoch } from '../providers/pastSets.ts'

/** The validators of an epoch; undefined when it has not begun or ended too long ago. */
export function signersOf(ctx: ReadContext, epoch: number): ValidatorSet | undefined {
  return validatorSetOfEpoch(ctx, epoch)
}

/** All members, by id. */
export function memberIds(state: StateReader): readonly number[] {
  return providerIds(state)
}

/** Jails a member and freezes its bond; its capacity counts no more. */
export function convict(ctx: WriteContext, provider: number): void {
  convictEquivocator(ctx, provider)
  recountProvider(ctx, provider)
}
