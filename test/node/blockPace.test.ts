// The pace of blocks: at once after a rest, even and slower when they keep coming.
import assert from 'node:assert/strict'
import { BlockPace } from '../../node/blockPace.ts'

const T0 = 1_700_000_000_000

/** Builds for transactions that wait all the time, as soon as the pace allows, 50 ms apart at least; ms between blocks. */
function intervals(options: { readonly count: number; readonly pending: number; readonly pace?: BlockPace }) {
  const pace = options.pace ?? new BlockPace({ loadMin: 64, loadMs: 250 })
  const out: number[] = []
  let parent = { height: 1, timestampMs: T0 }
  for (let i = 0; i < options.count; i++) {
    pace.note(parent)
    const ms = Math.max(50, pace.intervalMs(parent, options.pending))
    out.push(ms)
    parent = { height: parent.height + 1, timestampMs: parent.timestampMs + ms }
  }
  return { out, parent, pace }
}
const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length

describe('blockPace', () => {
  it('builds the first blocks after a rest at once', () => {
    const { out, parent, pace } = intervals({ count: 7, pending: 1 })
    assert.deepEqual(out, Array(7).fill(50))
    pace.note(parent)
    const rested = { height: parent.height + 1, timestampMs: parent.timestampMs + 60_000 }
    pace.note(rested)
    assert.equal(pace.intervalMs(rested, 1), 0)
  })

  it('keeps to eight blocks a second while transactions keep coming, and never stops for long', () => {
    const { out } = intervals({ count: 400, pending: 1 })
    assert.ok(mean(out.slice(40)) > 110 && mean(out.slice(40)) < 130, `mean ${mean(out.slice(40))} ms`)
    assert.ok(Math.max(...out) < 130, `at most ${Math.max(...out)} ms`)
  })

  it('slows down with what waits, up to the interval under load', () => {
    const at = [1, 16, 32, 63, 64, 1_000].map((pending) => Math.max(...intervals({ count: 40, pending }).out))
    assert.deepEqual(at, [126, 156, 187, 248, 250, 250])
    assert.deepEqual(intervals({ count: 3, pending: 64 }).out, [250, 250, 250])
  })

  it('measures anew where heights do not follow each other', () => {
    const { pace } = intervals({ count: 40, pending: 1 })
    const head = { height: 7, timestampMs: T0 }
    pace.note(head)
    assert.equal(pace.intervalMs(head, 1), 0)
  })
})
