import assert from 'node:assert/strict'
import { fromHex, toHex } from '../../../base/bytes.ts'
import { moduleAddress } from '../../../base/moduleDefinition.ts'
import { MULTICALL_ADDRESS } from '../../../state/dispatch.ts'
import { accountsSchema } from '../../../state/modules/accounts/schema.ts'
import { assetAddress } from '../../../state/modules/assets/ledger.ts'
import { erc20Schema } from '../../../state/modules/assets/schema.ts'
import { oracleSchema } from '../../../state/modules/oracle/schema.ts'
import { MODULES } from '../../../state/registry.ts'
import { decodeTransaction } from '../../../state/transaction.ts'
import { addressTopic, TRANSFER_EMITTER, TRANSFER_TOPIC } from '../../../state/transferLog.ts'
import { calldata } from '../../support/calldata.ts'
import { CHAIN_ID, COIN, DOLLAR } from '../../support/chainHarness.ts'
import { accountOf } from '../../support/fakeBackend.ts'
import { type Loose, type Served, serve } from '../../support/rpcHarness.ts'
import { checkResult } from '../../support/schemaCheck.ts'
import { signed } from '../../support/sign.ts'

const alice = accountOf('alice')
const nobody = accountOf('nobody')
const from = toHex(alice.address)
const to = toHex(accountOf('bob').address)
const poor = toHex(nobody.address)
const accounts = toHex(moduleAddress(accountsSchema))
const hexOf = (value: bigint | number): string => `0x${value.toString(16)}`

function batchOf(calls: readonly { to: string; valueBase: bigint }[]): string {
  const list = calls.map((one) => ({
    to: fromHex(one.to.slice(2)),
    value: one.valueBase,
    data: new Uint8Array(0),
  }))
  return toHex(calldata(accountsSchema, 'batch', { calls: list }))
}

