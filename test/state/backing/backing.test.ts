import assert from 'node:assert/strict'
import { TEST_PARAMETERS } from '../../../genesis/parameters.ts'
import { COIN_ASSET, ledger } from '../../../state/ledger.ts'
import { shareIncome } from '../../../state/modules/backing/income.ts'
import { takeLoss } from '../../../state/modules/backing/losses.ts'
import { backingModule } from '../../../state/modules/backing/module.ts'
import { getPool, poolAddressOf } from '../../../state/modules/backing/pools.ts'
import { BACKED_MAX, POOL_ASSETS_MAX } from '../../../state/modules/backing/schema.ts'
import { backingParams, backingTables } from '../../../state/modules/backing/tables.ts'
import { liabilityBurn } from '../../../state/modules/issuance/ledger.ts'
import { GUARANTEE_FUND } from '../../../state/modules/providers/external.ts'
import { jailProvider, setProviderStatus } from '../../../state/modules/providers/members.ts'
import { ASSET, coins, DefaultChain, HOLDER, walletOf } from '../../support/defaultFixture.ts'

const { unbondWindows } = TEST_PARAMETERS.backing
const OTHER = 31

interface Position {
  readonly provider: number
  readonly backedBase: bigint
  readonly unbondings: readonly { untilWindow: number; amountBase: bigint; atRisk: boolean }[]
  readonly claimable: readonly { asset: number; amountBase: bigint }[]
}

class BackingChain extends DefaultChain {
  constructor() {
    super()
    this.owe(1, coins(1_000))
    this.owe(2, coins(1_000), { to: OTHER })
    this.commitState()
  }

  on(wallet: number, action: string, args: object) {
    return this.act(action, walletOf(wallet), args, backingModule)
  }

  must(wallet: number, action: string, args: object): void {
    assert.equal(this.on(wallet, action, args), undefined)
  }

  back(wallet: number, provider: number, amountBase: bigint): void {
    this.must(wallet, 'back', { provider, amountBase })
  }

  pool(provider: number) {
    return this.query<Record<string, unknown>>('pool', { provider }, backingModule)
  }

  position(wallet: number, provider = 1): Position | undefined {
    return this.query<Position>('position', { provider, account: walletOf(wallet) }, backingModule)
  }

  /** Pays a provider units that the fund has been given. Returns what its backers get of it. */
  earn(provider: number, asset: number, amountBase: bigint): bigint {
    const from = GUARANTEE_FUND
    const given = { asset, from: walletOf(asset === COIN_ASSET ? OTHER : 999), to: from, amountBase }
    if (asset !== COIN_ASSET) this.give(999, amountBase)
    assert.equal(ledger.move(this.ctx(), given), undefined)
    return shareIncome(this.ctx(), { provider, asset, from, amountBase })
  }

  /** Burns coins behind a provider against what it owes, as a default does. */
  lose(provider: number, amountBase: bigint): void {
    takeLoss(this.ctx(), provider, amountBase)
    liabilityBurn(this.ctx(), { provider, from: poolAddressOf(provider), amountBase })
  }

  passAll(windows: number): void {
    for (let window = 0; window < windows; window++) this.pass()
  }
}

