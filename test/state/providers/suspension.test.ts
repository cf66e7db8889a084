// Legal groups, suspension and penalties of members, as the modules that judge faults use them.
import { strict as assert } from 'node:assert'
import type { WriteContext } from '../../../state/context.ts'
import { getAssetBalance } from '../../../state/modules/assets/ledger.ts'
import { addBond, getBond } from '../../../state/modules/providers/bonds.ts'
import {
  countDelivery,
  deliveryOf,
  forgetDelivery,
  isServed,
} from '../../../state/modules/providers/delivery.ts'
import { bondAddress, GUARANTEE_FUND } from '../../../state/modules/providers/external.ts'
import { groupOf } from '../../../state/modules/providers/groups.ts'
import { addProvider, convictEquivocator } from '../../../state/modules/providers/members.ts'
import { providersModule } from '../../../state/modules/providers/module.ts'
import { canSlash, payPenalty, slashedOf, takeBond } from '../../../state/modules/providers/penalties.ts'
import {
  isFirstFault,
  isGroupSuspended,
  isSuspended,
  markUnpaid,
  resumeProvider,
  standingRevision,
  suspendedSince,
  suspendProvider,
  unpaidPenalties,
} from '../../../state/modules/providers/suspension.ts'
import { providersTables } from '../../../state/modules/providers/tables.ts'
import { recountNow } from '../../../state/recount.ts'
import { addressOf, blockContext, DOLLAR, profileOf, TestChain } from '../../support/chainHarness.ts'

function contextOf(chain: TestChain): WriteContext {
  return { state: chain.full, block: blockContext({ height: 1 }), emit: () => {} }
}

/** Members 9 and 12 are of the legal group of member 1; member 11 has none. */
function chainOfGroups(): { chain: TestChain; ctx: WriteContext } {
  const chain = new TestChain()
  const ctx = contextOf(chain)
  const join = (id: number, legalGroup: string) =>
    addProvider(ctx, {
      id,
      operator: addressOf(`operator${id}`),
      consensusKey: new Uint8Array(48).fill(id),
      peerId: Uint8Array.of(id),
      profile: { ...profileOf(id), legalGroup },
    })
  join(9, profileOf(1).legalGroup)
  join(11, '')
  join(12, profileOf(1).legalGroup)
  return { chain, ctx }
}

function recount(chain: TestChain, id: string): string | undefined {
  const invariant = providersModule.rules.invariants!.find((known) => known.id === id)!
  return recountNow(invariant, chain.full, { state: chain.full, block: blockContext({ height: 1 }) })
}

describe('providers.groups', () => {
  it('names a group by its lowest member, and a member without one by itself', () => {
    const { chain } = chainOfGroups()
    assert.deepEqual(
      [1, 2, 9, 11, 12].map((id) => groupOf(chain.full, id)),
      [1, 2, 1, 11, 1],
    )
  })
})

describe('providers.suspension', () => {
  it('suspends a group while any member is suspended', () => {
    const { chain, ctx } = chainOfGroups()
    const suspended = () => [1, 2, 9, 11, 12].filter((id) => isGroupSuspended(chain.full, id))
    suspendProvider(ctx, 9, 7)
    suspendProvider(ctx, 12, 8)
    assert.deepEqual(suspended(), [1, 9, 12])
    assert.equal(isSuspended(chain.full, 1), false)
    assert.equal(suspendedSince(chain.full, 9), 7)
    resumeProvider(ctx, 9)
    assert.deepEqual(suspended(), [1, 9, 12])
    resumeProvider(ctx, 12)
    assert.deepEqual(suspended(), [])
    assert.equal(standingRevision(chain.full), 4)
    assert.equal(recount(chain, 'providers.suspension'), undefined)
    assert.throws(() => resumeProvider(ctx, 12), /only a suspended member/)
  })

  it('finds a wrong count of suspended members', () => {
    const { chain, ctx } = chainOfGroups()
    suspendProvider(ctx, 9, 7)
    providersTables.suspension.delete(chain.full, { provider: 9 })
    assert.match(recount(chain, 'providers.suspension') ?? '', /suspended groups/)
  })

  it('counts a fault as the first again after a horizon without one', () => {
    const { ctx } = chainOfGroups()
    const fault = (window: number) => isFirstFault(ctx.state, { provider: 2, window, horizon: 12 })
    assert.deepEqual([fault(3), fault(14), fault(26), fault(37)], [true, false, true, false])
    assert.equal(isFirstFault(ctx.state, { provider: 1, window: 37, horizon: 12 }), true)
  })

  it('sums what is unpaid', () => {
    const { ctx } = chainOfGroups()
    assert.equal(unpaidPenalties(ctx.state, 2), 0n)
    markUnpaid(ctx.state, 2, 5n)
    markUnpaid(ctx.state, 2, 6n)
    assert.equal(unpaidPenalties(ctx.state, 2), 11n)
  })
})

