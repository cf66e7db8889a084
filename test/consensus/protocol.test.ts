// Proposing, finality, catching up, retransmission.
import assert from 'node:assert/strict'
import { u64be } from '../../base/bytes.ts'
import { sealBlock } from '../../base/protocol/header.ts'
import type { Output } from '../../consensus/types.ts'
import { Bench, kindsSigned, ofKind, sent } from '../support/coreHarness.ts'

function leaderWithWork(leads = 1) {
  const bench = new Bench({ leads })
  bench.tick()
  bench.feed({ kind: 'work', parent: bench.rules.genesis.hash, ready: true })
  return bench
}

describe('proposing', () => {
  it('journals block and vote before the signature, and sends the proposal after it', () => {
    const bench = new Bench({ leads: 1, autoSign: false })
    bench.tick()
    bench.feed({ kind: 'work', parent: bench.rules.genesis.hash, ready: true })
    const block = bench.block(1, bench.rules.genesis)
    const built = bench.feed({ kind: 'built', epoch: 1, view: 1, block })
    assert.deepEqual(built.map((o) => (o.kind === 'journal' ? o.record.kind : o.kind)).slice(0, 3), [
      'block',
      'intent',
      'sign',
    ])
    assert.equal(sent(built, 'proposal').length, 0)
    const vote = bench.vote(bench.self, bench.on('notarize', 1, 0, block))
    const [proposal] = sent(bench.feed({ kind: 'signed', vote }), 'proposal')
    assert.deepEqual(proposal!.body.block, block.bytes)
    assert.deepEqual(proposal!.body.vote, vote)
  })

  it('drops a built block when the view has advanced', () => {
    const bench = leaderWithWork()
    const block = bench.block(1, bench.rules.genesis)
    bench.receiveCertificate(bench.nullify(1))
    assert.deepEqual(kindsSigned(bench.feed({ kind: 'built', epoch: 1, view: 1, block })), [])
  })

  it('does not build on a parent that is not executed', () => {
    const bench = new Bench({ leads: 2 })
    bench.verdict = () => undefined
    const parent = bench.block(1, bench.rules.genesis)
    bench.propose({ view: 1, parentView: 0, block: parent })
    bench.receiveCertificate(bench.on('notarize', 1, 0, parent))
    bench.tick(150)
    assert.equal(bench.core.status().needed, true)
    assert.equal(ofKind(bench.outputs, 'build').length, 0)
    const outputs = bench.feed({ kind: 'verdict', digest: parent.hash, verdict: 'valid' })
    assert.equal(ofKind(outputs, 'build').length, 1)
  })

  it('builds again when a higher parent is certified meanwhile', () => {
    const bench = new Bench({ leads: 2 })
    const higher = bench.block(1, bench.rules.genesis)
    bench.propose({ view: 1, parentView: 0, block: higher })
    bench.receiveCertificate(bench.nullify(1))
    const [first] = ofKind(bench.outputs, 'build')
    assert.equal(first!.order.parent.header.height, 0)
    bench.nowMs += 100
    bench.receiveCertificate(bench.on('notarize', 1, 0, higher))
    const block = bench.block(2, bench.rules.genesis)
    const outputs = bench.feed({ kind: 'built', epoch: 1, view: 2, block })
    assert.deepEqual(
      kindsSigned(outputs).filter((k) => k === 'notarize 2'),
      [],
    )
    assert.equal(ofKind(outputs, 'build')[0]!.order.parent.header.height, 1)
  })

  it('drops a built block after nullifying the view meanwhile', () => {
    const bench = leaderWithWork()
    for (const i of bench.others.slice(0, 2)) bench.receiveVote(i, bench.nullify(1))
    assert.deepEqual(kindsSigned(bench.outputs), ['nullify 1'])
    const outputs = bench.feed({
      kind: 'built',
      epoch: 1,
      view: 1,
      block: bench.block(1, bench.rules.genesis),
    })
    assert.deepEqual(kindsSigned(outputs), [])
    assert.equal(bench.state.proposals.size, 0)
  })

  it('waits for the block interval', () => {
    const bench = new Bench({ leads: 1 })
    bench.nowMs = bench.rules.genesis.header.timestampMs + 50
    bench.tick()
    const early = bench.feed({ kind: 'work', parent: bench.rules.genesis.hash, ready: true })
    assert.equal(ofKind(early, 'build').length, 0)
    assert.equal(ofKind(early, 'wake').at(-1)?.atMs, bench.rules.genesis.header.timestampMs + 100)
    assert.equal(ofKind(bench.tick(50), 'build').length, 1)
  })

  it('builds on the highest parent and justifies every skipped view', () => {
    const bench = new Bench({ leads: 4 })
    const parent = bench.block(1, bench.rules.genesis)
    bench.propose({ view: 1, parentView: 0, block: parent })
    bench.receiveCertificate(bench.on('notarize', 1, 0, parent))
    bench.receiveCertificate(bench.nullify(2))
    bench.nowMs += 200
    bench.receiveCertificate(bench.nullify(3))
    const [build] = ofKind(bench.outputs, 'build')
    assert.deepEqual(build!.order.parent.hash, parent.hash)
    const block = bench.block(4, parent)
    const [proposal] = sent(bench.feed({ kind: 'built', epoch: 1, view: 4, block }), 'proposal')
    const names = proposal!.body.justification.map((c) => `${c.subject.kind} ${c.subject.view}`)
    assert.deepEqual(names, ['notarize 1', 'nullify 3', 'nullify 2'])
  })

  it('halves its budget from the third back-off step, down to empty blocks', () => {
    const orderAt = (nullified: number) => {
      const bench = new Bench({ leads: nullified + 1 })
      for (let view = 1; view <= nullified; view++) bench.receiveCertificate(bench.nullify(view))
      return ofKind(bench.outputs, 'build').at(-1)!.order
    }
    assert.deepEqual([orderAt(2).halvings, orderAt(3).halvings, orderAt(5).halvings], [0, 1, 3])
    assert.equal(orderAt(12).emptyOnly, false)
    assert.equal(orderAt(13).emptyOnly, true)
  })
})