describe('backing.back', () => {
  it('puts coins behind a provider, where they are still liabilities and supply', () => {
    const chain = new BackingChain()
    const before = chain.sums
    chain.run(() => chain.back(HOLDER, 1, coins(100)))
    assert.deepEqual(chain.sums, before)
    assert.equal(chain.balance(HOLDER), coins(900))
    assert.deepEqual(chain.pool(1), {
      provider: 1,
      backedBase: coins(100),
      unbondingBase: 0n,
      freeBase: 0n,
      lostBase: 0n,
      sharePpm: 0n,
      incomes: [],
      movedBase: 0n,
    })
    assert.deepEqual(chain.position(HOLDER), {
      provider: 1,
      backedBase: coins(100),
      unbondings: [],
      claimable: [],
      moved: [],
    })
    assert.equal(chain.position(OTHER), undefined)
    assert.equal(chain.query('pool', { provider: 99 }, backingModule), undefined)
  })

  it('lists the positions of an account, by provider', () => {
    const chain = new BackingChain()
    for (const provider of [3, 1]) chain.back(HOLDER, provider, coins(provider))
    const positions = chain.query<Position[]>('positions', { account: walletOf(HOLDER) }, backingModule)
    assert.deepEqual(
      positions.map(({ provider, backedBase }) => [provider, backedBase]),
      [
        [1, coins(1)],
        [3, coins(3)],
      ],
    )
  })

  it('refuses by name', () => {
    const chain = new BackingChain()
    const amountBase = coins(1)
    const refused = (args: object) => chain.on(HOLDER, 'back', { provider: 1, amountBase, ...args })
    assert.deepEqual(refused({ provider: 9 }), { code: 'UnknownProvider', fields: { provider: 9 } })
    const { minimumBase } = backingParams.get(chain.state)
    assert.deepEqual(refused({ amountBase: minimumBase - 1n }), {
      code: 'AmountTooSmall',
      fields: { amountBase: minimumBase - 1n, minimumBase },
    })
    assert.deepEqual(refused({ amountBase: coins(1_001) }), {
      code: 'InsufficientCoins',
      fields: { balanceBase: coins(1_000), neededBase: coins(1_001) },
    })
    backingTables.account.set(
      chain.state,
      { account: walletOf(HOLDER) },
      { providers: Array.from({ length: BACKED_MAX }, (_, i) => 10 + i) },
    )
    assert.deepEqual(refused({}), { code: 'TooManyPools', fields: { maximum: BACKED_MAX } })
    backingTables.account.delete(chain.state, { account: walletOf(HOLDER) })
    setProviderStatus(chain.ctx(), 3, 'retiring')
    assert.deepEqual(refused({ provider: 3 }), {
      code: 'NotBackable',
      fields: { provider: 3, status: 'retiring' },
    })
    jailProvider(chain.ctx(), 4)
    assert.equal(refused({ provider: 4 })?.code, 'NotBackable')
    chain.back(HOLDER, 1, coins(5))
    chain.lose(1, coins(5))
    assert.deepEqual(refused({}), { code: 'PoolLost', fields: { provider: 1 } })
  })

  it('takes coins again when nobody has units left of a pool that was lost', () => {
    const chain = new BackingChain()
    chain.back(HOLDER, 1, coins(5))
    chain.lose(1, coins(5))
    chain.must(HOLDER, 'claim', { provider: 1 })
    assert.equal(chain.position(HOLDER), undefined)
    chain.back(OTHER, 1, coins(7))
    assert.equal(chain.position(OTHER)?.backedBase, coins(7))
    chain.run()
  })
})

describe('backing.unback', () => {
  it('keeps coins at risk for whole windows; then claim pays them', () => {
    const chain = new BackingChain()
    chain.run(() => chain.back(HOLDER, 1, coins(100)))
    const untilWindow = chain.window + 1 + unbondWindows
    chain.run(() => chain.must(HOLDER, 'unback', { provider: 1, amountBase: coins(40) }))
    assert.equal(chain.balance(HOLDER), coins(900))
    assert.deepEqual(chain.position(HOLDER)?.unbondings, [
      { untilWindow, amountBase: coins(40), atRisk: true },
    ])
    chain.passAll(unbondWindows)
    assert.equal(chain.on(HOLDER, 'claim', { provider: 1 })?.code, 'NothingToClaim')
    assert.equal(chain.pool(1).unbondingBase, coins(40))
    chain.pass()
    assert.equal(chain.pool(1).unbondingBase, 0n)
    assert.equal(chain.pool(1).freeBase, coins(40))
    // Free coins are out of reach: a loss of all takes the other sixty.
    assert.deepEqual(chain.query('loss', { provider: 1, amountBase: coins(100) }, backingModule), {
      amountBase: coins(60),
      backedBase: coins(60),
      unbondingBase: 0n,
      movedBase: 0n,
    })
    chain.lose(1, coins(60))
    chain.run(() => chain.must(HOLDER, 'claim', { provider: 1 }))
    assert.equal(chain.balance(HOLDER), coins(940))
    assert.equal(chain.position(HOLDER), undefined)
  })

  it('joins what leaves in one window, and refuses by name', () => {
    const chain = new BackingChain()
    chain.back(HOLDER, 1, coins(100))
    const unback = (amountBase: bigint, wallet = HOLDER) =>
      chain.on(wallet, 'unback', { provider: 1, amountBase })
    assert.deepEqual(unback(0n), { code: 'ZeroAmount', fields: {} })
    assert.deepEqual(unback(1n, OTHER), {
      code: 'InsufficientBacking',
      fields: { provider: 1, backedBase: 0n, neededBase: 1n },
    })
    assert.equal(unback(coins(101))?.code, 'InsufficientBacking')
    const { unbondingsMax } = backingParams.get(chain.state)
    for (let entry = 0; entry < unbondingsMax; entry++) {
      assert.equal(unback(coins(1)), undefined)
      assert.equal(unback(coins(1)), undefined)
      if (entry + 1 < unbondingsMax) chain.pass()
    }
    assert.equal(chain.position(HOLDER)?.unbondings.length, unbondingsMax)
    chain.pass()
    assert.deepEqual(unback(coins(1)), {
      code: 'UnbondingsFull',
      fields: { provider: 1, maximum: unbondingsMax },
    })
    const untilWindow = chain.window + 1 + unbondWindows
    // What a loss leaves without a coin has no exact parts.
    backingParams.set(chain.state, { ...backingParams.get(chain.state), unbondingsMax: 9 })
    const worthless = { amountBase: 0n, unitsBase: 1n }
    backingTables.unbonding.set(chain.state, { provider: 1, untilWindow }, worthless)
    assert.deepEqual(unback(coins(1)), { code: 'PoolLost', fields: { provider: 1 } })
  })

  it('leaves no units behind for whoever takes all after a loss', () => {
    const chain = new BackingChain()
    chain.back(HOLDER, 1, coins(1) + 1n)
    chain.back(OTHER, 1, coins(2) + 5n)
    chain.lose(1, coins(1) - 7n)
    const backedBase = chain.position(HOLDER)!.backedBase
    chain.must(HOLDER, 'unback', { provider: 1, amountBase: backedBase })
    assert.equal(backingTables.position.get(chain.state, at(HOLDER))?.unitsBase, 0n)
    chain.run()
  })
})

