// Defaults, exits and fees of providers that others back.
import assert from 'node:assert/strict'
import { TEST_PARAMETERS } from '../../../genesis/parameters.ts'
import { backingModule } from '../../../state/modules/backing/module.ts'
import { atRisk, getPool } from '../../../state/modules/backing/pools.ts'
import { currentWindow } from '../../../state/modules/capacity/windows.ts'
import { slashedOf } from '../../../state/modules/providers/penalties.ts'
import { coins, DefaultChain, TAIL, walletOf } from '../../support/defaultFixture.ts'

const { unbondWindows } = TEST_PARAMETERS.backing
const LEAVER = 31

class BackedChain extends DefaultChain {
  on(wallet: number, action: string, args: object): void {
    assert.equal(this.act(action, walletOf(wallet), args, backingModule), undefined)
  }

  back(wallet: number, provider: number, amountBase: bigint): void {
    this.on(wallet, 'back', { provider, amountBase })
  }
}

/** A chain whose provider 1 owes, with so much of that behind it. */
function chainOf(
  owedBase: bigint,
  backedBase: bigint,
  options: { readonly locked?: boolean } = {},
): BackedChain {
  const chain = new BackedChain(options.locked === true ? { economy: TEST_PARAMETERS } : {})
  chain.owe(1, owedBase, options)
  chain.owe(2, coins(2_000), { to: LEAVER })
  if (backedBase > 0n) chain.back(LEAVER, 1, backedBase)
  chain.commitState()
  return chain
}

