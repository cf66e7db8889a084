import assert from 'node:assert/strict'
import fc from 'fast-check'
import { PPM } from '../../../base/units.ts'
import { TEST_PARAMETERS } from '../../../genesis/parameters.ts'
import { freeHours, getSummary, reserveHours, unreserveHours } from '../../../state/modules/capacity/book.ts'
import { getLot, lotIdsOf } from '../../../state/modules/capacity/lots.ts'
import { capacityModule } from '../../../state/modules/capacity/module.ts'
import { currentWindow } from '../../../state/modules/capacity/windows.ts'
import { getAnchor, setAnchor } from '../../../state/modules/oracle/anchor.ts'
import { accountOf, EconomyChain } from '../../support/economyFixture.ts'

describe('capacity against a naive model', () => {
  interface ModelLot {
    readonly provider: number
    readonly ratingPpm: bigint
    readonly devices: number
    readonly firstWindow: number
    lastWindow: number
  }
  const K = TEST_PARAMETERS.capacity.horizonWindows
  const ratings = [400_000n, 900_000n, 2_500_000n]

  /** C as ECONOMY §3 defines it: window by window, lot by lot. */
  function modelCapacity(
    lots: readonly ModelLot[],
    reserved: ReadonlyMap<string, bigint>,
    at: { provider: number; now: number; anchor: bigint },
  ): bigint {
    let C = 0n
    let G = PPM
    for (let k = 1; k <= K; k++) {
      G = (G * 1_050_000n + PPM - 1n) / PPM
      if (k < 2) continue
      const window = at.now + k
      let V = 0n
      for (const lot of lots) {
        if (lot.provider !== at.provider || window < lot.firstWindow || window > lot.lastWindow) continue
        if (lot.ratingPpm * PPM * PPM < 250_000n * at.anchor * G) continue
        V += BigInt(lot.devices) * 24n * lot.ratingPpm * PPM * 950_000n
      }
      const free = V - (reserved.get(`${at.provider}/${window}`) ?? 0n)
      C += (free * PPM * PPM) / (at.anchor * G)
    }
    return C
  }

  it('has the same C after any sequence of lots, notices, reservations, drifts and windows', () => {
    const step = fc.record({
      kind: fc.constantFrom('lot', 'notice', 'reserve', 'return', 'window', 'drift'),
      a: fc.nat(1_000),
      b: fc.nat(1_000),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 25 }), (steps) => {
        const chain = new EconomyChain(TEST_PARAMETERS)
        ratings.forEach((ratingPpm, i) => void chain.addClass(i + 1, ratingPpm))
        for (const id of [1, 2]) chain.addProvider(id, { bondBase: 0n })
        const lots: ModelLot[] = []
        const reserved = new Map<string, bigint>()
        for (const { kind, a, b } of steps) {
          const provider = 1 + (a % 2)
          const now = currentWindow(chain.state)
          if (kind === 'lot') {
            const classId = 1 + (b % 3)
            const firstWindow = now + (a % (K + 1))
            const id = chain.addLot(provider, { classId, devices: 1 + b, firstWindow })
            lots[id] = {
              provider,
              ratingPpm: ratings[classId - 1]!,
              devices: 1 + b,
              firstWindow,
              lastWindow: 2 ** 40,
            }
          } else if (kind === 'notice') {
            const [id] = lotIdsOf(chain.state, provider).slice(b % 4)
            if (id === undefined || getLot(chain.state, id)!.lastWindow !== undefined) continue
            assert.equal(chain.act(capacityModule, 'giveNotice', accountOf(provider), { lot: id }), undefined)
            lots[id]!.lastWindow = now + K
          } else if (kind === 'reserve') {
            const at = { provider, windowIndex: now + 1 + (b % 3) }
            const hours = (freeHours(chain.state, at) * BigInt(a)) / 1_000n
            if (hours === 0n) continue
            reserveHours(chain.ctx(), { ...at, hours })
            const key = `${provider}/${at.windowIndex}`
            reserved.set(key, (reserved.get(key) ?? 0n) + hours)
          } else if (kind === 'return') {
            const at = { provider, windowIndex: now + 1 + (b % 3) }
            const key = `${provider}/${at.windowIndex}`
            const hours = ((reserved.get(key) ?? 0n) * BigInt(a)) / 1_000n
            unreserveHours(chain.ctx(), { ...at, hours })
            reserved.set(key, (reserved.get(key) ?? 0n) - hours)
          } else {
            if (kind === 'drift') setAnchor(chain.ctx(), getAnchor(chain.state) + BigInt(a * b))
            chain.endWindow()
          }
          const at = { now: currentWindow(chain.state), anchor: getAnchor(chain.state) }
          for (const id of [1, 2])
            assert.equal(
              getSummary(chain.state, id).capacityBase,
              modelCapacity(lots.filter(Boolean), reserved, { ...at, provider: id }),
            )
        }
        chain.checkInvariants()
      }),
      { numRuns: 40 },
    )
  })
})
