// What "100 % backed" promises: everyone redeems at once, the anchor drifts at its maximum, one provider falls silent,
// and every coin is tendered within K windows (ECONOMY §3).
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { PPM } from '../../../base/units.ts'
import { checkMint, getMintLimits, leastLimit } from '../../../state/modules/issuance/limits.ts'
import { getAnchor, setAnchor } from '../../../state/modules/oracle/anchor.ts'
import { getTotals } from '../../../state/modules/redemption/redemptions.ts'
import { redemptionTables } from '../../../state/modules/redemption/tables.ts'
import { MODULES } from '../../../state/registry.ts'
import { readReserve } from '../../../state/reserve.ts'
import { RedemptionChain, WINDOW_MS, walletOf } from '../../support/redemptionFixture.ts'

const HOLDER = 100
const K = 12

interface Rush {
  readonly devices: readonly number[]
  readonly listed: readonly boolean[]
  readonly silent: number
  /** Block of the rush in which the provider falls silent. */
  readonly silentFrom: number
  /** Windows between the mint and the rush. */
  readonly idleWindows: number
}

/** All grants and full vouchers of providers that still respond. */
function deliver(c: RedemptionChain, answers: (provider: number) => boolean): void {
  const open = [...redemptionTables.assignment.entries(c.committed)].map(([key, a]) => {
    const at = key.slice(redemptionTables.assignment.prefix.length)
    const number = (from: number, bytes: number) =>
      [...at.slice(from, from + bytes)].reduce((n, x) => n * 256 + x.charCodeAt(0), 0)
    return { id: number(0, 8), assignment: number(8, 4), a }
  })
  for (const { id, assignment, a } of open) {
    if (!answers(a.provider)) continue
    if (a.grantedAtMs === 0) assert.equal(c.grant(id, assignment), undefined)
    if (a.window !== c.window) continue
    assert.equal(c.settle({ id, assignment, deliveredBase: a.amountBase, signer: HOLDER }), undefined)
  }
}

function mintToTheLimit(c: RedemptionChain, providers: number): void {
  for (let provider = 1; provider <= providers; provider++) {
    const amountBase = leastLimit(getMintLimits(c.state, provider))
    if (amountBase === 0n) continue
    assert.equal(checkMint(c.state, { provider, to: walletOf(HOLDER), amountBase }), undefined)
    c.fund(HOLDER + provider, provider, amountBase)
  }
}

/** Runs a rush and returns how many windows it took until nothing was queued or open. */
function windowsOfRush(rush: Rush): number {
  const c = new RedemptionChain({ providers: rush.devices.map((devices) => ({ devices })) })
  c.recountEveryBlock = false
  const drift = () => void setAnchor(c.ctx(), 10n ** 15n)
  const holders = rush.devices.map((_, i) => HOLDER + i + 1)
  c.run(() => {
    drift()
    mintToTheLimit(c, rush.devices.length)
    rush.listed.forEach((listed, i) => {
      if (listed) assert.equal(c.list(i + 1), undefined)
    })
  })
  for (let i = 0; i < rush.idleWindows; i++) c.endWindow(drift)
  assert.equal(readReserve(MODULES, c.state).shortfallBase, 0n)
  const issuedBase = c.supply
  const from = c.window
  c.run(() => {
    drift()
    for (const holder of holders) {
      const half = c.balance(holder) / 2n
      if (half === 0n) continue
      assert.equal(c.request(holder, half, { voucherKey: walletOf(HOLDER) }), undefined)
      assert.equal(c.request(holder, c.balance(holder), { voucherKey: walletOf(HOLDER) }), undefined)
    }
  })
  let block = 0
  const answers = (provider: number) => provider !== rush.silent || block < rush.silentFrom
  while (getTotals(c.state).openCount > 0 && c.window <= from + 2 * K) {
    const transactions = () => {
      drift()
      deliver(c, answers)
    }
    if (++block % 4 === 0) c.endWindow(transactions)
    else c.run(transactions, WINDOW_MS / 5)
  }
  const totals = getTotals(c.state)
  assert.equal(totals.openCount, 0, `${totals.queuedBase + totals.assignedBase} still open`)
  assert.equal(totals.refundedBase, 0n)
  assert.equal(totals.burnedBase + totals.transferredBase, totals.requestedBase)
  assert.equal(totals.requestedBase, issuedBase)
  assert.equal(c.supply, issuedBase - totals.burnedBase)
  assert.ok(getAnchor(c.state) > PPM)
  return c.window - from
}

describe('redemption.rush', () => {
  it('serves everyone within K windows when equal providers minted to the limit and one falls silent at once', () => {
    const devices = [10, 10, 10, 10]
    const took = windowsOfRush({
      devices,
      listed: [true, true, true, true],
      silent: 1,
      silentFrom: 0,
      idleWindows: 0,
    })
    assert.ok(took <= K, `${took} windows`)
  })

  it('serves everyone within K windows whichever provider falls silent at any time', () => {
    let worst = 0
    fc.assert(
      fc.property(
        fc.record({
          devices: fc.array(fc.integer({ min: 3, max: 20 }), { minLength: 3, maxLength: 5 }),
          listed: fc.array(fc.boolean(), { minLength: 3, maxLength: 3 }),
          silent: fc.integer({ min: 1, max: 3 }),
          silentFrom: fc.integer({ min: 0, max: 24 }),
          idleWindows: fc.integer({ min: 0, max: 3 }),
        }),
        (rush) => {
          const took = windowsOfRush(rush)
          worst = Math.max(worst, took)
          assert.ok(took <= K, `${took} windows`)
        },
      ),
      { numRuns: 12, seed: 6 },
    )
    assert.ok(worst > 1)
  }).timeout(60_000)
})