describe('default: backers', () => {
  it('burns their coins against what the provider owes, after its lock and before the auction', () => {
    const chain = chainOf(coins(1_000), coins(300), { locked: true })
    const { lockedBase } = chain.query<{ lockedBase: bigint }>('liability', { provider: 1 }, issuance(chain))
    assert.ok(lockedBase > 0n)
    const before = chain.sums
    chain.fail(1)
    const known = chain.case(1)!
    assert.equal(known.backingBurnedBase, coins(300))
    const burnedBase = known.burnedBase + coins(300)
    assert.equal(known.declaredBase - burnedBase, known.liabilityBase)
    assert.equal(chain.sums.coins, before.coins - burnedBase)
    assert.equal(chain.sums.coins, chain.sums.owed)
    assert.equal(slashedOf(chain.state, 0).burnedBase, burnedBase)
    assert.equal(getPool(chain.state, 1).lostBase, coins(300))
    // The estate is whole: it pays whoever takes the rest.
    const { novatedBase, assumedBase, orphanedBase } = chain.close(1)
    assert.equal(novatedBase + assumedBase + orphanedBase, known.liabilityBase)
  })

  it('takes no more than is owed; the rest is theirs', () => {
    const chain = chainOf(coins(200), coins(500))
    chain.fail(1)
    assert.equal(chain.case(1)?.liabilityBase, 0n)
    assert.deepEqual(atRisk(chain.state, 1), { backedBase: coins(300), unbondingBase: 0n })
    chain.run(() => chain.on(LEAVER, 'unback', { provider: 1, amountBase: coins(300) }))
    for (let window = 0; window <= unbondWindows; window++) chain.pass()
    chain.run(() => chain.on(LEAVER, 'claim', { provider: 1 }))
    assert.equal(chain.balance(LEAVER), coins(1_800))
    assert.equal(
      chain.act('back', walletOf(LEAVER), { provider: 1, amountBase: coins(1) }, backingModule)?.code,
      'NotBackable',
    )
  })

  it('reaches those on their way out, and not those that are free', () => {
    const chain = chainOf(coins(1_000), coins(100))
    chain.on(LEAVER, 'unback', { provider: 1, amountBase: coins(40) })
    for (let window = 0; window <= unbondWindows; window++) chain.pass()
    chain.fail(1)
    assert.equal(getPool(chain.state, 1).lostBase, coins(60))
    chain.on(LEAVER, 'claim', { provider: 1 })
    assert.equal(chain.balance(LEAVER), coins(1_940))

    const late = chainOf(coins(1_000), coins(100))
    late.run(() => late.loseCapacity(1), 50)
    while (late.status(1) !== 'curing') late.pass()
    late.pass()
    late.on(LEAVER, 'unback', { provider: 1, amountBase: coins(40) })
    late.fail(1)
    assert.equal(getPool(late.state, 1).lostBase, coins(100))
  })

  it('keeps those who leave while it is at fault until the fault is over, however long unbonding takes', () => {
    const chain = chainOf(coins(1_000), coins(100))
    chain.run(() => chain.loseCapacity(1), 50)
    while (chain.status(1) !== 'curing') chain.pass()
    chain.run(() => chain.on(LEAVER, 'unback', { provider: 1, amountBase: coins(40) }))
    const held = chain.query<{ heldSince?: number }>('pool', { provider: 1 }, backingModule)
    assert.equal(held.heldSince, currentWindow(chain.state))
    // The time to cure is as long as unbonding takes, and more than that: all is lost all the same.
    for (let window = 0; chain.case(1) === undefined; window++) {
      assert.ok(window <= 2 * unbondWindows, 'it defaults')
      assert.equal(
        chain.act('claim', walletOf(LEAVER), { provider: 1 }, backingModule)?.code,
        'NothingToClaim',
      )
      chain.pass()
    }
    assert.equal(getPool(chain.state, 1).lostBase, coins(100))
    assert.equal(chain.case(1)?.backingBurnedBase, coins(100))
  })

  it('lets them go once the fault is over: windows of a fault do not count', () => {
    const chain = chainOf(coins(1_000), coins(100))
    chain.run(() => chain.on(LEAVER, 'unback', { provider: 1, amountBase: coins(40) }))
    chain.pass()
    chain.run(() => chain.loseCapacity(1), 50)
    while (chain.status(1) !== 'curing') chain.pass()
    const ahead = () => {
      const at = { provider: 1, account: walletOf(LEAVER) }
      const [leaving] = chain.query<{ unbondings: { untilWindow: number; atRisk: boolean }[] }>(
        'position',
        at,
        backingModule,
      ).unbondings
      return { left: leaving!.untilWindow - currentWindow(chain.state), atRisk: leaving!.atRisk }
    }
    const { left } = ahead()
    chain.pass()
    assert.deepEqual(ahead(), { left, atRisk: true })
    chain.run(() => {
      const paid = { amountBase: coins(1_000), asset: 0, paymentBase: 0n }
      assert.equal(chain.do(1, 'offerNovation', { to: 2, ...paid }), undefined)
      assert.equal(chain.do(2, 'acceptNovation', { from: 1, ...paid }), undefined)
    })
    chain.pass()
    assert.equal(getPool(chain.state, 1).heldSince, undefined)
    for (let window = 0; window < left; window++) chain.pass()
    chain.run(() => chain.on(LEAVER, 'claim', { provider: 1 }))
    assert.equal(chain.balance(LEAVER), coins(1_940))
  })

  it('changes no figure of the auction for those without backers', () => {
    const [alone, backed] = [chainOf(coins(1_000), 0n), chainOf(coins(1_000), 0n)]
    backed.back(LEAVER, 3, coins(100))
    for (const chain of [alone, backed]) chain.fail(1)
    assert.deepEqual(alone.case(1), backed.case(1))
    assert.equal(getPool(backed.state, 3).lostBase, 0n)
  })
})

describe('default: backers of a member that leaves', () => {
  it('get all back', () => {
    const chain = chainOf(coins(100), coins(50))
    chain.run(() => assert.equal(chain.do(1, 'beginExit'), undefined))
    assert.equal(
      chain.act('back', walletOf(LEAVER), { provider: 1, amountBase: coins(1) }, backingModule)?.code,
      'NotBackable',
    )
    chain.run(() => {
      const paid = { to: 2, amountBase: coins(100), asset: 0, paymentBase: 0n }
      assert.equal(chain.do(1, 'offerNovation', paid), undefined)
      const { to: _, ...offer } = paid
      assert.equal(chain.do(2, 'acceptNovation', { from: 1, ...offer }), undefined)
      assert.equal(chain.do(1, 'completeExit'), undefined)
    })
    for (let window = 0; window <= TAIL; window++) chain.pass()
    chain.run(() => chain.on(LEAVER, 'unback', { provider: 1, amountBase: coins(50) }))
    for (let window = 0; window <= unbondWindows; window++) chain.pass()
    chain.run(() => chain.on(LEAVER, 'claim', { provider: 1 }))
    assert.equal(chain.balance(LEAVER), coins(2_000))
    assert.equal(
      chain.query('position', { provider: 1, account: walletOf(LEAVER) }, backingModule),
      undefined,
    )
  })
})

const issuance = (chain: DefaultChain) =>
  chain.modules.find(({ definition }) => definition.name === 'issuance')!
