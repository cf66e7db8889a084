// Moving coins from one provider to another: what is bound, what a default of either takes, and random histories beside brute force.
import assert from 'node:assert/strict'
import { TEST_PARAMETERS } from '../../../genesis/parameters.ts'
import { ledger } from '../../../state/ledger.ts'
import { shareIncome } from '../../../state/modules/backing/income.ts'
import { atRisk, takeLoss } from '../../../state/modules/backing/losses.ts'
import { backingModule } from '../../../state/modules/backing/module.ts'
import { holdUnbonding, poolAddressOf } from '../../../state/modules/backing/pools.ts'
import { MOVES_MAX, OWN_MOVES_MAX } from '../../../state/modules/backing/schema.ts'
import { capacityTables } from '../../../state/modules/capacity/tables.ts'
import { liabilityBurn } from '../../../state/modules/issuance/ledger.ts'
import { GUARANTEE_FUND } from '../../../state/modules/providers/external.ts'
import { setProviderStatus } from '../../../state/modules/providers/members.ts'
import { ASSET, coins, DefaultChain, HOLDER, walletOf } from '../../support/defaultFixture.ts'
import { Random } from '../../support/random.ts'

const { unbondWindows } = TEST_PARAMETERS.backing
const OTHER = 31

interface Position {
  readonly backedBase: bigint
  readonly claimable: readonly { readonly amountBase: bigint }[]
  readonly moved: readonly {
    readonly from: number
    readonly untilWindow: number
    readonly amountBase: bigint
  }[]
}

class MovingChain extends DefaultChain {
  constructor() {
    super()
    for (const provider of [1, 2, 3]) {
      this.owe(provider, coins(1_000))
      this.owe(provider, coins(1_000), { to: OTHER })
    }
    this.commitState()
  }

  on(wallet: number, action: string, args: object): string | undefined {
    return this.act(action, walletOf(wallet), args, backingModule)?.code
  }

  back(wallet: number, provider: number, amountBase: bigint): void {
    assert.equal(this.on(wallet, 'back', { provider, amountBase }), undefined)
  }

  move(wallet: number, from: number, to: number, amountBase: bigint): string | undefined {
    return this.on(wallet, 'redelegate', { provider: from, to, amountBase })
  }

  position(wallet: number, provider: number): Position | undefined {
    return this.query<Position>('position', { provider, account: walletOf(wallet) }, backingModule)
  }

  backed(wallet: number, provider: number): bigint {
    return this.position(wallet, provider)?.backedBase ?? 0n
  }

  /** Burns coins behind a provider against what it owes, as a default does. */
  lose(provider: number, amountBase: bigint): void {
    takeLoss(this.ctx(), provider, amountBase)
    liabilityBurn(this.ctx(), { provider, from: poolAddressOf(provider), amountBase })
  }

  earn(provider: number, amountBase: bigint): void {
    this.give(999, amountBase)
    const given = { asset: ASSET, from: walletOf(999), to: GUARANTEE_FUND, amountBase }
    assert.equal(ledger.move(this.ctx(), given), undefined)
    shareIncome(this.ctx(), { provider, asset: ASSET, from: GUARANTEE_FUND, amountBase })
  }

  riskOf(provider: number): bigint {
    const { backedBase, unbondingBase, movedBase } = atRisk(this.state, provider)
    return backedBase + unbondingBase + movedBase
  }

  passAll(windows: number): void {
    for (let window = 0; window < windows; window++) this.pass()
  }
}

