// Leaders that vote but fail in their own views: what is counted, and how long the others wait for them.
import assert from 'node:assert/strict'
import type { SealedBlock } from '../../base/protocol/header.ts'
import { LeaderRecord } from '../../consensus/leaderRecord.ts'
import { currentDeadlines } from '../../consensus/nullifyRules.ts'
import { Bench, kindsSigned } from '../support/coreHarness.ts'

const fresh = (): LeaderRecord => new LeaderRecord({ validatorCount: 4, faultyMax: 1 })

function failing(leader: number, failures: number): LeaderRecord {
  const record = fresh()
  for (let i = 0; i < failures; i++) record.noteFailure(leader)
  return record
}

describe('consensus.LeaderRecord', () => {
  it('gives a leader a quarter of its time from one failure on, a sixteenth from three on', () => {
    const divisors = [0, 1, 2, 3, 4].map((failures) => failing(2, failures).timeDivisor(2, 1))
    assert.deepEqual(divisors, [1, 4, 4, 16, 16])
    assert.equal(failing(2, 3).timeDivisor(1, 1), 1)
  })

  it('trusts a leader again after 64 successes for a failure, and 256 for any number', () => {
    const successesUntil = (failures: number) => {
      const record = failing(2, failures)
      const divisors = Array.from({ length: 257 }, () => {
        record.noteSuccess(2)
        return record.timeDivisor(2, 1)
      })
      return [4, 1].map((divisor) => 1 + divisors.indexOf(divisor))
    }
    assert.deepEqual(successesUntil(1), [1, 64])
    assert.deepEqual(successesUntil(3), [64, 192])
    assert.deepEqual(successesUntil(1_000), [128, 256])
  })

  it('remembers a leader that fails every 36th time', () => {
    const record = fresh()
    for (let i = 0; i < 5; i++) {
      record.noteFailure(2)
      for (let k = 0; k < 35; k++) record.noteSuccess(2)
    }
    assert.equal(record.timeDivisor(2, 1), 16)
  })

  it('saves no successes up', () => {
    const record = fresh()
    for (let i = 0; i < 100; i++) record.noteSuccess(2)
    record.noteFailure(2)
    assert.equal(record.timeDivisor(2, 1), 4)
  })

  it('blames the f worst, and nobody when more fail alike', () => {
    const record = failing(2, 3)
    record.noteFailure(0)
    assert.equal(record.timeDivisor(2, 1), 16)
    assert.equal(record.timeDivisor(0, 1), 1)
    record.noteFailure(0)
    record.noteFailure(0)
    assert.equal(record.timeDivisor(2, 1), 1)
    assert.equal(record.timeDivisor(0, 1), 1)
    record.noteSuccess(0)
    assert.equal(record.timeDivisor(2, 1), 16)
    const two = new LeaderRecord({ validatorCount: 7, faultyMax: 2 })
    for (const leader of [2, 3]) two.noteFailure(leader)
    assert.deepEqual([two.timeDivisor(2, 1), two.timeDivisor(3, 1)], [4, 4])
    two.noteFailure(4)
    assert.deepEqual([two.timeDivisor(2, 1), two.timeDivisor(4, 1)], [1, 1])
  })

  it('asks no leader to be faster than twice what the others need, but for the f slowest', () => {
    const record = failing(2, 3)
    assert.equal(record.leastMs(2), 0)
    for (const [leader, tookMs] of [30, 40, 900, 800].entries()) record.noteTime(leader, tookMs)
    assert.deepEqual([record.leastMs(2), record.leastMs(3), record.leastMs(0)], [80, 80, 1_600])
  })

  it('forgets a long view by an eighth in each later one', () => {
    const record = fresh()
    record.noteTime(0, 400)
    record.noteTime(1, 400)
    assert.equal(record.leastMs(2), 800)
    for (let i = 0; i < 2; i++) record.noteTime(0, 10)
    assert.equal(record.leastMs(2), 2 * 306)
    for (let i = 0; i < 100; i++) record.noteTime(0, 10)
    assert.equal(record.leastMs(2), 20)
  })

  it('gives a quarter every 16th turn and the whole time every 1024th, staggered by leader', () => {
    const record = failing(2, 5)
    const turns = Array.from({ length: 2_048 }, (_, turn) => record.timeDivisor(2, turn))
    const at = (divisor: number) => turns.flatMap((value, turn) => (value === divisor ? [turn] : []))
    assert.deepEqual(at(1), [1_022, 2_046])
    assert.equal(at(4).length, 126)
    assert.deepEqual(at(4).slice(0, 2), [14, 30])
    assert.equal(at(16).length, 2_048 - 128)
  })
})

describe('a record over epochs', () => {
  it('follows its member to another index, and knows nothing of a new one', () => {
    const before = failing(2, 3)
    for (const [leader, tookMs] of [30, 40, 900, 800].entries()) before.noteTime(leader, tookMs)
    const record = new LeaderRecord({ validatorCount: 4, faultyMax: 1 })
    record.takeOver(before, [2, undefined, 0, 1])
    assert.deepEqual(
      [0, 1, 2, 3].map((leader) => record.timeDivisor(leader, 1)),
      [16, 1, 1, 1],
    )
    assert.deepEqual([record.leastMs(0), record.leastMs(1)], [60, 80])
  })

  it('is kept at a boundary: a leader that failed has a quarter of its time in its first view of the next epoch', () => {
    const bench = new Bench({ leads: 3 })
    const bad = bench.state.leaderOf(4)
    const parent = rounds(bench, bad, 1)
    const { epoch, view } = bench.state
    const [moved, ...others] = bench.state.validators
    // The failing member is one of the others; the set loses nobody, but its order changes.
    const validators = { validators: [...others, moved!] }
    const { id } = bench.state.validators[bad]!
    bench.feed({ kind: 'epochStarted', start: { epoch: epoch + 1, validators, floor: parent } })
    const { state } = bench
    const index = validators.validators.findIndex((member) => member.id === id)
    assert.notEqual(index, bad)
    assert.equal(state.leaders.timeDivisor(index, 1), 4)
    // The count of rounds goes on where the floor is, and leaves none out.
    assert.equal(state.turnOf(1), Math.floor((parent.header.height + 1) / 4))
    assert.ok(parent.header.height <= view)
  })
})

