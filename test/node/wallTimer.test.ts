// A moment of a wall clock that is set while somebody waits for it.
import assert from 'node:assert/strict'
import type { Clock } from '../../consensus/ports.ts'
import { WallTimer } from '../../node/wallTimer.ts'
import { Scheduler } from '../support/random.ts'

const HOUR_MS = 3_600_000

function world() {
  const scheduler = new Scheduler(0)
  const state = { stepMs: 0, calls: 0 }
  const clock: Clock = {
    nowMs: () => scheduler.nowMs + state.stepMs,
    monotonicMs: () => scheduler.nowMs,
    after(delayMs, callback) {
      let isOn = true
      scheduler.after(delayMs, () => {
        if (isOn) callback()
      })
      return () => {
        isOn = false
      }
    },
  }
  const timer = new WallTimer(clock, () => state.calls++)
  const pass = (ms: number): void => void scheduler.run(scheduler.nowMs + ms, () => false)
  return { timer, state, pass }
}

describe('wall timer', () => {
  it('calls at the moment', () => {
    const { timer, state, pass } = world()
    timer.set(45_000)
    pass(44_999)
    assert.equal(state.calls, 0)
    pass(1)
    assert.equal(state.calls, 1)
  })

  it('calls in time although the clock was an hour behind when it was set', () => {
    const { timer, state, pass } = world()
    state.stepMs = -HOUR_MS
    timer.set(30_000)
    state.stepMs = 0
    pass(40_000)
    assert.ok(state.calls > 0)
  })

  it('calls at the moment although the clock was an hour ahead when it was set', () => {
    const { timer, state, pass } = world()
    state.stepMs = HOUR_MS
    timer.set(30_000)
    pass(1)
    assert.equal(state.calls, 1)
    state.stepMs = 0
    pass(41_000)
    assert.ok(state.calls > 1)
  })

  it('is quiet once closed, and follows the last moment set', () => {
    const { timer, state, pass } = world()
    timer.set(10)
    timer.set(20)
    pass(19)
    assert.equal(state.calls, 0)
    timer.close()
    pass(HOUR_MS)
    assert.equal(state.calls, 0)
  })
})
