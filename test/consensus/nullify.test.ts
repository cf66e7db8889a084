// Each trigger of a nullify vote, and what must not trigger one.
import assert from 'node:assert/strict'
import { currentDeadlines, nullifyTrigger } from '../../consensus/nullifyRules.ts'
import { Bench, kindsSigned, ofKind } from '../support/coreHarness.ts'

function work(bench: Bench) {
  bench.tick()
  return bench.feed({ kind: 'work', parent: bench.rules.genesis.hash, ready: true })
}

/** Nine views without a vote of the leader of view 10; view 10 is idle. */
function afterSilence() {
  const bench = new Bench({ leads: 1 })
  const dead = bench.state.leaderOf(2)
  const alive = bench.keys.map((_, i) => i).filter((i) => i !== dead)
  let parent = bench.rules.genesis
  let parentView = 0
  for (let view = 1; view <= 9; view++) {
    bench.nowMs += 1_000
    const leader = bench.state.leaderOf(view)
    if (leader === dead) {
      bench.receive(alive[0], { kind: 'certificate', body: bench.certificate(bench.nullify(view), alive) })
      continue
    }
    const block = bench.block(view, parent)
    if (leader === bench.self) bench.propose({ view, parentView, block })
    bench.receive(alive[0], {
      kind: 'certificate',
      body: bench.certificate(bench.on('finalize', view, parentView, block), alive),
    })
    bench.receive(alive[0], { kind: 'blocks', body: { blocks: [block.bytes] } })
    parent = block
    parentView = view
  }
  return { bench, dead, parent }
}

