// Issuers of series: offers at and beside every limit, locks topped up or left short, sales stopped.
import { getPrice } from '../../../../state/modules/oracle/prices.ts'
import { type Act, act } from '../act.ts'
import type { Scene } from '../scene.ts'
import { addressOf, ISSUER } from '../wallets.ts'
import { COIN, UNIT } from '../world.ts'

function offers(scene: Scene, id: number): Act[] {
  const { random, chain, window } = scene
  const asset = random.pick([1, 1, 1, 2, 77])
  const price = getPrice(chain.full, asset)?.priceBase ?? 3n * UNIT
  const kind = random.pick(['immediate', 'forward', 'forward'] as const)
  const startPriceBase = random.pick([price, price, scene.near(price / 2n), (price * 3n) / 2n])
  const opensAt = scene.about(window + random.pick([0, 0, 1]))
  const closesAt = opensAt + random.between(0, 4)
  return [
    act(scene.operator(id), 'series.open', {
      kind,
      asset,
      capBase: random.pick([10n, 50n, 300n, 2_000n]) * COIN,
      startPriceBase,
      endPriceBase: kind === 'immediate' && random.chance(0.5) ? (startPriceBase * 9n) / 10n : startPriceBase,
      opensAt,
      closesAt,
      dueAt: kind === 'forward' ? closesAt + random.pick([0, 1, 2, 5]) : random.chance(0.05) ? 5 : 0,
    }),
  ]
}

export function issuerActs(scene: Scene): Act[] {
  const { random } = scene
  const known = scene.series()
  const acts: Act[] = []
  if (random.chance(0.12)) acts.push(...offers(scene, random.pick(scene.ids)))
  if (known.length > 0 && random.chance(0.15)) {
    const [series, { provider }] = random.pick(known)
    const from = random.chance(0.9) ? scene.operator(provider) : random.pick(scene.ids)
    const roll = random.next()
    if (roll < 0.3) acts.push(act(from, 'series.stop', { series }))
    else if (roll < 0.6)
      acts.push(act(from, 'series.secure', { series, amountBase: random.pick([1n, UNIT, 200n * UNIT]) }))
    else acts.push(act(from, 'series.reclaim', { series }))
  }
  if (random.chance(0.05)) {
    const to = addressOf(scene.operator(random.pick(scene.ids)))
    acts.push(act(ISSUER, 'assets.issue', { asset: random.pick([1, 2]), to, amountBase: 2_000n * UNIT }))
  }
  return acts
}
