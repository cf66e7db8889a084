// The work of blocks does not depend on the number of series, buyers or receipts: cursors, and a bound on each walk.
import assert from 'node:assert/strict'
import { MAIN_PARAMETERS, TEST_PARAMETERS } from '../../../genesis/parameters.ts'
import { laneTarget } from '../../../state/fees.ts'
import { purchasesWaiting } from '../../../state/modules/series/purchases.ts'
import { seriesSchema } from '../../../state/modules/series/schema.ts'
import { isSweepDue } from '../../../state/modules/series/sweep.ts'
import { coins, SeriesChain } from '../../support/seriesFixture.ts'

const SLOW = { ...TEST_PARAMETERS, series: { ...TEST_PARAMETERS.series, stepsPerBlockMax: 3 } }

describe('series: work of a block', () => {
  it('settles so many purchases a block, the rest later, in the same order', () => {
    const chain = new SeriesChain({ parameters: SLOW })
    const id = chain.open(1, { closesAt: 9 })
    chain.run(() => {
      for (let i = 0; i < 8; i++) assert.equal(chain.buy(20 + i, id, coins(1)), undefined)
    })
    const settled = (): number =>
      Array.from({ length: 8 }, (_, i) => chain.purchase(i + 1)).filter((p) => p.state === 'filled').length
    const seen: number[] = []
    for (let block = 0; block < 3; block++) {
      chain.run()
      seen.push(settled())
    }
    assert.deepEqual(seen, [3, 6, 8])
  })

  it('settles in each block of 200 ms what its general lane takes at the target', () => {
    const { capacity, accounts } = MAIN_PARAMETERS
    const { blockStepsMax } = capacity
    const parameters = { ...TEST_PARAMETERS, capacity: { ...TEST_PARAMETERS.capacity, blockStepsMax } }
    const chain = new SeriesChain({ parameters })
    const id = chain.open(1, { closesAt: 9, capBase: coins(1_000) })
    const { gasTargetPerSecond, blockGasLimit } = accounts
    const terms = { gasTargetPerSecond, periodMs: 200, gasLimit: blockGasLimit }
    const atTarget = Math.floor(Number(laneTarget('general', terms)) / seriesSchema.actions.buy.gas)
    assert.ok(atTarget > 0)
    for (let block = 0; block < 20; block++) {
      chain.run(() => {
        assert.equal(purchasesWaiting(chain.state), 0, `block ${block}`)
        for (let i = 0; i < atTarget; i++) assert.equal(chain.buy(20 + i, id, coins(1)), undefined)
      })
    }
  })

  it('looks at so many members and series a block, and at each once a window', () => {
    const chain = new SeriesChain({ parameters: SLOW })
    const ids = Array.from({ length: 5 }, () => chain.open(1, { closesAt: 0 }))
    const open = (): number => ids.filter((id) => chain.series(id).state === 'selling').length
    chain.endWindow()
    assert.equal(open(), 2)
    assert.equal(isSweepDue(chain.state), true)
    chain.run()
    assert.equal(open(), 0)
    chain.run()
    chain.run()
    assert.equal(isSweepDue(chain.state), false)
    chain.endWindow()
    assert.equal(isSweepDue(chain.state), true)
  })

  it('goes on where it was when a window ends before a sweep does', () => {
    const chain = new SeriesChain({ parameters: SLOW })
    const ids = [1, 2, 3, 4].flatMap((provider) =>
      Array.from({ length: 4 }, () => chain.open(provider, { closesAt: 0 })),
    )
    // Twenty looks at three a block, with two blocks a window: the fourth member's turn comes in a later window.
    for (let window = 0; window < 5; window++) {
      chain.endWindow()
      chain.run()
    }
    assert.deepEqual(
      ids.filter(
        (id) => chain.query('show', { series: id }) !== undefined && chain.series(id).state === 'selling',
      ),
      [],
    )
  })

  it('is the same for many holders of a series: one step turns all their receipts into coins', () => {
    const steps = (holders: number): number => {
      const chain = new SeriesChain()
      const id = chain.open(1, { kind: 'forward', closesAt: 0 })
      chain.bought(20, id, coins(60))
      for (let i = 1; i < holders; i++) chain.transfer(id, { from: 20, to: 100 + i, amountBase: coins(1) })
      chain.run()
      const before = chain.logs.length
      chain.endWindow()
      assert.equal(chain.series(id).state, 'converted')
      return chain.logs.length - before
    }
    assert.equal(steps(50), steps(1))
  })
})