describe('nullify triggers', () => {
  it('leader timer: pace + build + 2Δ after need, unless a proposal is stored', () => {
    const bench = new Bench({ leads: 3 })
    work(bench)
    // precision 50 + build 100 + 2·50
    assert.deepEqual(kindsSigned(bench.tick(249)), [])
    assert.equal(nullifyTrigger(bench.state, bench.nowMs + 1), 'leaderTimer')
    assert.deepEqual(kindsSigned(bench.tick(1)), ['nullify 1'])
  })

  it('advance timer: a stored proposal stops the leader timer only', () => {
    const bench = new Bench({ leads: 3 })
    work(bench)
    bench.verdict = () => undefined
    bench.propose({ view: 1, parentView: 0, block: bench.block(1, bench.rules.genesis) })
    assert.deepEqual(kindsSigned(bench.tick(399)), [])
    assert.deepEqual(kindsSigned(bench.tick(1)), ['nullify 1'])
  })

  it('leader timer: a proposal that is late or from the future does not stop it', () => {
    for (const ageMs of [900, -10_000]) {
      const bench = new Bench({ leads: 3 })
      work(bench)
      const block = bench.block(1, bench.rules.genesis, { timestampMs: bench.nowMs - ageMs })
      bench.propose({ view: 1, parentView: 0, block })
      assert.deepEqual(kindsSigned(bench.tick(249)), [])
      assert.deepEqual(kindsSigned(bench.tick(1)), ['nullify 1'])
    }
  })

  it('advance timer: keeps running after our notarize', () => {
    const bench = new Bench({ leads: 3 })
    work(bench)
    bench.propose({ view: 1, parentView: 0, block: bench.block(1, bench.rules.genesis) })
    assert.equal(nullifyTrigger(bench.state, bench.nowMs + 400), 'advanceTimer')
    assert.deepEqual(kindsSigned(bench.tick(400)), ['nullify 1'])
  })

  it('own build failure', () => {
    const bench = new Bench({ leads: 1 })
    work(bench)
    const outputs = bench.feed({ kind: 'built', epoch: 1, view: 1, block: undefined })
    assert.deepEqual(kindsSigned(outputs), ['nullify 1'])
  })

  it('the leader’s own nullify, verified at once', () => {
    const bench = new Bench({ leads: 3 })
    const outputs = bench.receiveVote(bench.state.leaderOf(1), bench.nullify(1))
    assert.deepEqual(kindsSigned(outputs), ['nullify 1'])
  })

  it('f+1 distinct nullifies, and not f', () => {
    const bench = new Bench({ leads: 3 })
    const [a, b] = bench.others.filter((i) => i !== bench.state.leaderOf(1)) as [number, number]
    assert.deepEqual(kindsSigned(bench.receiveVote(a, bench.nullify(1))), [])
    assert.deepEqual(kindsSigned(bench.receiveVote(b, bench.nullify(1))), ['nullify 1'])
  })

  it('forged nullifies do not count, and free their slots', () => {
    const bench = new Bench({ leads: 3 })
    const [a, b] = bench.others.filter((i) => i !== bench.state.leaderOf(1)) as [number, number]
    for (const i of [a, b]) {
      const forged = { ...bench.vote(i, bench.nullify(2)), subject: bench.nullify(1) }
      assert.deepEqual(kindsSigned(bench.receive(i, { kind: 'vote', body: forged })), [])
    }
    bench.receiveVote(a, bench.nullify(1))
    assert.deepEqual(kindsSigned(bench.receiveVote(b, bench.nullify(1))), ['nullify 1'])
  })

  it('a leader without its parent requests it, and nullifies at half of its time', () => {
    const bench = new Bench({ leads: 3 })
    const unseen = bench.block(1, bench.rules.genesis)
    bench.receiveCertificate(bench.on('notarize', 1, 0, unseen))
    const outputs = bench.receiveCertificate(bench.nullify(2))
    assert.ok(bench.outputs.some((o) => o.kind === 'send' && o.message.kind === 'blocksRequest'))
    assert.deepEqual(kindsSigned(outputs), [])
    const half = currentDeadlines(bench.state)!.halfAtMs
    const quiet = bench.tick(half - bench.nowMs - 1)
    assert.deepEqual(kindsSigned(quiet), [])
    assert.deepEqual(kindsSigned(bench.tick(1)), ['nullify 3'])
  })

  it('a follower without the parent’s body waits for the whole leader time', () => {
    const bench = new Bench({ leads: 4 })
    bench.receiveCertificate(bench.on('notarize', 1, 0, bench.block(1, bench.rules.genesis)))
    bench.receiveCertificate(bench.nullify(2))
    const { halfAtMs, leaderAtMs } = currentDeadlines(bench.state)!
    assert.deepEqual(kindsSigned(bench.tick(halfAtMs - bench.nowMs)), [])
    assert.deepEqual(kindsSigned(bench.tick(leaderAtMs - bench.nowMs)), ['nullify 3'])
  })

  it('an inactive leader, only after 2n views and only when the view is needed', () => {
    const { bench, dead, parent } = afterSilence()
    assert.equal(bench.state.view, 10)
    assert.equal(bench.state.leaderOf(10), dead)
    bench.tick()
    assert.equal(nullifyTrigger(bench.state, bench.nowMs), undefined)
    const outputs = bench.feed({ kind: 'work', parent: parent.hash, ready: true })
    assert.deepEqual(kindsSigned(outputs), ['nullify 10'])
  })

  it('counts a leader as active again once it proposes', () => {
    const { bench, parent } = afterSilence()
    bench.tick()
    bench.nowMs += 100
    bench.verdict = () => undefined
    const block = bench.block(10, parent)
    const outputs = bench.propose({ view: 10, parentView: 9, block })
    assert.deepEqual(kindsSigned(outputs), [])
    assert.equal(bench.core.status().needed, true)
  })

  it('a slow leader is not inactive: its latest vote is verified first', () => {
    const { bench, dead, parent } = afterSilence()
    bench.receiveVote(dead, bench.nullify(8))
    assert.deepEqual(kindsSigned(bench.feed({ kind: 'work', parent: parent.hash, ready: true })), [])
    assert.equal(bench.state.activity.isInactive(dead, 10), false)
    const forged = afterSilence()
    const vote = { ...forged.bench.vote(forged.bench.self, forged.bench.nullify(8)), signer: forged.dead }
    forged.bench.receive(forged.dead, { kind: 'vote', body: vote })
    const outputs = forged.bench.feed({ kind: 'work', parent: forged.parent.hash, ready: true })
    assert.deepEqual(kindsSigned(outputs), ['nullify 10'])
  })

  it('never in an epoch’s first 2n views, however silent the leader', () => {
    const bench = new Bench({ leads: 3 })
    const dead = bench.state.leaderOf(5)
    const alive = bench.keys.map((_, i) => i).filter((i) => i !== dead)
    for (let view = 1; view <= 4; view++) {
      bench.receive(alive[0], { kind: 'certificate', body: bench.certificate(bench.nullify(view), alive) })
    }
    assert.equal(bench.state.view, 5)
    assert.equal(nullifyTrigger(bench.state, bench.nowMs), undefined)
  })

  it('back-off: deadlines grow by half per unfinalized view and are capped', () => {
    const bench = new Bench({ leads: 3 })
    bench.receiveCertificate(bench.nullify(1))
    const first = currentDeadlines(bench.state)!.leaderAtMs - bench.state.armedAtMs!
    assert.equal(first, 375)
    bench.receiveCertificate(bench.nullify(40))
    const capped = currentDeadlines(bench.state)!
    assert.equal(capped.advanceAtMs - bench.state.armedAtMs!, 20_000)
  })

  it('syncing: a node far behind does not nullify', () => {
    const bench = new Bench({ leads: 3 })
    work(bench)
    bench.state.syncing = true
    assert.deepEqual(kindsSigned(bench.tick(10_000)), [])
    assert.equal(ofKind(bench.outputs, 'sign').length, 0)
  })
})
