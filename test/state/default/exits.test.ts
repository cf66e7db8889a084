// Leaving: handing liability over, giving up the vote, the tail, and the bond (ECONOMY §9).
import assert from 'node:assert/strict'
import { utf8 } from '../../../base/bytes.ts'
import { sha256 } from '../../../base/crypto/hash.ts'
import { TEST_PARAMETERS } from '../../../genesis/parameters.ts'
import { ledger } from '../../../state/ledger.ts'
import { refuseAttestation } from '../../../state/modules/capacity/attestations.ts'
import { getLot } from '../../../state/modules/capacity/lots.ts'
import { capacityModule } from '../../../state/modules/capacity/module.ts'
import { getSummary } from '../../../state/modules/capacity/sums.ts'
import { markLeft } from '../../../state/modules/default/external.ts'
import { unjailMember } from '../../../state/modules/governance/external.ts'
import { compensationOf } from '../../../state/modules/issuance/compensations.ts'
import { lockAddress } from '../../../state/modules/issuance/external.ts'
import { getLiability } from '../../../state/modules/issuance/ledger.ts'
import { issuanceModule } from '../../../state/modules/issuance/module.ts'
import { issuanceTables } from '../../../state/modules/issuance/tables.ts'
import { convictEquivocator, jailProvider, removeProvider } from '../../../state/modules/providers/members.ts'
import { isSuspended } from '../../../state/modules/providers/suspension.ts'
import { validatorSet } from '../../../state/modules/providers/validatorSet.ts'
import { ASSET, coins, DefaultChain, HOLDER, K, PRICE, TAIL, walletOf } from '../../support/defaultFixture.ts'

const code = (failure: { readonly code: string } | undefined): string | undefined => failure?.code
const stepOf = (chain: DefaultChain) => chain.ask<{ step: string }>('status', { provider: 1 }).step

function owing(amount: number, options: ConstructorParameters<typeof DefaultChain>[0] = {}): DefaultChain {
  const chain = new DefaultChain(options)
  chain.run(() => {
    chain.give(1, 1_000n * PRICE)
    chain.owe(1, coins(amount), { locked: options.economy === TEST_PARAMETERS })
  })
  return chain
}
const offer = (amount: number, payment = 0) => ({
  to: 2,
  amountBase: coins(amount),
  asset: ASSET,
  paymentBase: BigInt(payment) * PRICE,
})
const { to: _, ...TERMS } = offer(100, 30)
const accept = (amount = 100, payment = 30) => {
  const { to: __, ...terms } = offer(amount, payment)
  return { from: 1, ...terms }
}

describe('default.offerNovation', () => {
  it('puts the payment into escrow, and back when it is withdrawn', () => {
    const chain = owing(500)
    chain.run(() => {
      assert.equal(code(chain.do(1, 'offerNovation', offer(100, 30))), undefined)
      assert.equal(chain.units(1), 970n * PRICE)
      assert.equal(code(chain.do(1, 'offerNovation', offer(100))), 'NovationOpen')
    })
    chain.run(() => assert.equal(code(chain.do(1, 'withdrawNovation')), undefined))
    assert.equal(chain.units(1), 1_000n * PRICE)
    chain.run(() => assert.equal(code(chain.do(1, 'withdrawNovation')), 'NoNovation'))
  })

  it('refuses what makes no sense', () => {
    const chain = owing(500)
    const refused = (over: object) => code(chain.do(1, 'offerNovation', { ...offer(100), ...over }))
    chain.run(() => {
      assert.equal(code(chain.do(40, 'offerNovation', offer(100))), 'NotProvider')
      assert.equal(refused({ to: 9 }), 'UnknownProvider')
      assert.equal(refused({ to: 1 }), 'SameProvider')
      assert.equal(refused({ amountBase: 0n }), 'ZeroAmount')
      assert.equal(refused({ amountBase: coins(501) }), 'LiabilityTooSmall')
      assert.equal(refused({ asset: 77 }), 'UnknownAsset')
      assert.equal(refused({ paymentBase: 1_001n * PRICE }), 'InsufficientAsset')
      assert.equal(refused({ asset: 0, paymentBase: 1n }), 'InsufficientCoins')
    })
  })

  it('of a provider that defaults ends, and is paid back', () => {
    const chain = owing(500)
    chain.run(() => assert.equal(code(chain.do(1, 'offerNovation', offer(100, 30))), undefined))
    chain.fail(1)
    assert.equal(chain.units(1), 1_000n * PRICE)
    chain.run(() => {
      assert.equal(code(chain.do(2, 'acceptNovation', accept())), 'NoNovation')
      assert.equal(code(chain.do(1, 'offerNovation', offer(100))), 'HasDefaulted')
    })
  })
})

