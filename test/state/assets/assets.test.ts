import { strict as assert } from 'node:assert'
import { AssertionFailed } from '../../../base/assert.ts'
import { equalBytes } from '../../../base/bytes.ts'
import { moduleAddress } from '../../../base/moduleDefinition.ts'
import { AMOUNT_MAX } from '../../../base/units.ts'
import { failureReader } from '../../../state/call.ts'
import { getAccount } from '../../../state/modules/accounts/ledger.ts'
import {
  assetAddress,
  assetIds,
  getAllowance,
  getAsset,
  getAssetBalance,
  registerAsset,
  transferAsset,
} from '../../../state/modules/assets/ledger.ts'
import { assetsSchema, erc20Schema } from '../../../state/modules/assets/schema.ts'
import { calldata } from '../../support/calldata.ts'
import {
  addressOf,
  blockContext,
  COIN,
  DOLLAR,
  LEDGER_MODULES,
  TestChain,
} from '../../support/chainHarness.ts'

const TOKEN = assetAddress(DOLLAR)
const MODULE = moduleAddress(assetsSchema)
const UNLIMITED = 2n ** 256n - 1n
const balances = { issuer: COIN, operator1: COIN, operator2: COIN, alice: COIN }

/** Runs one call and returns its failure as text, or undefined; checks the invariants after every call. */
function run(chain: TestChain, from: string, to: Uint8Array, data: Uint8Array): string | undefined {
  const { nonce } = getAccount(chain.full, addressOf(from))
  const { receipts } = chain.next([{ from, nonce, to, data }])
  assert.deepEqual(chain.recount(), [])
  const [receipt] = receipts
  return receipt!.succeeded ? undefined : failureReader(LEDGER_MODULES).describe(receipt!.failure)
}

const held = (chain: TestChain, name: string) =>
  getAssetBalance(chain.full, { asset: DOLLAR, owner: addressOf(name) })
const action = (name: string, args: object) => calldata(assetsSchema, name, args as never)
const token = (name: string, args: object) => calldata(erc20Schema, name, args as never)