const at = (wallet: number) => ({ provider: 1, account: walletOf(wallet) })

describe('backing: losses', () => {
  it('take from those that earn and those that leave in proportion', () => {
    const chain = new BackingChain()
    chain.back(HOLDER, 1, coins(100))
    chain.back(OTHER, 1, coins(200))
    chain.must(HOLDER, 'unback', { provider: 1, amountBase: coins(60) })
    const loss = { provider: 1, amountBase: coins(30) }
    assert.deepEqual(chain.query('loss', loss, backingModule), {
      amountBase: coins(30),
      backedBase: coins(24),
      unbondingBase: coins(6),
      movedBase: 0n,
    })
    chain.lose(1, coins(30))
    assert.equal(chain.position(HOLDER)?.backedBase, coins(36))
    assert.equal(chain.position(HOLDER)?.unbondings[0]?.amountBase, coins(54))
    assert.equal(chain.position(OTHER)?.backedBase, coins(180))
    assert.equal(chain.pool(1).lostBase, coins(30))
    chain.run()
  })

  it('cost the same however many backers there are', () => {
    const readsOf = (backers: number): number => {
      const chain = new BackingChain()
      for (let wallet = 100; wallet < 100 + backers; wallet++) {
        chain.owe(1, coins(2), { to: wallet })
        chain.back(wallet, 1, coins(1))
      }
      chain.must(1, 'setShare', { sharePpm: 100_000n })
      chain.commitState()
      const before = chain.reads
      chain.earn(1, ASSET, 1_000_000n)
      chain.lose(1, coins(1))
      return chain.reads - before
    }
    assert.equal(readsOf(40), readsOf(2))
  })
})