describe('backing.redelegate', () => {
  it('moves coins at once: they earn at the second provider and are at risk at both', () => {
    const chain = new MovingChain()
    const before = chain.sums
    chain.run(() => {
      chain.back(HOLDER, 1, coins(100))
      assert.equal(chain.on(2, 'setShare', { sharePpm: 500_000n }), undefined)
      assert.equal(chain.move(HOLDER, 1, 2, coins(60)), undefined)
      chain.earn(2, 1_200n)
    })
    assert.deepEqual(chain.sums.owed, before.owed)
    assert.equal(chain.backed(HOLDER, 1), coins(40))
    assert.equal(chain.backed(HOLDER, 2), coins(60))
    assert.equal(chain.position(HOLDER, 2)!.claimable[0]!.amountBase, 600n)
    assert.equal(chain.riskOf(1), coins(100))
    assert.equal(chain.riskOf(2), coins(60))
    // A default of the first takes a half: of those that stayed and of those that left.
    chain.run(() => chain.lose(1, coins(50)))
    assert.equal(chain.backed(HOLDER, 1), coins(20))
    assert.equal(chain.backed(HOLDER, 2), coins(30))
    assert.equal(chain.position(HOLDER, 2)!.claimable[0]!.amountBase, 600n)
    // One of the second takes of what is left there, and the first could take no more than is left.
    chain.run(() => chain.lose(2, coins(20)))
    assert.equal(chain.backed(HOLDER, 2), coins(10))
    assert.equal(chain.riskOf(1), coins(30))
    assert.deepEqual(chain.brokenInvariants(), [])
  })

  it('ends with the unbonding windows: then the first provider cannot take them, and they are free to go', () => {
    const chain = new MovingChain()
    chain.run(() => {
      chain.back(HOLDER, 1, coins(100))
      assert.equal(chain.move(HOLDER, 1, 2, coins(60)), undefined)
    })
    const [moved] = chain.position(HOLDER, 2)!.moved
    assert.deepEqual([moved!.from, moved!.amountBase], [1, coins(60)])
    chain.passAll(unbondWindows)
    assert.equal(chain.riskOf(1), coins(100))
    assert.equal(chain.on(HOLDER, 'unback', { provider: 2, amountBase: coins(60) }), 'StillLiable')
    chain.pass()
    assert.equal(chain.riskOf(1), coins(40))
    assert.deepEqual(chain.position(HOLDER, 2)!.moved, [])
    chain.run(() =>
      assert.equal(chain.on(HOLDER, 'unback', { provider: 2, amountBase: coins(60) }), undefined),
    )
    assert.deepEqual(chain.brokenInvariants(), [])
  })

  it('waits while the first provider is at fault, as an unbonding does', () => {
    const chain = new MovingChain()
    chain.run(() => {
      chain.back(HOLDER, 1, coins(100))
      assert.equal(chain.move(HOLDER, 1, 2, coins(60)), undefined)
    })
    const clock = capacityTables.clock.mustGet(chain.state, {})
    const at = (windows: number) =>
      capacityTables.clock.set(chain.state, {}, { ...clock, windowIndex: clock.windowIndex + windows })
    holdUnbonding(chain.ctx(), 1, true)
    at(3 * unbondWindows)
    assert.equal(chain.riskOf(1), coins(100))
    holdUnbonding(chain.ctx(), 1, false)
    at(4 * unbondWindows)
    assert.equal(chain.riskOf(1), coins(100))
    assert.equal(chain.move(HOLDER, 2, 3, coins(6)), 'StillLiable')
    at(4 * unbondWindows + 1)
    assert.equal(chain.riskOf(1), coins(40))
    assert.equal(chain.move(HOLDER, 2, 3, coins(6)), undefined)
  })

  it('does not let coins hop on, or leave, while they are at risk where they came from', () => {
    const chain = new MovingChain()
    chain.back(HOLDER, 1, coins(100))
    chain.back(HOLDER, 2, coins(5))
    assert.equal(chain.move(HOLDER, 1, 2, coins(60)), undefined)
    assert.equal(chain.move(HOLDER, 2, 3, coins(6)), 'StillLiable')
    assert.equal(chain.move(HOLDER, 2, 1, coins(6)), 'StillLiable')
    assert.equal(chain.on(HOLDER, 'unback', { provider: 2, amountBase: coins(6) }), 'StillLiable')
    // What it had there of its own may go.
    assert.equal(chain.move(HOLDER, 2, 3, coins(5)), undefined)
    assert.equal(chain.riskOf(2), coins(65))
  })

  it('refuses what cannot be, and changes nothing', () => {
    const chain = new MovingChain()
    chain.back(HOLDER, 1, coins(100))
    const before = chain.riskOf(1)
    assert.equal(chain.move(HOLDER, 1, 1, coins(10)), 'SameProvider')
    assert.equal(chain.move(HOLDER, 1, 99, coins(10)), 'UnknownProvider')
    assert.equal(chain.move(HOLDER, 1, 2, coins(1) - 1n), 'AmountTooSmall')
    assert.equal(chain.move(HOLDER, 1, 2, coins(101)), 'InsufficientBacking')
    assert.equal(chain.move(HOLDER, 3, 2, coins(1)), 'InsufficientBacking')
    setProviderStatus(chain.ctx(), 2, 'retiring')
    assert.equal(chain.move(HOLDER, 1, 2, coins(10)), 'NotBackable')
    assert.equal(chain.riskOf(1), before)
    assert.equal(chain.backed(HOLDER, 1), coins(100))
  })

  it('bounds the moves of an account and of a pool; those of a window are one, and a list that fills asks for more', () => {
    const chain = new MovingChain()
    chain.back(HOLDER, 1, coins(1_000))
    for (let n = 0; n < 10; n++) assert.equal(chain.move(HOLDER, 1, 2, coins(1)), undefined)
    assert.equal(chain.position(HOLDER, 2)!.moved.length, 1)
    assert.equal(chain.position(HOLDER, 2)!.moved[0]!.amountBase, coins(10))
    let accounts = 0
    let code: string | undefined
    chain.commitState()
    for (; accounts < MOVES_MAX; accounts++) {
      const wallet = 100 + accounts
      chain.owe(1, coins(400), { to: wallet })
      chain.back(wallet, 1, coins(400))
      code = chain.move(wallet, 1, 2, accounts < MOVES_MAX / 2 ? coins(1) : coins(256))
      if (code !== undefined) break
    }
    assert.equal(code, 'MovesFull')
    assert.equal(accounts, MOVES_MAX - 1)
    const other = 500
    chain.owe(1, coins(400), { to: other })
    chain.back(other, 1, coins(400))
    assert.equal(chain.move(other, 1, 2, coins(255)), 'AmountTooSmall')
    // A default of the pool pays all of it, whoever moved how often.
    const risk = chain.riskOf(1)
    chain.run(() => chain.lose(1, risk))
    assert.equal(chain.riskOf(1), 0n)
    assert.equal(chain.backed(HOLDER, 2), 0n)
    assert.deepEqual(chain.brokenInvariants(), [])
  })

  it('bounds how often one account moves out of a pool, over windows', () => {
    const chain = new MovingChain()
    chain.run(() => chain.back(HOLDER, 1, coins(1_000)))
    const seen: (string | undefined)[] = []
    for (let window = 0; window <= unbondWindows; window++) {
      for (const to of [2, 3, 4]) {
        chain.run(() => seen.push(chain.move(HOLDER, 1, to, coins(1))))
      }
      chain.pass()
    }
    assert.deepEqual(
      seen.filter((code) => code === undefined).length,
      OWN_MOVES_MAX,
      'each further one waits until the first is over',
    )
    assert.ok(seen.slice(OWN_MOVES_MAX).every((code) => code === 'MovesFull'))
  })

  it('leaves nothing bound in a pool that was lost', () => {
    const chain = new MovingChain()
    chain.run(() => {
      chain.back(HOLDER, 1, coins(100))
      assert.equal(chain.move(HOLDER, 1, 2, coins(60)), undefined)
    })
    chain.run(() => chain.lose(2, coins(60)))
    assert.equal(chain.riskOf(1), coins(40))
    chain.run(() => assert.equal(chain.on(HOLDER, 'claim', { provider: 2 }), undefined))
    assert.equal(chain.position(HOLDER, 2), undefined)
    chain.run(() => chain.back(HOLDER, 2, coins(10)))
    assert.equal(chain.riskOf(1), coins(40))
    chain.run(() =>
      assert.equal(chain.on(HOLDER, 'unback', { provider: 2, amountBase: coins(10) }), undefined),
    )
    assert.deepEqual(chain.brokenInvariants(), [])
  })
})

