// The paths to default, what a default does at once, and who takes what is owed (ECONOMY §3, §9).
import assert from 'node:assert/strict'
import { TEST_PARAMETERS } from '../../../genesis/parameters.ts'
import { ledger } from '../../../state/ledger.ts'
import { attestLot } from '../../../state/modules/capacity/pledges.ts'
import { compensationOf } from '../../../state/modules/issuance/compensations.ts'
import { getLiability } from '../../../state/modules/issuance/ledger.ts'
import { isBondShort, securityOf } from '../../../state/modules/issuance/limits.ts'
import { issuanceModule } from '../../../state/modules/issuance/module.ts'
import { renewPrice } from '../../../state/modules/oracle/prices.ts'
import { jailProvider, removeProvider, unjailProvider } from '../../../state/modules/providers/members.ts'
import { isGroupSuspended, suspendProvider } from '../../../state/modules/providers/suspension.ts'
import { validatorSet } from '../../../state/modules/providers/validatorSet.ts'
import { redemptionTables } from '../../../state/modules/redemption/tables.ts'
import {
  ASSET,
  coins,
  cureWindows,
  DefaultChain,
  HOLDER,
  K,
  PRICE,
  walletOf,
} from '../../support/defaultFixture.ts'

/** Units that are worth so many coins. */
const worth = (amount: number): bigint => BigInt(amount) * PRICE
const bonds = (first: bigint, count = 5) =>
  Array.from({ length: count }, (_, i) => ({ devices: 100, ...(i === 0 ? { bondBase: first } : {}) }))

/** Five providers; the first owes 5,000 coins on a bond that is worth a fifth of them, the others 1,000 each. */
function owing(
  first: bigint = worth(1_000),
  options: ConstructorParameters<typeof DefaultChain>[0] = {},
): DefaultChain {
  const chain = new DefaultChain({ providers: bonds(first), ...options })
  chain.run(() => {
    chain.owe(1, coins(5_000))
    for (const provider of [2, 3, 4, 5]) chain.owe(provider, coins(1_000))
  })
  return chain
}

const cause = (chain: DefaultChain): string | undefined => chain.case(1)?.cause
const stepOf = (chain: DefaultChain, provider = 1) =>
  chain.ask<{ step: string; untilWindow?: number; what: string; otherwise: string }>('status', { provider })

/** Windows until the first provider has defaulted, at most so many. */
function windowsToDefault(chain: DefaultChain, atMost: number): number {
  for (let windows = 1; windows <= atMost; windows++) {
    chain.pass()
    if (chain.status(1) === 'defaulted') return windows
  }
  return Number.POSITIVE_INFINITY
}