describe('backing.claim', () => {
  it('pays each asset by the units of the time it came in', () => {
    const chain = new BackingChain()
    chain.must(1, 'setShare', { sharePpm: 500_000n })
    chain.back(HOLDER, 1, coins(100))
    assert.equal(chain.earn(1, ASSET, 1_001n), 501n)
    chain.back(OTHER, 1, coins(300))
    assert.equal(chain.earn(1, ASSET, 800n), 400n)
    assert.equal(chain.earn(1, COIN_ASSET, coins(8)), coins(4))
    assert.deepEqual(chain.position(HOLDER)?.claimable, [
      { asset: ASSET, amountBase: 601n },
      { asset: COIN_ASSET, amountBase: coins(1) },
    ])
    chain.run(() => chain.must(HOLDER, 'claim', { provider: 1 }))
    assert.equal(chain.units(HOLDER), 601n)
    assert.equal(chain.balance(HOLDER), coins(901))
    assert.deepEqual(chain.on(HOLDER, 'claim', { provider: 1 }), {
      code: 'NothingToClaim',
      fields: { provider: 1 },
    })
    assert.deepEqual(chain.pool(1).incomes, [
      { asset: ASSET, receivedBase: 901n, unclaimedBase: 300n },
      { asset: COIN_ASSET, receivedBase: coins(4), unclaimedBase: coins(3) },
    ])
  })

  it('pays what was earned after the coins have left, and nothing for later', () => {
    const chain = new BackingChain()
    chain.must(1, 'setShare', { sharePpm: 1_000_000n })
    chain.back(HOLDER, 1, coins(1))
    chain.back(OTHER, 1, coins(1))
    chain.earn(1, ASSET, 10n)
    chain.must(HOLDER, 'unback', { provider: 1, amountBase: coins(1) })
    chain.earn(1, ASSET, 10n)
    assert.deepEqual(chain.position(HOLDER)?.claimable, [{ asset: ASSET, amountBase: 5n }])
    assert.deepEqual(chain.position(OTHER)?.claimable, [{ asset: ASSET, amountBase: 15n }])
    chain.must(HOLDER, 'claim', { provider: 1 })
    assert.equal(chain.units(HOLDER), 5n)
    chain.run()
  })

  it('shares out what rounding has left over with the next income', () => {
    const chain = new BackingChain()
    chain.must(1, 'setShare', { sharePpm: 1_000_000n })
    for (const wallet of [HOLDER, OTHER]) chain.back(wallet, 1, coins(1))
    for (let income = 0; income < 4; income++) {
      chain.earn(1, ASSET, 1n)
      // Half a unit each, which `claim` alone would forget.
      for (const wallet of [HOLDER, OTHER]) {
        chain.on(wallet, 'claim', { provider: 1 })
        chain.must(wallet, 'unback', { provider: 1, amountBase: 1n })
      }
      chain.run()
    }
    const left = (chain.pool(1).incomes as { unclaimedBase: bigint }[])[0]!.unclaimedBase
    assert.ok(left <= 2n, `${left}`)
    assert.equal(chain.units(HOLDER) + chain.units(OTHER), 4n - left)
  })

  it('leaves income to the provider without backers, and in more assets than a pool keeps', () => {
    const chain = new BackingChain()
    chain.must(1, 'setShare', { sharePpm: 1_000_000n })
    assert.equal(chain.earn(1, ASSET, 10n), 0n)
    chain.back(HOLDER, 1, coins(1))
    const assets = Array.from({ length: POOL_ASSETS_MAX }, (_, i) => 100 + i)
    const pool = getPool(chain.state, 1)
    backingTables.pool.set(chain.state, { provider: 1 }, { ...pool, assets })
    assert.equal(chain.earn(1, ASSET, 10n), 0n)
  })
})

describe('backing.setShare', () => {
  const share = (chain: BackingChain) => {
    const { sharePpm, nextSharePpm, nextShareWindow } = chain.pool(1)
    return [sharePpm, nextSharePpm, nextShareWindow]
  }

  it('raises at once and lowers after the notice, so that backers can leave first', () => {
    const chain = new BackingChain()
    chain.must(1, 'setShare', { sharePpm: 300_000n })
    assert.deepEqual(share(chain), [300_000n, undefined, undefined])
    chain.back(HOLDER, 1, coins(10))
    const fromWindow = chain.window + 1 + unbondWindows
    chain.run(() => {
      chain.must(1, 'setShare', { sharePpm: 100_000n })
      chain.must(HOLDER, 'unback', { provider: 1, amountBase: coins(5) })
    })
    assert.deepEqual(share(chain), [300_000n, 100_000n, fromWindow])
    chain.passAll(unbondWindows)
    assert.equal(chain.earn(1, ASSET, 1_000n), 300n)
    chain.pass()
    assert.deepEqual(share(chain), [100_000n, undefined, undefined])
    assert.equal(chain.earn(1, ASSET, 1_000n), 100n)
    // Whoever left in the window of the notice is free when it ends.
    assert.equal(chain.position(HOLDER)?.unbondings[0]?.atRisk, false)
  })

  it('gives up a notice when it raises', () => {
    const chain = new BackingChain()
    chain.must(1, 'setShare', { sharePpm: 300_000n })
    chain.must(1, 'setShare', { sharePpm: 0n })
    chain.must(1, 'setShare', { sharePpm: 400_000n })
    chain.passAll(unbondWindows + 1)
    assert.deepEqual(share(chain), [400_000n, undefined, undefined])
    chain.must(1, 'setShare', { sharePpm: 200_000n })
    chain.must(1, 'setShare', { sharePpm: 400_000n })
    assert.deepEqual(share(chain), [400_000n, undefined, undefined])
  })

  it('refuses by name', () => {
    const chain = new BackingChain()
    assert.deepEqual(chain.on(HOLDER, 'setShare', { sharePpm: 1n }), {
      code: 'NotProvider',
      fields: { sender: walletOf(HOLDER) },
    })
    assert.deepEqual(chain.on(1, 'setShare', { sharePpm: 1_000_001n }), {
      code: 'ShareTooLarge',
      fields: { sharePpm: 1_000_001n, maximumPpm: 1_000_000n },
    })
    assert.deepEqual(chain.on(1, 'setShare', { sharePpm: 0n }), {
      code: 'SameShare',
      fields: { sharePpm: 0n },
    })
    chain.must(1, 'setShare', { sharePpm: 2n })
    chain.must(1, 'setShare', { sharePpm: 1n })
    assert.equal(chain.on(1, 'setShare', { sharePpm: 1n })?.code, 'SameShare')
  })
})

