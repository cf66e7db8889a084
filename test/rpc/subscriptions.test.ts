import assert from 'node:assert/strict'
import { toHex } from '../../base/bytes.ts'
import { BlockIndexes } from '../../rpc/eth/blockIndex.ts'
import { BlockLogs } from '../../rpc/eth/blockLogs.ts'
import { parseLogQuery } from '../../rpc/eth/logFilter.ts'
import { LOG_LIMITS, LogSearch } from '../../rpc/eth/logs.ts'
import { RpcEvents } from '../../rpc/events.ts'
import type { Connection } from '../../rpc/method.ts'
import { Quota } from '../../rpc/quota.ts'
import {
  SUBSCRIPTION_LIMITS,
  type SubscriptionLimits,
  Subscriptions,
  type Topic,
} from '../../rpc/subscriptions.ts'
import { accountOf, FakeBackend } from '../support/fakeBackend.ts'
import type { Loose } from '../support/rpcHarness.ts'
import { busy } from '../support/turnCount.ts'

const ENTRIES = { perConnectionMax: 100, perAddressMax: 150, totalMax: 200 }
const COIN_LOGS = '0xfffffffffffffffffffffffffffffffffffffffe'

class Reader implements Connection {
  readonly got: Loose[] = []
  cutFor: string | undefined
  #closeListeners: (() => void)[] = []
  readonly #costMs: number
  constructor(costMs = 0) {
    this.#costMs = costMs
  }
  notify(text: string): boolean {
    if (this.#costMs > 0) busy(this.#costMs)
    this.got.push((JSON.parse(text) as Loose).params.result)
    return true
  }
  readonly queuedBytes = 0
  whenRead(): void {
    assert.fail('nothing is queued')
  }
  cut(reason: string): void {
    this.cutFor = reason
  }
  cutSlow(): void {
    assert.fail('not slow')
  }
  onClose(listener: () => void): void {
    this.#closeListeners.push(listener)
  }
  close(): void {
    for (const listener of this.#closeListeners) listener()
  }
  get heights(): number[] {
    return this.got.map(({ number }) => Number(number))
  }
}

interface Made {
  readonly backend: FakeBackend
  readonly subscriptions: Subscriptions
  readonly entries: Quota
  add(reader: Reader, topic: Topic, client?: string): string
}

function made(limits: Partial<SubscriptionLimits> = {}): Made {
  const backend = new FakeBackend()
  const events = new RpcEvents(backend, { error: ({ err }) => assert.fail(String(err)) })
  const entries = new Quota('entries', ENTRIES)
  const indexes = new BlockIndexes(backend.identity.chainId)
  const subscriptions = new Subscriptions({
    backend,
    events,
    indexes,
    entries,
    limits: { ...SUBSCRIPTION_LIMITS, ...limits },
  })
  const add = (reader: Reader, topic: Topic, client = 'a'): string =>
    subscriptions.add(reader, { connection: reader, client, afterAnswer: (listener) => listener() }, topic)
  return { backend, subscriptions, entries, add }
}

function logsTopic(count: number, first = 1): Topic {
  const address = Array.from({ length: count }, (_, i) => `0x${(first + i).toString(16).padStart(40, '0')}`)
  return { kind: 'logs', filter: parseLogQuery({ address: [COIN_LOGS, ...address.slice(1)] }).filter }
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise(setImmediate)
}

describe('rpc.subscriptions', () => {
  it('lets none of 1,000 subscribers miss a block', async () => {
    const { backend, add } = made()
    const readers = Array.from({ length: 1_000 }, () => new Reader())
    for (const reader of readers) add(reader, { kind: 'newHeads' })
    const heights: number[] = []
    for (let i = 0; i < 30; i++) {
      heights.push(backend.mine().header.height)
      if (i % 3 === 0) await new Promise(setImmediate)
    }
    await until(() => readers.every(({ got }) => got.length >= heights.length))
    for (const reader of readers) assert.deepEqual(reader.heights, heights)
  })

  it('sends what happens before the client knows its id after the answer, and only once', async () => {
    const { backend, subscriptions } = made()
    const reader = new Reader()
    let begin: () => void = () => assert.fail('no listener')
    const call = {
      connection: reader,
      client: 'a',
      afterAnswer: (listener: () => void) => void (begin = listener),
    }
    const other = new Reader()
    subscriptions.add(
      other,
      { ...call, connection: other, afterAnswer: (listener) => listener() },
      { kind: 'newHeads' },
    )
    subscriptions.add(reader, call, { kind: 'newHeads' })
    const first = backend.mine().header.height
    backend.mine()
    assert.deepEqual(reader.got, [])
    begin()
    backend.mine()
    await until(() => reader.got.length >= 3 && other.got.length >= 3)
    assert.deepEqual(reader.heights, [first, first + 1, first + 2])
    assert.deepEqual(other.heights, reader.heights)
  })

  it('cuts the costliest connection when it falls behind, and nobody else', async () => {
    const { backend, add } = made({ blocksBehindMax: 3 })
    const honest = new Reader()
    const costly = new Reader(4)
    add(honest, { kind: 'newHeads' })
    for (let i = 0; i < 20; i++) add(costly, { kind: 'newHeads' })
    const heights: number[] = []
    while (costly.cutFor === undefined) {
      heights.push(backend.mine().header.height)
      assert.ok(heights.length < 20)
      await new Promise(setImmediate)
    }
    assert.match(costly.cutFor, /more time than this node has/)
    const told = costly.got.length
    heights.push(backend.mine().header.height)
    await until(() => honest.got.length >= heights.length)
    assert.deepEqual(honest.heights, heights)
    assert.equal(honest.cutFor, undefined)
    assert.equal(costly.got.length, told)
  })

  it('limits subscriptions per connection, address and in total', () => {
    const { add } = made({ perConnectionMax: 2, perAddressMax: 3, totalMax: 4 })
    const heads: Topic = { kind: 'newHeads' }
    const [one, two, three, four] = [new Reader(), new Reader(), new Reader(), new Reader()] as const
    add(one, heads)
    add(one, heads)
    assert.throws(() => add(one, heads), /a connection may hold at most 2 subscriptions/)
    add(two, heads)
    assert.throws(() => add(two, heads), /an address may hold at most 3 subscriptions/)
    add(three, heads, 'b')
    assert.throws(() => add(four, heads, 'c'), /this node holds at most 4 subscriptions/)
    one.close()
    add(four, heads, 'c')
    add(two, heads)
  })

  it('limits addresses and topics in all filters together', () => {
    const { add, entries, subscriptions } = made()
    const [one, two, three] = [new Reader(), new Reader(), new Reader()] as const
    const id = add(one, logsTopic(60))
    assert.throws(() => add(one, logsTopic(41)), /a connection may hold at most 100 entries/)
    add(two, logsTopic(90))
    assert.throws(() => add(two, logsTopic(1)), /an address may hold at most 150/)
    assert.throws(() => add(three, logsTopic(51), 'b'), /this node holds at most 200/)
    assert.equal(entries.total, 150)
    assert.ok(subscriptions.remove(one, id))
    two.close()
    assert.equal(entries.total, 0)
  })

  it('sends the logs that a search finds, in the same order', async () => {
    const { backend, add } = made()
    const all = new Reader()
    const some = new Reader()
    add(all, logsTopic(1))
    const to = toHex(accountOf('n3').address).slice(2).padStart(64, '0')
    add(some, { kind: 'logs', filter: parseLogQuery({ topics: [null, null, [`0x${to}`]] }).filter })
    backend.fund(
      Array.from({ length: 8 }, (_, i) => accountOf(`n${i}`)),
      7n,
    )
    await until(() => all.got.length >= 8)
    const indexes = new BlockIndexes(backend.identity.chainId)
    const search = new LogSearch(backend, indexes, LOG_LIMITS)
    const block = backend.head()
    const filters = [
      {},
      { address: COIN_LOGS },
      { address: [COIN_LOGS, `0x${'12'.repeat(20)}`], topics: [[all.got[0].topics[0]], null, [`0x${to}`]] },
      { topics: [null, [all.got[0].topics[1]], all.got[2].topics[2]] },
      { address: `0x${'12'.repeat(20)}` },
    ]
    for (const json of filters) {
      const { filter } = parseLogQuery(json as Loose)
      const logs = new BlockLogs(block, indexes.of(block))
      const found = logs.matching(filter).map((place) => JSON.parse(logs.text(place)))
      assert.deepEqual(found, JSON.parse(JSON.stringify(search.matching(block, filter))))
    }
    assert.deepEqual(
      all.got,
      JSON.parse(JSON.stringify(search.matching(block, parseLogQuery({ address: COIN_LOGS }).filter))),
    )
    assert.equal(some.got.length, 1)
    assert.equal(some.got[0].topics[2], `0x${to}`)
  })
})
