import { strict as assert } from 'node:assert'
import fc from 'fast-check'
import { AssertionFailed } from '../../../base/assert.ts'
import { concatBytes, equalBytes, toHex } from '../../../base/bytes.ts'
import { systemAddress } from '../../../base/moduleDefinition.ts'
import { selectorOf } from '../../../base/selector.ts'
import { AMOUNT_MAX } from '../../../base/units.ts'
import { failureReader } from '../../../state/call.ts'
import type { Log } from '../../../state/context.ts'
import { callSchema } from '../../../state/dispatch.ts'
import { ACCOUNTS_ADDRESS } from '../../../state/modules/accounts/batch.ts'
import { decodeAccount, encodeAccount } from '../../../state/modules/accounts/codec.ts'
import {
  burnCoins,
  creditCoins,
  escrowAddress,
  getAccount,
  getSupply,
  mintCoins,
  transferCoins,
} from '../../../state/modules/accounts/ledger.ts'
import { accountsSchema } from '../../../state/modules/accounts/schema.ts'
import { accountsTables } from '../../../state/modules/accounts/tables.ts'
import { assetAddress, getAssetBalance } from '../../../state/modules/assets/ledger.ts'
import { erc20Schema } from '../../../state/modules/assets/schema.ts'
import { MemoryState } from '../../../state/overlay.ts'
import { calldata } from '../../support/calldata.ts'
import {
  addressOf,
  blockContext,
  COIN,
  DOLLAR,
  LEDGER_MODULES,
  TestChain,
} from '../../support/chainHarness.ts'

function ledger() {
  const state = new MemoryState()
  const logs: Log[] = []
  return { state, logs, ctx: { state, block: blockContext(), emit: (log: Log) => void logs.push(log) } }
}

const alice = addressOf('alice')
const bob = addressOf('bob')

interface Call {
  readonly to: Uint8Array
  readonly value: bigint
  readonly data: Uint8Array
}
const NO_DATA = new Uint8Array(0)
const batch = (calls: readonly Call[]) => calldata(accountsSchema, 'batch', { calls })
const describeFailure = (bytes: Uint8Array) => failureReader(LEDGER_MODULES).describe(bytes)

describe('accounts.ledger', () => {
  it('mints, moves and burns, and updates the supply', () => {
    const { ctx, state, logs } = ledger()
    mintCoins(ctx, { to: alice, amountBase: 10n })
    assert.equal(transferCoins(ctx, { from: alice, to: bob, amountBase: 4n }), true)
    assert.equal(burnCoins(ctx, { from: bob, amountBase: 3n }), true)
    assert.equal(getAccount(state, alice).balanceBase, 6n)
    assert.equal(getAccount(state, bob).balanceBase, 1n)
    assert.equal(getSupply(state), 7n)
    assert.equal(logs.length, 3)
    assert.ok(logs[0]!.topics[1]!.every((b) => b === 0) && logs[2]!.topics[2]!.every((b) => b === 0))
  })

  it('writes nothing when the balance is too small', () => {
    const { ctx, state, logs } = ledger()
    mintCoins(ctx, { to: alice, amountBase: 10n })
    const before = [...state.entries('')]
    assert.equal(transferCoins(ctx, { from: alice, to: bob, amountBase: 11n }), false)
    assert.equal(burnCoins(ctx, { from: alice, amountBase: 11n }), false)
    assert.deepEqual([...state.entries('')], before)
    assert.equal(logs.length, 1)
  })

  it('keeps no record of an account without nonce and coins', () => {
    const { ctx, state } = ledger()
    mintCoins(ctx, { to: alice, amountBase: 10n })
    transferCoins(ctx, { from: alice, to: bob, amountBase: 10n })
    assert.equal(accountsTables.account.has(state, { address: alice }), false)
    assert.equal(burnCoins(ctx, { from: bob, amountBase: 10n }), true)
    assert.equal(accountsTables.account.has(state, { address: bob }), false)
    assert.equal(getSupply(state), 0n)
  })

  it('does nothing for zero amounts and self-transfers', () => {
    const { ctx, state, logs } = ledger()
    mintCoins(ctx, { to: alice, amountBase: 0n })
    assert.equal(transferCoins(ctx, { from: alice, to: bob, amountBase: 0n }), true)
    assert.equal(burnCoins(ctx, { from: alice, amountBase: 0n }), true)
    assert.equal(state.size, 0)
    assert.equal(logs.length, 0)
  })

  it('asserts its bound', () => {
    const { ctx } = ledger()
    mintCoins(ctx, { to: alice, amountBase: AMOUNT_MAX })
    assert.throws(() => mintCoins(ctx, { to: bob, amountBase: 1n }), AssertionFailed)
    assert.throws(() => creditCoins(ctx.state, alice, 1n), AssertionFailed)
    assert.throws(() => transferCoins(ctx, { from: alice, to: bob, amountBase: -1n }), AssertionFailed)
  })

  it('derives a separate escrow for every object of every module', () => {
    assert.ok(equalBytes(escrowAddress(9, 7), systemAddress(3, 9 * 2 ** 40 + 7)))
    const seen = new Set<string>()
    for (const module of [1, 9, 12, 255])
      for (const object of [0, 1, 2 ** 36 - 1]) seen.add(toHex(escrowAddress(module, object)))
    assert.equal(seen.size, 12)
    assert.throws(() => escrowAddress(9, 2 ** 36), AssertionFailed)
    assert.throws(() => escrowAddress(0, 1), AssertionFailed)
  })
})

