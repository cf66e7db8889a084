import { strict as assert } from 'node:assert'
import { AssertionFailed } from '../../base/assert.ts'
import { equalBytes, toHex } from '../../base/bytes.ts'
import { systemAddress } from '../../base/moduleDefinition.ts'
import { type Header, type SealedBlock, sealBlock } from '../../base/protocol/header.ts'
import { BLOCK_BYTES_MAX } from '../../base/protocol/limits.ts'
import { merkleRoot } from '../../base/protocol/merkle.ts'
import { receiptSchema, systemLogsSchema } from '../../base/protocol/receipt.ts'
import { buildBlock, executeBlock } from '../../state/execute.ts'
import { FEE_POOL_ADDRESS, getAccount, getSupply } from '../../state/modules/accounts/ledger.ts'
import { accountsModule } from '../../state/modules/accounts/module.ts'
import { accountsSchema } from '../../state/modules/accounts/schema.ts'
import { issuanceTables } from '../../state/modules/issuance/tables.ts'
import { implement } from '../../state/rules.ts'
import { TRANSFER_EMITTER } from '../../state/transferLog.ts'
import { addressOf, BASE_FEE, CHAIN, COIN, LEDGER_MODULES, TestChain } from '../support/chainHarness.ts'

const GWEI = 1_000_000_000n
/** A transfer's gas here: 21,000 and the harness's access list of one address. */
const TRANSFER_GAS = 23_400

function funded(over = {}): TestChain {
  return new TestChain({ balances: { alice: 10n * COIN, bob: COIN }, ...over })
}

const pay = (nonce: number, valueBase = COIN) => ({ from: 'alice', nonce, to: addressOf('carol'), valueBase })

function withHeader(block: SealedBlock, over: Partial<Header>): SealedBlock {
  return sealBlock({ header: { ...block.header, ...over }, transactions: block.transactions })
}

describe('execute.transfer', () => {
  it('moves the value, charges the gas used and pays pool and proposer', () => {
    const chain = funded()
    const { receipts, block } = chain.next([pay(0)])
    const { baseFeePerGas } = block.header
    const price = baseFeePerGas + GWEI
    const gas = BigInt(TRANSFER_GAS)
    assert.deepEqual(getAccount(chain.full, addressOf('alice')), {
      nonce: 1,
      balanceBase: 9n * COIN - gas * price,
    })
    assert.equal(getAccount(chain.full, addressOf('carol')).balanceBase, COIN)
    assert.equal(getAccount(chain.full, FEE_POOL_ADDRESS).balanceBase, gas * baseFeePerGas)
    assert.equal(getAccount(chain.full, addressOf('operator1')).balanceBase, gas * GWEI)
    assert.equal(receipts[0]!.effectiveGasPrice, price)
    assert.equal(receipts[0]!.gasUsed, TRANSFER_GAS)
    assert.equal(block.header.gasUsed, TRANSFER_GAS)
    assert.deepEqual(chain.recount(), [])
  })

  it('logs the movement as EIP-7708 does', () => {
    const chain = funded()
    const { receipts } = chain.next([pay(0)])
    const [log] = receipts[0]!.logs
    assert.equal(receipts[0]!.logs.length, 1)
    assert.ok(equalBytes(log!.address, TRANSFER_EMITTER))
    assert.equal(toHex(log!.topics[0]!), '0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef')
    assert.ok(equalBytes(log!.topics[1]!.subarray(12), addressOf('alice')))
    assert.ok(equalBytes(log!.topics[2]!.subarray(12), addressOf('carol')))
    assert.equal(BigInt(toHex(log!.data)), COIN)
  })

  it('logs nothing for zero amounts and self-transfers', () => {
    const chain = funded()
    const { receipts } = chain.next([pay(0, 0n), { ...pay(1), to: addressOf('alice') }])
    assert.deepEqual(
      receipts.map((r) => [r.succeeded, r.logs.length]),
      [
        [true, 0],
        [true, 0],
      ],
    )
    assert.deepEqual(chain.recount(), [])
  })

  it('fails, charges fee and nonce and logs once for addresses that coins could never leave', () => {
    for (const to of [
      new Uint8Array(20),
      systemAddress(3, 5),
      systemAddress(0, 99),
      systemAddress(1, 99),
      TRANSFER_EMITTER,
    ]) {
      const chain = funded()
      const { receipts } = chain.next([{ ...pay(0), to }])
      const [receipt] = receipts
      assert.equal(receipt!.succeeded, false)
      assert.equal(receipt!.logs.length, 1)
      assert.ok(equalBytes(receipt!.logs[0]!.address, to))
      const spent = BigInt(receipt!.gasUsed) * receipt!.effectiveGasPrice
      assert.deepEqual(getAccount(chain.full, addressOf('alice')), {
        nonce: 1,
        balanceBase: 10n * COIN - spent,
      })
      assert.equal(getAccount(chain.full, to).balanceBase, 0n)
      assert.deepEqual(chain.recount(), [])
    }
  })
})