describe('default: paths', () => {
  it('an own shortfall that is not made good in time', () => {
    const chain = owing()
    chain.run(() => chain.loseCapacity(1))
    chain.pass()
    const { step, untilWindow } = stepOf(chain)
    assert.equal(step, 'restoreCapacity')
    assert.equal(untilWindow, chain.window + cureWindows)
    assert.equal(windowsToDefault(chain, cureWindows), Number.POSITIVE_INFINITY)
    assert.equal(chain.window, untilWindow)
    chain.pass()
    assert.equal(chain.status(1), 'defaulted')
    assert.equal(cause(chain), 'shortfall')
  })

  it('none when capacity comes back in time, and none for a joint shortfall that others caused', () => {
    const chain = owing(worth(2_000))
    chain.run(() => chain.loseCapacity(1))
    for (let window = 0; window < cureWindows; window++) chain.pass()
    chain.run(() => attestLot(chain.ctx(), { lot: 1, auditPpm: 1_000_000n }))
    assert.equal(windowsToDefault(chain, 2 * cureWindows), Number.POSITIVE_INFINITY)
    // What the audit took cost a tenth of its value all the same.
    assert.equal(chain.bond(1), worth(1_500))
    for (const provider of [2, 3, 4, 5]) assert.equal(stepOf(chain, provider).step, 'nothing')
  })

  it('a bond below its maintenance level that is not topped up', () => {
    const chain = owing(worth(700))
    chain.pass()
    assert.deepEqual([stepOf(chain).step, chain.status(1)], ['postBond', 'curing'])
    assert.equal(windowsToDefault(chain, 2 * cureWindows), cureWindows + 1)
    assert.equal(cause(chain), 'bond')
  })

  it('waits while the price is too old to tell whether the bond is short', () => {
    const chain = owing(worth(700))
    const renew = (window: number) =>
      renewPrice(chain.state, {
        asset: ASSET,
        window,
        priceBase: PRICE,
        bondPriceBase: PRICE,
        lockPriceBase: PRICE,
      })
    chain.run(() => renew(0))
    chain.pass()
    const { untilWindow } = stepOf(chain)
    assert.equal(untilWindow, 1 + cureWindows)
    // Windows 1 and 2 are fresh, and from window 3 on the clock stands still.
    for (let window = 2; window <= 8; window++) chain.pass()
    assert.equal(chain.status(1), 'curing')
    assert.equal(stepOf(chain).untilWindow, 1 + cureWindows + 6)
    for (let window = 9; window <= 10; window++) {
      chain.run(() => renew(chain.window))
      chain.pass()
    }
    assert.equal(chain.status(1), 'curing')
    chain.run(() => renew(chain.window))
    chain.pass()
    assert.equal(chain.status(1), 'defaulted')
  })

  it('does not wait for a unit of another asset, whose price is too old', () => {
    const chain = owing(worth(700))
    const renew = (asset: number) =>
      renewPrice(chain.state, {
        asset,
        window: chain.window,
        priceBase: PRICE,
        bondPriceBase: PRICE,
        lockPriceBase: PRICE,
      })
    chain.run(() => {
      chain.register(7)
      renew(7)
      chain.bondIn(1, 7, 1n)
    })
    for (let window = 0; window < cureWindows + 2; window++) {
      chain.run(() => renew(ASSET))
      chain.pass()
    }
    assert.equal(chain.status(1), 'defaulted')
    assert.equal(cause(chain), 'bond')
  })

  it('jail that lasts, even without a fault; one let out in time goes on', () => {
    const chain = owing()
    chain.run(() => jailProvider(chain.ctx(), 1))
    chain.pass()
    assert.equal(stepOf(chain).step, 'leaveJail')
    assert.equal(windowsToDefault(chain, 2 * cureWindows), cureWindows + 1)
    assert.equal(cause(chain), 'jail')
    const other = owing()
    other.run(() => jailProvider(other.ctx(), 1))
    other.pass()
    other.run(() => unjailProvider(other.ctx(), 1))
    assert.equal(windowsToDefault(other, 2 * cureWindows), Number.POSITIVE_INFINITY)
    assert.equal(stepOf(other).step, 'nothing')
  })

  it('more suspended windows than the time to cure, within any K', () => {
    const chain = owing()
    chain.run(() => suspendProvider(chain.ctx(), 1, chain.window))
    assert.equal(windowsToDefault(chain, K), cureWindows + 1)
    assert.equal(cause(chain), 'suspension')
    // Its legal group is not left out of coverage for ever.
    assert.equal(isGroupSuspended(chain.state, 1), false)
  })

  it('not a removal as such: it serves on, and must keep what it owes covered', () => {
    const chain = owing()
    chain.run(() => removeProvider(chain.ctx(), 1))
    assert.equal(windowsToDefault(chain, 2 * cureWindows), Number.POSITIVE_INFINITY)
    assert.equal(stepOf(chain).step, 'handOver')
    chain.run(() => chain.loseCapacity(1))
    assert.equal(windowsToDefault(chain, 2 * cureWindows), cureWindows + 2)
    assert.equal(cause(chain), 'shortfall')
  })

  it('none for one that owes nothing', () => {
    const chain = new DefaultChain()
    chain.run(() => {
      jailProvider(chain.ctx(), 1)
      chain.loseCapacity(2)
      suspendProvider(chain.ctx(), 3, chain.window)
    })
    for (let window = 0; window < 2 * cureWindows; window++) chain.pass()
    assert.deepEqual(
      [1, 2, 3].map((id) => chain.case(id)),
      [undefined, undefined, undefined],
    )
  })
})