describe('accounts.codec', () => {
  it('writes and reads the bytes of the table', () => {
    const nonce = fc.oneof(fc.nat(), fc.maxSafeNat(), fc.constantFrom(0, 127, 128, 2 ** 32, 2 ** 53 - 1))
    const edges = [0n, 1n, 255n, 256n, 2n ** 64n - 1n, 2n ** 64n, AMOUNT_MAX]
    const balance = fc.oneof(fc.bigInt(0n, AMOUNT_MAX), fc.bigInt(0n, 2n ** 70n), fc.constantFrom(...edges))
    fc.assert(
      fc.property(nonce, balance, (n, b) => {
        const account = { nonce: n, balanceBase: b }
        const stored = encodeAccount(account)
        assert.deepEqual(stored, accountsTables.account.encode(account))
        assert.deepEqual(decodeAccount(stored), account)
      }),
    )
  })

  it('asserts the shape of stored bytes', () => {
    const good = [...encodeAccount({ nonce: 5, balanceBase: 300n })]
    const nonceTooLarge = [1, 8, 255, 255, 255, 255, 255, 255, 255, 255, 1]
    const wrong = [
      [2, ...good.slice(1)],
      [...good, 0],
      good.slice(0, -1),
      nonceTooLarge,
      [1, 0x1a, 0],
      [1, 8],
      [1, 8, 200],
      [1, 18],
    ]
    for (const bytes of wrong) assert.throws(() => decodeAccount(Uint8Array.from(bytes)), AssertionFailed)
    assert.throws(() => encodeAccount({ nonce: -1, balanceBase: 0n }), AssertionFailed)
    assert.throws(() => encodeAccount({ nonce: 0, balanceBase: AMOUNT_MAX + 1n }), AssertionFailed)
  })
})