describe('assets.issue', () => {
  it('creates units for a holder when the issuer calls it', () => {
    const chain = new TestChain({ balances })
    const data = action('issue', { asset: DOLLAR, to: addressOf('alice'), amountBase: 500n })
    assert.equal(run(chain, 'issuer', MODULE, data), undefined)
    assert.equal(held(chain, 'alice'), 500n)
    assert.equal(getAsset(chain.full, DOLLAR)!.supplyBase, 4_000_500n)
  })

  it('rejects non-issuers, unknown assets, unspendable recipients and too much', () => {
    const chain = new TestChain({ balances })
    const issue = (over: object) =>
      action('issue', { asset: DOLLAR, to: addressOf('alice'), amountBase: 1n, ...over })
    assert.match(run(chain, 'alice', MODULE, issue({}))!, /^NotIssuer\(asset=1, issuer=0x/)
    assert.equal(run(chain, 'issuer', MODULE, issue({ asset: 9 })), 'UnknownAsset(asset=9)')
    assert.match(run(chain, 'issuer', MODULE, issue({ to: MODULE }))!, /^AssetRecipientRefused/)
    assert.match(run(chain, 'issuer', MODULE, issue({ amountBase: AMOUNT_MAX }))!, /^AssetSupplyTooLarge/)
    assert.equal(held(chain, 'alice'), 0n)
  })
})

describe('assets.redeem', () => {
  it('destroys own units', () => {
    const chain = new TestChain({ balances })
    const data = action('redeem', { asset: DOLLAR, amountBase: 400_000n })
    assert.equal(run(chain, 'operator1', MODULE, data), undefined)
    assert.equal(held(chain, 'operator1'), 600_000n)
    assert.equal(getAsset(chain.full, DOLLAR)!.supplyBase, 3_600_000n)
  })

  it('rejects more than the balance and unknown assets', () => {
    const chain = new TestChain({ balances })
    const redeem = (asset: number) => action('redeem', { asset, amountBase: 1n })
    assert.equal(
      run(chain, 'alice', MODULE, redeem(DOLLAR)),
      'InsufficientAsset(asset=1, balanceBase=0, neededBase=1)',
    )
    assert.equal(run(chain, 'alice', MODULE, redeem(7)), 'UnknownAsset(asset=7)')
  })
})

describe('assets.transfer', () => {
  it("moves units and logs at the token's address", () => {
    const chain = new TestChain({ balances })
    const data = token('transfer', { to: addressOf('alice'), value: 7n })
    const { receipts } = chain.next([{ from: 'operator1', nonce: 0, to: TOKEN, data }])
    assert.equal(receipts[0]!.succeeded, true)
    assert.equal(held(chain, 'alice'), 7n)
    assert.equal(receipts[0]!.logs.length, 1)
    assert.ok(equalBytes(receipts[0]!.logs[0]!.address, TOKEN))
    assert.deepEqual(chain.recount(), [])
  })

  it('rejects too much, unspendable recipients and attached coins', () => {
    const chain = new TestChain({ balances })
    const transfer = (to: Uint8Array, value: bigint) => token('transfer', { to, value })
    assert.match(
      run(chain, 'alice', TOKEN, transfer(addressOf('bob'), 1n))!,
      /^ERC20InsufficientBalance\(sender=0x[0-9a-f]{40}, balance=0, needed=1\)$/,
    )
    assert.match(run(chain, 'operator1', TOKEN, transfer(new Uint8Array(20), 1n))!, /^ERC20InvalidReceiver/)
    const withCoins = { from: 'operator2', nonce: 0, to: TOKEN, valueBase: 1n }
    const { receipts } = chain.next([{ ...withCoins, data: transfer(addressOf('bob'), 1n) }])
    assert.equal(failureReader(LEDGER_MODULES).describe(receipts[0]!.failure), 'ValueNotAccepted()')
  })

  it('changes nothing in a self-transfer', () => {
    const chain = new TestChain({ balances })
    assert.equal(
      run(chain, 'operator1', TOKEN, token('transfer', { to: addressOf('operator1'), value: 9n })),
      undefined,
    )
    assert.equal(held(chain, 'operator1'), 1_000_000n)
  })
})

describe('assets.transferFrom', () => {
  it('spends an allowance, but not an unlimited one', () => {
    const chain = new TestChain({ balances })
    const owner = addressOf('operator1')
    const at = { asset: DOLLAR, owner, spender: addressOf('alice') }
    const spend = (value: bigint) => token('transferFrom', { from: owner, to: addressOf('bob'), value })
    const approve = (value: bigint) => token('approve', { spender: addressOf('alice'), value })
    assert.equal(run(chain, 'operator1', TOKEN, approve(10n)), undefined)
    assert.equal(run(chain, 'alice', TOKEN, spend(4n)), undefined)
    assert.equal(getAllowance(chain.full, at), 6n)
    assert.match(
      run(chain, 'alice', TOKEN, spend(7n))!,
      /^ERC20InsufficientAllowance\(.*allowance=6, needed=7\)$/,
    )
    assert.equal(run(chain, 'alice', TOKEN, spend(6n)), undefined)
    assert.equal(getAllowance(chain.full, at), 0n)
    assert.equal(run(chain, 'operator1', TOKEN, approve(UNLIMITED)), undefined)
    assert.equal(run(chain, 'alice', TOKEN, spend(1n)), undefined)
    assert.equal(getAllowance(chain.full, at), UNLIMITED)
    assert.match(run(chain, 'alice', TOKEN, spend(5_000_000n))!, /^ERC20InsufficientBalance/)
    const dead = token('transferFrom', { from: owner, to: MODULE, value: 1n })
    assert.match(run(chain, 'alice', TOKEN, dead)!, /^ERC20InvalidReceiver/)
    assert.equal(held(chain, 'bob'), 11n)
  })
})

describe('assets.registerAsset', () => {
  it('keeps the index in order and rejects a repeated id', () => {
    const chain = new TestChain()
    const ctx = { state: chain.full, block: blockContext(), emit: () => undefined }
    const gold = { issuer: addressOf('issuer'), name: 'Gold', symbol: 'XAU', decimals: 4 }
    registerAsset(ctx, { id: 5, ...gold })
    registerAsset(ctx, { id: 3, ...gold })
    assert.deepEqual(assetIds(chain.full), [1, 3, 5])
    assert.throws(() => registerAsset(ctx, { id: 3, ...gold }), AssertionFailed)
    const nothing = { asset: 4, from: addressOf('a'), to: addressOf('b'), amountBase: 0n }
    assert.throws(() => transferAsset(ctx, nothing), AssertionFailed)
  })
})
