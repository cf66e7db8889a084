import { strict as assert } from 'node:assert'
import { LANES, laneBytesMax, laneGasMax } from '../../base/lanes.ts'
import { type ActionDef, moduleAddress, SYSTEM_KIND, systemAddress } from '../../base/moduleDefinition.ts'
import { baseFeesOf, gasByLane } from '../../base/protocol/header.ts'
import { BLOCK_BYTES_MAX, TX_BYTES_MAX } from '../../base/protocol/limits.ts'
import { DEV_PARAMETERS } from '../../genesis/parameters.ts'
import { costOf, dispatcherOf, gasOf, laneOf } from '../../state/dispatch.ts'
import { buildBlock, executeBlock } from '../../state/execute.ts'
import { getAccount } from '../../state/modules/accounts/ledger.ts'
import { accountsSchema } from '../../state/modules/accounts/schema.ts'
import { evidenceSchema } from '../../state/modules/evidence/schema.ts'
import { redemptionSchema } from '../../state/modules/redemption/schema.ts'
import { MODULES } from '../../state/registry.ts'
import { MODULE_SCHEMAS } from '../../state/schemas.ts'
import { decodeTransaction, encodeTransaction } from '../../state/transaction.ts'
import { calldata } from '../support/calldata.ts'
import { addressOf } from '../support/chainHarness.ts'
import { MemberChain, operatorOf, stranger } from '../support/memberChain.ts'

const dispatcher = dispatcherOf(MODULES, 1)
const redemption = moduleAddress(redemptionSchema)
const cancel = { to: redemption, data: calldata(redemptionSchema, 'cancel', { id: 1 }) }
const resume = { to: redemption, data: calldata(redemptionSchema, 'resume', {}) }
const pay = { to: addressOf('bob'), data: new Uint8Array(0) }
const submit = {
  to: moduleAddress(evidenceSchema),
  data: calldata(evidenceSchema, 'submitEvidence', { evidence: new Uint8Array(1_000) }),
}
const batch = (...calls: readonly { to: Uint8Array; data: Uint8Array }[]) => ({
  to: moduleAddress(accountsSchema),
  data: calldata(accountsSchema, 'batch', { calls: calls.map((call) => ({ ...call, value: 0n })) }),
})

describe('dispatch.laneOf', () => {
  it('separates requests, service and proofs from everything else', () => {
    assert.equal(laneOf(dispatcher, cancel), 'redemption')
    assert.equal(laneOf(dispatcher, resume), 'service')
    assert.equal(laneOf(dispatcher, submit), 'proof')
    assert.equal(laneOf(dispatcher, pay), 'general')
    assert.equal(
      laneOf(dispatcher, { to: systemAddress(SYSTEM_KIND.asset, 9), data: resume.data }),
      'general',
    )
    const lanes = Object.fromEntries(
      Object.entries(redemptionSchema.actions).map(([name, def]) => [
        name,
        'lane' in def ? def.lane : 'redemption',
      ]),
    )
    for (const name of ['request', 'cancel']) assert.equal(lanes[name], 'redemption', name)
    for (const name of ['list', 'unlist', 'grant', 'settle', 'resume'])
      assert.equal(lanes[name], 'service', name)
  })

  it('takes calldata that names no action for the lane of its module', () => {
    for (const data of [new Uint8Array(0), new Uint8Array(3), new Uint8Array(64)]) {
      assert.equal(laneOf(dispatcher, { to: redemption, data }), 'redemption')
    }
  })

  it('gives a batch the lane that its calls share, and none when they differ', () => {
    assert.equal(laneOf(dispatcher, batch()), 'general')
    assert.equal(laneOf(dispatcher, batch(pay, pay)), 'general')
    assert.equal(laneOf(dispatcher, batch(resume, resume)), 'service')
    assert.equal(laneOf(dispatcher, batch(cancel)), 'redemption')
    assert.equal(laneOf(dispatcher, batch(cancel, resume)), undefined)
    assert.equal(laneOf(dispatcher, batch(resume, pay)), undefined)
    assert.equal(laneOf(dispatcher, batch(batch(resume))), 'general')
  })

  it('charges 2 gas per byte of a proof, and of nothing else sent to such a module', () => {
    const { gas } = evidenceSchema.actions.submitEvidence
    assert.deepEqual(costOf(dispatcher, submit), {
      gas: 21_000 + 2 * submit.data.length + gas,
      lane: 'proof',
    })
    const junk = { to: submit.to, data: new Uint8Array(1_000) }
    assert.deepEqual(costOf(dispatcher, junk), { gas: 21_000 + 16_000, lane: 'proof' })
    assert.equal(
      gasOf(dispatcher, batch(submit)) < gasOf(dispatcher, { ...batch(submit), to: pay.to }) + gas,
      true,
    )
  })
})