describe('rpc.eth calls', () => {
  let served: Served
  const ask = async (method: string, params: Loose = []): Promise<Loose> => served.call(method, params)
  const code = (wanted: number, words: RegExp) => (error: Loose) => {
    assert.equal(error.code, wanted, error.message)
    assert.match(error.message, words)
    return true
  }

  before(async () => {
    served = await serve()
    served.backend.fund([alice], COIN)
    await ask('eth_sendRawTransaction', [signed(alice)])
  })
  after(async () => {
    await served.rpc.close()
    assert.deepEqual(served.logged, [])
  })

  it('ignore members that say nothing, whatever library adds them', async () => {
    const extras = {
      ...{ chain: 'mainnet', hardfork: 'cancun', networkId: '0x1cbd', customData: {}, gasLimit: '0x5208' },
      ...{
        authorizationList: [],
        blobVersionedHashes: [],
        maxFeePerBlobGas: '0x0',
        feeToken: null,
        type: '0x2',
      },
    }
    const call = { from, to, value: '0x1', ...extras }
    for (const method of ['eth_estimateGas', 'eth_call']) {
      assert.equal(await ask(method, [call]), await ask(method, [{ from, to, value: '0x1' }]))
    }
    for (const name of ['authorizationList', 'blobVersionedHashes', 'blobs']) {
      const words = new RegExp(`${name} is not supported: there is no EVM`)
      await assert.rejects(ask('eth_call', [{ ...call, [name]: ['0x'] }]), code(-32602, words))
    }
  })

  it('take the requests of web3.js 1 as it writes them', async () => {
    // Calldata as `data`, gas beside gasPrice, an upper-case address, heights as hex, null for what is not set.
    const checksummed = `0x${to.slice(2).toUpperCase()}`
    const request = { from, to: checksummed, value: '0x1', data: '0x', gas: '0x5208', gasPrice: '0x3b9aca00' }
    assert.equal(await ask('eth_estimateGas', [{ ...request, nonce: null, chainId: null }]), '0x5208')
    assert.equal(await ask('eth_call', [request, '0x2']), '0x')
    const filter = { fromBlock: '0x1', toBlock: 'latest', address: undefined, topics: [null] }
    assert.equal((await ask('eth_getLogs', [filter])).length, 2)
    assert.equal((await ask('eth_getBlockByNumber', ['latest', false])).number, '0x2')
    assert.equal(await ask('eth_getCode', [checksummed, 'latest']), '0x')
  })

  it('suppose other balances, and nothing else', async () => {
    const call = { from: poor, to, value: hexOf(5n * COIN) }
    const rich = { [poor]: { balance: hexOf(6n * COIN), nonce: '0x7', code: '0x', state: {} } }
    for (const method of ['eth_call', 'eth_estimateGas']) {
      await assert.rejects(ask(method, [call]), /insufficient funds/)
      assert.equal(await ask(method, [call, 'latest', rich]), method === 'eth_call' ? '0x' : '0x5208')
      const nothing = { [from]: { balance: '0x0' } }
      await assert.rejects(ask(method, [{ from, to, value: '0x1' }, 'latest', nothing]), /insufficient funds/)
      for (const [overrides, words] of [
        [{ [poor]: { code: '0x60' } }, /code is not supported/],
        [{ [poor]: { stateDiff: { [`0x${'0'.repeat(64)}`]: '0x1' } } }, /stateDiff is not supported/],
        [{ [poor]: { movePrecompileToAddress: to } }, /movePrecompileToAddress is not supported/],
        [{ [poor]: { balance: hexOf(2n ** 128n) } }, /higher than 2\^128-1/],
        [{ [poor]: { balance: hexOf(2n ** 127n) }, [to]: { balance: '0x1' } }, /together more than/],
        [{ [accounts]: { balance: '0x1' } }, /that of a system address is what its module holds/],
        [{ bob: {} }, /bob: expected an address/],
      ] as const) {
        await assert.rejects(ask(method, [call, 'latest', overrides]), code(-32602, words))
      }
      await assert.rejects(ask(method, [call, 'latest', {}, { number: '0x5' }]), /use eth_simulateV1/)
    }
    // Whatever reads through Multicall3 sees them too.
    const data = `0x4d2301cc${'0'.repeat(24)}${poor.slice(2)}`
    const read = [{ to: toHex(MULTICALL_ADDRESS), data }, 'latest', rich, { difficulty: '0x1' }]
    assert.equal(BigInt(await ask('eth_call', read)), 6n * COIN)
  })

  it('have an empty access list and the constant gas', async () => {
    const params = [{ from, to, value: '0x1' }]
    assert.deepEqual(await ask('eth_createAccessList', params), { accessList: [], gasUsed: '0x5208' })
    const failing = await ask('eth_createAccessList', [{ from, to: accounts, data: '0x01020304' }, 'latest'])
    assert.equal(failing.error, 'execution reverted: UnknownAction(selector=0x01020304)')
    assert.equal(Number(failing.gasUsed), 21_000 + 64)
  })

  it('are filled to a transaction that the chain takes, with the fee of its lane', async () => {
    const { backend } = served
    const fees = backend.nextBaseFees()
    const { raw, tx } = await ask('eth_fillTransaction', [{ from, to, value: '0x1' }])
    assert.equal(checkResult('eth_fillTransaction', { raw, tx }), undefined)
    const tip = 1_000_000_000n
    assert.equal(tx.type, '0x2')
    assert.equal(tx.nonce, hexOf(backend.pendingNonce(alice.address)))
    assert.equal(tx.gas, '0x5208')
    assert.equal(tx.maxPriorityFeePerGas, hexOf(tip))
    assert.equal(tx.maxFeePerGas, hexOf(2n * fees.general + tip))
    assert.equal(tx.chainId, hexOf(CHAIN_ID))
    assert.ok(raw.startsWith('0x02'))
    assert.equal(
      (decodeTransaction(fromHex(raw.slice(2)), CHAIN_ID) as Loose).failure.code,
      'InvalidSignature',
    )
    const given = { from, to, gas: '0x7530', nonce: '0x9', maxFeePerGas: '0x5', maxPriorityFeePerGas: '0x3' }
    const kept = (await ask('eth_fillTransaction', [given])).tx
    for (const name of ['gas', 'nonce', 'maxFeePerGas', 'maxPriorityFeePerGas'] as const) {
      assert.equal(kept[name], given[name])
    }
    const legacy = (await ask('eth_fillTransaction', [{ from, to, gasPrice: '0x9' }])).tx
    assert.deepEqual([legacy.type, legacy.gasPrice, legacy.maxFeePerGas], ['0x0', '0x9', undefined])
    const capped = (await ask('eth_fillTransaction', [{ from, to, maxFeePerGas: '0x9' }])).tx
    assert.deepEqual([capped.maxFeePerGas, capped.maxPriorityFeePerGas], ['0x9', '0x9'])
  })

  it('take the base fee of the lane that the bytes are in', async () => {
    const all = await serve({ modules: MODULES })
    all.backend.nextBaseFees = () => ({ general: 5n, redemption: 7n, service: 11n, proof: 13n })
    const oracle = toHex(moduleAddress(oracleSchema))
    const fill = (over: Loose) =>
      all.call('eth_fillTransaction', [{ from, gas: '0xfffff', ...over }]) as Promise<Loose>
    assert.equal(BigInt((await fill({ to })).tx.maxFeePerGas), 10n + 1_000_000_000n)
    const proof = await fill({ to: oracle, data: '0x01020304' })
    assert.equal(BigInt(proof.tx.maxFeePerGas), 26n + 1_000_000_000n)
    const mixed = batchOf([
      { to, valueBase: 1n },
      { to: oracle, valueBase: 0n },
    ])
    await assert.rejects(fill({ to: accounts, data: mixed }), code(-32000, /mixed lanes/))
    await all.rpc.close()
  })

  it('refuse contradictions and what would fail', async () => {
    const fill = (request: Loose) => ask('eth_fillTransaction', [request])
    await assert.rejects(fill({ from, to, gasPrice: '0x1', maxFeePerGas: '0x1' }), /both gasPrice and/)
    await assert.rejects(fill({ from, to, type: '0x3' }), /transaction type not supported/)
    await assert.rejects(fill({ from, to, type: '0x2', gasPrice: '0x1' }), /type 0x2 has no gasPrice/)
    await assert.rejects(
      fill({ from, to, maxFeePerGas: '0x1', maxPriorityFeePerGas: '0x2' }),
      /maxFeePerGas \(1\) < maxPriorityFeePerGas \(2\)/,
    )
    await assert.rejects(fill({ from: poor, to, value: '0x1' }), /insufficient funds/)
    await assert.rejects(fill({ from, to: accounts, data: '0x01020304' }), code(3, /UnknownAction/))
    await assert.rejects(fill({ from, data: '0x60' }), /creation is not supported/)
  })

  describe('eth_simulateV1', () => {
    const simulate = (blockStateCalls: Loose, more: Loose = {}) =>
      ask('eth_simulateV1', [{ blockStateCalls, ...more }, 'latest'])
    const transferLog = (sender: string, recipient: string, value: bigint) => ({
      address: toHex(TRANSFER_EMITTER),
      topics: [TRANSFER_TOPIC, ...[sender, recipient].map((one) => addressTopic(fromHex(one.slice(2))))].map(
        toHex,
      ),
      value,
    })
    const short = (logs: Loose) =>
      logs.map(({ address, topics, data }: Loose) => ({ address, topics, value: BigInt(data) }))

    it('runs transfers and native actions in order, with logs, gas and blocks of their own', async () => {
      const { header, hash } = served.backend.head()
      const [first, second] = await simulate([
        {
          stateOverrides: { [poor]: { balance: hexOf(10n * COIN) } },
          calls: [
            { from: poor, to, value: hexOf(COIN) },
            {
              from: poor,
              to: accounts,
              data: batchOf([
                { to, valueBase: 2n },
                { to: from, valueBase: 3n },
              ]),
            },
          ],
        },
        {
          calls: [
            { from: poor, to, value: hexOf(COIN) },
            { from: poor, to: accounts, data: '0x01020304' },
          ],
        },
      ])
      assert.deepEqual(
        first.calls.map((one: Loose) => one.status),
        ['0x1', '0x1'],
      )
      assert.deepEqual(short(first.calls[0].logs), [transferLog(poor, to, COIN)])
      assert.deepEqual(short(first.calls[1].logs), [transferLog(poor, to, 2n), transferLog(poor, from, 3n)])
      assert.equal(first.calls[0].gasUsed, '0x5208')
      assert.equal(Number(first.gasUsed), 21_000 + Number(first.calls[1].gasUsed))
      assert.equal(Number(first.number), header.height + 1)
      assert.equal(first.parentHash, toHex(hash))
      assert.equal(second.parentHash, first.hash)
      assert.equal(Number(second.number), header.height + 2)
      assert.ok(Number(second.timestamp) > Number(first.timestamp))
      assert.equal(first.baseFeePerGas, '0x0')
      const { calls, ...block } = first
      assert.equal(checkResult('eth_getBlockByHash', block), undefined)
      assert.equal(calls[1].logs[1].logIndex, '0x2')
      assert.equal(calls[1].logs[1].transactionHash, block.transactions[1])
      const [ok, failed] = second.calls
      assert.equal(ok.status, '0x1')
      assert.equal(failed.status, '0x0')
      assert.equal(failed.error.code, 3)
      assert.equal(failed.error.message, 'execution reverted: UnknownAction(selector=0x01020304)')
      assert.equal(failed.error.data, failed.returnData)
      assert.equal(failed.logs.length, 1)
      // Nothing of it happened.
      assert.equal(await ask('eth_getBalance', [poor]), '0x0')
      assert.equal(await ask('eth_getTransactionCount', [poor]), '0x0')
    })

    it('answers queries, shows transactions, and repeats movements on request', async () => {
      const symbol = { to: toHex(assetAddress(DOLLAR)), input: toHex(calldata(erc20Schema, 'symbol', {})) }
      const [block] = await simulate([{ calls: [symbol, { from, to, value: '0x5' }] }], {
        traceTransfers: true,
        returnFullTransactions: true,
      })
      assert.equal(block.calls[0].returnData, await ask('eth_call', [symbol]))
      const move = transferLog(from, to, 5n)
      assert.deepEqual(short(block.calls[1].logs), [move, { ...move, address: `0x${'ee'.repeat(20)}` }])
      const [, sent] = block.transactions
      assert.deepEqual([sent.from, sent.to, sent.value, sent.blockHash], [from, to, '0x5', block.hash])
      assert.equal(sent.nonce, hexOf(served.backend.pendingNonce(alice.address)))
    })

    it('fills gaps between numbers, and refuses the past', async () => {
      const { header } = served.backend.head()
      const seconds = Math.floor(header.timestampMs / 1000)
      const far = { number: hexOf(header.height + 4), time: hexOf(seconds + 100), feeRecipient: to }
      const blocks = await simulate([{ blockOverrides: far, calls: [] }])
      assert.equal(blocks.length, 4)
      assert.deepEqual([blocks[3].number, blocks[3].timestamp, blocks[3].miner], [far.number, far.time, to])
      const refused: readonly [Loose, number, RegExp][] = [
        [{ number: hexOf(header.height) }, -38020, /block numbers must be in order/],
        [{ time: hexOf(seconds) }, -38021, /block timestamps must be in order/],
        [{ number: hexOf(header.height + 257) }, -38026, /at most 256 blocks/],
        [{ withdrawals: [{}] }, -32602, /withdrawals is not supported/],
      ]
      for (const [blockOverrides, wanted, words] of refused) {
        await assert.rejects(simulate([{ blockOverrides }]), code(wanted, words))
      }
      await assert.rejects(
        simulate(Array.from({ length: 257 }, () => ({}))),
        code(-38026, /at most 256 blocks/),
      )
      await assert.rejects(simulate([]), /at least one block/)
      const many = Array.from({ length: 1001 }, () => ({ from, to }))
      await assert.rejects(simulate([{ calls: many }]), /at most 1000 calls in all/)
    })

    it('checks nonces, fees and funds as the chain does when it validates', async () => {
      const validated = (call: Loose, blockOverrides: Loose = {}) =>
        simulate([{ blockOverrides, calls: [call] }], { validation: true })
      const nonce = served.backend.pendingNonce(alice.address)
      const paid = { from, to, maxFeePerGas: hexOf(10n ** 10n), value: '0x1' }
      const [block] = await validated(paid)
      assert.equal(block.calls[0].status, '0x1')
      assert.ok(BigInt(block.baseFeePerGas) > 0n)
      const cases: readonly [Loose, number, RegExp, Loose?][] = [
        [{ ...paid, nonce: hexOf(nonce - 1) }, -38010, /nonce too low/],
        [{ ...paid, nonce: hexOf(nonce + 1) }, -38011, /nonce too high/],
        [{ from, to }, -38012, /max fee per gas less than block base fee/],
        [{ ...paid, gas: '0x5207' }, -38013, /intrinsic gas too low/],
        [{ ...paid, value: hexOf(2n * COIN) }, -38014, /insufficient funds/],
        [paid, -38015, /block gas limit reached/, { gasLimit: '0x5207' }],
      ]
      for (const [call, wanted, words, overrides] of cases) {
        await assert.rejects(validated(call, overrides), code(wanted, words))
      }
      await assert.rejects(simulate([{ calls: [{ from: poor, to, value: '0x1' }] }]), code(-38014, /funds/))
    })
  })
})