describe('default.acceptNovation', () => {
  it('moves the liability, and pays; only to whom and as it was offered', () => {
    const chain = owing(500)
    const before = chain.sums
    chain.run(() => {
      assert.equal(code(chain.do(1, 'offerNovation', offer(100, 30))), undefined)
      assert.equal(code(chain.do(3, 'acceptNovation', accept())), 'NotOffered')
      assert.equal(code(chain.do(2, 'acceptNovation', { ...accept(), paymentBase: 1n })), 'NoNovation')
      assert.equal(code(chain.do(2, 'acceptNovation', accept())), undefined)
    })
    assert.deepEqual([chain.liability(1), chain.liability(2)], [coins(400), coins(100)])
    assert.equal(chain.units(2), TERMS.paymentBase)
    assert.deepEqual(chain.sums, before)
    const { takenOverBase, issuedBase } = getLiability(chain.state, 2)
    assert.deepEqual([takenOverBase, issuedBase], [coins(100), 0n])
    assert.equal(getLiability(chain.state, 1).handedOverBase, coins(100))
  })

  it('passes the whole mint rule at the other', () => {
    const chain = owing(500, {
      providers: [0, 1, 2, 3, 4].map((i) => ({ devices: 100, bondBase: i === 1 ? 10n * PRICE : 10n ** 15n })),
    })
    chain.run(() => {
      assert.equal(code(chain.do(1, 'offerNovation', offer(100))), undefined)
      assert.equal(code(chain.do(2, 'acceptNovation', accept(100, 0))), 'BondTooSmall')
      jailProvider(chain.ctx(), 2)
      assert.equal(code(chain.do(2, 'acceptNovation', accept(100, 0))), 'ProviderNotActive')
    })
  })

  it('takes the lock along, in proportion, and releases it there', () => {
    const chain = owing(500, { economy: TEST_PARAMETERS })
    const lockOf = (id: number) => getLiability(chain.state, id)
    const lockedBase = coins(250)
    chain.run(() => {
      assert.equal(lockOf(1).lockedBase, lockedBase)
      assert.equal(code(chain.do(1, 'offerNovation', offer(200))), undefined)
      assert.equal(code(chain.do(2, 'acceptNovation', accept(200, 0))), undefined)
    })
    const heldBase = [1, 2].map((id) => ledger.balanceOf(chain.state, { asset: 0, owner: lockAddress(id) }))
    assert.deepEqual(heldBase, [lockOf(1).lockedBase, lockOf(2).lockedBase])
    assert.equal(heldBase[0]! + heldBase[1]!, lockedBase)
    // Two fifths, less what rounding left at home.
    assert.ok(heldBase[1]! <= coins(100) && heldBase[1]! > coins(100) - 100n)
    for (let window = 0; window <= K; window++) chain.pass()
    // The timed parts are free, the floors stay until liability burns.
    assert.deepEqual(
      [1, 2].map((id) => lockOf(id).lockedBase),
      [lockOf(1).floorBase, lockOf(2).floorBase],
    )
    assert.equal(lockOf(2).floorBase, coins(40))
    assert.equal([...issuanceTables.release.values(chain.committed)].length, 0)
  })

  it('takes the compensation of assumed liability along', () => {
    const chain = new DefaultChain({
      providers: [0, 1, 2, 3, 4].map((i) => ({
        devices: 100,
        bondBase: i === 0 ? 1_000n * PRICE : 10n ** 15n,
      })),
    })
    chain.run(() => chain.owe(1, coins(4_000)))
    chain.fail(1)
    chain.close(1)
    const before = chain.sums
    const heldBase = compensationOf(chain.state, 3).assets[0]!.amountBase
    chain.run(() => {
      const half = { amountBase: coins(500), asset: 0, paymentBase: 0n }
      assert.equal(code(chain.do(3, 'offerNovation', { to: 2, ...half })), undefined)
      assert.equal(code(chain.do(2, 'acceptNovation', { from: 3, ...half })), undefined)
    })
    assert.equal(compensationOf(chain.state, 3).assets[0]!.amountBase, heldBase / 2n)
    assert.deepEqual(chain.assumed(3), { assumedBase: coins(500), exemptBase: coins(500) })
    // Whoever takes it by agreement has a bond for it like for any other.
    assert.deepEqual(chain.assumed(2), { assumedBase: coins(1_500), exemptBase: coins(1_000) })
    assert.deepEqual(chain.sums, before)
  })
})