describe('finality', () => {
  it('finalizes all ancestors by hash, oldest first', () => {
    const bench = new Bench({ leads: 3 })
    const one = bench.block(1, bench.rules.genesis)
    bench.propose({ view: 1, parentView: 0, block: one })
    bench.receiveCertificate(bench.on('notarize', 1, 0, one))
    bench.nowMs += 100
    const two = bench.block(2, one)
    bench.propose({ view: 2, parentView: 1, block: two })
    const outputs = bench.receiveCertificate(bench.on('finalize', 2, 1, two))
    const [final] = ofKind(outputs, 'finalized')
    assert.deepEqual(
      final!.blocks.map((b) => b.header.height),
      [1, 2],
    )
    assert.equal(bench.core.status().finalizedHeight, 2)
    assert.deepEqual(ofKind(outputs, 'floor').at(-1), { kind: 'floor', epoch: 1, view: 2 })
  })

  it('fetches missing bodies, verifies in order, then delivers', () => {
    const bench = new Bench({ leads: 3 })
    const one = bench.block(1, bench.rules.genesis)
    const two = bench.block(2, one, { timestampMs: bench.nowMs + 100 })
    const asked = sent(bench.receiveCertificate(bench.on('finalize', 2, 1, two)), 'blocksRequest')
    assert.equal(asked.length, 2)
    assert.deepEqual(asked[0]!.body.hash, two.hash)
    const outputs = bench.receive(bench.others[0], {
      kind: 'blocks',
      body: { blocks: [two.bytes, one.bytes] },
    })
    assert.deepEqual(
      ofKind(outputs, 'verify').map((o) => o.block.header.height),
      [1, 2],
    )
    assert.deepEqual(
      ofKind(outputs, 'finalized')[0]!.blocks.map((b) => b.header.height),
      [1, 2],
    )
  })

  it('asks two that voted for a body first, then one of them and another', () => {
    const bench = new Bench({ leads: 3, validators: 10 })
    const one = bench.block(1, bench.rules.genesis)
    const leader = bench.state.leaderOf(1)
    // Not those whose turn it would be.
    const voters = bench.others
      .filter((i) => i !== leader)
      .sort((a, b) => away(b) - away(a))
      .slice(0, 3)
    function away(i: number): number {
      return (i - bench.self + 10) % 10
    }
    for (const i of voters) bench.receiveVote(i, bench.on('notarize', 1, 0, one))
    const first = sent(bench.receiveCertificate(bench.on('notarize', 1, 0, one)), 'blocksRequest')
    const second = sent(bench.tick(200), 'blocksRequest')
    const third = sent(bench.tick(300), 'blocksRequest')
    const indexes = [first, second, third].map((list) =>
      list.map(({ to, body }) => {
        assert.deepEqual(body.hash, one.hash)
        return to.kind === 'validator' ? to.index : -1
      }),
    )
    assert.deepEqual(
      indexes.map((list) => list.filter((i) => voters.includes(i)).length),
      [2, 1, 1],
    )
    assert.deepEqual(
      indexes.map((list) => new Set(list).size),
      [2, 2, 2],
    )
    assert.equal(new Set([indexes[0]![0], indexes[1]![0], indexes[2]![0]]).size, 3)
  })

  it('refuses another body under a requested hash, blames its sender and asks others at once', () => {
    const bench = new Bench({ leads: 3, validators: 7 })
    const one = bench.block(1, bench.rules.genesis, { txs: [u64be(1)] })
    const { bytes } = sealBlock({ header: one.header, transactions: [u64be(2)] })
    const two = bench.block(2, one, { timestampMs: bench.nowMs + 100 })
    bench.receiveCertificate(bench.on('finalize', 2, 1, two))
    bench.receive(bench.others[1], { kind: 'blocks', body: { blocks: [two.bytes, bytes] } })
    assert.equal(bench.state.blocks.block(one.hash), undefined)
    const again = [2, 4].map((i) =>
      bench.receive(bench.others[i], { kind: 'blocks', body: { blocks: [bytes] } }),
    )
    assert.deepEqual(
      ofKind(bench.outputs, 'penalise').map(({ peer }) => peer),
      [1, 2, 4].map((i) => `peer${bench.others[i]}`),
    )
    const asked = again.map((outputs) => sent(outputs, 'blocksRequest').map(({ to }) => to))
    assert.deepEqual(
      asked.map((list) => list.length),
      [2, 2],
    )
    assert.notDeepEqual(asked[0], asked[1])
    assert.deepEqual(ofKind(bench.outputs, 'verify'), [])
    const outputs = bench.receive(bench.others[3], { kind: 'blocks', body: { blocks: [one.bytes] } })
    assert.equal(ofKind(outputs, 'finalized')[0]!.blocks.length, 2)
  })

  it('accepts no body that it did not request', () => {
    const bench = new Bench({ leads: 3 })
    const one = bench.block(1, bench.rules.genesis)
    bench.receive(bench.others[0], { kind: 'blocks', body: { blocks: [one.bytes] } })
    assert.equal(bench.state.blocks.block(one.hash), undefined)
  })

  it('starts range sync only on a verified F more than 64 blocks ahead, and continues from there', () => {
    const bench = new Bench({ leads: 3 })
    let parent = bench.rules.genesis
    for (let view = 1; view <= 70; view++) {
      parent = bench.block(view, parent, { timestampMs: bench.rules.genesis.header.timestampMs + 100 * view })
    }
    const subject = bench.on('finalize', 70, 69, parent)
    bench.receive(bench.others[0], {
      kind: 'status',
      body: { epoch: 1, view: 71, finalizedView: 70, finalizedHeight: 70 },
    })
    assert.equal(ofKind(bench.outputs, 'sync').length, 0)
    bench.receiveCertificate(subject)
    const outputs = bench.receive(bench.others[0], { kind: 'blocks', body: { blocks: [parent.bytes] } })
    const [sync] = ofKind(outputs, 'sync')
    assert.deepEqual(sync!.block.hash, parent.hash)
    bench.feed({ kind: 'syncFailed' })
    assert.equal(ofKind(bench.tick(1_000), 'sync').length, 1)
    bench.feed({ kind: 'imported', tip: parent, certificate: sync!.certificate })
    assert.deepEqual([bench.core.status().finalizedHeight, bench.core.status().view], [70, 71])
    assert.equal(bench.state.syncing, false)
  })
})

