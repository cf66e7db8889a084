import assert from 'node:assert/strict'
import fc from 'fast-check'
import { TEST_PARAMETERS } from '../../../genesis/parameters.ts'
import { getAccount } from '../../../state/modules/accounts/ledger.ts'
import { freeCoins, getMeasures, reserveHours, unreserveHours } from '../../../state/modules/capacity/book.ts'
import { hoursOfCoins } from '../../../state/modules/capacity/rating.ts'
import { currentWindow } from '../../../state/modules/capacity/windows.ts'
import {
  getLiability,
  liabilityBurn,
  reserveCoins,
  unreserveCoins,
} from '../../../state/modules/issuance/ledger.ts'
import { issuanceModule } from '../../../state/modules/issuance/module.ts'
import { setAnchor } from '../../../state/modules/oracle/anchor.ts'
import { MODULES } from '../../../state/registry.ts'
import { readReserve } from '../../../state/reserve.ts'
import { accountOf, EconomyChain, quotaQuery } from '../../support/economyFixture.ts'

describe('issuance against a naive model', () => {
  const K = TEST_PARAMETERS.capacity.horizonWindows
  const step = fc.record({
    kind: fc.constantFrom('mint', 'mint', 'retire', 'reserve', 'settle', 'return', 'window'),
    provider: fc.integer({ min: 1, max: 4 }),
    share: fc.integer({ min: 0, max: 100 }),
    windowAhead: fc.integer({ min: 1, max: 3 }),
  })

  interface Model {
    /** L per provider. */
    readonly owed: bigint[]
    /** Coins and hours booked per `provider/window`. */
    readonly booked: Map<string, { amountBase: bigint; hours: bigint }>
    windows: number
  }

  const reservedOf = (model: Model, provider: number): bigint =>
    [...model.booked].reduce(
      (sum, [key, { amountBase }]) => (key.startsWith(`${provider}/`) ? sum + amountBase : sum),
      0n,
    )

  function apply(
    chain: EconomyChain,
    model: Model,
    {
      kind,
      provider,
      share,
      windowAhead,
    }: { kind: string; provider: number; share: number; windowAhead: number },
  ): void {
    const part = (whole: bigint): bigint => (whole * BigInt(share)) / 100n
    const windowIndex = currentWindow(chain.state) + windowAhead
    const key = `${provider}/${windowIndex}`
    const entry = model.booked.get(key) ?? { amountBase: 0n, hours: 0n }
    if (kind === 'mint') {
      const { mintableBase } = quotaQuery(chain, provider)
      assert.notEqual(chain.mint(provider, mintableBase + 1n), undefined)
      const amountBase = part(mintableBase)
      if (amountBase === 0n) return
      assert.equal(chain.mint(provider, amountBase), undefined)
      model.owed[provider]! += amountBase
    } else if (kind === 'retire') {
      const free = getAccount(chain.state, accountOf(provider)).balanceBase
      const amountBase = part(free < model.owed[provider]! ? free : model.owed[provider]!)
      if (amountBase === 0n) return
      assert.equal(chain.act(issuanceModule, 'retire', accountOf(provider), { amountBase }), undefined)
      model.owed[provider]! -= amountBase
    } else if (kind === 'reserve') {
      // At most what the provider owes and has not reserved: it delivers only its own coins.
      const own = model.owed[provider]! - reservedOf(model, provider)
      const room = freeCoins(chain.state, { provider, windowIndex })
      const amountBase = part(own < room ? own : room)
      if (amountBase <= 0n) return
      const hours = hoursOfCoins(amountBase, getMeasures(chain.state).anchor)
      reserveHours(chain.ctx(), { provider, windowIndex, hours })
      reserveCoins(chain.ctx(), { provider, windowIndex, amountBase })
      model.booked.set(key, { amountBase: entry.amountBase + amountBase, hours: entry.hours + hours })
    } else if (kind === 'settle') {
      const held = getAccount(chain.state, accountOf(provider)).balanceBase
      const amountBase = part(entry.amountBase < held ? entry.amountBase : held)
      const burn = { provider, from: accountOf(provider), amountBase }
      const burnedBase = liabilityBurn(chain.ctx(), burn)
      assert.equal(burnedBase, amountBase < model.owed[provider]! ? amountBase : model.owed[provider]!)
      unreserveCoins(chain.ctx(), { provider, windowIndex, amountBase })
      model.owed[provider]! -= burnedBase
      model.booked.set(key, { ...entry, amountBase: entry.amountBase - amountBase })
    } else if (kind === 'return') {
      unreserveHours(chain.ctx(), { provider, windowIndex, hours: entry.hours })
      unreserveCoins(chain.ctx(), { provider, windowIndex, amountBase: entry.amountBase })
      model.booked.delete(key)
    } else if (model.windows < K) {
      model.windows++
      const ended = currentWindow(chain.state)
      setAnchor(chain.ctx(), (getMeasures(chain.state).anchor * BigInt(1_000 + share)) / 1_000n)
      chain.endWindow()
      for (const id of [1, 2, 3, 4]) model.booked.delete(`${id}/${ended}`)
    }
  }

  it('keeps L, R and the supply, and is never short while constant capacity serves its own issuers', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const chain = new EconomyChain(TEST_PARAMETERS).addProviders(
          [31, 47, 53, 40].map((devices) => ({ ratingPpm: 5_000_000n, devices })),
        )
        const model: Model = { owed: [0n, 0n, 0n, 0n, 0n], booked: new Map(), windows: 0 }
        for (const one of steps) {
          apply(chain, model, one)
          for (const provider of [1, 2, 3, 4]) {
            const { liabilityBase, reservedBase } = getLiability(chain.state, provider)
            assert.equal(liabilityBase, model.owed[provider])
            assert.equal(reservedBase, reservedOf(model, provider))
          }
          const { supplyBase, shortfallBase } = readReserve(MODULES, chain.state)
          assert.equal(
            supplyBase,
            model.owed.reduce((a, b) => a + b, 0n),
          )
          // Each reservation may round its coins up by one unit of capacity.
          assert.ok(shortfallBase <= BigInt(steps.length), `short of ${shortfallBase}`)
        }
        chain.endBlock()
      }),
      { numRuns: 40 },
    )
  })
})