describe('providers.penalties', () => {
  const victim = addressOf('victim')
  const units = (chain: TestChain, owner: Uint8Array) => getAssetBalance(chain.full, { asset: DOLLAR, owner })

  function bonded(): { chain: TestChain; ctx: WriteContext } {
    const { chain, ctx } = chainOfGroups()
    const bond = { provider: 1, asset: DOLLAR, from: addressOf('operator1'), amountBase: 1000n }
    assert.ok(addBond(ctx, bond))
    return { chain, ctx }
  }

  it('takes from the bond at once, and pays the victim and the fund', () => {
    const { chain, ctx } = bonded()
    const before = units(chain, GUARANTEE_FUND)
    takeBond(ctx, { provider: 1, asset: DOLLAR, amountBase: 11n })
    assert.equal(getBond(chain.full, { provider: 1, asset: DOLLAR }), 989n)
    assert.equal(units(chain, bondAddress(1)), 1000n)
    payPenalty(ctx, { provider: 1, asset: DOLLAR, amountBase: 5n, victim })
    payPenalty(ctx, { provider: 1, asset: DOLLAR, amountBase: 6n })
    assert.equal(units(chain, victim), 5n)
    assert.equal(units(chain, GUARANTEE_FUND) - before, 6n)
    assert.equal(units(chain, bondAddress(1)), 989n)
    assert.deepEqual(slashedOf(chain.full, DOLLAR), {
      slashedBase: 11n,
      victimsBase: 5n,
      fundBase: 6n,
      burnedBase: 0n,
    })
    assert.deepEqual([recount(chain, '9'), recount(chain, '1 bonds')], [undefined, undefined])
    assert.throws(() => takeBond(ctx, { provider: 1, asset: DOLLAR, amountBase: 990n }), /covers the penalty/)
  })

  it('finds a penalty that went nowhere', () => {
    const { chain, ctx } = bonded()
    takeBond(ctx, { provider: 1, asset: DOLLAR, amountBase: 11n })
    payPenalty(ctx, { provider: 1, asset: DOLLAR, amountBase: 5n, victim })
    providersTables.slashed.set(
      chain.full,
      { asset: DOLLAR },
      { ...slashedOf(chain.full, DOLLAR), slashedBase: 6n },
    )
    assert.match(recount(chain, '9') ?? '', /6 slashed, 5 to victims/)
  })

  it('takes nothing from a frozen bond', () => {
    const { chain, ctx } = bonded()
    assert.equal(canSlash(chain.full, 1), true)
    convictEquivocator(ctx, 1, 15)
    assert.equal(canSlash(chain.full, 1), false)
    assert.throws(() => takeBond(ctx, { provider: 1, asset: DOLLAR, amountBase: 1n }), /covers the penalty/)
    assert.equal(getBond(chain.full, { provider: 1, asset: DOLLAR }), 1000n)
  })
})

describe('providers.delivery', () => {
  it('counts by window until it is forgotten', () => {
    const { chain, ctx } = chainOfGroups()
    const at = { provider: 2, window: 5 }
    const NONE = { grantedBase: 0n, voucheredBase: 0n, faultBase: 0n, toleratedBase: 0n }
    countDelivery(ctx.state, at, { grantedBase: 10n, toleratedBase: 2n })
    countDelivery(ctx.state, at, { voucheredBase: 4n })
    countDelivery(ctx.state, { provider: 2, window: 6 }, { faultBase: 3n })
    assert.deepEqual(deliveryOf(chain.full, at), {
      ...NONE,
      grantedBase: 10n,
      voucheredBase: 4n,
      toleratedBase: 2n,
    })
    forgetDelivery(ctx.state, at)
    forgetDelivery(ctx.state, at)
    assert.deepEqual(deliveryOf(chain.full, at), NONE)
    assert.equal(deliveryOf(chain.full, { provider: 2, window: 6 }).faultBase, 3n)
  })

  it('calls grants served from half of their vouchers on, or when fewer than the tolerated coins lack one', () => {
    const served = (grantedBase: bigint, voucheredBase: bigint, toleratedBase: bigint): boolean =>
      isServed({ grantedBase, voucheredBase, toleratedBase, faultBase: 0n })
    assert.deepEqual([served(0n, 0n, 0n), served(10n, 5n, 0n), served(10n, 4n, 0n)], [true, true, false])
    assert.deepEqual([served(10n, 4n, 6n), served(10n, 4n, 7n), served(7n, 0n, 7n)], [false, true, false])
  })
})
