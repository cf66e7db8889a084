import assert from 'node:assert/strict'
import { toHex } from '../../base/bytes.ts'
import type { Json } from '../../base/field.ts'
import { createClient } from '../../client/chainClient.ts'
import { accountHistory, accountHistoryPage, type HistoryEntry } from '../../client/history.ts'
import type { AccountIndexReader, AccountPlace } from '../../rpc/backend.ts'
import { createMethods } from '../../rpc/methods.ts'
import { addressOf, CHAIN } from '../support/chainHarness.ts'
import { accountOf, FakeBackend } from '../support/fakeBackend.ts'
import type { Loose } from '../support/rpcHarness.ts'

const [ALICE, BOB] = [accountOf('alice'), accountOf('bob')]
const alice = toHex(ALICE.address)

/** An index of one account, in a list. */
class ListedIndex implements AccountIndexReader {
  places_: AccountPlace[] = []
  known: { from: number; to: number } | undefined
  range() {
    return this.known
  }
  async places({ before, fromHeight, countMax }: Parameters<AccountIndexReader['places']>[0]) {
    const isBelow = ({ height, index }: AccountPlace): boolean =>
      height >= fromHeight && (height < before.height || (height === before.height && index < before.index))
    const below = this.places_.filter(isBelow).toReversed()
    const places = below.slice(0, countMax)
    return { places, before: below.length > countMax ? places.at(-1) : undefined }
  }
}

