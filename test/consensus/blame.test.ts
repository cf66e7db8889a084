// What false votes and certificates cost: checks of the receiver, points of the sender.
import assert from 'node:assert/strict'
import type { Subject } from '../../base/protocol/vote.ts'
import { ANSWER_CERTIFICATES_MAX, type ConsensusMessage } from '../../consensus/messages.ts'
import type { Output } from '../../consensus/types.ts'
import { Bench, ofKind } from '../support/coreHarness.ts'

const CHECKS_AT_ONCE = 4

function garbage(bench: Bench, signer: number, subject: Subject): ConsensusMessage {
  return { kind: 'vote', body: { ...bench.vote(signer, subject), signature: new Uint8Array(96).fill(7) } }
}

function votesChecked(outputs: readonly Output[]): number {
  return ofKind(outputs, 'checkVotes').reduce((sum, check) => sum + check.votes.length, 0)
}

function penalties(outputs: readonly Output[]): readonly (readonly [string, string])[] {
  return ofKind(outputs, 'penalise').map(({ peer, reason }) => [peer, reason] as const)
}

/** Certificates of ever further views, none of them true. */
function forgeries(bench: Bench, count: number, fromView = 1) {
  return Array.from({ length: count }, (_, i) => ({
    ...bench.certificate(bench.nullify(fromView + i)),
    signature: new Uint8Array(96).fill(9),
  }))
}

describe('an invalid vote', () => {
  it('costs its sender points and frees its slot', () => {
    const bench = new Bench({ leads: 3 })
    const [a] = bench.others as [number]
    const outputs = bench.receive(a, garbage(bench, a, bench.nullify(1)))
    assert.deepEqual(penalties(outputs), [[`peer${a}`, 'vote with an invalid signature']])
    assert.equal(bench.state.pool.size, 0)
    bench.receiveVote(a, bench.nullify(1))
    assert.equal(bench.state.pool.votes(1, 'nullify').length, 1)
  })

  it('inside an aggregate costs only its own sender points', () => {
    const bench = new Bench({ leads: 3 })
    bench.holdVotes = true
    const [a, b, c] = bench.others as [number, number, number]
    bench.receive(a, garbage(bench, a, bench.nullify(1)))
    bench.receiveVote(b, bench.nullify(1))
    bench.receiveVote(c, bench.nullify(1))
    for (const { id, message, votes } of ofKind(bench.outputs, 'checkVotes')) {
      bench.feed({ kind: 'votesChecked', id, ...bench.verifier.checkVotes(1, message, votes) })
    }
    assert.deepEqual(penalties(bench.outputs), [[`peer${a}`, 'vote with an invalid signature']])
  })

  it('of a suspect is checked alone before it joins the f+1 nullifies', () => {
    const bench = new Bench({ leads: 3, validators: 7 })
    const followers = bench.others.filter((i) => i !== bench.state.leaderOf(1))
    const [a, b, c, d] = followers as [number, number, number, number]
    bench.receive(a, garbage(bench, a, bench.nullify(1)))
    assert.ok(bench.state.suspects.has(a))
    // One verified vote: no other is checked alone for the view's need.
    bench.receiveVote(d, bench.on('finalize', 1, 0, bench.block(1, bench.rules.genesis)))
    bench.holdVotes = true
    bench.receive(a, garbage(bench, a, bench.nullify(1)))
    bench.receiveVote(b, bench.nullify(1))
    const outputs = bench.receiveVote(c, bench.nullify(1))
    const mixed = ofKind(bench.outputs, 'checkVotes').filter(
      ({ votes }) => votes.length > 1 && votes.some(({ signer }) => signer === a),
    )
    assert.equal(mixed.length, 0)
    assert.ok(votesChecked(outputs) > 0)
  })
})

describe('conflicting votes', () => {
  const pair = (bench: Bench): readonly [Subject, Subject] => {
    const [one, two] = [bench.block(3, bench.rules.genesis), bench.block(2, bench.rules.genesis)]
    return [bench.on('notarize', 5, 0, one), bench.on('notarize', 5, 0, two)]
  }

  it('are checked one after the other: an invalid first one spares the second', () => {
    const bench = new Bench({ leads: 3 })
    const [a] = bench.others as [number]
    const [one, two] = pair(bench)
    bench.receive(a, garbage(bench, a, one))
    const outputs = bench.receive(a, garbage(bench, a, two))
    assert.equal(votesChecked(outputs), 1)
    assert.equal(bench.state.pool.votes(5, 'notarize').length, 1)
  })

  it('wait for the running check of their signer', () => {
    const bench = new Bench({ leads: 3 })
    bench.holdVotes = true
    const [a] = bench.others as [number]
    const [one, two] = pair(bench)
    for (const subject of [one, two, { ...two, kind: 'finalize' as const }]) bench.receiveVote(a, subject)
    assert.equal(votesChecked(bench.outputs), 1)
  })

  it('cost nothing more when they are repeated', () => {
    const bench = new Bench({ leads: 3 })
    const [a] = bench.others as [number]
    const [one, two] = pair(bench)
    const finalize: Subject = { ...two, kind: 'finalize' }
    const all = [one, two, finalize, bench.nullify(5), { ...one, kind: 'finalize' as const }]
    const first = all.flatMap((subject) => bench.receiveVote(a, subject))
    assert.equal(ofKind(first, 'misbehaviour').length, 1)
    const again = [...all, ...all].flatMap((subject) => bench.receiveVote(a, subject))
    assert.equal(votesChecked(again), 0)
    assert.equal(ofKind(again, 'misbehaviour').length, 0)
    assert.ok(votesChecked(first) <= 2, `${votesChecked(first)} checks`)
  })

  it('of a leader are noticed although another proof of the view was reported', () => {
    const bench = new Bench({ leads: 3 })
    const leader = bench.state.leaderOf(5)
    const [one, two] = pair(bench)
    for (const subject of [bench.nullify(5), { ...one, kind: 'finalize' as const }, one, two]) {
      bench.receiveVote(leader, subject)
    }
    assert.equal(ofKind(bench.outputs, 'misbehaviour').length, 1)
    assert.ok(bench.state.equivocated.has(5))
  })
})