/** Rounds in which `failing` votes but its views are nullified; ends in its next view, which is needed. */
function rounds(bench: Bench, failing: number, count: number): SealedBlock {
  let parent = bench.rules.genesis
  let parentView = 0
  const all = bench.keys.map((_, i) => i)
  const voters = [failing, ...all.filter((i) => i !== failing)].slice(0, bench.state.quorum)
  const from = bench.others.find((i) => i !== failing)
  for (let failures = 0, view = 1; ; view++) {
    bench.nowMs += 1_000
    if (bench.state.leaderOf(view) === failing) {
      if (failures === count) return parent
      failures++
      bench.receive(from, { kind: 'certificate', body: bench.certificate(bench.nullify(view), voters) })
      continue
    }
    const block = bench.block(view, parent)
    if (bench.state.isLeader(view)) bench.propose({ view, parentView, block })
    for (const kind of ['notarize', 'finalize'] as const) {
      const subject = bench.on(kind, view, parentView, block)
      bench.receive(from, { kind: 'certificate', body: bench.certificate(subject, voters) })
    }
    bench.receive(from, { kind: 'blocks', body: { blocks: [block.bytes] } })
    parent = block
    parentView = view
  }
}

describe('a leader that votes and fails', () => {
  function needed(count: number) {
    const bench = new Bench({ leads: 3 })
    const bad = bench.state.leaderOf(4)
    const parent = rounds(bench, bad, count)
    bench.tick()
    bench.feed({ kind: 'work', parent: parent.hash, ready: true })
    const { leaderAtMs, advanceAtMs } = currentDeadlines(bench.state)!
    const { armedAtMs, armedWaitMs } = bench.state
    return { bench, leaderMs: leaderAtMs - armedAtMs!, advanceMs: advanceAtMs - armedAtMs!, armedWaitMs }
  }

  it('has a quarter of its time after one nullified view', () => {
    const { leaderMs, advanceMs, armedWaitMs } = needed(1)
    assert.equal(leaderMs - armedWaitMs, 62)
    assert.equal(advanceMs - armedWaitMs, 100)
  })

  it('has a sixteenth after three: its view is given up after 15 of 250 ms', () => {
    const { bench, leaderMs, advanceMs, armedWaitMs } = needed(3)
    assert.equal(leaderMs - armedWaitMs, 15)
    assert.equal(advanceMs - armedWaitMs, 25)
    assert.deepEqual(kindsSigned(bench.tick(leaderMs - 1)), [])
    assert.deepEqual(kindsSigned(bench.tick(1)), [`nullify ${bench.state.view}`])
  })

  it('never gives itself up early', () => {
    const bench = new Bench({ leads: 4 })
    const parent = rounds(bench, bench.self, 3)
    bench.verdict = () => undefined
    bench.tick()
    bench.feed({ kind: 'work', parent: parent.hash, ready: true })
    assert.equal(bench.state.isLeader(bench.state.view), true)
    assert.equal(bench.state.leaders.timeDivisor(bench.self, 3), 16)
    const { leaderAtMs } = currentDeadlines(bench.state)!
    assert.equal(leaderAtMs - bench.state.armedAtMs! - bench.state.armedWaitMs, 250)
  })

  it('is not counted while it does not vote at all', () => {
    const bench = new Bench({ leads: 3 })
    const dead = bench.state.leaderOf(4)
    const voters = bench.keys.map((_, i) => i).filter((i) => i !== dead)
    for (let view = 1; view <= 40; view++) {
      bench.receive(voters[0], { kind: 'certificate', body: bench.certificate(bench.nullify(view), voters) })
    }
    const { leaders } = bench.state
    // The others failed as often, while they voted, and nobody is blamed for what more than f do.
    for (let i = 0; i < 256; i++) for (const other of voters) leaders.noteSuccess(other)
    // Views 4 and 8; from view 12 on it was known to be silent.
    for (let i = 0; i < 127; i++) leaders.noteSuccess(dead)
    assert.equal(leaders.timeDivisor(dead, 1), 4)
    leaders.noteSuccess(dead)
    assert.equal(leaders.timeDivisor(dead, 1), 1)
  })

  it('counts one success for N and F of a view, and one for F alone', () => {
    const bench = new Bench({ leads: 3 })
    const leader = bench.state.leaderOf(1)
    const block = bench.block(1, bench.rules.genesis)
    const { leaders } = bench.state
    const divisor = () => leaders.timeDivisor(leader, 1)
    leaders.noteFailure(leader)
    // Three successes more are needed.
    for (let i = 0; i < 61; i++) leaders.noteSuccess(leader)
    bench.receiveCertificate(bench.on('notarize', 1, 0, block))
    bench.receiveCertificate(bench.on('finalize', 1, 0, block))
    assert.equal(divisor(), 4)
    const next = bench.block(5, block)
    bench.receiveCertificate(bench.on('finalize', 5, 1, next))
    assert.equal(divisor(), 4)
    bench.receiveCertificate(bench.on('finalize', 9, 5, bench.block(9, next)))
    assert.equal(divisor(), 1)
  })
})
