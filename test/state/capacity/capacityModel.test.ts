import assert from 'node:assert/strict'
import fc from 'fast-check'
import { COIN, PPM } from '../../../base/units.ts'
import { type Parameters, TEST_PARAMETERS } from '../../../genesis/parameters.ts'
import { bookHours, freeHours, returnHours } from '../../../state/modules/capacity/book.ts'
import { getGroup, groupIdsOf } from '../../../state/modules/capacity/groups.ts'
import { getLot, lotIdsOf } from '../../../state/modules/capacity/lots.ts'
import { capacityModule } from '../../../state/modules/capacity/module.ts'
import { getSummary } from '../../../state/modules/capacity/sums.ts'
import { currentWindow } from '../../../state/modules/capacity/windows.ts'
import { getAnchor, setAnchor } from '../../../state/modules/oracle/anchor.ts'
import { accountOf, EconomyChain } from '../../support/economyFixture.ts'

interface ModelLot {
  readonly provider: number
  readonly classId: number
  readonly devices: number
  readonly services: number
  /** First window whose recount knows the lot. */
  readonly knownFrom: number
  readonly firstWindow: number
  lastWindow: number
}
interface Booked {
  readonly provider: number
  readonly classId: number
  readonly services: number
  readonly window: number
  hours: bigint
  amountBase: bigint
}
interface Model {
  readonly lots: Map<number, ModelLot>
  readonly booked: Booked[]
}

const RATINGS = [400_000n, 900_000n, 2_500_000n]

/** C, C* and R as ECONOMY §3 defines them: group by group, window by window, lot by lot. */
function modelSums(
  model: Model,
  at: { provider: number; now: number; anchor: bigint; parameters: Parameters },
) {
  const { horizonWindows: K, coverN } = at.parameters.capacity
  const growth = [PPM]
  for (let k = 1; k <= K; k++)
    growth.push((growth[k - 1]! * (PPM + at.parameters.oracle.driftPpm) + PPM - 1n) / PPM)
  const sums = { capacityBase: 0n, lastingBase: 0n, reservedBase: 0n, quarterBase: [0n, 0n, 0n] }
  for (const classId of [1, 2, 3])
    for (let k = 0; k <= K; k++) {
      const rating = RATINGS[classId - 1]!
      const window = at.now + k
      if (rating * PPM * PPM < 250_000n * at.anchor * growth[k]!) continue
      const inGroup = (x: { provider: number; classId: number; services: number }): boolean =>
        x.provider === at.provider && x.classId === classId && x.services === 7
      const booked = model.booked.find((b) => inGroup(b) && b.window === window)
      sums.reservedBase += booked?.amountBase ?? 0n
      if (k < 2 + coverN) continue
      let devices = 0n
      for (const lot of model.lots.values())
        if (inGroup(lot) && lot.knownFrom <= at.now && window >= lot.firstWindow && window <= lot.lastWindow)
          devices += BigInt(lot.devices)
      const V = (devices * 24n * rating * PPM * 950_000n) / (PPM * PPM)
      const free = V * PPM * PPM - (booked?.hours ?? 0n)
      const c = (free * PPM * PPM) / (at.anchor * growth[k]!)
      if (c < COIN / 100n) continue
      sums.capacityBase += c
      if (rating * PPM ** 3n < 250_000n * at.anchor * growth[K]! ** 2n) continue
      sums.lastingBase += c
      for (let q = 1; q <= 3; q++) if (k <= Math.ceil((q * K) / 4)) sums.quarterBase[q - 1]! += c
    }
  return sums
}

const step = fc.record({
  kind: fc.constantFrom('lot', 'partial', 'notice', 'book', 'book', 'return', 'window', 'drift'),
  a: fc.nat(1_000),
  b: fc.nat(1_000),
})
type Step = { readonly kind: string; readonly a: number; readonly b: number }