describe('lanes of the smallest block', () => {
  it('have room for the dearest action of each, and for a whole transaction of bytes', () => {
    for (const definition of MODULE_SCHEMAS)
      for (const [name, { gas, lane = definition.lane ?? 'general' }] of Object.entries<ActionDef>(
        definition.actions,
      ))
        assert.ok(21_000 + gas + 16 * 4_096 <= laneGasMax(lane, 20_000_000), `${definition.name}.${name}`)
    for (const lane of LANES) assert.ok(laneBytesMax(lane) >= TX_BYTES_MAX, lane)
  })
})

interface Draft {
  readonly sender: Uint8Array
  readonly nonce: number
  readonly to: Uint8Array
  readonly data: Uint8Array
  readonly cap?: bigint
}

function candidateOf(chain: MemberChain, { sender, nonce, to, data, cap }: Draft) {
  const fields = {
    type: 2 as const,
    chainId: chain.genesis.chain.chainId,
    nonce,
    maxPriorityFeePerGas: 0n,
    maxFeePerGas: cap ?? 10n ** 11n,
    gasLimit: 9_000_000,
    to,
    valueBase: 0n,
    data,
    accessList: [],
  }
  const decoded = decodeTransaction(
    encodeTransaction(fields, new Uint8Array(65).fill(1, 31, 33).fill(1, 63, 64)),
    fields.chainId,
  )
  assert.ok('transaction' in decoded)
  return { transaction: decoded.transaction, sender }
}

/** Nearly the largest transaction. */
const JUNK = new Uint8Array(65_000)

function build(
  chain: MemberChain,
  candidates: readonly ReturnType<typeof candidateOf>[],
  gasBudget = 120_000_000,
) {
  const { header } = chain.parent
  return buildBlock(
    chain.parent,
    {
      ...{ epoch: chain.epoch, view: header.view + 1, timestampMs: header.timestampMs + 2_000 },
      ...{ proposer: operatorOf(1), randaoReveal: new Uint8Array(96), candidates },
      ...{ gasBudget, bytesBudget: 2 ** 22 },
    },
    { chain: chain.genesis.chain },
  )
}

