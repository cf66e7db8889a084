// Deeds: opening, amending, withdrawing, and returning deposits in order at the end of blocks.
import { mustExist } from '../../../base/assert.ts'
import { equalBytes } from '../../../base/bytes.ts'
import { sha256 } from '../../../base/crypto/hash.ts'
import type { Address, Hash32 } from '../../../base/ids.ts'
import type { ActionArgs, Params } from '../../../base/moduleDefinition.ts'
import type { ActionContext, WriteContext } from '../../../state/context.ts'
import type { ParameterContext, ParameterFault } from '../../../state/parameterRules.ts'
import type { ActivationStep } from '../../../state/rules.ts'
import type { StateReader } from '../../../state/view.ts'
import { hold, openReturns, proposedWindowMs, release } from './external.ts'
import { type Deed, notarySchema, type Totals } from './schema.ts'
import { events, fail, notaryParams, notaryTables } from './tables.ts'

type Args<A extends keyof (typeof notarySchema)['actions']> = ActionArgs<typeof notarySchema, A>

const NONE: Totals = { head: 1, nextId: 1, heldBase: 0n, sealedCount: 0, lastWindow: 0 }

export function getTotals(state: StateReader): Totals {
  return notaryTables.totals.get(state, {}) ?? NONE
}

function update(ctx: WriteContext, change: Partial<Totals>): void {
  notaryTables.totals.set(ctx.state, {}, { ...getTotals(ctx.state), ...change })
}

const SEAL_ROUNDS = 1_000

/** The precheck: a seal over a call that takes a thousand hashes, so that it is worth computing before the block. */
export function sealCall(data: Uint8Array): Uint8Array {
  let seal = sha256(data)
  for (let round = 1; round < SEAL_ROUNDS; round++) seal = sha256(seal)
  return seal
}

const sealOf = (ctx: ActionContext): Hash32 => mustExist(ctx.precheck, 'notary has a precheck')() as Hash32

export function deposit(ctx: ActionContext, { documentHash }: Args<'deposit'>) {
  const { depositBase, waitMs } = notaryParams.get(ctx.state)
  const { nextId, heldBase } = getTotals(ctx.state)
  if (!hold(ctx, nextId, ctx.sender, depositBase)) return fail.CannotPay({ neededBase: depositBase })
  // After this point the action must succeed.
  const dueMs = ctx.block.timestampMs + waitMs
  notaryTables.deed.set(
    ctx.state,
    { id: nextId },
    { owner: ctx.sender, documentHash, sealHash: sealOf(ctx), dueMs, heldBase: depositBase },
  )
  update(ctx, { nextId: nextId + 1, heldBase: heldBase + depositBase })
  events.Deposited(ctx, { deed: nextId, documentHash })
  return undefined
}

function ownDeed(state: StateReader, id: number, sender: Address) {
  const deed = notaryTables.deed.get(state, { id })
  if (deed === undefined) return { failure: fail.UnknownDeed({ deed: id }) }
  return equalBytes(deed.owner, sender) ? { deed } : { failure: fail.NotOwner({ deed: id }) }
}

export function amend(ctx: ActionContext, { deed: id, documentHash }: Args<'amend'>) {
  const found = ownDeed(ctx.state, id, ctx.sender)
  if ('failure' in found) return found.failure
  notaryTables.deed.set(ctx.state, { id }, { ...found.deed, documentHash, sealHash: sealOf(ctx) })
  return undefined
}

export function withdraw(ctx: ActionContext, { deed: id }: Args<'withdraw'>) {
  const found = ownDeed(ctx.state, id, ctx.sender)
  if ('failure' in found) return found.failure
  giveBack(ctx, id, found.deed)
  return undefined
}

function giveBack(ctx: WriteContext, id: number, { owner, heldBase }: Deed): void {
  release(ctx, id, owner, heldBase)
  notaryTables.deed.delete(ctx.state, { id })
  update(ctx, { heldBase: getTotals(ctx.state).heldBase - heldBase })
  events.Returned(ctx, { deed: id })
}

/** Measured steps of returning a deposit. */
const RETURN_STEPS = 500

/** Returns the deposits that are due, oldest first; every deed looked at is one of the block's `stepsPerBlockMax`. */
export function endBlock(ctx: WriteContext): void {
  const { stepsPerBlockMax } = notaryParams.get(ctx.state)
  const { head, nextId } = getTotals(ctx.state)
  if (head === nextId) return
  const walk = openReturns(ctx)
  let at = head
  for (let step = 0; step < stepsPerBlockMax && at < nextId; step++, at++) {
    const deed = notaryTables.deed.get(ctx.state, { id: at })
    if (deed === undefined) continue
    if (deed.dueMs > ctx.block.timestampMs || !walk.take(RETURN_STEPS)) break
    giveBack(ctx, at, deed)
    update(ctx, { sealedCount: getTotals(ctx.state).sealedCount + 1 })
  }
  if (at !== head) update(ctx, { head: at })
}

export function onWindowEnd(ctx: WriteContext, ended: number): void {
  update(ctx, { lastWindow: ended })
}

/** When the oldest deposit is due. */
export function dueAtMs(state: StateReader): number | undefined {
  return notaryTables.deed.get(state, { id: getTotals(state).head })?.dueMs
}

/** A withdrawn deed at the head is passed over in the next block. */
export function hasWork(state: StateReader): boolean {
  const { head, nextId } = getTotals(state)
  return head < nextId && !notaryTables.deed.has(state, { id: head })
}

/** Version 2 begins with parameters; version 3 gives every open deed its waiting time again, two deeds a block. */
export function onActivate(ctx: WriteContext, { version, cursor }: ActivationStep): number | undefined {
  const { head, nextId } = getTotals(ctx.state)
  if (version === 2) {
    const { depositBase, waitMs, stepsPerBlockMax } = notarySchema.params
    const preset = {
      depositBase: depositBase.test,
      waitMs: waitMs.test,
      stepsPerBlockMax: stepsPerBlockMax.test,
    }
    notaryParams.set(ctx.state, preset)
    update(ctx, {})
    return undefined
  }
  const { stepsPerBlockMax, waitMs } = notaryParams.get(ctx.state)
  const from = Math.max(cursor, head)
  for (let id = from; id < Math.min(from + stepsPerBlockMax, nextId); id++) {
    const deed = notaryTables.deed.get(ctx.state, { id })
    if (deed !== undefined) notaryTables.deed.set(ctx.state, { id }, { ...deed, dueMs: deed.dueMs + waitMs })
  }
  return from + stepsPerBlockMax < nextId ? from + stepsPerBlockMax : undefined
}

export function checkParameters(
  own: Params<typeof notarySchema>,
  all: ParameterContext,
): ParameterFault | undefined {
  const windowMs = proposedWindowMs(all)
  return own.waitMs > windowMs
    ? { path: 'waitMs', reason: `expected at most a window, ${windowMs} ms` }
    : undefined
}
