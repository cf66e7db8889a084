// The behaviours without a network: what they send must be what they say, or an attack that never happens passes every limit.
import assert from 'node:assert/strict'
import { equalBytes } from '../../base/bytes.ts'
import { decodeBlock } from '../../base/protocol/header.ts'
import {
  type ConsensusMessage,
  decodeMessage,
  encodeMessage,
  type MessageKind,
} from '../../consensus/messages.ts'
import { peerIdBytesFromSeed, peerIdText } from '../../p2p/identity.ts'
import { ALL, type Behaviour, type Hand, type Heard, type Sent } from '../support/byzantine/behaviour.ts'
import { PROTOCOL_BEHAVIOURS } from '../support/byzantine/behaviours/protocols.ts'
import { BEHAVIOURS } from '../support/byzantine/behaviours.ts'
import { Bench } from '../support/coreHarness.ts'
import { Random } from '../support/random.ts'
import { brokenLimits, type Outcome, tableRow } from './judge.ts'

/** A hand over a core that has heard one proposal, one vote and one certificate. */
function makeHand() {
  const bench = new Bench({ leads: 1 })
  const block = bench.block(1, bench.rules.genesis, { txs: [new Uint8Array(8)] })
  const own = bench.proposal({ view: 1, parentView: 0, block })
  if (own.kind !== 'proposal') throw new Error('the bench proposes')
  const heard: Partial<Record<MessageKind, unknown[]>> = {
    proposal: [own.body],
    vote: [1, 2].map((view) => bench.vote(bench.others[0]!, bench.nullify(view))),
    certificate: [bench.certificate(bench.nullify(1))],
  }
  const sent: Sent[] = []
  const hand: Hand = {
    random: new Random(1),
    genesisHash: bench.rules.genesisHash,
    chainId: 1,
    peerSeed: new Uint8Array(32).fill(9),
    addresses: ['/ip4/127.0.0.1/tcp/1'],
    nowMs: 1_000,
    status: bench.core.status(),
    self: bench.self,
    peers: bench.others.map((i) => peerIdText(peerIdBytesFromSeed(new Uint8Array(32).fill(i)))),
    sign: (subject) => bench.vote(bench.self, subject),
    heard: <K extends MessageKind>(kind: K) => (heard[kind] ?? []) as readonly Heard<K>[],
    send: (item) => void sent.push(item),
    after: (_delayMs, work) => work(),
  }
  return { hand, sent, own, block }
}

const bytesOf = (message: Sent['message']): Uint8Array =>
  message instanceof Uint8Array ? message : encodeMessage(message)

/** Everything that a behaviour sends once it leads, hears its own proposal from another, and floods for so many rounds. */
function everythingSent(
  behaviour: Behaviour,
  rounds: number,
): {
  readonly sent: readonly Sent[]
  readonly isHonest: boolean
} {
  const { hand, sent, own, block } = makeHand()
  const messages: ConsensusMessage[] = [
    own,
    { kind: 'blocks', body: { blocks: [block.bytes] } },
    { kind: 'vote', body: own.body.vote },
  ]
  for (const message of messages) {
    const outgoing: Sent = { to: ALL, message }
    sent.push(...(behaviour.outgoing?.(hand, { to: ALL, message }) ?? [outgoing]))
    behaviour.incoming?.(hand, { peer: 'peer1', validator: 1 }, message)
  }
  for (let i = 0; i < rounds; i++) sent.push(...(behaviour.flood?.frames(hand) ?? []))
  const honest = messages.map(encodeMessage)
  const bytes = sent.map(({ message }) => bytesOf(message))
  const isHonest = bytes.length === honest.length && bytes.every((item, i) => equalBytes(item, honest[i]!))
  return { sent, isHonest }
}

/** Honest towards the core; false in what they serve, when, or below the core's messages. */
const HONEST_MESSAGES = /^(idle|range|clock|late|slowReading)/

describe('byzantine behaviours', () => {
  for (const [name, behaviour] of Object.entries(BEHAVIOURS)) {
    it(`${name}: ${behaviour.about}`, () => {
      const rounds = name in PROTOCOL_BEHAVIOURS ? 3 : 40
      const { sent, isHonest } = everythingSent(behaviour, rounds)
      assert.equal(isHonest, HONEST_MESSAGES.test(name))
      if (behaviour.flood !== undefined) assert.ok(sent.length >= rounds, 'it floods')
      // A frame that does not decode tests the decoder only.
      for (const { message, protocol } of sent)
        if (name !== 'garbage' && protocol === undefined) decodeMessage(bytesOf(message))
    })
  }

  it('puts another body under the very same header', () => {
    const { hand, own, block } = makeHand()
    const [sent] = BEHAVIOURS.falseBodyLeader!.outgoing!(hand, { to: ALL, message: own })
    const { message } = sent as { readonly message: Extract<ConsensusMessage, { readonly kind: 'proposal' }> }
    const shown = decodeBlock(message.body.block)
    assert.deepEqual(shown.hash, block.hash)
    assert.notDeepEqual(shown.transactions, block.transactions)
  })

  it('serves each lie about blocks', async () => {
    const items = [1, 2, 3].map((n) => ({ block: Uint8Array.of(n), certificate: Uint8Array.of(n) }))
    const source = {
      status: () => ({ height: 3, hash: new Uint8Array(32), heightMin: 0 }),
      range: () => items,
    }
    const lies = Object.values(BEHAVIOURS).filter(({ serves }) => serves !== undefined)
    assert.equal(lies.length, 4)
    for (const { serves } of lies) {
      assert.notDeepEqual(await serves!(source).range({ fromHeight: 1, countMax: 3, bytesMax: 99 }), items)
    }
  })
})

describe('byzantine limits', () => {
  const cost = { cpuMsPerSecond: 150, memoryMiB: 120 }
  const phase = { transfers: 100, p50Ms: 100, p99Ms: 300, lost: 0, standstillMs: 400, ...cost }
  const held: Outcome = {
    behaviour: 'x',
    base: phase,
    attack: { ...phase, p50Ms: 200, p99Ms: 1_200, standstillMs: 1_600 },
    refusals: 0,
    levelMs: 5_000,
    failures: [],
  }

  it('hold exactly at each limit', () => {
    assert.deepEqual(brokenLimits(held, 1_200), [])
    assert.equal(
      tableRow(held, 1_200),
      '| x | 0.10 / 0.30 | 0.20 / 1.20 | 0.40 / 1.60 | 150 / 150 | 120 / 120 | 0 | 5.00 |  |',
    )
  })

  it('break one by one', () => {
    const attack = held.attack
    const broken: readonly Partial<Outcome>[] = [
      { attack: { ...attack, transfers: 0 } },
      { attack: { ...attack, p50Ms: 201 } },
      { attack: { ...attack, p99Ms: 1_201 } },
      { attack: { ...attack, lost: 1 } },
      { attack: { ...attack, standstillMs: 1_601 } },
      { refusals: 1 },
      { levelMs: 5_001 },
      { levelMs: Number.POSITIVE_INFINITY },
      { failures: ['validator 1 halted'] },
    ]
    for (const change of broken) assert.equal(brokenLimits({ ...held, ...change }, 1_200).length, 1)
  })
})
