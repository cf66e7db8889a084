// The methods for a devnet's links: what they change, what heals, what they refuse.
import assert from 'node:assert/strict'
import type { Json } from '../../base/field.ts'
import { DevLinks, NO_LINKS } from '../../devnet/links.ts'
import type { DevnetMember } from '../../devnet/member.ts'
import { linkMethods } from '../../rpc/dev/links.ts'
import type { LinkState } from '../../rpc/dev/linkTypes.ts'

const members: readonly DevnetMember[] = [0, 1, 2].map((index) => ({
  index,
  dir: '',
  rpcPort: 1,
  p2pPort: 9,
  peerId: `peer${index}`,
}))

describe('devnet.links', () => {
  let links: DevLinks
  before(async () => {
    links = await DevLinks.open(members, { latencyMs: 20, jitterMs: 5, lossPercent: 1 })
  })
  after(() => links.close())

  const ask = (name: string, ...params: readonly Json[]): Json | Promise<Json> => {
    const method = linkMethods(links).find((one) => one.name === name)!
    return method.invoke(params as Json, { connection: undefined, client: 'test' })
  }
  const link = (from: number, to: number): LinkState =>
    (ask('dev_links') as unknown as readonly LinkState[]).find((one) => one.from === from && one.to === to)!

  it('begin as the devnet was told, and lead through proxies of their own', () => {
    assert.equal((ask('dev_links') as readonly Json[]).length, 6)
    assert.deepEqual(link(2, 0), {
      ...{ from: 2, to: 0, latencyMs: 20, jitterMs: 5, lossPercent: 1 },
      ...{ kibPerSecond: null, isStalled: false },
    })
    const addresses = [0, 1, 2].flatMap((index) => links.addressesOf(index))
    assert.equal(new Set(addresses).size, 6)
    for (const address of addresses) assert.match(address, /^\/ip4\/127\.0\.0\.1\/tcp\/\d+\/p2p\/peer\d$/)
  })

  it('change one direction, all of a validator, or all; what is not named stays', () => {
    ask('dev_setLink', { from: 0, to: 1, latencyMs: 300 })
    assert.equal(link(0, 1).latencyMs, 300)
    assert.equal(link(0, 1).jitterMs, 5)
    assert.equal(link(1, 0).latencyMs, 20)
    ask('dev_setLink', { to: 2, kibPerSecond: 64, isStalled: true })
    assert.deepEqual([link(0, 2).kibPerSecond, link(1, 2).isStalled, link(2, 1).isStalled], [64, true, false])
    ask('dev_setLink', { lossPercent: 10 })
    assert.deepEqual([link(0, 1).lossPercent, link(2, 1).lossPercent], [10, 10])
  })

  it('part into groups, and heal to what they were at the start', () => {
    ask('dev_heal')
    ask('dev_partition', [[0, 1]])
    assert.deepEqual(
      [link(0, 1), link(1, 0), link(0, 2), link(2, 1)].map(({ isStalled }) => isStalled),
      [false, false, true, true],
    )
    ask('dev_heal')
    assert.ok((ask('dev_links') as unknown as readonly LinkState[]).every(({ isStalled }) => !isStalled))
    assert.equal(link(0, 1).latencyMs, 20)
  })

  it('refuse what cannot be, in a sentence', () => {
    const wrong: readonly [string, Json, RegExp][] = [
      ['dev_setLink', { latency: 5 }, /^unknown member latency$/],
      ['dev_setLink', { latencyMs: -1 }, /^latencyMs: expected 0 to 60000 ms$/],
      ['dev_setLink', { from: 3 }, /^from: expected a validator, 0 to 2$/],
      ['dev_setLink', { lossPercent: 100 }, /^lossPercent: expected 0 to 99 percent$/],
      ['dev_setLink', 7, /^expected an object/],
      ['dev_partition', [[0], [0]], /^expected groups of validators 0 to 2, each once/],
      ['dev_partition', [], /^expected groups/],
    ]
    for (const [name, params, message] of wrong) assert.throws(() => ask(name, params), { message })
    const [first] = linkMethods(NO_LINKS)
    assert.throws(() => first!.invoke([], { connection: undefined, client: 'test' }), { message: NO_LINKS })
  })
})
