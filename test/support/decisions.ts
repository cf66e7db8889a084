// Decisions of a MemberChain: one member proposes, the others approve, and the time lock runs out.
import { strict as assert } from 'node:assert'
import { DEV_PARAMETERS } from '../../genesis/parameters.ts'
import { governanceModule } from '../../state/modules/governance/module.ts'
import { openProposals } from '../../state/modules/governance/proposals.ts'
import { governanceSchema } from '../../state/modules/governance/schema.ts'
import { type Call, type MemberChain, operatorOf } from './memberChain.ts'

export const { windowMs } = DEV_PARAMETERS.capacity

/** A call of a member to governance. */
export const decision = (id: number, action: string, args: object): Call => ({
  from: operatorOf(id),
  module: governanceSchema,
  action,
  args,
})

/** Member 1 proposes; returns the refusal in words. */
export function propose(chain: MemberChain, action: string, args: object = {}): string | undefined {
  return chain.run(operatorOf(1), governanceSchema, action, args)
}

/** The other members approve the newest proposal. */
export function approve(chain: MemberChain): void {
  const proposal = openProposals(chain.full).nextId - 1
  const others = chain.ids.filter((id) => id !== 1)
  const receipts = chain.next(others.map((id) => decision(id, 'vote', { proposal, approve: true })))
  assert.ok(receipts.every(({ succeeded }) => succeeded))
}

/** Carries a decision out; `lockWindows` is the time lock of its kind. */
export function decide(chain: MemberChain, action: string, args: object = {}, lockWindows = 0): void {
  assert.equal(propose(chain, action, args), undefined)
  approve(chain)
  chain.wait(lockWindows * windowMs)
  assert.deepEqual(openProposals(chain.full).proposals, [], 'the proposal is concluded')
}

/** Seconds of the head's time, and so many more. */
export const secondsAhead = (chain: MemberChain, seconds: number): number =>
  Math.floor(chain.parent.header.timestampMs / 1000) + seconds

export const askGovernance = (chain: MemberChain, name: string, args: object = {}) =>
  governanceModule.rules.queries[name]!(chain.context(), args as never)
