// The chamber of holders: coins locked for a motion hold the anchor for a bounded time, or veto a change of reporters.
import { strict as assert } from 'node:assert'
import { DEV_PARAMETERS } from '../../../genesis/parameters.ts'
import { getAccount, getSupply } from '../../../state/modules/accounts/ledger.ts'
import { checkParameters } from '../../../state/modules/governance/parameters.ts'
import { openProposals } from '../../../state/modules/governance/proposals.ts'
import { governanceSchema } from '../../../state/modules/governance/schema.ts'
import { holdAnchor, isAnchorHeld, setAnchor } from '../../../state/modules/oracle/anchor.ts'
import { oracleTables } from '../../../state/modules/oracle/tables.ts'
import { approve, askGovernance, propose, windowMs } from '../../support/decisions.ts'
import { digestOf, MemberChain, operatorOf, stranger } from '../../support/memberChain.ts'

const { anchorHoldWindows, anchorRestWindows, motionMs } = DEV_PARAMETERS.governance
const [second, third] = [operatorOf(6), operatorOf(7)]
const ONE = 10n ** 18n

const run = (chain: MemberChain, from: Uint8Array, action: string, args: object) =>
  chain.run(from, governanceSchema, action, args)
const hold = (chain: MemberChain, amountBase: bigint, from = stranger) =>
  run(chain, from, 'openMotion', { kind: 'holdAnchor', proposal: 0, amountBase })
const support = (chain: MemberChain, from: Uint8Array, amountBase: bigint, motion = 1) =>
  run(chain, from, 'supportMotion', { motion, amountBase })
const reclaim = (chain: MemberChain, holder: Uint8Array, motion = 1) =>
  run(chain, operatorOf(8), 'reclaimCoins', { motion, holder })
const coinsOf = (chain: MemberChain, of: Uint8Array): bigint => getAccount(chain.full, of).balanceBase
/** A share of the supply, percent. */
const share = (chain: MemberChain, percent: bigint): bigint => (getSupply(chain.full) * percent) / 100n

const reporters = (names: readonly string[]) => ({
  appoint: names.map((name) => ({ account: digestOf(name).slice(0, 20), name })),
  dismiss: [],
})