describe('execute.buildBlock', () => {
  it('leaves out what cannot be in the block, with the reason', () => {
    const chain = funded()
    const { executed, skipped } = chain.build([
      pay(1),
      pay(0),
      pay(0),
      { ...pay(1), maxFeePerGas: 1n, maxPriorityFeePerGas: 0n },
      { ...pay(1), valueBase: 100n * COIN },
      { ...pay(1), gasLimit: 21_000 },
      { from: 'nobody', nonce: 0, to: addressOf('bob') },
    ])
    assert.deepEqual(
      skipped.map((s) => s.reason),
      [
        'NonceTooHigh',
        'NonceTooLow',
        'FeeCapTooLow',
        'InsufficientFunds',
        'IntrinsicGasTooLow',
        'InsufficientFunds',
      ],
    )
    assert.equal(executed.block.transactions.length, 1)
  })

  it('stays within its gas, its bytes and the lane of payments', () => {
    const drafts = [pay(0), pay(1), pay(2)]
    const gas = funded().build(drafts, { gasBudget: 2 * TRANSFER_GAS })
    assert.deepEqual(
      gas.skipped.map((s) => s.reason),
      ['BlockGasExceeded'],
    )
    const bytes = funded().build(drafts, { bytesBudget: 1200 })
    assert.ok(bytes.executed.block.bytes.length <= 1200)
    assert.ok(bytes.skipped.every((s) => s.reason === 'BlockBytesExceeded') && bytes.skipped.length > 0)
    const lane = funded({ blockGasLimit: 4 * TRANSFER_GAS }).build(drafts)
    assert.deepEqual(
      lane.skipped.map((s) => s.reason),
      ['LaneFull'],
    )
  })

  it('builds an empty block in which only hooks change the state', () => {
    const chain = funded()
    const { executed } = chain.build([], { gasBudget: 0 })
    assert.deepEqual(executed.block.transactions, [])
    assert.equal(executed.block.header.gasUsed, 0)
  })

  it('computes roots that a light client can recompute', () => {
    const { block, receipts, systemLogs } = funded().next([pay(0), pay(1)])
    const leaves = receipts.map((r) => receiptSchema.encode(r))
    leaves.push(systemLogsSchema.encode({ logs: systemLogs }))
    assert.deepEqual(block.header.receiptsRoot, merkleRoot(leaves))
    assert.equal(receipts[1]!.cumulativeGasUsed, 2 * TRANSFER_GAS)
    assert.equal(block.header.reserve.supplyBase, 11n * COIN)
  })
})

describe('execute.executeBlock', () => {
  it('rejects a header that differs from the rules, naming the field', () => {
    const chain = funded()
    const { block } = chain.build([pay(0)]).executed
    const wrong: readonly [Partial<Header>, string, string][] = [
      [{ parentHash: new Uint8Array(32).fill(1) }, 'WrongParent', 'parentHash'],
      [{ version: 2 }, 'WrongHeader', 'version'],
      [{ height: 2 }, 'WrongHeader', 'height'],
      [{ epoch: 1 }, 'WrongHeader', 'epoch'],
      [{ view: 0 }, 'WrongHeader', 'view'],
      [{ mix: new Uint8Array(32).fill(1) }, 'WrongHeader', 'mix'],
      [{ gasLimit: 1 }, 'WrongHeader', 'gasLimit'],
      [{ baseFeePerGas: BASE_FEE * 2n }, 'WrongHeader', 'baseFeePerGas'],
      [{ setHash: new Uint8Array(32) }, 'WrongHeader', 'setHash'],
      [{ endsEpoch: true }, 'WrongHeader', 'endsEpoch'],
      [{ nextSetHash: new Uint8Array(32) }, 'WrongResult', 'nextSetHash'],
      [{ proposer: addressOf('alice') }, 'UnknownProposer', 'proposer'],
      [{ timestampMs: chain.parent.header.timestampMs + 9 }, 'BadTimestamp', 'timestampMs'],
      [{ timestampMs: chain.parent.header.timestampMs }, 'BadTimestamp', 'timestampMs'],
      [{ stateRoot: new Uint8Array(32) }, 'WrongResult', 'stateRoot'],
      [{ receiptsRoot: new Uint8Array(32) }, 'WrongResult', 'receiptsRoot'],
      [{ transactionsRoot: new Uint8Array(32) }, 'WrongResult', 'transactionsRoot'],
      [{ gasUsed: 1 }, 'WrongResult', 'gasUsed'],
      [{ reserve: { ...block.header.reserve, supplyBase: 12n * COIN } }, 'WrongResult', 'reserve'],
    ]
    for (const [over, code, field] of wrong) {
      const verdict = chain.execute(withHeader(block, over))
      assert.ok('rejected' in verdict, field)
      assert.equal(verdict.rejected.code, code, verdict.rejected.detail)
      assert.ok(verdict.rejected.detail.includes(field), verdict.rejected.detail)
    }
    assert.ok('executed' in chain.execute(block))
  })

  it('rejects a block with an invalid transaction, a bad envelope or a bad signature', () => {
    const chain = funded()
    const { block } = chain.build([pay(0)]).executed
    const rejection = (transactions: readonly Uint8Array[], senderOf = chain.senderOf) => {
      const changed = sealBlock({ header: block.header, transactions })
      const verdict = executeBlock(chain.parent, changed, { chain: CHAIN, senderOf })
      assert.ok('rejected' in verdict)
      return verdict.rejected
    }
    const twice = rejection([block.transactions[0]!, block.transactions[0]!])
    assert.deepEqual(twice, { code: 'InvalidTransaction', detail: 'transaction 1: NonceTooLow' })
    assert.equal(rejection([Uint8Array.of(1, 2, 3)]).code, 'BadEnvelope')
    assert.equal(rejection([block.transactions[0]!], () => undefined).code, 'BadSignature')
    assert.equal(rejection([]).code, 'WrongResult')
  })

  it('rejects a block beyond the size limits', () => {
    const chain = funded()
    const { block } = chain.build([pay(0)]).executed
    const verdict = chain.execute({ ...block, bytes: new Uint8Array(BLOCK_BYTES_MAX + 1) })
    assert.ok('rejected' in verdict)
    assert.equal(verdict.rejected.code, 'TooLarge')
  })

  it('does not change the parent', () => {
    const chain = funded()
    const before = [...chain.full.entries('')]
    const { root } = { root: chain.parent.tree.rootHash }
    chain.build([pay(0)])
    assert.deepEqual([...chain.full.entries('')], before)
    assert.equal(chain.parent.tree.rootHash, root)
  })

  it('uses a cache of decoded envelopes when given one', () => {
    const chain = funded()
    const { block } = chain.build([pay(0)]).executed
    const { transaction } = chain.draft(pay(0))
    let asked = 0
    const decode = () => {
      asked++
      return { transaction }
    }
    const options = { chain: CHAIN, senderOf: chain.senderOf, decode }
    assert.ok('executed' in executeBlock(chain.parent, block, options))
    assert.equal(asked, 1)
  })
})

