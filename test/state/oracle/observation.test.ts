// What the chain observes itself: the median class of attested capacity, and of coins delivered.
import { strict as assert } from 'node:assert'
import { capacityModule } from '../../../state/modules/capacity/module.ts'
import { capacityTables } from '../../../state/modules/capacity/tables.ts'
import { noteWindow } from '../../../state/modules/oracle/clock.ts'
import { oracleModule } from '../../../state/modules/oracle/module.ts'
import { noteDelivered, USAGE_SPAN_WINDOWS } from '../../../state/modules/oracle/observation.ts'
import { oracleTables } from '../../../state/modules/oracle/tables.ts'
import { accountOf, EconomyChain } from '../../support/economyFixture.ts'

interface Observed {
  readonly classId: number
  readonly slug: string
  readonly rating: bigint
  readonly sharePpm: bigint
}
interface Observation {
  readonly capacityMedian?: Observed
  readonly usageMedian?: Observed
  readonly usageRating: bigint
  readonly usageSinceWindow: number
  readonly capacity: readonly Observed[]
}
const observe = (chain: EconomyChain) => chain.query<Observation>(oracleModule, 'observation')

/** Devices of a class by its lots, which is what the observation must hold. */
function devicesOf(chain: EconomyChain, classId: number): bigint {
  let sum = 0n
  for (const lot of capacityTables.lot.values(chain.committed))
    if (lot.classId === classId && lot.status === 'attested') sum += BigInt(lot.devices) * lot.auditPpm
  return sum
}

const SETUPS = [
  { ratingPpm: 1_000_000n, devices: 100, name: 'old' },
  { ratingPpm: 3_000_000n, devices: 100, name: 'new' },
  { ratingPpm: 500_000n, devices: 100, name: 'ancient' },
] as const

describe('oracle.observation', () => {
  it('weighs classes by devices and rating, and takes the one in the middle', () => {
    const chain = new EconomyChain().addProviders(SETUPS)
    const { capacityMedian, capacity, usageMedian } = observe(chain)
    assert.deepEqual(
      capacity.map(({ slug, sharePpm }) => [slug, sharePpm]),
      [
        ['ancient', 111_111n],
        ['old', 222_222n],
        ['new', 666_666n],
      ],
    )
    assert.deepEqual([capacityMedian?.slug, capacityMedian?.rating], ['new', 3_000_000n])
    assert.equal(usageMedian, undefined)
  })

  it('follows attestations and lots that end', () => {
    const chain = new EconomyChain().addProviders(SETUPS)
    chain.addLot(1, { classId: 1, devices: 900 })
    chain.endBlock()
    assert.equal(observe(chain).capacityMedian?.slug, 'old')
    assert.equal(
      oracleTables.observedCapacity.mustGet(chain.state, { classId: 1 }).devicesPpm,
      devicesOf(chain, 1),
    )
    const lots = chain.query<readonly { id: number; devices: number }[]>(capacityModule, 'lots', {
      provider: 1,
    })
    const lot = lots.find(({ devices }) => devices === 900)!.id
    assert.equal(chain.act(capacityModule, 'giveNotice', accountOf(1), { lot }), undefined)
    for (let i = 0; i <= chain.parameters.capacity.horizonWindows + 1; i++) chain.endWindow()
    assert.equal(oracleTables.observedCapacity.mustGet(chain.state, { classId: 1 }).devicesPpm, 100_000_000n)
    assert.equal(devicesOf(chain, 1), 100_000_000n)
    assert.equal(observe(chain).capacityMedian?.slug, 'new')
  })

  it('weighs what was delivered in the running span of windows and in the one before', () => {
    const chain = new EconomyChain().addProviders(SETUPS)
    const at = (windowIndex: number): void =>
      noteWindow(chain.state, { windowIndex, startedAtMs: 0, endsAtMs: 1 })
    noteDelivered(chain.state, { classId: 1, amountBase: 10n })
    noteDelivered(chain.state, { classId: 2, amountBase: 30n })
    assert.deepEqual([observe(chain).usageMedian?.slug, observe(chain).usageRating], ['new', 2_500_000n])
    at(USAGE_SPAN_WINDOWS)
    noteDelivered(chain.state, { classId: 1, amountBase: 50n })
    assert.deepEqual([observe(chain).usageMedian?.slug, observe(chain).usageSinceWindow], ['old', 0])
    at(2 * USAGE_SPAN_WINDOWS)
    const later = observe(chain)
    assert.deepEqual([later.usageMedian?.sharePpm, later.usageRating], [1_000_000n, 1_000_000n])
    assert.equal(later.usageSinceWindow, USAGE_SPAN_WINDOWS)
    at(3 * USAGE_SPAN_WINDOWS)
    assert.equal(observe(chain).usageMedian, undefined)
  })
})