describe('default: what it does at once', () => {
  it('takes the vote by a bounded change, the lock against what is owed, and the bond as the estate', () => {
    const issuance = { ...TEST_PARAMETERS.issuance, lockFloorPpm: TEST_PARAMETERS.issuance.retainPpm }
    const chain = new DefaultChain({
      providers: bonds(worth(3_000)),
      economy: { ...TEST_PARAMETERS, issuance },
    })
    chain.run(() => chain.owe(1, coins(5_000), { locked: true }))
    const { owed } = chain.sums
    const { lockedBase } = getLiability(chain.state, 1)
    assert.equal(lockedBase, coins(2_500))
    chain.fail(1)
    assert.deepEqual(
      validatorSet(chain.state).validators.map(({ id }) => id),
      [2, 3, 4, 5],
    )
    const known = chain.case(1)!
    assert.equal(known.declaredBase, coins(5_000))
    assert.equal(known.burnedBase, lockedBase)
    assert.equal(chain.liability(1), coins(5_000) - lockedBase)
    assert.equal(chain.sums.owed, owed - lockedBase)
    assert.equal(chain.bond(1), 0n)
    // A tenth of the shortfall of 5,000 coins went to the fund before.
    assert.deepEqual(known.estate, [{ asset: ASSET, totalBase: worth(2_500), leftBase: worth(2_500) }])
    assert.equal(chain.fundUnits, worth(500))
    assert.equal(
      chain.query<{ cause: string } | undefined>('cure', { provider: 1 }, issuanceModule),
      undefined,
    )
  })

  it('keeps the set at its minimum', () => {
    const chain = new DefaultChain({ providers: bonds(worth(1_000), 4) })
    chain.run(() => chain.owe(1, coins(100)))
    chain.fail(1)
    assert.equal(validatorSet(chain.state).validators.length, 4)
  })

  it('returns what it was assigned to its places, granted or not', () => {
    const chain = owing(worth(700))
    while (stepOf(chain).untilWindow !== chain.window) chain.pass()
    chain.run(() => {
      assert.equal(chain.list(1), undefined)
      for (let i = 0; i < 2; i++) assert.equal(chain.request(HOLDER, coins(10)), undefined)
    })
    chain.run()
    const held = chain.openAssignments()
    assert.equal(held.length, 2)
    chain.run(() => assert.equal(chain.grant(...held[0]!), undefined))
    chain.pass()
    assert.equal(chain.status(1), 'defaulted')
    assert.deepEqual(chain.closeReasons(), ['grantMissing', 'defaulted'])
    // Their numbers are the first, so that others must serve them at once.
    const again = chain
      .openAssignments()
      .map(([id, assignment]) => redemptionTables.assignment.mustGet(chain.state, { id, assignment }))
    assert.deepEqual(
      again.map(({ sequence, amountBase }) => [sequence, amountBase]),
      [
        [1, coins(10)],
        [2, coins(10)],
      ],
    )
    assert.ok(again.every(({ provider }) => provider !== 1))
    assert.equal(chain.fundCoins, 0n, 'nobody pays a fee for it')
  })
})