describe('accounts.batch', () => {
  const chain = () => new TestChain({ balances: { alice: 10n * COIN, operator1: COIN } })
  const send = (from: string, data: Uint8Array) => ({ from, nonce: 0, to: ACCOUNTS_ADDRESS, data })

  it('runs all calls as the sender', () => {
    const c = chain()
    const token = calldata(erc20Schema, 'transfer', { to: bob, value: 25n })
    const calls = [
      { to: bob, value: COIN / 2n, data: NO_DATA },
      { to: assetAddress(DOLLAR), value: 0n, data: token },
    ]
    const { receipts } = c.next([send('operator1', batch(calls))])
    assert.equal(receipts[0]!.succeeded, true, describeFailure(receipts[0]!.failure))
    assert.equal(getAccount(c.full, bob).balanceBase, COIN / 2n)
    assert.equal(getAssetBalance(c.full, { asset: DOLLAR, owner: bob }), 25n)
    assert.equal(receipts[0]!.logs.length, 2)
    assert.deepEqual(c.recount(), [])
  })

  it('undoes everything when one call fails, and says which and why', () => {
    const c = chain()
    const calls = [
      { to: bob, value: COIN, data: NO_DATA },
      { to: bob, value: 10n * COIN, data: NO_DATA },
    ]
    const { receipts } = c.next([send('alice', batch(calls))])
    const [receipt] = receipts
    assert.equal(receipt!.succeeded, false)
    assert.match(
      describeFailure(receipt!.failure),
      /^BatchFailed\(index=1, reason=InsufficientCoins\(balanceBase=\d+, neededBase=10000000000000000000\)\)$/,
    )
    assert.equal(getAccount(c.full, bob).balanceBase, 0n)
    assert.equal(getAccount(c.full, alice).nonce, 1)
    assert.equal(receipt!.logs.length, 1)
    assert.deepEqual(c.recount(), [])
  })

  it('does not nest', () => {
    const c = chain()
    const calls = [{ to: ACCOUNTS_ADDRESS, value: 0n, data: batch([]) }]
    const { receipts } = c.next([send('alice', batch(calls))])
    assert.equal(describeFailure(receipts[0]!.failure), 'NestedBatch(index=0)')
  })

  it('charges for its bytes and its calls, whether it succeeds or not', () => {
    const c = chain()
    const token = calldata(erc20Schema, 'transfer', { to: bob, value: 1n })
    const data = batch([
      { to: bob, value: 1n, data: NO_DATA },
      { to: assetAddress(DOLLAR), value: 0n, data: token },
    ])
    const { receipts } = c.next([send('alice', data)])
    assert.equal(receipts[0]!.succeeded, false)
    assert.equal(receipts[0]!.gasUsed, 21_000 + 2_400 + 16 * data.length + 5_000 + 2 * 9_000 + 15_000)
  })
})

describe('accounts.calls', () => {
  const failureOf = (draft: { data?: Uint8Array; valueBase?: bigint; to?: Uint8Array }): string => {
    const c = new TestChain({ balances: { alice: 10n * COIN } })
    const before = c.full.size
    const { receipts } = c.next([{ from: 'alice', nonce: 0, to: ACCOUNTS_ADDRESS, ...draft }])
    const [receipt] = receipts
    assert.equal(receipt!.succeeded, false)
    // Only the fee pool, the proposer and the epoch are new records.
    assert.ok(c.full.size <= before + 3)
    const topic = selectorOf('Failed', callSchema.events.Failed)
    assert.ok(equalBytes(receipt!.logs[0]!.topics[0]!.subarray(0, 4), topic))
    assert.deepEqual(c.recount(), [])
    return describeFailure(receipt!.failure)
  }

  it('fail with the matching error', () => {
    const good = batch([])
    assert.equal(failureOf({}), 'NoAction()')
    assert.equal(failureOf({ data: Uint8Array.of(1, 2) }), 'MalformedCalldata()')
    assert.equal(failureOf({ data: Uint8Array.of(1, 2, 3, 4) }), 'UnknownAction(selector=0x01020304)')
    assert.equal(failureOf({ data: concatBytes(good, Uint8Array.of(0)) }), 'MalformedCalldata()')
    assert.equal(failureOf({ data: good, valueBase: 1n }), 'ValueNotAccepted()')
    const query = calldata(accountsSchema, 'supply', {})
    assert.match(failureOf({ data: query }), /^UnknownAction/)
    const multicall = Uint8Array.from(Buffer.from('ca11bde05977b3631167028862be2a173976ca11', 'hex'))
    assert.equal(failureOf({ to: multicall, data: good }), 'ReadOnly()')
  })

  it('rejects a batch longer than its bound', () => {
    const calls = Array.from({ length: 257 }, () => ({ to: bob, value: 0n, data: NO_DATA }))
    const c = new TestChain({ balances: { alice: 10n * COIN } })
    const draft = { from: 'alice', nonce: 0, to: ACCOUNTS_ADDRESS, data: batch(calls), gasLimit: 3_000_000 }
    const { receipts } = c.next([draft])
    assert.equal(describeFailure(receipts[0]!.failure), 'MalformedCalldata()')
  })
})