describe('rpc.account_history', () => {
  let backend: FakeBackend & { accountIndex?: AccountIndexReader }
  let index: ListedIndex
  const ask = async (params: { readonly [name: string]: Json }): Promise<Loose> => {
    const log = { error: () => assert.fail('a bug') }
    const { table } = createMethods({ backend, modules: CHAIN.modules, log })
    return table
      .get('account_history')!
      .invoke({ address: alice, ...params }, { connection: undefined, client: 'a' })
  }
  beforeEach(() => {
    backend = new FakeBackend()
    index = new ListedIndex()
    backend.accountIndex = index
    backend.fund([BOB, ALICE], 7n)
    backend.fund([ALICE], 9n)
    backend.fund([ALICE], 11n)
    index.places_ = [
      { height: 1, index: 1 },
      { height: 2, index: 0 },
      { height: 3, index: 0 },
    ]
    index.known = { from: 1, to: 3 }
  })

  it('is read by the client, page by page', async () => {
    let asked = 0
    const client = createClient({
      name: 'fake',
      request: (_, params) => {
        asked++
        return ask(params as { readonly [name: string]: Json })
      },
    })
    const { items } = await ask({})
    const page = await accountHistoryPage(client, ALICE.address, { limit: 2 })
    assert.deepEqual([page.entries.length, page.atBlock, page.fromBlock], [2, 3, 1])
    const entries: HistoryEntry[] = []
    for await (const entry of accountHistory(client, alice, { limit: 1 })) entries.push(entry)
    assert.equal(asked, 4)
    assert.deepEqual(entries.slice(0, 2), page.entries)
    assert.deepEqual(
      entries.map(({ transaction, receivedBase, sentBase, feeBase, ...entry }) => ({
        ...Object.fromEntries(Object.entries(entry).map(([name, value]) => [name, value ?? null])),
        hash: transaction ?? null,
        receivedBase: String(receivedBase),
        sentBase: String(sentBase),
        feeBase: String(feeBase),
      })),
      items,
    )
    const since: number[] = []
    for await (const { height } of accountHistory(client, alice, { cursor: page.cursor! })) since.push(height)
    assert.deepEqual(since, [1])
    index.known = undefined
    await assert.rejects(accountHistory(client, alice).next(), /is being made/)
  })

  it('is refused by the client when its shape is wrong, or it never ends', async () => {
    const good = { height: 1, timestampMs: 2, index: 0, hash: null, from: null, to: null, action: null }
    const item = { ...good, succeeded: true, receivedBase: '1', sentBase: '0', feeBase: '0' }
    const answer = { atBlock: 3, fromBlock: 1, items: [item], cursor: '3.1.0' }
    const clientOf = (json: Json) => createClient({ name: 'fake', request: async () => json })
    for (const wrong of [
      null,
      [],
      { ...answer, items: {} },
      { ...answer, items: [null] },
      { ...answer, items: [{ ...item, receivedBase: -1 }] },
      { ...answer, items: [{ ...item, succeeded: 1 }] },
      { ...answer, items: [{ ...item, hash: 7 }] },
      { ...answer, cursor: 7 },
      { ...answer, atBlock: 1.5 },
    ] as Json[]) {
      await assert.rejects(accountHistoryPage(clientOf(wrong), alice), { code: 'transport' })
    }
    const endless = accountHistory(clientOf(answer), alice)
    await endless.next()
    await assert.rejects(endless.next(), /the same again/)
  })

  it('lists what concerned an account, newest first', async () => {
    const { items, ...page } = await ask({})
    assert.deepEqual(page, { atBlock: 3, fromBlock: 1, cursor: null })
    assert.deepEqual(
      items.map(({ height, index: at, receivedBase }: Loose) => [height, at, receivedBase]),
      [
        [3, 0, '11'],
        [2, 0, '9'],
        [1, 1, '7'],
      ],
    )
    const block = (await backend.blockByHeight(1))!
    assert.deepEqual(items[2], {
      height: 1,
      timestampMs: block.header.timestampMs,
      index: 1,
      hash: toHex(block.transactions[1]!.id),
      from: toHex(addressOf('faucet')),
      to: alice,
      action: 'transfer',
      succeeded: true,
      receivedBase: '7',
      sentBase: '0',
      feeBase: '0',
    })
    const [{ sentBase, feeBase }] = (await ask({ address: toHex(addressOf('faucet')), limit: 1 })).items
    const [receipt] = backend.head().receipts
    assert.deepEqual(
      [sentBase, BigInt(feeBase)],
      ['11', BigInt(receipt!.gasUsed) * receipt!.effectiveGasPrice],
    )
  })

  it('pins its pages to a block: what comes meanwhile is not on them', async () => {
    const first = await ask({ limit: 2 })
    backend.fund([ALICE], 13n)
    index.places_.push({ height: 4, index: 0 })
    index.known = { from: 1, to: 4 }
    const second = await ask({ limit: 2, cursor: first.cursor })
    assert.deepEqual([first.atBlock, second.atBlock, second.cursor], [3, 3, null])
    const heights = [...first.items, ...second.items].map(({ height }: Loose) => height)
    assert.deepEqual(heights, [3, 2, 1])
    assert.equal((await ask({})).items[0].height, 4)
    assert.equal((await ask({ atBlock: 2 })).items[0].height, 2)
  })

  it("shows what the block itself did as nobody's transaction", async () => {
    index.places_ = [{ height: 3, index: 1 }]
    const [item] = (await ask({})).items
    assert.deepEqual([item.hash, item.from, item.action, item.index], [null, null, null, 1])
  })

  it('says from where it knows, and what it does not', async () => {
    index.known = { from: 2, to: 2 }
    const part = await ask({})
    assert.deepEqual([part.atBlock, part.fromBlock, part.items.length], [2, 2, 1])
    backend.lowestBlock = 3
    index.known = { from: 2, to: 3 }
    assert.equal((await ask({})).fromBlock, 3)
    await assert.rejects(ask({ atBlock: 9 }), /block 9 is above the latest, \d+/)
    await assert.rejects(ask({ cursor: 'x' }), /expected the cursor of an earlier page/)
    await assert.rejects(ask({ limit: 101 }), /expected 1 to 100/)
    index.known = undefined
    await assert.rejects(ask({}), /is being made/)
    delete backend.accountIndex
    await assert.rejects(ask({}), /keeps no index of accounts: ask one that is started with --index/)
  })
})