describe('lanes of a block', () => {
  it('fill one by one: a full lane refuses its own only, and its fee alone rises', () => {
    const chain = new MemberChain(4)
    const junk = new Uint8Array(65_000)
    const gas = 21_000 + 16 * junk.length
    const fitting = Math.floor(laneGasMax('redemption', chain.parent.header.gasLimit) / gas)
    const start = getAccount(chain.full, stranger).nonce
    const requests = Array.from({ length: fitting + 2 }, (_, i) =>
      candidateOf(chain, { sender: stranger, nonce: start + i, to: redemption, data: junk }),
    )
    const payment = candidateOf(chain, { sender: operatorOf(5), nonce: 0, ...pay })
    const { executed, skipped } = build(chain, [...requests, payment])
    const { header } = executed.block
    assert.equal(executed.receipts.length, fitting + 1)
    assert.equal(executed.receipts.at(-1)!.lane, 'general')
    assert.equal(executed.receipts[0]!.lane, 'redemption')
    assert.deepEqual(gasByLane(header), { general: 21_000, redemption: fitting * gas, service: 0, proof: 0 })
    const fee = chain.parent.header.baseFeePerGas
    const next = (fee * 7n) / 8n
    assert.deepEqual(
      LANES.map((lane) => baseFeesOf(header)[lane]),
      [next, next, next, next],
    )
    const room = laneGasMax('redemption', header.gasLimit) - fitting * gas
    assert.equal(skipped[0]!.reason, 'LaneFull')
    assert.equal(
      skipped[0]!.detail,
      `${gas} gas do not fit: the redemption lane, at a base fee of ${next}, has ${room} left`,
    )
    const child = { header, hash: executed.block.hash, state: executed.overlay, tree: executed.tree }
    chain.parent.tree.release()
    chain.parent = child
    const after = build(chain, []).executed.block.header
    assert.ok(baseFeesOf(after).redemption > next)
    assert.ok(baseFeesOf(after).service < next && baseFeesOf(after).general < next)
  })

  it('have their share of the bytes, by proposer and verifier, so that no flood keeps a redemption out', () => {
    const accounts = { ...DEV_PARAMETERS.accounts, blockGasLimit: 1_000_000_000 }
    const chain = new MemberChain(4, { accounts })
    const start = getAccount(chain.full, stranger).nonce
    const size = candidateOf(chain, { sender: stranger, nonce: start, ...pay, data: JUNK }).transaction.raw
    const fitting = Math.floor(laneBytesMax('general') / (size.length + 5))
    const flood = Array.from({ length: fitting + 1 }, (_, i) =>
      candidateOf(chain, { sender: stranger, nonce: start + i, ...pay, data: JUNK }),
    )
    const request = candidateOf(chain, { sender: operatorOf(5), nonce: 0, ...cancel })
    const { executed, skipped } = build(chain, [...flood, request], 1_000_000_000)
    assert.equal(executed.receipts.length, fitting + 1)
    assert.equal(executed.receipts.at(-1)!.lane, 'redemption')
    assert.deepEqual(
      skipped.map(({ reason, detail }) => `${reason}: ${detail.replace(/\d+ left/, 'less left')}`),
      [`LaneBytesFull: ${size.length} bytes do not fit: the general lane has less left`],
    )
    // A proposer that puts one more in: everything else of its block is as it should be.
    const transactions = flood.map(({ transaction }) => transaction.raw)
    const block = { ...executed.block, transactions }
    const { chain: config } = chain.genesis
    const verdict = executeBlock(chain.parent, block, { chain: config, senderOf: () => stranger })
    assert.match('rejected' in verdict ? verdict.rejected.detail : 'accepted', /LaneBytesFull/)
    assert.ok(flood.length * size.length < BLOCK_BYTES_MAX, 'whatever the whole block may have')
  })

  it('name lane and fee when the cap is too low, and refuse mixed calls', () => {
    const chain = new MemberChain(4)
    const fee = (chain.parent.header.baseFeePerGas * 7n) / 8n
    const nonce = getAccount(chain.full, stranger).nonce
    const { skipped } = build(chain, [
      candidateOf(chain, { sender: stranger, nonce, ...resume, cap: fee - 1n }),
      candidateOf(chain, { sender: stranger, nonce, ...batch(resume, cancel) }),
    ])
    assert.deepEqual(
      skipped.map(({ reason, detail }) => `${reason}: ${detail}`),
      [
        `FeeCapTooLow: maxFeePerGas ${fee - 1n} is below ${fee}, the base fee of the service lane`,
        'MixedLanes: its calls are in different lanes',
      ],
    )
  })

  it('are compared by the verifier', () => {
    const chain = new MemberChain(4)
    const { executed } = build(chain, [])
    const { header } = executed.block
    const verify = (over: object) => {
      const block = { ...executed.block, header: { ...header, ...over } }
      const { chain: config } = chain.genesis
      const verdict = executeBlock(chain.parent, block, { chain: config, senderOf: () => stranger })
      return 'rejected' in verdict ? verdict.rejected.detail : 'accepted'
    }
    assert.match(verify({ laneFees: { ...header.laneFees, proof: 1n } }), /^laneFees is/)
    assert.match(verify({ laneGas: { ...header.laneGas, service: 1 } }), /^laneGas is/)
  })

  it('stop offering a lane without room, so that its queue cannot use up a proposer’s looks', () => {
    const chain = new MemberChain(4)
    const { header } = chain.parent
    const rooms: boolean[] = []
    const junk = new Uint8Array(65_000)
    const fitting = Math.floor(laneGasMax('redemption', header.gasLimit) / (21_000 + 16 * junk.length))
    const nonce = getAccount(chain.full, stranger).nonce
    const built = buildBlock(
      chain.parent,
      {
        ...{ epoch: chain.epoch, view: header.view + 1, timestampMs: header.timestampMs + 2_000 },
        ...{ proposer: operatorOf(1), randaoReveal: new Uint8Array(96) },
        ...{ gasBudget: 120_000_000, bytesBudget: 2 ** 22 },
        *candidates(hasRoom) {
          for (let i = 0; hasRoom('redemption'); i++) {
            rooms.push(hasRoom('general'))
            const next = nonce + Math.min(i, fitting)
            yield candidateOf(chain, { sender: stranger, nonce: next, to: redemption, data: junk })
          }
        },
      },
      { chain: chain.genesis.chain },
    )
    assert.equal(built.executed.receipts.length, fitting)
    assert.equal(built.skipped.length, 64)
    assert.ok(built.skipped.every(({ reason }) => reason === 'LaneFull'))
    assert.ok(rooms.every((room) => room))
  })
})
