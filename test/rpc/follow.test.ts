import assert from 'node:assert/strict'
import { toHex } from '../../base/bytes.ts'
import type { Json } from '../../base/field.ts'
import { moduleAddress } from '../../base/moduleDefinition.ts'
import type { RpcError } from '../../rpc/errors.ts'
import type { FollowLimits } from '../../rpc/followers.ts'
import type { Call, Connection, Method } from '../../rpc/method.ts'
import { createMethods } from '../../rpc/methods.ts'
import { marketModule } from '../../state/modules/market/module.ts'
import { providersSchema } from '../../state/modules/providers/schema.ts'
import type { Module } from '../../state/rules.ts'
import { calldata } from '../support/calldata.ts'
import { addressOf, CHAIN, type Draft } from '../support/chainHarness.ts'
import { accountOf, FakeBackend } from '../support/fakeBackend.ts'
import { CENT, MarketChain } from '../support/marketFixture.ts'
import type { Loose } from '../support/rpcHarness.ts'

/** A reader that takes what it gets, or, while it is stopped, leaves it in the queue. */
class Reader implements Connection {
  readonly got: Loose[] = []
  isStopped = false
  queuedBytes = 0
  ended: 'cut' | 'slow' | undefined
  #waiting: (() => void)[] = []
  #closeListeners: (() => void)[] = []
  notify(text: string): boolean {
    this.got.push((JSON.parse(text) as Loose).params)
    if (this.isStopped) this.queuedBytes += text.length
    return true
  }
  whenRead(listener: () => void): void {
    this.#waiting.push(listener)
  }
  read(): void {
    this.queuedBytes = 0
    this.isStopped = false
    for (const listener of this.#waiting.splice(0)) listener()
  }
  cut(): void {
    this.ended = 'cut'
  }
  cutSlow(): void {
    this.ended = 'slow'
  }
  onClose(listener: () => void): void {
    this.#closeListeners.push(listener)
  }
  close(): void {
    for (const listener of this.#closeListeners) listener()
  }
  get results(): Loose[] {
    return this.got.map(({ result }) => result)
  }
  get sequences(): number[] {
    return this.results.map(({ sequence }) => sequence)
  }
  get heights(): number[] {
    return this.results.map(({ height }) => height)
  }
}

class Node {
  readonly backend = new FakeBackend()
  readonly table: ReadonlyMap<string, Method>
  constructor(limits: Partial<FollowLimits> = {}, modules: readonly Module[] = CHAIN.modules) {
    this.table = createMethods({
      backend: this.backend,
      modules,
      followLimits: limits,
      log: { error: ({ err }) => assert.fail(String(err)) },
    }).table
  }
  call(reader: Reader | undefined, method: string, params: Json, client = 'a'): Loose {
    const listeners: (() => void)[] = []
    const call: Call = { connection: reader, client, afterAnswer: (one) => void listeners.push(one) }
    const answer = this.table.get(method)!.invoke(params, call)
    for (const listener of listeners) listener()
    return answer
  }
  subscribe(reader: Reader, topic: string, options: Json = {}, client = 'a'): Loose {
    return this.call(reader, 'subscribe', [topic, options], client)
  }
  /** Blocks of `counts[i]` transfers to bob. */
  mine(...counts: number[]): void {
    for (const count of counts) {
      const drafts = Array.from({ length: count }, (): Draft => {
        const draft = { from: 'faucet', nonce: this.#nonce++, to: BOB, valueBase: 7n, gasLimit: 30_000 }
        return draft
      })
      this.backend.mine(drafts)
    }
  }
  #nonce = 0
}

const BOB = accountOf('bob').address
const refusal = (run: () => unknown): RpcError => {
  try {
    run()
  } catch (error) {
    return error as RpcError
  }
  return assert.fail('not refused')
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise(setImmediate)
}

describe('rpc.subscribe', () => {
  it('numbers what comes, block by block, and says where it continues', async () => {
    const node = new Node()
    node.mine(1)
    const reader = new Reader()
    const answer = node.subscribe(reader, 'transfers')
    assert.deepEqual(answer.resume, { fromBlock: 2, fromIndex: 0, sequence: 1 })
    node.mine(2, 0, 1)
    await until(() => reader.got.length >= 2)
    const [first, second] = reader.results
    const block = await node.backend.blockByHeight(2)
    assert.equal(reader.got[0].subscription, answer.subscription)
    assert.deepEqual(first, {
      sequence: 1,
      height: 2,
      hash: toHex(block!.hash),
      timestampMs: block!.header.timestampMs,
      items: [0, 1].map((i) => ({
        from: toHex(addressOf('faucet')),
        to: toHex(BOB),
        amountBase: '7',
        transaction: toHex(block!.transactions[i]!.id),
        logIndex: i,
      })),
      resume: { fromBlock: 3, fromIndex: 0, sequence: 2 },
    })
    assert.deepEqual([second.sequence, second.height, second.items.length], [2, 4, 1])
  })

  it('continues from any message on, within a block too, without a gap or a double', async () => {
    const node = new Node({ itemsPerMessage: 3 })
    node.mine(2, 8, 0, 3, 1)
    const whole = new Reader()
    node.subscribe(whole, 'transactions', { fromBlock: 1 })
    await until(() => whole.got.length >= 6)
    const items = (reader: Reader): Loose[] => reader.results.flatMap((one) => one.items)
    assert.equal(new Set(items(whole).map(({ hash }) => hash)).size, 14)
    assert.deepEqual(whole.heights, [1, 2, 2, 2, 4, 5])
    assert.deepEqual(whole.sequences, [1, 2, 3, 4, 5, 6])
    for (const { sequence, resume } of whole.results) {
      const again = new Reader()
      node.subscribe(again, 'transactions', resume)
      const left = whole.results.slice(sequence)
      await until(() => again.got.length >= left.length)
      assert.deepEqual(again.results, left)
      again.close()
    }
  })

  it('tells the same to those who were there and those who come later', async () => {
    const node = new Node()
    const present = new Reader()
    node.subscribe(present, 'blocks')
    for (let i = 0; i < 5; i++) node.mine(i)
    const later = new Reader()
    node.subscribe(later, 'blocks', { fromBlock: 1 })
    node.mine(1)
    await until(() => present.got.length >= 6 && later.got.length >= 6)
    assert.deepEqual(later.results, present.results)
    assert.deepEqual(
      present.results.map(({ items }) => items[0].transactionCount),
      [0, 1, 2, 3, 4, 1],
    )
  })

  it('narrows by address and by event', async () => {
    const node = new Node()
    node.mine(1)
    node.backend.fund([accountOf('carol'), accountOf('dave')], 5n)
    const [one, both, events] = [new Reader(), new Reader(), new Reader()]
    const [carol, dave] = ['carol', 'dave'].map((name) => toHex(accountOf(name).address))
    node.subscribe(one, 'transfers', { fromBlock: 1, address: carol! })
    node.subscribe(both, 'transactions', { fromBlock: 1, address: [dave!, carol!] })
    await until(() => one.got.length > 0 && both.got.length > 0)
    assert.deepEqual(
      one.results.map(({ height, items }) => [height, items.map(({ to }: Loose) => to)]),
      [[2, [carol]]],
    )
    assert.deepEqual(
      both.results[0].items.map(({ to }: Loose) => to),
      [carol, dave],
    )
    const operator = addressOf('operator1')
    const peerId = new Uint8Array(38).fill(7)
    peerId.set([0x00, 0x24, 0x08, 0x01, 0x12, 0x20])
    const faucet = { from: 'faucet', nonce: 3, gasLimit: 30_000 }
    node.backend.mine([{ ...faucet, to: operator, valueBase: 10n ** 18n }])
    const to = moduleAddress(providersSchema)
    const data = calldata(providersSchema, 'changePeerId', { peerId })
    node.backend.mine([{ from: 'operator1', nonce: 0, gasLimit: 300_000, to, data }])
    node.subscribe(events, 'providers', { fromBlock: 1, event: ['BondPosted', 'PeerIdChanged'] })
    await until(() => events.got.length > 0)
    const [{ height, items }] = events.results
    const [{ event, arguments: args }] = items
    assert.deepEqual([height, items.length, event], [4, 1, 'PeerIdChanged'])
    assert.deepEqual(args, { provider: args.provider, peerId: toHex(peerId) })
  })

  it('narrows the market by book, and by both event and book', async () => {
    const node = new Node({}, [...CHAIN.modules, marketModule])
    const market = new MarketChain()
    node.mine(1)
    const block = await node.backend.blockByHeight(1)
    market.run(() => {
      market.cancel(1, market.place(1, { side: 'sell', ticks: 30_000, lots: 5 }))
      market.place(1, { side: 'sell', ticks: 30_000, lots: 100, quote: CENT })
    })
    // As if the block had done that.
    Object.assign(block!, { systemLogs: market.logs })
    const [first, second, closed, none] = [new Reader(), new Reader(), new Reader(), new Reader()]
    node.subscribe(first, 'market', { fromBlock: 1, book: 1 })
    node.subscribe(second, 'market', { fromBlock: 1, book: [2, 3] })
    node.subscribe(closed, 'market', { fromBlock: 1, book: [1, 2], event: ['Closed', 'Traded'] })
    node.subscribe(none, 'market', { fromBlock: 1, book: 3 })
    await until(() => [first, second, closed].every(({ got }) => got.length > 0))
    const seen = ({ results }: Reader): Loose[] =>
      results.flatMap(({ items }) => items.map(({ event, arguments: { book } }: Loose) => [event, book]))
    assert.deepEqual(seen(first), [
      ['Placed', 1],
      ['Closed', 1],
    ])
    assert.deepEqual(seen(second), [['Placed', 2]])
    assert.deepEqual(seen(closed), [['Closed', 1]])
    assert.deepEqual(seen(none), [])
  })

  it('refuses what it would otherwise misunderstand', () => {
    const node = new Node({ replayBlocksMax: 10 })
    const reader = new Reader()
    const refused = (topic: string, options: Json): string =>
      refusal(() => node.subscribe(reader, topic, options)).message
    assert.match(refused('weather', {}), /no topic "weather": choose blocks, transactions, transfers, /)
    assert.match(refused('blocks', { address: toHex(BOB) }), /blocks cannot be chosen by address/)
    assert.match(refused('transfers', { adress: toHex(BOB) }), /adress: expected one of fromBlock, /)
    assert.match(refused('transfers', { address: '0x12' }), /expected an address/)
    assert.match(refused('transfers', { address: [] }), /expected 1 to 1000/)
    assert.match(refused('accounts', { event: 'Rain' }), /accounts has no event "Rain": choose /)
    const market = new Node({}, [...CHAIN.modules, marketModule])
    const wrongBook = refusal(() => market.subscribe(reader, 'market', { book: 'coins' }))
    assert.match(wrongBook.message, /book: expected an integer from 1/)
    assert.match(refused('accounts', { book: 1 }), /accounts cannot be chosen by book/)
    assert.match(refused('blocks', { fromIndex: 3 }), /fromIndex needs fromBlock/)
    assert.match(refused('blocks', { fromBlock: 50 }), /far above the latest block, 0/)
    assert.match(refused('blocks', { sequence: 0 }), /sequence: expected an integer from 1/)
    assert.match(refused('blocks', { sequence: 2 ** 53 - 1 }), /sequence: expected an integer up to/)
    assert.match(refusal(() => node.call(undefined, 'subscribe', ['blocks'])).message, /connect by WebSocket/)
  })

  it('ends where more items were told than the block has', async () => {
    const node = new Node()
    node.mine(3, 1)
    const [all, beyond] = [new Reader(), new Reader()]
    node.subscribe(all, 'transfers', { fromBlock: 1, fromIndex: 3 })
    const { subscription } = node.subscribe(beyond, 'transfers', { fromBlock: 1, fromIndex: 4 })
    await until(() => all.got.length > 0 && beyond.got.length > 0)
    assert.deepEqual(all.heights, [2])
    const { code, message } = beyond.got[0].error
    assert.deepEqual([code, message], [-32602, 'fromIndex: block 1 has 3 items for this subscription, not 4'])
    assert.equal(node.call(beyond, 'unsubscribe', [subscription]), false)
  })

  it('names the first block that it still tells of', async () => {
    const node = new Node({ replayBlocksMax: 10 })
    node.mine(...Array.from({ length: 20 }, () => 0))
    const far = refusal(() => node.subscribe(new Reader(), 'blocks', { fromBlock: 10 }))
    assert.deepEqual([far.code, far.data], [-32005, { heightMin: 11 }])
    node.backend.lowestBlock = 15
    const pruned = refusal(() => node.subscribe(new Reader(), 'blocks', { fromBlock: 11 }))
    assert.deepEqual([pruned.code, pruned.data], [4444, { heightMin: 15 }])
    const reader = new Reader()
    node.subscribe(reader, 'blocks', { fromBlock: 15 })
    await until(() => reader.got.length >= 6)
    assert.deepEqual(reader.heights, [15, 16, 17, 18, 19, 20])
  })

  it('ends a subscription whose next block is pruned meanwhile, and says so', async () => {
    const node = new Node()
    node.mine(0, 0, 0)
    const reader = new Reader()
    node.backend.heightMin = 3
    node.backend.lowestBlock = 1
    const { subscription } = node.subscribe(reader, 'blocks', { fromBlock: 1 })
    await until(() => reader.got.length > 0)
    assert.equal(reader.got[0].subscription, subscription)
    assert.equal(reader.got[0].error.code, 4444)
    assert.equal(node.call(reader, 'unsubscribe', [subscription]), false)
  })

  it('tells a quiet subscription now and then how far it is', async () => {
    const node = new Node({ quietBlocksMax: 4 })
    const reader = new Reader()
    node.subscribe(reader, 'transfers')
    node.mine(0, 0, 0, 0, 0, 1, 0, 0, 0, 0)
    await until(() => reader.got.length >= 3)
    assert.deepEqual(reader.heights, [4, 6, 10])
    assert.deepEqual(
      reader.results.map(({ items }) => items.length),
      [0, 1, 0],
    )
    assert.deepEqual(reader.results.at(-1).resume, { fromBlock: 11, fromIndex: 0, sequence: 4 })
  })

  it('waits for a slow reader, keeps nothing for it, and cuts it when it stays slow', async () => {
    const node = new Node({ unreadBytesMax: 1_000, blocksBehindMax: 20 })
    const [slow, dead, quick] = [new Reader(), new Reader(), new Reader()]
    for (const reader of [slow, dead, quick]) node.subscribe(reader, 'blocks')
    slow.isStopped = true
    dead.isStopped = true
    for (let i = 0; i < 19; i++) {
      node.mine(0)
      await until(() => quick.got.length > i)
    }
    assert.ok(slow.queuedBytes < 5_000, 'no more than it lets wait, and a message')
    assert.ok(slow.got.length < 5)
    slow.read()
    await until(() => slow.got.length >= 19)
    node.mine(0, 0, 0, 0, 0)
    await until(() => quick.got.length >= 24 && slow.got.length >= 24)
    assert.deepEqual(slow.results, quick.results)
    assert.deepEqual([slow.ended, dead.ended, quick.ended], [undefined, 'slow', undefined])
    // It comes again, and has missed nothing.
    const back = new Reader()
    node.subscribe(back, 'blocks', dead.results.at(-1).resume)
    await until(() => dead.got.length + back.got.length >= 24)
    assert.deepEqual([...dead.results, ...back.results], quick.results)
  })

  it('lets nobody wait for those who read much of the past', async () => {
    const node = new Node({ quietBlocksMax: 4 })
    node.mine(...Array.from({ length: 100 }, () => 0))
    const greedy = Array.from({ length: 10 }, () => new Reader())
    const sent = (): number => greedy.reduce((sum, { got }) => sum + got.length, 0)
    /** What the others got before each message. */
    const before: { readonly [reader: string]: number[] } = { live: [], late: [] }
    const reader = (name: string): Reader => {
      const made = new Reader()
      made.notify = (text) => {
        before[name]!.push(sent())
        return Reader.prototype.notify.call(made, text)
      }
      return made
    }
    node.subscribe(reader('live'), 'blocks')
    const nobody = toHex(accountOf('nobody').address)
    for (let i = 0; i < 300; i++) {
      node.subscribe(greedy[i % 10]!, 'transfers', { fromBlock: 1, address: nobody }, 'b')
    }
    node.subscribe(reader('late'), 'transfers', { fromBlock: 1, address: nobody }, 'c')
    node.mine(1)
    await until(() => sent() >= 7_500)
    assert.ok(before.live![0]! <= 2, `${before.live}`)
    assert.ok(before.late![24]! <= 200, `${before.late}`)
  })

  it('counts with eth_subscribe against one limit, and ends with the connection', () => {
    const node = new Node()
    const reader = new Reader()
    for (let i = 0; i < 32; i++) {
      node.call(reader, 'eth_subscribe', ['newHeads'])
      node.subscribe(reader, 'blocks')
    }
    assert.match(refusal(() => node.subscribe(reader, 'blocks')).message, /at most 64 subscriptions/)
    reader.close()
    const { subscription } = node.subscribe(reader, 'blocks')
    assert.equal(node.call(reader, 'unsubscribe', [subscription]), true)
    assert.equal(node.call(reader, 'unsubscribe', [subscription]), false)
    const addresses = Array.from({ length: 1_000 }, (_, i) => `0x${i.toString(16).padStart(40, '0')}`)
    for (let i = 0; i < 10; i++) node.subscribe(reader, 'transfers', { address: addresses })
    const refused = refusal(() => node.subscribe(reader, 'transfers', { address: addresses }))
    assert.match(refused.message, /at most 10000 addresses and topics/)
  })
})