describe('backing: invariants', () => {
  const started = (): BackingChain => {
    const chain = new BackingChain()
    chain.must(1, 'setShare', { sharePpm: 500_000n })
    chain.back(HOLDER, 1, coins(10))
    chain.back(OTHER, 1, coins(10))
    chain.must(OTHER, 'unback', { provider: 1, amountBase: coins(3) })
    chain.earn(1, ASSET, 1_001n)
    chain.run()
    return chain
  }
  const broken = (damage: (chain: BackingChain) => void): readonly string[] => {
    const chain = started()
    damage(chain)
    return chain.brokenInvariants()
  }
  const POOLS = '1 pools halt'
  const REVENUE = '10 revenue alert'

  it('hold after ordinary blocks', () => {
    assert.deepEqual(
      broken(() => {}),
      [],
    )
  })

  it('detect coins that a pool does not hold, or counts twice', () => {
    assert.deepEqual(
      broken((chain) => chain.takeOne(poolAddressOf(1), COIN_ASSET)),
      [POOLS],
    )
    const pool = (change: object) => (chain: BackingChain) => {
      const known = getPool(chain.state, 1)
      backingTables.pool.set(chain.state, { provider: 1 }, { ...known, ...change })
    }
    assert.deepEqual(broken(pool({ unbondingBase: coins(4) })), [POOLS])
    assert.deepEqual(broken(pool({ backedBase: coins(16), unbondingBase: coins(4) })), [POOLS])
    assert.deepEqual(broken(pool({ unitsBase: coins(16) })), [POOLS])
    assert.deepEqual(broken(pool({ unitsBase: coins(18) })), [POOLS])
  })

  it('detect units that nobody has, and positions that are not listed', () => {
    const position = (change: object) => (chain: BackingChain) => {
      const known = backingTables.position.mustGet(chain.state, at(OTHER))
      backingTables.position.set(chain.state, at(OTHER), { ...known, ...change })
    }
    assert.deepEqual(broken(position({ unbondings: [] })), [POOLS])
    assert.ok(broken(position({ unitsBase: coins(8) })).includes(POOLS))
    assert.deepEqual(
      broken(({ state }) => backingTables.account.delete(state, { account: walletOf(OTHER) })),
      [POOLS],
    )
    assert.deepEqual(
      broken(({ state }) => {
        for (let window = 0; window < 9; window++) {
          const key = { provider: 1, untilWindow: window }
          if (backingTables.unbonding.has(state, key)) backingTables.unbonding.delete(state, key)
        }
      }),
      [POOLS],
    )
  })

  it('detect income that is not there, or belongs to nobody', () => {
    const income = (change: object) => (chain: BackingChain) => {
      const key = { provider: 1, asset: ASSET }
      const known = backingTables.income.mustGet(chain.state, key)
      backingTables.income.set(chain.state, key, { ...known, ...change })
    }
    assert.deepEqual(broken(income({ receivedBase: 502n })), [REVENUE])
    assert.deepEqual(broken(income({ withdrawnBase: 1n })), [REVENUE])
    assert.deepEqual(broken(income({ dustE36: 10n ** 36n })), [REVENUE])
    assert.deepEqual(broken(income({ perUnitE36: 1n })), [REVENUE])
    assert.deepEqual(
      broken(({ state }) => backingTables.income.delete(state, { provider: 1, asset: ASSET })),
      [REVENUE],
    )
  })
})