describe('execute.invariants', () => {
  const broken = (severity: 'halt' | 'stopMinting' | 'alert') => {
    const invariants = [
      {
        id: `test.${severity}`,
        severity,
        doc: 'No coins for carol.',
        check: (ctx: { state: Parameters<typeof getAccount>[0] }) =>
          getAccount(ctx.state, addressOf('carol')).balanceBase > 0n ? 'carol has coins' : undefined,
      },
    ]
    const extra = implement({ ...accountsSchema, id: 200, name: 'extra' }, {
      ...accountsModule.rules,
      reserve: undefined,
      invariants,
    } as never)
    return { ...CHAIN, modules: [...LEDGER_MODULES, extra] }
  }

  it('halts the node when a `halt` invariant is broken', () => {
    const chain = funded()
    const { block } = chain.build([pay(0)]).executed
    assert.throws(
      () => executeBlock(chain.parent, block, { chain: broken('halt'), senderOf: chain.senderOf }),
      (error) => error instanceof AssertionFailed && error.message.includes('carol has coins'),
    )
  })

  it('reports the others and continues', () => {
    const chain = funded()
    const { block } = chain.build([pay(0)]).executed
    const verdict = executeBlock(chain.parent, block, { chain: broken('alert'), senderOf: chain.senderOf })
    assert.ok('executed' in verdict)
    assert.deepEqual(verdict.executed.findings, [
      { invariant: 'test.alert', severity: 'alert', reason: 'carol has coins' },
    ])
  })

  it('stops minting in the same block when a `stopMinting` invariant is broken', () => {
    const chain = funded()
    const { executed } = buildBlock(chain.parent, chain.template([pay(0)]), { chain: broken('stopMinting') })
    assert.deepEqual(
      executed.findings.map((f) => f.severity),
      ['stopMinting'],
    )
    assert.equal(issuanceTables.stop.mustGet(executed.overlay, {}).reason, 'invariant test.stopMinting')
    assert.equal(executed.systemLogs.length, 1)
    assert.equal(issuanceTables.stop.has(chain.full, {}), false)
  })

  it('detects coins from nothing by the changes alone', () => {
    const chain = funded()
    const thief = implement({ ...accountsSchema, id: 200, name: 'thief' }, {
      ...accountsModule.rules,
      reserve: undefined,
      invariants: [],
      endBlock: (ctx: { state: { set(key: string, value: Uint8Array): void } }) => {
        const [key, value] = [...chain.full.entries('')].find(([k]) => k.startsWith('\u0001\u0001'))!
        const copy = value.slice()
        copy[copy.length - 1]! ^= 1
        ctx.state.set(key, copy)
      },
    } as never)
    const options = { chain: { ...CHAIN, modules: [...LEDGER_MODULES, thief] }, senderOf: chain.senderOf }
    const { block } = chain.build([]).executed
    assert.throws(() => executeBlock(chain.parent, block, options), /invariant 1 coins is broken/)
    assert.equal(getSupply(chain.full), 11n * COIN)
  })
})