/** Lets a provider that owes nothing have left for good. */
function leave(chain: DefaultChain, provider: number): void {
  removeProvider(chain.ctx(), provider)
  markLeft(chain.ctx(), provider)
}

describe('default: exit', () => {
  it('goes step by step: no more minting, nothing owed, no vote, the tail, the bond', () => {
    const chain = owing(500)
    const bondBase = chain.bond(1)
    const withdraw = () => code(chain.do(1, 'withdrawBond', { asset: ASSET, amountBase: bondBase }))
    chain.run(() => {
      assert.equal(code(chain.do(1, 'completeExit')), 'NotLeaving')
      assert.equal(code(chain.do(1, 'beginExit')), undefined)
      assert.equal(code(chain.do(1, 'beginExit')), 'AlreadyLeaving')
      assert.equal(code(chain.mint(HOLDER, 1, coins(1))), 'ProviderNotActive')
      assert.equal(code(chain.do(1, 'completeExit')), 'LiabilityLeft')
      assert.equal(withdraw(), 'LiabilityLeft')
    })
    assert.equal(stepOf(chain), 'handOver')
    chain.pass()
    assert.equal(chain.status(1), 'retiring')
    assert.deepEqual(
      validatorSet(chain.state).validators.map(({ id }) => id),
      [1, 2, 3, 4, 5],
    )
    chain.run(() => {
      assert.equal(code(chain.do(1, 'offerNovation', offer(500))), undefined)
      assert.equal(code(chain.do(2, 'acceptNovation', accept(500, 0))), undefined)
    })
    assert.equal(stepOf(chain), 'completeExit')
    chain.run(() => {
      assert.equal(withdraw(), 'BondLocked')
      assert.equal(code(chain.do(1, 'completeExit')), undefined)
    })
    // The tail begins at the window's end; its end is known before.
    const unlocksAt = () => chain.ask<{ untilWindow: number }>('status', { provider: 1 }).untilWindow
    const known = unlocksAt()
    assert.equal(known, chain.window + 1 + TAIL)
    chain.pass()
    assert.deepEqual(
      validatorSet(chain.state).validators.map(({ id }) => id),
      [2, 3, 4, 5],
    )
    assert.deepEqual([stepOf(chain), unlocksAt()], ['wait', known])
    for (let window = 1; window < TAIL; window++) {
      chain.pass()
      chain.run(() => assert.equal(withdraw(), 'BondLocked'))
    }
    chain.pass()
    assert.equal(stepOf(chain), 'withdrawBond')
    chain.run(() => {
      assert.equal(code(chain.do(1, 'withdrawBond', { asset: ASSET, amountBase: 0n })), 'ZeroAmount')
      assert.equal(
        code(chain.do(1, 'withdrawBond', { asset: ASSET, amountBase: bondBase + 1n })),
        'InsufficientBond',
      )
      assert.equal(withdraw(), undefined)
    })
    assert.equal(chain.units(1), 1_000n * PRICE + bondBase)
    assert.equal(stepOf(chain), 'nothing')
    // Nothing secures what its hardware would promise.
    assert.equal(chain.status(1), 'left')
    chain.pass()
    assert.equal(getSummary(chain.state, 1).capacityBase, 0n)
    assert.ok(getSummary(chain.state, 2).capacityBase > 0n)
  })

  it('whose hardware is still pledged may bring no more, and ends its lots by notice', () => {
    const chain = new DefaultChain()
    chain.run(() => leave(chain, 1))
    // In the fixture each provider's first lot has its own number.
    const lot = 1
    assert.equal(getLot(chain.state, lot)?.provider, 1)
    chain.run(() => {
      const more = {
        classId: 1,
        devices: 1,
        deviceRoot: sha256(utf8('more')),
        region: 'tw',
        services: 7,
        firstWindow: chain.window + 1,
      }
      const pledged = chain.act('pledge', walletOf(1), more, capacityModule)
      assert.equal(code(pledged), 'ProviderNotServing')
      assert.equal(
        refuseAttestation(chain.state, { lot, lastWindow: chain.window + 3 }, 1)?.code,
        'ProviderNotServing',
      )
      assert.equal(code(chain.act('giveNotice', walletOf(1), { lot }, capacityModule)), undefined)
    })
    for (let window = 0; window <= K; window++) chain.pass()
    assert.equal(getLot(chain.state, lot), undefined)
    assert.equal(getSummary(chain.state, 1).capacityBase, 0n)
    assert.deepEqual(chain.brokenInvariants(), [])
  })

  it('whose bond unlocks in jail has left once it is let out, and counts nothing', () => {
    const chain = new DefaultChain()
    chain.run(() => {
      removeProvider(chain.ctx(), 1)
      jailProvider(chain.ctx(), 1)
    })
    for (let window = 0; window <= TAIL; window++) chain.pass()
    assert.equal(chain.status(1), 'jailed')
    chain.run(() => unjailMember(chain.ctx(), 1))
    assert.equal(chain.status(1), 'left')
    assert.equal(getSummary(chain.state, 1).capacityBase, 0n)
  })

  it('what it has not granted when it has left returns without a fault, also if its window begins at once', () => {
    const chain = new DefaultChain()
    chain.run(() => {
      chain.owe(2, coins(100))
      assert.equal(chain.list(1), undefined)
      assert.equal(chain.request(HOLDER, coins(10), { provider: 1 }), undefined)
    })
    chain.run()
    assert.equal(chain.openAssignments().length, 1)
    const bondBase = chain.bond(1)
    chain.endWindow(() => leave(chain, 1))
    chain.run()
    assert.deepEqual(chain.closeReasons(), ['suspended'])
    assert.equal(chain.bond(1), bondBase)
    assert.equal(isSuspended(chain.state, 1), false)
  })

  it('pays what is still locked once nothing is owed: no window of a member that leaves is good', () => {
    const chain = owing(0.001, { economy: TEST_PARAMETERS })
    chain.run(() => {
      chain.owe(1, coins(100), { locked: true, to: 1 })
      // Coins of another replace those that are locked.
      chain.owe(2, coins(100), { to: 1 })
      assert.equal(code(chain.do(1, 'beginExit')), undefined)
    })
    const before = chain.sums
    const heldBase = () => ledger.balanceOf(chain.state, { asset: 0, owner: lockAddress(1) })
    chain.pass()
    assert.ok(heldBase() >= coins(50), 'it owes')
    const { liabilityBase } = getLiability(chain.state, 1)
    chain.run(() =>
      assert.equal(
        chain.act('retire', walletOf(1), { amountBase: liabilityBase }, issuanceModule),
        undefined,
      ),
    )
    chain.pass()
    const { lockedBase, floorBase, freedBase, releaseBase } = getLiability(chain.state, 1)
    assert.deepEqual([lockedBase, floorBase, freedBase, releaseBase], [0n, 0n, 0n, 0n])
    assert.equal(heldBase(), 0n)
    assert.equal(chain.sums.coins, before.coins - liabilityBase)
    assert.equal(chain.balance(1) + chain.balance(HOLDER), chain.sums.coins)
    chain.run(() => assert.equal(code(chain.do(1, 'completeExit')), undefined))
    for (let window = 0; window <= K; window++) chain.pass()
  })

  it('does not let the set fall below its minimum', () => {
    const chain = new DefaultChain({ providers: Array.from({ length: 4 }, () => ({ devices: 100 })) })
    chain.run(() => {
      assert.equal(code(chain.do(1, 'beginExit')), undefined)
      assert.equal(code(chain.do(1, 'completeExit')), 'TooFewValidators')
    })
  })

  it('does not let the last provider go while it owes something', () => {
    const chain = owing(500)
    chain.run(() => {
      for (const id of [2, 3, 4, 5]) jailProvider(chain.ctx(), id)
      assert.equal(code(chain.do(1, 'beginExit')), 'LastProvider')
      assert.equal(code(chain.do(2, 'beginExit')), 'ProviderNotServing')
    })
  })

  it('counts nobody that has left as one who serves on', () => {
    const chain = owing(500)
    chain.run(() => {
      for (const id of [2, 3, 4, 5]) {
        assert.equal(code(chain.do(id, 'beginExit')), undefined)
        // As completeExit does where the set may fall so far.
        removeProvider(chain.ctx(), id)
      }
      assert.equal(code(chain.do(1, 'beginExit')), 'LastProvider')
    })
  })

  it('waits anew when it had to assume something, and while its bond is frozen', () => {
    const chain = new DefaultChain({
      providers: Array.from({ length: 6 }, (_, i) => ({
        devices: 100,
        ...(i === 1 ? { bondBase: 1_000n * PRICE } : {}),
      })),
    })
    chain.run(() => chain.owe(2, coins(5_000)))
    chain.fail(2)
    chain.run(() => removeProvider(chain.ctx(), 1))
    chain.pass()
    const { untilWindow } = chain.ask<{ untilWindow: number }>('status', { provider: 1 })
    assert.equal(untilWindow, chain.window + TAIL)
    chain.close(2)
    assert.ok(chain.liability(1) > 0n)
    chain.pass()
    chain.run(() =>
      assert.equal(code(chain.do(1, 'withdrawBond', { asset: ASSET, amountBase: 1n })), 'LiabilityLeft'),
    )
    const other = new DefaultChain()
    other.run(() => removeProvider(other.ctx(), 1))
    for (let window = 0; window <= TAIL; window++) other.pass()
    other.run(() => {
      convictEquivocator(other.ctx(), 1, 15)
      assert.equal(code(other.do(1, 'withdrawBond', { asset: ASSET, amountBase: 1n })), 'BondFrozen')
    })
  })

  it('waits anew also when it burns at once what it had to assume', () => {
    const chain = new DefaultChain({
      providers: Array.from({ length: 6 }, (_, i) => ({
        devices: 100,
        ...(i === 1 ? { bondBase: 1_000n * PRICE } : {}),
      })),
    })
    chain.run(() => chain.owe(2, coins(5_000)))
    chain.fail(2)
    chain.run(() => removeProvider(chain.ctx(), 1))
    chain.pass()
    const tail = () => chain.ask<{ untilWindow: number }>('status', { provider: 1 }).untilWindow
    const before = tail()
    chain.close(2)
    const amountBase = chain.liability(1)
    assert.ok(amountBase > 0n && chain.window < before)
    chain.run(() => {
      chain.owe(3, amountBase, { to: 1 })
      assert.equal(chain.act('retire', walletOf(1), { amountBase }, issuanceModule), undefined)
      assert.deepEqual(chain.do(1, 'withdrawBond', { asset: ASSET, amountBase: 1n }), {
        code: 'BondLocked',
        fields: { provider: 1, untilWindow: chain.window + 1 + TAIL, currentWindow: chain.window },
      })
    })
    chain.pass()
    assert.equal(tail(), chain.window + TAIL)
    assert.ok(tail() > before)
  })

  it('ends the duty to assume once the bond is unlocked', () => {
    const chain = new DefaultChain({ providers: Array.from({ length: 6 }, () => ({ devices: 100 })) })
    chain.run(() => removeProvider(chain.ctx(), 1))
    for (let window = 0; window <= TAIL; window++) chain.pass()
    chain.run(() => chain.owe(2, coins(5_000)))
    chain.fail(2)
    assert.equal(chain.close(2).assumedBase, coins(5_000))
    assert.equal(chain.liability(1), 0n)
  })

  it('says what it costs', () => {
    const chain = owing(500)
    chain.run(() => {
      const own = { asset: 0, from: walletOf(HOLDER), to: walletOf(1), amountBase: coins(200) }
      assert.equal(ledger.move(chain.ctx(), own), undefined)
    })
    const cost = chain.ask<object>('exitCost', { provider: 1 })
    assert.deepEqual(cost, {
      liabilityBase: coins(500),
      ownCoinsBase: coins(200),
      remainingBase: coins(300),
      asset: ASSET,
      costBase: 300n * PRICE,
      returnedBase: (chain.bond(1) * coins(1)) / PRICE,
    })
    assert.equal(chain.ask('exitCost', { provider: 99 }), undefined)
    assert.equal(chain.ask('status', { provider: 99 }), undefined)
    chain.run(() =>
      assert.equal(
        code(chain.act('retire', walletOf(1), { amountBase: coins(200) }, issuanceModule)),
        undefined,
      ),
    )
    assert.equal(chain.liability(1), coins(300))
  })
})
