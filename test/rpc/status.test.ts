// node_status and chain_proposers: what is told to whom, the manual's alarms, whose views were missed.
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { leaderPermutation } from '../../base/protocol/vote.ts'
import type { Backend } from '../../rpc/backend.ts'
import { ALARM_RULES } from '../../rpc/native/alarms.ts'
import type { OperatorFigures } from '../../rpc/native/operatorFigures.ts'
import { proposerMethods } from '../../rpc/native/proposers.ts'
import { type Loose, serve } from '../support/rpcHarness.ts'

const FIGURES: OperatorFigures = {
  leader: 2,
  isNeeded: true,
  isValidator: false,
  clockOffsetMs: -900,
  disk: { bytes: { chain: 5 }, freeBytes: 1e9 },
  residentBytes: 100,
  heapBytes: 50,
  startedAtMs: 7,
  lanes: { general: 3 },
  peers: Array.from({ length: 300 }, (_, i) => ({
    peer: `12D3KooW${i}`,
    validatorIndex: i === 0 ? 0 : undefined,
    provider: undefined,
    legalName: undefined,
    isConnected: true,
    isNamed: i === 0,
    address: `/ip4/10.0.0.${i % 250}/tcp/1`,
    penaltyPoints: 0,
    roundTripMs: i === 0 ? 1.5 : undefined,
  })),
}

describe('rpc.nodeStatus', () => {
  const ask = async (isShown: boolean | undefined): Promise<Loose> => {
    const figures = async (): Promise<OperatorFigures> => {
      assert.equal(isShown, true, 'nothing is gathered that is not told')
      return FIGURES
    }
    const served = await serve(isShown === undefined ? {} : { operator: { isShown, figures } })
    try {
      return await served.call('node_status')
    } finally {
      await served.rpc.close()
    }
  }

  it('tells nothing of peers, disk and process unless the operator allows it', async () => {
    for (const isShown of [undefined, false]) {
      const status = await ask(isShown)
      assert.equal(status.operator, null)
      assert.ok(!JSON.stringify(status).includes('/ip4/'))
      assert.equal(typeof status.view, 'number')
    }
  })

  it('tells it where allowed, of a bounded number of peers', async () => {
    const { operator, alarms } = await ask(true)
    assert.equal(operator.peers.length, 256)
    assert.equal(operator.peerCount, 300)
    assert.deepEqual([operator.peers[0].validator, operator.peers[0].roundTripMs], [0, 1.5])
    assert.deepEqual([operator.peers[1].validator, operator.peers[1].roundTripMs], [null, null])
    const names = alarms.map(({ name }: Loose) => name)
    assert.ok(names.includes('SuanliClockWrong') && names.includes('SuanliDiskFillsUp'), names.join())
  })

  it('has the names, severities and pages of the manual', () => {
    const alerts = readFileSync('docs/monitoring/alerts.yml', 'utf8')
    assert.ok(ALARM_RULES.length > 8)
    for (const { name, severity, page } of ALARM_RULES) {
      const rule = alerts.split('- alert: ').find((text) => text.startsWith(`${name}\n`))
      assert.ok(rule?.includes(`severity: ${severity}`), `${name} is ${severity} there`)
      assert.ok(existsSync(`docs/${page}`), page)
    }
  })
})

describe('rpc.proposers', () => {
  const genesisHash = new Uint8Array(32).fill(9)
  const mixOf = (n: number): Uint8Array => new Uint8Array(32).fill(n)
  const operatorOf = (i: number): Uint8Array => new Uint8Array(20).fill(i + 1)
  const set = {
    validators: [0, 1, 2, 3].map((i) => ({ id: i + 10, operator: operatorOf(i) })),
  }
  const orderOf = (epoch: number, floorMix: Uint8Array): readonly number[] =>
    leaderPermutation({ genesisHash, epoch, floorMix, validatorCount: 4 } as never)
  /** Heights with epoch and view; epoch 1 begins on block 3. */
  const places = [
    [0, 0],
    [0, 1],
    [0, 2],
    [0, 5],
    [1, 2],
    [1, 3],
  ] as const
  const orders = [orderOf(0, mixOf(0)), orderOf(1, mixOf(3))]
  const leaderOf = (epoch: number, view: number): number => orders[epoch]![view % 4]!
  const blocks = places.map(([epoch, view], height) => ({
    header: { height, epoch, view, mix: mixOf(height), proposer: operatorOf(leaderOf(epoch, view)) },
  }))
  const backend = (held: { heightMin: number }): Backend =>
    ({
      identity: { genesisHash },
      head: () => blocks.at(-1),
      blockHeightMin: () => held.heightMin,
      blockByHeight: async (height: number) => blocks[height],
      validatorsAt: async () => set,
      epochProof: async (epoch: number) => (epoch === 0 ? blocks[3] : undefined),
    }) as never
  const count = async (params: Loose, heightMin = 1): Promise<Loose> =>
    proposerMethods(backend({ heightMin }))[0]!.invoke(params, { client: 'test', connection: undefined })

  it('counts who proposed, and whose view ended without a block, by the order of each epoch', async () => {
    const answer = await count({})
    assert.deepEqual([answer.fromHeight, answer.height, answer.views, answer.skipped], [1, 5, 8, 3])
    const missed = [leaderOf(0, 3), leaderOf(0, 4), leaderOf(1, 1)]
    const proposed = places.slice(1).map(([epoch, view]) => leaderOf(epoch, view))
    const times = (list: readonly number[], i: number): number => list.filter((one) => one === i).length
    for (const { index, provider, ...counts } of answer.validators) {
      assert.equal(provider, index + 10)
      assert.equal(counts.proposed, times(proposed, index))
      assert.equal(counts.missed, times(missed, index))
    }
  })

  it('counts the last blocks alone, and those that are held', async () => {
    assert.deepEqual((await count({ blocks: 2 })).fromHeight, 4)
    assert.deepEqual((await count({ blocks: 2 })).skipped, 1)
    assert.deepEqual((await count({ toBlock: 2 })).height, 2)
    assert.deepEqual((await count({}, 3)).fromHeight, 3)
    await assert.rejects(async () => count({ blocks: 1_001 }), /expected 1 to 1000/)
  })
})