describe('need by a vote', () => {
  it('checks one vote of the view at a time', () => {
    const bench = new Bench({ leads: 3 })
    bench.holdVotes = true
    const block = bench.block(1, bench.rules.genesis)
    const [a, b] = bench.others as [number, number]
    bench.receiveVote(a, bench.on('finalize', 1, 0, block))
    const outputs = bench.receiveVote(b, bench.on('finalize', 1, 0, block))
    assert.equal(votesChecked(outputs), 0)
    assert.equal(votesChecked(bench.outputs), 1)
  })
})

describe('a message full of false certificates', () => {
  it('costs a few checks and one penalty, and leaves nothing behind', () => {
    const bench = new Bench({ leads: 3 })
    const certificates = forgeries(bench, ANSWER_CERTIFICATES_MAX)
    const outputs = bench.receive(0, { kind: 'certificates', body: { certificates } })
    assert.equal(penalties(outputs).length, 1)
    assert.ok(ofKind(outputs, 'checkSignatures').length <= CHECKS_AT_ONCE)
    assert.equal(bench.state.jobs.size, 0)
    assert.equal(bench.state.certificateLoads.size, 0)
  })

  it('costs one penalty when all are malformed', () => {
    const bench = new Bench({ leads: 3 })
    const certificates = forgeries(bench, 20).map((c) => ({ ...c, bitmap: new Uint8Array([0xff]) }))
    const outputs = bench.receive(0, { kind: 'certificates', body: { certificates } })
    assert.deepEqual(penalties(outputs), [['peer0', 'malformed certificate']])
  })

  it('counts again in the next message', () => {
    const bench = new Bench({ leads: 3 })
    for (let i = 0; i < 3; i++) {
      bench.receive(0, { kind: 'certificates', body: { certificates: forgeries(bench, 8) } })
    }
    assert.equal(penalties(bench.outputs).length, 3)
  })

  it('does not hold up another peer', () => {
    const bench = new Bench({ leads: 3 })
    bench.holdChecks = true
    const certificates = forgeries(bench, 20, 2)
    const flood = bench.receive(0, { kind: 'certificates', body: { certificates } })
    assert.equal(ofKind(flood, 'checkSignatures').length, CHECKS_AT_ONCE)
    const honest = bench.certificate(bench.nullify(12))
    const outputs = bench.receive(1, { kind: 'certificate', body: honest })
    const [check] = ofKind(outputs, 'checkSignatures')
    bench.feed({ kind: 'signaturesChecked', id: check!.id, valid: [true] })
    assert.equal(bench.state.view, 13)
  })

  it('bounds what one peer has waiting', () => {
    const bench = new Bench({ leads: 3 })
    bench.holdChecks = true
    for (let i = 0; i < 10; i++) {
      const certificates = forgeries(bench, 100, 1 + 100 * i)
      bench.receive(0, { kind: 'certificates', body: { certificates } })
    }
    assert.ok(bench.state.jobs.size < 300, `${bench.state.jobs.size}`)
  })
})

describe('a long answer of true certificates', () => {
  it('is checked to its end, few at a time', () => {
    const bench = new Bench({ leads: 3 })
    bench.holdChecks = true
    const certificates = Array.from({ length: 60 }, (_, i) => bench.certificate(bench.nullify(1 + i)))
    bench.receive(0, { kind: 'certificates', body: { certificates } })
    const answered = new Set<number>()
    for (let round = 0; round < 60 && bench.state.view < 61; round++) {
      const open = ofKind(bench.outputs, 'checkSignatures').filter(({ id }) => !answered.has(id))
      assert.ok(open.length <= CHECKS_AT_ONCE, `${open.length} at once`)
      for (const { id } of open) {
        answered.add(id)
        bench.feed({ kind: 'signaturesChecked', id, valid: [true] })
      }
    }
    assert.equal(bench.state.view, 61)
    assert.equal(bench.state.certificates.size, 60)
    assert.equal(bench.state.certificateLoads.size, 0)
    assert.deepEqual(penalties(bench.outputs), [])
  })
})

describe('a peer that asks for a thousand blocks', () => {
  it('does not end the limit on another request', () => {
    const bench = new Bench({ leads: 3 })
    const status = { epoch: 1, view: 900, finalizedView: 0, finalizedHeight: 0 }
    const ask = (): number => {
      const outputs = bench.receive(1, { kind: 'status', body: status })
      return outputs.filter(({ kind }) => kind === 'send').length
    }
    for (let i = 0; i < 1_023; i++) {
      const hash = new Uint8Array(32).fill(i & 255)
      hash[0] = i >> 8
      bench.receive(0, { kind: 'blocksRequest', body: { hash, countMax: 1 } })
    }
    assert.equal(ask(), 1)
    bench.receive(0, { kind: 'blocksRequest', body: { hash: new Uint8Array(32), countMax: 2 } })
    bench.receive(0, { kind: 'blocksRequest', body: { hash: new Uint8Array(32).fill(77, 2), countMax: 2 } })
    assert.equal(ask(), 0)
    assert.ok(bench.state.peerLimits.size <= 1_024)
  })
})
