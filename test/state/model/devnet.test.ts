// The model against ECONOMY §14's worked figures, before it is compared with anything that runs.
import { strict as assert } from 'node:assert'
import { COIN, P } from './arithmetic.ts'
import { capacityC, capacityCStar, coinsInWindow } from './capacity.ts'
import {
  brokenMintLimits,
  frontLoadLimit,
  groupOf,
  jointLimit,
  ownBackingLimit,
  quota,
  shortfall,
  totalCapacity,
} from './coverage.ts'
import { mintAtGenesis } from './issuance.ts'
import { addBond, addLot, addProvider, begin, emptyWorld } from './newWorld.ts'
import { DEV } from './parameters.ts'
import type { World } from './world.ts'

const MEMBERS = [
  { name: 'aurora', ratingPpm: 1_000_000n, devices: 256 },
  { name: 'borealis', ratingPpm: 1_070_000n, devices: 240 },
  { name: 'cumulus', ratingPpm: 2_020_000n, devices: 128 },
  { name: 'dunes', ratingPpm: 1_025_000n, devices: 256 },
] as const

/** The devnet's genesis, with a liability of 25,250 coins each unless told otherwise. */
function devnet(liability = 25_250n): World {
  const world = emptyWorld(DEV, 0, 1_000_000n)
  world.assets.set(1, { issuer: 'issuer', supplyBase: 0n })
  world.prices.set(1, 3_028_200n)
  MEMBERS.forEach(({ name, ratingPpm, devices }, i) => {
    const id = i + 1
    const ratingsPpm = { train: ratingPpm, finetune: ratingPpm, infer: ratingPpm }
    world.classes.set(id, { id, ratingsPpm, specOnly: false })
    addBond(world, addProvider(world, { id, operator: name, legalGroup: name }), 1, 30_000_000_000n)
    addLot(world, { provider: id, classId: id, devices, region: 'tw', countsFrom: 0 })
  })
  for (const { id, operator } of world.providers.values())
    assert.equal(mintAtGenesis(world, id, operator, liability * COIN), undefined)
  begin(world)
  return world
}

/** Thousandths of a coin, rounded to the nearest as the table is. */
const thousandths = (base: bigint): bigint => (base + COIN / 2_000n) / (COIN / 1_000n)
const of = (world: World, f: (world: World, id: number) => bigint): readonly bigint[] =>
  [...world.providers.keys()].map((id) => thousandths(f(world, id)))

describe('state.model.devnet', () => {
  it('has the capacity of the worked table', () => {
    const world = devnet()
    assert.deepEqual(
      of(world, (w, id) => coinsInWindow(w, id, 0)),
      [5_836_800n, 5_855_040n, 5_895_168n, 5_982_720n],
    )
    assert.deepEqual(of(world, capacityC), [84_107_294n, 84_370_129n, 84_948_367n, 86_209_976n])
    assert.deepEqual(of(world, capacityCStar), of(world, capacityC))
    assert.equal(thousandths(totalCapacity(world)), 339_635_765n)
  })

  it('has the limits of the worked table', () => {
    const world = devnet()
    assert.deepEqual(of(world, ownBackingLimit), [56_071_529n, 56_246_753n, 56_632_244n, 57_473_317n])
    assert.deepEqual(
      of(world, (w, id) => frontLoadLimit(w, id)!).map((x) => (x + 500n) / 1_000n),
      [129_432n, 129_837n, 130_726n, 132_668n],
    )
    const quotas = of(world, (w, id) => quota(w, groupOf(w.providers.get(id)!)))
    assert.deepEqual(quotas, [41_994_849n, 42_126_083n, 42_414_797n, 42_414_797n])
    assert.equal(thousandths(jointLimit(world)), 168_950_526n)
    assert.equal(shortfall(world), 0n)
  })

  it('refuses one base unit above the quota, and names only the quota', () => {
    const world = devnet()
    const limit = quota(world, groupOf(world.providers.get(1)!))
    const room = limit - world.providers.get(1)!.liabilityBase
    assert.deepEqual([...brokenMintLimits(world, 1, room)], [])
    assert.deepEqual([...brokenMintLimits(world, 1, room + 1n)], ['quota'])
  })

  it('covers liabilities after every quota is minted, through K windows of the largest drift', () => {
    const world = devnet(0n)
    for (const provider of world.providers.values()) {
      const room = quota(world, groupOf(provider))
      assert.equal(mintAtGenesis(world, provider.id, provider.operator, room), undefined)
    }
    for (let k = 0; k < world.parameters.horizonWindows; k++) {
      assert.equal(shortfall(world), 0n, `window ${k}`)
      world.window++
      world.anchorPpm = (world.anchorPpm * (P + world.parameters.driftPpm)) / P
    }
  })
})