/** A coin of the model is divided so finely that nothing is rounded. */
const FINE = 2n ** 128n

interface Held {
  coins: bigint
  /** Of them: what was moved here and is at risk at another provider too. */
  readonly bound: { readonly from: number; readonly untilWindow: number; mostCoins: bigint; coins: bigint }[]
}

/** Three pools as the pages describe them: who has how much where, without units. */
class BruteForce {
  readonly held = new Map<string, Held>()

  at(wallet: number, provider: number): Held {
    const key = `${wallet} ${provider}`
    const known = this.held.get(key) ?? { coins: 0n, bound: [] }
    this.held.set(key, known)
    return known
  }

  /** What a default of a provider reaches: coins in its pool, and coins moved out of it, each with what it takes from. */
  reach(provider: number, window: number) {
    const out: { amount: bigint; take: (part: bigint) => void }[] = []
    for (const [key, held] of this.held) {
      if (key.endsWith(` ${provider}`))
        out.push({
          amount: held.coins,
          take: (part) => {
            for (const move of held.bound)
              move.coins = held.coins === 0n ? 0n : (move.coins * (held.coins - part)) / held.coins
            held.coins -= part
          },
        })
      for (const move of held.bound)
        if (move.from === provider && move.untilWindow > window)
          out.push({
            amount: move.coins < move.mostCoins ? move.coins : move.mostCoins,
            take: (part) => {
              move.coins -= part
              move.mostCoins -= part
              held.coins -= part
            },
          })
    }
    return out
  }