function pledge(chain: EconomyChain, model: Model, { kind, a, b }: Step): void {
  const provider = 1 + (a % 2)
  const now = currentWindow(chain.state)
  const lot = {
    classId: 1 + (b % 3),
    devices: 1 + b,
    firstWindow: now + (a % 13),
    services: kind === 'lot' ? 7 : 3,
  }
  const id = chain.addLot(provider, lot)
  model.lots.set(id, { ...lot, provider, knownFrom: now, lastWindow: 2 ** 40 })
}

function book(chain: EconomyChain, model: Model, { kind, a, b }: Step): void {
  const provider = 1 + (a % 2)
  const ids = groupIdsOf(chain.state, provider)
  const group = ids[b % Math.max(1, ids.length)]
  if (group === undefined) return
  const { classId, services } = getGroup(chain.state, group)!
  const windowIndex = currentWindow(chain.state) + 1 + (b % 3)
  const key = { provider, classId, services, window: windowIndex }
  const same = (x: Booked): boolean =>
    (Object.keys(key) as (keyof typeof key)[]).every((name) => x[name] === key[name])
  const known = model.booked.find(same)
  if (kind === 'book') {
    const hours = (freeHours(chain.state, { group, windowIndex }) * BigInt(a)) / 1_000n
    if (hours === 0n) return
    const amountBase = hours / 3n + 1n
    bookHours(chain.ctx(), { group, windowIndex, hours, amountBase })
    if (known === undefined) model.booked.push({ ...key, hours, amountBase })
    else {
      known.hours += hours
      known.amountBase += amountBase
    }
  } else if (known !== undefined) {
    const hours = (known.hours * BigInt(a)) / 1_000n
    const amountBase = (known.amountBase * BigInt(b)) / 1_000n
    returnHours(chain.ctx(), { group, windowIndex, hours, amountBase })
    known.hours -= hours
    known.amountBase -= amountBase
  }
}

function apply(chain: EconomyChain, model: Model, one: Step): void {
  const { kind, a, b } = one
  if (kind === 'lot' || kind === 'partial') pledge(chain, model, one)
  else if (kind === 'book' || kind === 'return') book(chain, model, one)
  else if (kind === 'notice') {
    const provider = 1 + (a % 2)
    const [id] = lotIdsOf(chain.state, provider).slice(b % 4)
    if (id === undefined || getLot(chain.state, id)!.lastWindow !== undefined) return
    assert.equal(chain.act(capacityModule, 'giveNotice', accountOf(provider), { lot: id }), undefined)
    model.lots.get(id)!.lastWindow = currentWindow(chain.state) + chain.parameters.capacity.horizonWindows
  } else {
    if (kind === 'drift') setAnchor(chain.ctx(), getAnchor(chain.state) + BigInt(a * b))
    chain.endWindow()
  }
}

describe('capacity against a naive model', () => {
  for (const [name, coverN, recountStepsMax] of [
    ['cover-1, one block', 1, 40_000],
    ['cover-0, one block', 0, 40_000],
    ['cover-1, one group a block', 1, 1],
  ] as const)
    it(`has the same C, C* and R after any lots, notices, bookings, drifts and windows (${name})`, () => {
      const { capacity } = TEST_PARAMETERS
      const parameters = { ...TEST_PARAMETERS, capacity: { ...capacity, coverN, recountStepsMax } }
      fc.assert(
        fc.property(fc.array(step, { maxLength: 25 }), (steps) => {
          const chain = new EconomyChain(parameters)
          RATINGS.forEach((ratingPpm, i) => void chain.addClass(i + 1, ratingPpm))
          for (const id of [1, 2]) chain.addProvider(id, { bondBase: 0n })
          const model: Model = { lots: new Map(), booked: [] }
          for (const one of steps) {
            apply(chain, model, one)
            const at = { now: currentWindow(chain.state), anchor: getAnchor(chain.state), parameters }
            while (chain.isRecounting) chain.endBlock()
            for (const id of [1, 2]) {
              const { capacityBase, lastingBase, reservedBase, quarterBase } = getSummary(chain.state, id)
              const sums = { capacityBase, lastingBase, reservedBase, quarterBase }
              assert.deepEqual(sums, modelSums(model, { ...at, provider: id }))
            }
          }
          chain.checkInvariants()
        }),
        { numRuns: 15 },
      )
    })
})
