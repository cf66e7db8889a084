// When a full service lane excuses a window, on the real engine: what a block's transactions leave of the lane decides.
import assert from 'node:assert/strict'
import { laneGasMax } from '../../../base/lanes.ts'
import { currentWindow, getClock } from '../../../state/modules/capacity/windows.ts'
import { getCursors } from '../../../state/modules/redemption/cursors.ts'
import { MODULES } from '../../../state/registry.ts'
import { type Call, MemberChain, stranger } from '../../support/memberChain.ts'

const DEFINITION = MODULES.find(({ definition }) => definition.name === 'redemption')!.definition
const UNKNOWN = { id: 999, assignment: 1, deliveredBase: 1n, signature: new Uint8Array(65) }
const EXCUSED_BELOW = 400_000

/** Calls of the service lane that use it up but for less than one more; they fail, and pay for their gas. */
function fill(chain: MemberChain): {
  readonly calls: readonly Call[]
  readonly gas: number
  readonly room: number
} {
  const call = { from: stranger, module: DEFINITION, action: 'settle', args: UNKNOWN }
  const gas = chain.next([call])[0]!.gasUsed
  const lane = laneGasMax('service', chain.parent.header.gasLimit)
  const count = Math.floor(lane / gas)
  return { calls: Array.from({ length: count }, () => call), gas, room: lane - count * gas }
}

/** Plays the last quarter of window 0 in evenly spaced blocks with these calls, the last of which ends it. */
function lastQuarter(chain: MemberChain, calls: readonly Call[], blocks: number): void {
  const { startedAtMs, endsAtMs } = getClock(chain.full)
  const quarterMs = Math.floor((endsAtMs - startedAtMs) / 4)
  chain.next([], endsAtMs - quarterMs - chain.parent.header.timestampMs)
  for (let block = 0; block < blocks; block++) {
    assert.equal(currentWindow(chain.full), 0)
    chain.next(calls, quarterMs / blocks)
  }
  assert.equal(currentWindow(chain.full), 1)
}

describe('redemption.lane on the real engine', () => {
  it('excuses the window that begins when the lane has less than 400,000 gas left, too little for a voucher', () => {
    const chain = new MemberChain(4)
    const { calls, room } = fill(chain)
    assert.ok(room < EXCUSED_BELOW)
    lastQuarter(chain, calls, 5)
    const { excusedWindow, sweepAfterMs } = getCursors(chain.full)
    assert.equal(excusedWindow, 1)
    const { startedAtMs, endsAtMs } = getClock(chain.full)
    assert.equal(sweepAfterMs, startedAtMs + Math.floor((endsAtMs - startedAtMs) / 4))
  })

  it('excuses nothing when a voucher would still have fitted', () => {
    const chain = new MemberChain(4)
    const { calls, gas, room } = fill(chain)
    const spared = Math.ceil((EXCUSED_BELOW - room) / gas)
    lastQuarter(chain, calls.slice(spared), 5)
    assert.deepEqual([getCursors(chain.full).excusedWindow, getCursors(chain.full).sweepAfterMs], [0, 0])
  })

  it('excuses nothing when an idle chain had few blocks and whoever wants an excuse filled them', () => {
    const chain = new MemberChain(4)
    lastQuarter(chain, fill(chain).calls, 3)
    assert.deepEqual([getCursors(chain.full).excusedWindow, getCursors(chain.full).sweepAfterMs], [0, 0])
  })
})