describe('catching up', () => {
  it('answers a request by view with every N, U and F held, and the highest F', () => {
    const bench = new Bench({ leads: 3 })
    const block = bench.block(1, bench.rules.genesis)
    bench.propose({ view: 1, parentView: 0, block })
    bench.receiveCertificate(bench.on('notarize', 1, 0, block))
    bench.receiveCertificate(bench.on('finalize', 1, 0, block))
    bench.receiveCertificate(bench.nullify(2))
    const outputs = bench.receive(bench.others[0], {
      kind: 'certificatesRequest',
      body: { epoch: 1, fromView: 2, toView: 60 },
    })
    const names = sent(outputs, 'certificates')[0]!.body.certificates.map(
      (c) => `${c.subject.kind} ${c.subject.view}`,
    )
    assert.deepEqual(names, ['nullify 2', 'finalize 1'])
  })

  it('serves held bodies itself and leaves older ones to the store', () => {
    const bench = new Bench({ leads: 3 })
    const block = bench.block(1, bench.rules.genesis)
    bench.propose({ view: 1, parentView: 0, block })
    const [from] = bench.others
    const held = bench.receive(from, { kind: 'blocksRequest', body: { hash: block.hash, countMax: 9 } })
    assert.deepEqual(sent(held, 'blocks')[0]!.body.blocks, [block.bytes, bench.rules.genesis.bytes])
    const old = bench.receive(from, {
      kind: 'blocksRequest',
      body: { hash: new Uint8Array(32), countMax: 9 },
    })
    assert.equal(ofKind(old, 'serveBlocks')[0]!.countMax, 9)
  })

  it('sends certificates to a peer that is behind, and requests them from one that is ahead', () => {
    const bench = new Bench({ leads: 3 })
    const block = bench.block(1, bench.rules.genesis)
    bench.propose({ view: 1, parentView: 0, block })
    bench.receiveCertificate(bench.on('finalize', 1, 0, block))
    const [a, b] = bench.others
    const status = (view: number, finalizedView: number) =>
      ({ kind: 'status', body: { epoch: 1, view, finalizedView, finalizedHeight: 0 } }) as const
    assert.equal(sent(bench.receive(a, status(1, 0)), 'certificate').length, 2)
    assert.equal(sent(bench.receive(b, status(9, 8)), 'certificatesRequest').length, 1)
  })

  it('accepts a proposal of a later view once its justification has advanced the view', () => {
    const bench = new Bench({ leads: 3 })
    const block = bench.block(30, bench.rules.genesis)
    const justification = Array.from({ length: 29 }, (_, i) => bench.certificate(bench.nullify(29 - i)))
    const outputs = bench.propose({ view: 30, parentView: 0, block, justification })
    assert.deepEqual(kindsSigned(outputs), ['notarize 30'])
  })
})