  lose(provider: number, lost: bigint, window: number): void {
    const all = this.reach(provider, window)
    const total = all.reduce((sum, { amount }) => sum + amount, 0n)
    const parts = all.map(({ amount }) =>
      total === 0n ? 0n : (amount * (lost < total ? lost : total)) / total,
    )
    for (const [i, { take }] of all.entries()) take(parts[i]!)
  }
}

function playMoves(seed: number): number {
  const random = new Random(seed)
  const chain = new MovingChain()
  const model = new BruteForce()
  const wallets = [HOLDER, OTHER]
  let window = 0
  let moves = 0
  for (let act = 0; act < 40; act++) {
    const wallet = random.pick(wallets)
    const [from, to] = random.shuffled([1, 2, 3]).slice(0, 2) as [number, number]
    const kind = random.between(0, 99)
    const amountBase = coins(random.between(1, 50)) + BigInt(random.between(0, 9))
    if (kind < 30) {
      if (chain.on(wallet, 'back', { provider: from, amountBase }) === undefined)
        model.at(wallet, from).coins += amountBase * FINE
    } else if (kind < 65) {
      if (chain.move(wallet, from, to, amountBase) === undefined) {
        moves++
        model.at(wallet, from).coins -= amountBase * FINE
        const into = model.at(wallet, to)
        into.coins += amountBase * FINE
        const untilWindow = window + 1 + unbondWindows
        into.bound.push({ from, untilWindow, mostCoins: amountBase * FINE, coins: amountBase * FINE })
      }
    } else if (kind < 80) {
      const lossBase = (chain.riskOf(from) * BigInt(random.between(0, 700))) / 1_000n
      chain.lose(from, lossBase)
      model.lose(from, lossBase * FINE, window)
    } else if (kind < 90) {
      chain.run(() => {})
      chain.pass()
      window++
    } else if (kind < 95) chain.earn(from, amountBase)
    else chain.on(wallet, 'claim', { provider: from })
    for (const provider of [1, 2, 3])
      for (const each of wallets) {
        const off = chain.backed(each, provider) - model.at(each, provider).coins / FINE
        // A unit of rounding for each act, and the others' roundings in proportion.
        assert.ok(
          (off < 0n ? -off : off) <= 4n * BigInt(act + 1),
          `seed ${seed}, act ${act}: ${each} at ${provider} off by ${off}`,
        )
      }
  }
  chain.run(() => {})
  assert.deepEqual(chain.brokenInvariants(), [], `seed ${seed}`)
  return moves
}

describe('backing.redelegate beside brute force', () => {
  it('takes from every pool and move what a list of all backers says', () => {
    let moves = 0
    for (let seed = 1; seed <= 12; seed++) moves += playMoves(seed)
    assert.ok(moves > 25, `${moves} moves`)
  })
})