describe('default: who takes what is owed', () => {
  it('all others in proportion to their room, paid by the estate and the fund to the share of a bond', () => {
    const chain = owing()
    const before = chain.sums
    chain.fail(1)
    const closed = chain.close(1)
    assert.deepEqual(
      [2, 3, 4, 5].map((id) => chain.liability(id)),
      Array(4).fill(coins(2_250)),
    )
    assert.equal(chain.liability(1), 0n)
    assert.equal(chain.orphans, 0n)
    assert.equal(closed.assumedBase, coins(5_000))
    for (const id of [2, 3, 4, 5]) {
      // Estate and fund have half of 1,000 coins each: the slash had taken it from the bond.
      const held = compensationOf(chain.state, id).assets
      assert.deepEqual(held, [{ asset: ASSET, amountBase: worth(250) }])
      assert.deepEqual(chain.assumed(id), { assumedBase: coins(1_250), exemptBase: coins(1_250) })
      assert.equal(isBondShort(chain.state, id), false)
    }
    assert.equal(chain.fundUnits, 0n)
    assert.deepEqual(chain.sums, before)
  })

  it('releases the compensation only as the assumed liability burns', () => {
    const chain = owing()
    chain.fail(1)
    chain.close(1)
    const unitsBefore = chain.units(2)
    // A third of what provider 2 owes burns: so does a third of what it assumed, and of its compensation.
    chain.run(() => {
      const amountBase = coins(750)
      const toOwn = { asset: 0, from: walletOf(HOLDER), to: walletOf(2), amountBase }
      assert.equal(ledger.move(chain.ctx(), toOwn), undefined)
      assert.equal(chain.act('retire', walletOf(2), { amountBase }, issuanceModule), undefined)
    })
    const third = coins(1_250) / 3n
    assert.deepEqual(chain.assumed(2), {
      assumedBase: coins(1_250) - third,
      exemptBase: coins(1_250) - third - 1n,
    })
    assert.equal(chain.units(2), unitsBefore)
    chain.pass()
    // What stays is rounded up, twice.
    assert.equal(chain.units(2), unitsBefore + worth(250) / 3n - 1n)
    assert.equal(compensationOf(chain.state, 2).assets[0]?.amountBase, worth(250) - worth(250) / 3n + 1n)
  })

  it('then to those without the margin to spare; what nobody can take is served by the longer queue', () => {
    // Others owe so much that their rooms are small.
    const chain = new DefaultChain({ providers: bonds(worth(1_000), 3) })
    chain.run(() => {
      chain.owe(1, coins(14_000))
      chain.owe(2, coins(12_000))
      chain.owe(3, coins(14_000))
    })
    const before = chain.sums
    chain.fail(1)
    const closed = chain.close(1)
    const rooms = [2, 3].map((id) => chain.liability(id))
    assert.ok(closed.orphanedBase > 0n)
    assert.equal(closed.assumedBase + closed.orphanedBase, coins(14_000))
    assert.equal(chain.orphans, closed.orphanedBase)
    assert.ok(rooms[0]! > coins(12_000) && rooms[1]! > coins(14_000))
    // Both now owe all that they can deliver.
    assert.equal(rooms[0], rooms[1])
    assert.deepEqual(chain.sums, before)
    const { earmarkedBase, perWindowBase } = chain.ask<{ earmarkedBase: bigint; perWindowBase: bigint }>(
      'fundAsset',
      { asset: ASSET },
    )
    assert.equal(perWindowBase, earmarkedBase / BigInt(K))
  })

  it('nobody, when all that serve have defaulted: no balance is cut, and nothing halts', () => {
    const chain = new DefaultChain({ providers: bonds(worth(1_000), 3) })
    chain.run(() => {
      for (const id of [1, 2, 3]) {
        chain.owe(id, coins(500))
        chain.loseCapacity(id)
      }
    })
    const { owed } = chain.sums
    const held = chain.balance(HOLDER)
    chain.fail(1)
    for (const id of [1, 2, 3]) assert.equal(chain.close(id).stage, 'closed')
    assert.deepEqual(
      [1, 2, 3].map((id) => chain.liability(id)),
      [0n, 0n, 0n],
    )
    assert.equal(chain.balance(HOLDER), held)
    assert.equal(chain.orphans, owed)
    chain.pass()
    chain.run(() => assert.equal(chain.request(HOLDER, coins(1)), undefined))
  })

  it('an estate of nothing, dust, and a provider without any bond rule broken', () => {
    const chain = new DefaultChain({ providers: bonds(0n) })
    chain.run(() => chain.owe(1, 1n))
    chain.fail(1)
    const closed = chain.close(1)
    assert.deepEqual(closed.estate, [])
    assert.equal(closed.assumedBase, 1n)
  })

  it('closes at once when the lock burns all that was owed', () => {
    const all = { ...TEST_PARAMETERS.issuance, retainPpm: 1_000_000n, lockFloorPpm: 1_000_000n }
    const chain = new DefaultChain({ economy: { ...TEST_PARAMETERS, issuance: all } })
    chain.run(() => chain.owe(1, coins(100), { locked: true }))
    chain.fail(1)
    const closed = chain.close(1)
    assert.deepEqual([closed.burnedBase, closed.assumedBase, closed.orphanedBase], [coins(100), 0n, 0n])
    assert.equal(chain.bond(1), 0n)
    assert.equal(chain.units(1), 0n)
  })

  it('members of its legal group assume too, unpaid', () => {
    const chain = new DefaultChain({
      providers: [0, 1, 2, 3, 4].map((i) => ({
        devices: 100,
        legalGroup: i < 2 ? 'one owner' : '',
        bondBase: worth(1_000),
      })),
    })
    chain.run(() => chain.owe(1, coins(1_000)))
    chain.fail(1)
    chain.close(1)
    assert.deepEqual(
      [2, 3, 4, 5].map((id) => chain.liability(id)),
      Array(4).fill(coins(250)),
    )
    assert.deepEqual(compensationOf(chain.state, 2).assets, [])
    assert.ok(compensationOf(chain.state, 3).assets.length > 0)
  })

  it('several defaults one after another, each with the room that the one before has left', () => {
    const chain = owing()
    chain.run(() => {
      chain.loseCapacity(1)
      chain.loseCapacity(2)
    })
    const before = chain.sums
    chain.fail(1)
    assert.deepEqual(chain.ask<readonly number[]>('cases', {}), [1, 2])
    chain.close(1)
    chain.close(2)
    for (const id of [3, 4, 5]) {
      const off = chain.liability(id) - coins(3_000)
      assert.ok(off >= -1n && off <= 1n, `${id}: ${off}`)
    }
    assert.deepEqual(chain.sums, before)
    assert.deepEqual(chain.ask<readonly number[]>('cases', {}), [])
  })

  it('a provider that defaults with liability it has assumed: its compensation is part of its estate', () => {
    const chain = owing()
    chain.fail(1)
    chain.close(1)
    const before = chain.sums
    const heldBase = compensationOf(chain.state, 2).assets[0]!.amountBase
    const bondBase = chain.bond(2)
    chain.run(() => jailProvider(chain.ctx(), 2))
    while (chain.status(2) !== 'defaulted') chain.pass()
    assert.deepEqual(chain.case(2)!.estate[0]!.totalBase, bondBase + heldBase)
    chain.close(2)
    assert.deepEqual(chain.assumed(2), { assumedBase: 0n, exemptBase: 0n })
    assert.deepEqual(chain.sums, before)
  })

  it('counts as security: what a run would still gain', () => {
    const chain = owing()
    chain.fail(1)
    chain.close(1)
    const { compensationBase, unsecuredBase } = securityOf(chain.state, 2)
    assert.equal(compensationBase, coins(250))
    assert.equal(unsecuredBase, 0n)
  })
})