describe('retransmission', () => {
  it('begins after 1 s without finality and repeats every 1 to 2 s: entry certificate, own votes, status', () => {
    const bench = new Bench({ leads: 3 })
    bench.receiveCertificate(bench.nullify(1))
    bench.receiveVote(bench.state.leaderOf(2), bench.nullify(2))
    assert.equal(sent(bench.tick(900), 'status').length, 0)
    const outputs = bench.tick(100)
    assert.equal(sent(outputs, 'status').length, 1)
    assert.deepEqual(
      sent(outputs, 'certificate').map((c) => c.body.subject),
      [bench.nullify(1)],
    )
    assert.deepEqual(
      sent(outputs, 'vote').map((v) => v.body.subject),
      [bench.nullify(2)],
    )
    assert.equal(sent(bench.tick(999), 'status').length, 0)
    assert.equal(sent(bench.tick(1_001), 'status').length, 1)
  })

  it('sends the proposal of its view to who asks for it, now and then, and to nobody else', () => {
    const bench = new Bench({ leads: 3 })
    const block = bench.block(1, bench.rules.genesis)
    bench.propose({ view: 1, parentView: 0, block })
    assert.equal(sent(bench.tick(1_000), 'proposal').length, 0)
    const ask = (view: number) => {
      const message = { kind: 'proposalRequest', body: { epoch: 1, view } } as const
      return sent(bench.receive(bench.others[0], message), 'proposal')
    }
    assert.deepEqual(ask(2), [])
    assert.deepEqual(
      ask(1).map(({ to, body }) => [to, body.block]),
      [[{ kind: 'peer', peer: `peer${bench.others[0]}` }, block.bytes]],
    )
    assert.deepEqual(ask(1), [])
    bench.tick(200)
    assert.deepEqual(ask(1), [])
  })

  it('asks the leader and others in turn for the proposal that it lacks, while it may still vote for it', () => {
    const bench = new Bench({
      leads: 3,
      validators: 7,
      parameters: { buildMs: 4_000, messageDelayMs: 5_000 },
    })
    bench.receiveVote(bench.others[0]!, bench.nullify(1))
    const asked = [1_000, 2_000].map((ms) => sent(bench.tick(ms), 'proposalRequest'))
    assert.deepEqual(
      asked.map((list) => list.length),
      [2, 2],
    )
    const indexes = asked.flat().map(({ to }) => (to.kind === 'validator' ? to.index : -1))
    assert.equal(new Set(indexes).size, 3)
    assert.ok(indexes.includes(bench.state.leaderOf(1)))
    assert.deepEqual(kindsSigned(bench.tick(2_000)), ['nullify 1'])
    assert.deepEqual(sent(bench.tick(2_000), 'proposalRequest'), [])
  })

  describe('a proposal that only others were shown', () => {
    const PARAMETERS = { buildMs: 4_000, messageDelayMs: 5_000, deltaMs: 80 }
    const asks = (outputs: readonly Output[]) =>
      sent(outputs, 'proposalRequest').map(({ to, body }) => {
        assert.deepEqual(body, { epoch: 1, view: 1 })
        return to.kind === 'validator' ? to.index : -1
      })

    function voted(voters: number) {
      const bench = new Bench({ leads: 3, validators: 7, parameters: PARAMETERS })
      const block = bench.block(1, bench.rules.genesis)
      const subject = bench.on('notarize', 1, 0, block)
      const leader = bench.state.leaderOf(1)
      const others = bench.others.filter((i) => i !== leader).slice(0, voters)
      const outputs = others.flatMap((i) => bench.receiveVote(i, subject))
      return { bench, block, others, outputs, leader }
    }

    it('is asked of two that voted for it, an eighth of Δ after their votes', () => {
      const { bench, others, outputs } = voted(3)
      assert.deepEqual(asks(outputs), [])
      assert.deepEqual(asks(bench.tick(9)), [])
      const first = asks(bench.tick(1))
      assert.equal(new Set(first).size, 2)
      assert.ok(first.every((i) => others.includes(i)))
      assert.deepEqual(asks(bench.tick(1)), [])
      const second = asks(bench.tick(200))
      assert.equal(new Set([...first, ...second]).size, 3)
    })

    it('is asked of the one that voted', () => {
      const { bench, others } = voted(1)
      assert.deepEqual(asks(bench.tick(10)), others)
    })

    it('is not asked for once it is there, for the leader’s own vote, after an own nullify, or as the leader', () => {
      const there = voted(2)
      there.bench.propose({ view: 1, parentView: 0, block: there.block })
      assert.deepEqual(asks(there.bench.tick(10)), [])
      const alone = voted(0)
      alone.bench.receiveVote(alone.leader, alone.bench.on('notarize', 1, 0, alone.block))
      assert.deepEqual(asks(alone.bench.tick(10)), [])
      const over = voted(2)
      over.bench.receiveVote(over.leader, over.bench.nullify(1))
      assert.deepEqual(asks(over.bench.tick(10)), [])
      const own = new Bench({ leads: 1, validators: 7, parameters: PARAMETERS })
      own.receiveVote(own.others[0]!, own.on('notarize', 1, 0, own.block(1, own.rules.genesis)))
      assert.deepEqual(asks(own.tick(10)), [])
    })
  })

  it('always sets the next wake-up', () => {
    const bench = new Bench({ leads: 3 })
    for (let i = 0; i < 5; i++) {
      const at = ofKind(bench.tick(500), 'wake').at(-1)?.atMs
      assert.ok(at !== undefined && at > bench.nowMs)
    }
  })
})
