// The backers' share of what a provider receives: published, raised at once, lowered with notice, so that backers can leave first.
import type { ActionArgs } from '../../../base/moduleDefinition.ts'
import type { ActionContext } from '../../context.ts'
import type { StateReader } from '../../view.ts'
import { memberOf, runningWindow } from './external.ts'
import { getPool, updatePool } from './pools.ts'
import { type backingSchema, SHARE_MAX_PPM } from './schema.ts'
import { backingParams, events, fail } from './tables.ts'

/** The first window after `unbondWindows` whole windows. */
export function afterUnbonding(state: StateReader): number {
  return runningWindow(state) + 1 + backingParams.get(state).unbondWindows
}

/** A lower share under notice; undefined without one, or when it holds already. */
export function nextShare(
  state: StateReader,
  provider: number,
): { readonly nextSharePpm: bigint; readonly nextShareWindow: number } | undefined {
  const { nextSharePpm, nextShareWindow } = getPool(state, provider)
  return nextShareWindow === undefined || nextShareWindow <= runningWindow(state)
    ? undefined
    : { nextSharePpm, nextShareWindow }
}

/** The share that holds in the running window. */
export function shareNow(state: StateReader, provider: number): bigint {
  const { sharePpm, nextSharePpm, nextShareWindow } = getPool(state, provider)
  return nextShareWindow !== undefined && nextShareWindow <= runningWindow(state) ? nextSharePpm : sharePpm
}

export function setShare(ctx: ActionContext, { sharePpm }: ActionArgs<typeof backingSchema, 'setShare'>) {
  const { state, sender } = ctx
  const provider = memberOf(state, sender)
  if (provider === undefined) return fail.NotProvider({ sender })
  if (sharePpm > SHARE_MAX_PPM) return fail.ShareTooLarge({ sharePpm, maximumPpm: SHARE_MAX_PPM })
  const nowPpm = shareNow(state, provider)
  const next = nextShare(state, provider)
  if (sharePpm === (next?.nextSharePpm ?? nowPpm)) return fail.SameShare({ sharePpm })
  // After this point the action must succeed.
  const isLower = sharePpm < nowPpm
  const fromWindow = isLower ? afterUnbonding(state) : runningWindow(state)
  const { nextShareWindow: _, ...pool } = getPool(state, provider)
  const held = isLower
    ? { sharePpm: nowPpm, nextSharePpm: sharePpm, nextShareWindow: fromWindow }
    : { sharePpm, nextSharePpm: 0n, nextShareWindow: undefined }
  updatePool(state, provider, { ...pool, ...held })
  events.ShareSet(ctx, { provider, sharePpm, fromWindow })
  return undefined
}