describe('governance.openMotion', () => {
  it('a quarter of the supply holds the anchor, for a bounded time, and then it rests', () => {
    const chain = new MemberChain(4)
    assert.equal(hold(chain, share(chain, 9n)), undefined)
    assert.equal(support(chain, second, share(chain, 9n)), undefined)
    assert.equal(oracleTables.hold.has(chain.full, {}), false)
    assert.equal(support(chain, third, share(chain, 8n)), undefined)
    assert.ok(isAnchorHeld(chain.full))
    assert.match(support(chain, operatorOf(8), ONE)!, /^MotionOver/)
    for (let i = 0; i < anchorHoldWindows; i++) {
      assert.match(reclaim(chain, second)!, /^MotionNotOver/)
      chain.wait(windowMs)
    }
    assert.equal(isAnchorHeld(chain.full), false)
    assert.match(hold(chain, share(chain, 1n))!, /^AnchorRests/)
    const before = coinsOf(chain, second)
    assert.equal(reclaim(chain, second), undefined)
    assert.equal(coinsOf(chain, second), before + share(chain, 9n))
    assert.match(reclaim(chain, second)!, /^NothingLocked/)
    for (const holder of [stranger, third]) assert.equal(reclaim(chain, holder), undefined)
    assert.match(reclaim(chain, third)!, /^UnknownMotion/)
    for (let i = 0; i < anchorRestWindows; i++) chain.wait(windowMs)
    assert.equal(hold(chain, share(chain, 1n)), undefined)
  })

  it('coins come back when a motion does not reach its share in time', () => {
    const chain = new MemberChain(4)
    const before = coinsOf(chain, second)
    assert.equal(hold(chain, share(chain, 1n)), undefined)
    assert.equal(support(chain, second, share(chain, 5n)), undefined)
    assert.match(hold(chain, share(chain, 1n))!, /^MotionOpen\(motion=1\)/)
    assert.match(reclaim(chain, second)!, /^MotionNotOver\(motion=1, untilWindow=0\)/)
    chain.wait(motionMs)
    assert.match(support(chain, second, ONE)!, /^MotionOver/)
    assert.equal(reclaim(chain, second), undefined)
    assert.ok(before - coinsOf(chain, second) < ONE, 'all but fees')
    assert.equal(hold(chain, share(chain, 1n)), undefined)
    const motions = askGovernance(chain, 'motions', { from: 1 }) as readonly { id: number; isOver: boolean }[]
    assert.deepEqual(
      motions.map(({ id, isOver }) => [id, isOver]),
      [
        [1, true],
        [2, false],
      ],
    )
  })

  it('refuses too few coins, coins that are not there, and a proposal that cannot be vetoed', () => {
    const chain = new MemberChain(4)
    assert.match(hold(chain, 1n)!, /^BelowMinimum/)
    assert.match(hold(chain, share(chain, 90n))!, /^InsufficientCoins/)
    propose(chain, 'proposeStopMinting', { reason: 'audit' })
    const veto = (proposal: number) =>
      run(chain, stranger, 'openMotion', { kind: 'vetoReporters', proposal, amountBase: share(chain, 1n) })
    for (const proposal of [0, 1, 9]) assert.match(veto(proposal)!, /^NotVetoable/)
    const both = { kind: 'holdAnchor', proposal: 1, amountBase: share(chain, 1n) }
    assert.match(run(chain, stranger, 'openMotion', both)!, /^NotVetoable/)
    assert.match(support(chain, stranger, ONE)!, /^UnknownMotion/)
    hold(chain, share(chain, 1n))
    assert.match(support(chain, second, 1n)!, /^BelowMinimum/)
  })

  it('a fifth of the supply vetoes a change of reporters during its lock', () => {
    const chain = new MemberChain(4)
    assert.equal(propose(chain, 'proposeReporters', reporters(['a', 'b', 'c'])), undefined)
    approve(chain)
    const veto = { kind: 'vetoReporters', proposal: 1, amountBase: share(chain, 9n) }
    assert.equal(run(chain, stranger, 'openMotion', veto), undefined)
    assert.equal(support(chain, second, share(chain, 9n)), undefined)
    assert.equal(openProposals(chain.full).proposals.length, 1)
    assert.equal(support(chain, third, share(chain, 3n)), undefined)
    assert.equal(openProposals(chain.full).proposals.length, 0)
    assert.match(reclaim(chain, third)!, /^MotionNotOver/, 'the window is not over')
    chain.wait(windowMs)
    for (const holder of [stranger, second, third]) assert.equal(reclaim(chain, holder), undefined)
  })

  it('a motion to veto ends with its proposal', () => {
    const chain = new MemberChain(4)
    propose(chain, 'proposeReporters', reporters(['a', 'b', 'c']))
    const veto = { kind: 'vetoReporters', proposal: 1, amountBase: share(chain, 1n) }
    assert.equal(run(chain, second, 'openMotion', veto), undefined)
    assert.equal(run(chain, operatorOf(1), 'withdrawProposal', { proposal: 1 }), undefined)
    assert.equal(reclaim(chain, second), undefined)
  })
})

describe('oracle.holdAnchor', () => {
  it('the anchor does not move while it is held, and moves again afterwards', () => {
    const chain = new MemberChain(4)
    const block = { ...chain.context().block }
    const overlay = { ...chain.context(), emit: () => {}, block }
    const ctx = { ...overlay, state: chain.full } as never
    const { anchor } = oracleTables.anchor.mustGet(chain.full, {})
    assert.ok(setAnchor(ctx, anchor * 2n) > anchor)
    holdAnchor(ctx, 0)
    assert.equal(oracleTables.anchor.mustGet(chain.full, {}).nextAnchor, anchor, 'what was due is gone')
    assert.equal(setAnchor(ctx, anchor * 2n), anchor)
  })
})

describe('governance.checkParameters', () => {
  it('lets the anchor rest four times as long as it can be held', () => {
    const params = DEV_PARAMETERS.governance
    assert.equal(checkParameters(params), undefined)
    const fault = checkParameters({ ...params, anchorRestWindows: 4 * params.anchorHoldWindows - 1 })
    assert.equal(fault?.path, 'anchorRestWindows')
  })
})
