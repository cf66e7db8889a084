// Random transactions against a naive ledger without overlays, receipts or trees.
import { strict as assert } from 'node:assert'
import fc from 'fast-check'
import { bytesKey, equalBytes } from '../../base/bytes.ts'
import { moduleAddress } from '../../base/moduleDefinition.ts'
import { FEES_ADDRESS, getAccount, getSupply } from '../../state/modules/accounts/ledger.ts'
import { accountsSchema } from '../../state/modules/accounts/schema.ts'
import { ACCOUNTS_ADDRESS } from '../../state/modules/accounts/tables.ts'
import { assetAddress, getAssetBalance } from '../../state/modules/assets/ledger.ts'
import { erc20Schema } from '../../state/modules/assets/schema.ts'
import { TreeVersion } from '../../state/tree/tree.ts'
import { calldata } from '../support/calldata.ts'
import { addressOf, COIN, DOLLAR, type Draft, TestChain } from '../support/chainHarness.ts'

const NAMES = ['alice', 'bob', 'carol', 'operator1', 'operator2'] as const
const TOKEN = assetAddress(DOLLAR)
const START = 2n * COIN

type Step =
  | { readonly kind: 'pay'; readonly from: number; readonly to: number; readonly valueBase: bigint }
  | { readonly kind: 'token'; readonly from: number; readonly to: number; readonly amountBase: bigint }
  | { readonly kind: 'batch'; readonly from: number; readonly to: number; readonly values: readonly bigint[] }
  | { readonly kind: 'junk'; readonly from: number; readonly data: Uint8Array }

const who = fc.nat(NAMES.length - 1)
const coins = fc.oneof(
  fc.bigInt(0n, COIN),
  fc.bigInt(0n, 3n * COIN),
  fc.constantFrom(0n, 1n, 2n ** 64n - 1n, 2n ** 64n),
)
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant('pay' as const), from: who, to: who, valueBase: coins }),
  fc.record({
    kind: fc.constant('token' as const),
    from: who,
    to: who,
    amountBase: fc.bigInt(0n, 1_500_000n),
  }),
  fc.record({
    kind: fc.constant('batch' as const),
    from: who,
    to: who,
    values: fc.array(coins, { maxLength: 4 }),
  }),
  fc.record({ kind: fc.constant('junk' as const), from: who, data: fc.uint8Array({ maxLength: 80 }) }),
)

/** Coins, units and nonces in plain maps. */
class NaiveLedger {
  readonly coins = new Map<string, bigint>()
  readonly units = new Map<string, bigint>()
  readonly nonces = new Map<string, number>()

  move(map: Map<string, bigint>, from: string, to: string, amount: bigint): boolean {
    const has = map.get(from) ?? 0n
    if (has < amount) return false
    map.set(from, has - amount)
    map.set(to, (map.get(to) ?? 0n) + amount)
    return true
  }

  /** Applies a step to the balances; false when it must fail. */
  apply(step: Step): boolean {
    const from = NAMES[step.from]!
    switch (step.kind) {
      case 'pay':
        return this.move(this.coins, from, NAMES[step.to]!, step.valueBase)
      case 'token':
        return this.move(this.units, from, NAMES[step.to]!, step.amountBase)
      case 'batch': {
        const saved = new Map(this.coins)
        if (step.values.every((value) => this.move(this.coins, from, NAMES[step.to]!, value))) return true
        for (const [name, amount] of saved) this.coins.set(name, amount)
        for (const name of this.coins.keys()) if (!saved.has(name)) this.coins.delete(name)
        return false
      }
      case 'junk':
        return false
    }
  }
}

function draftOf(step: Step, nonce: number): Draft {
  const from = NAMES[step.from]!
  switch (step.kind) {
    case 'pay':
      return { from, nonce, to: addressOf(NAMES[step.to]!), valueBase: step.valueBase }
    case 'token': {
      const data = calldata(erc20Schema, 'transfer', {
        to: addressOf(NAMES[step.to]!),
        value: step.amountBase,
      })
      return { from, nonce, to: TOKEN, data }
    }
    case 'batch': {
      const to = addressOf(NAMES[step.to]!)
      const calls = step.values.map((value) => ({ to, value, data: new Uint8Array(0) }))
      return { from, nonce, to: ACCOUNTS_ADDRESS, data: calldata(accountsSchema, 'batch', { calls }) }
    }
    case 'junk':
      return { from, nonce, to: moduleAddress(accountsSchema), data: step.data }
  }
}

function playBlock(chain: TestChain, ledger: NaiveLedger, steps: readonly Step[]): void {
  const nonces = new Map(ledger.nonces)
  const drafts = steps.map((s) => {
    const from = NAMES[s.from]!
    const nonce = nonces.get(from) ?? 0
    nonces.set(from, nonce + 1)
    return draftOf(s, nonce)
  })
  const { block, receipts, skipped } = chain.next(drafts)
  const included = new Set(block.transactions.map((raw) => bytesKey(raw)))
  let at = 0
  let tips = 0n
  for (let i = 0; i < steps.length; i++) {
    if (!included.has(bytesKey(chain.draft(drafts[i]!).transaction.raw))) continue
    const from = NAMES[steps[i]!.from]!
    const receipt = receipts[at++]!
    const gas = BigInt(receipt.gasUsed)
    ledger.nonces.set(from, drafts[i]!.nonce + 1)
    ledger.coins.set(from, ledger.coins.get(from)! - gas * receipt.effectiveGasPrice)
    ledger.coins.set('pool', (ledger.coins.get('pool') ?? 0n) + gas * block.header.baseFeePerGas)
    tips += gas * (receipt.effectiveGasPrice - block.header.baseFeePerGas)
    assert.equal(receipt.succeeded, ledger.apply(steps[i]!), JSON.stringify(Object.keys(steps[i]!)))
    assert.equal(receipt.succeeded || receipt.logs.length === 1, true)
  }
  assert.equal(at + skipped.length, steps.length)
  // The proposer gets the tips at the end of the block.
  ledger.coins.set('operator1', ledger.coins.get('operator1')! + tips)
}

function compare(chain: TestChain, ledger: NaiveLedger): void {
  for (const name of NAMES) {
    const account = getAccount(chain.full, addressOf(name))
    assert.equal(account.balanceBase, ledger.coins.get(name) ?? 0n, `coins of ${name}`)
    assert.equal(account.nonce, ledger.nonces.get(name) ?? 0, `nonce of ${name}`)
    const units = getAssetBalance(chain.full, { asset: DOLLAR, owner: addressOf(name) })
    assert.equal(units, ledger.units.get(name) ?? 0n, `units of ${name}`)
  }
  assert.equal(getAccount(chain.full, FEES_ADDRESS).balanceBase, ledger.coins.get('pool') ?? 0n)
  assert.equal(getSupply(chain.full), START * BigInt(NAMES.length))
  assert.deepEqual(chain.recount(), [])
  const rebuilt = TreeVersion.empty().update(new Map(chain.full.entries('')))
  assert.ok(
    equalBytes(rebuilt.rootHash, chain.parent.header.stateRoot),
    'the root is that of the whole state',
  )
}

describe('execute against a naive ledger', () => {
  it('agrees on every balance, nonce, outcome and root', () => {
    fc.assert(
      fc.property(fc.array(fc.array(step, { maxLength: 12 }), { minLength: 1, maxLength: 4 }), (blocks) => {
        const chain = new TestChain({
          balances: Object.fromEntries(NAMES.map((name) => [name, START])),
          epochBlocksMax: 2,
        })
        const ledger = new NaiveLedger()
        for (const name of NAMES) ledger.coins.set(name, START)
        for (let id = 1; id <= 2; id++) ledger.units.set(`operator${id}`, 1_000_000n)
        for (const steps of blocks) {
          playBlock(chain, ledger, steps)
          compare(chain, ledger)
        }
      }),
      { numRuns: 40 },
    )
  })

  it('changes only fee and nonce for failed transactions', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), fc.constantFrom(ACCOUNTS_ADDRESS, TOKEN), (data, to) => {
        const chain = new TestChain({ balances: { alice: START } })
        const before = new Map(chain.full.entries(''))
        const { receipts, overlay, block } = chain.next([{ from: 'alice', nonce: 0, to, data }])
        assert.equal(receipts[0]!.succeeded, false)
        const own = bytesKey(addressOf('alice'))
        const expected = [own, bytesKey(FEES_ADDRESS), bytesKey(block.header.proposer)]
        for (const [key, value] of overlay.changes()) {
          if (key.startsWith('\u0004\u0008')) continue
          assert.ok(
            expected.some((address) => key.endsWith(address)),
            'a failed action wrote',
          )
          assert.notDeepEqual(value, before.get(key))
        }
        const spent = BigInt(receipts[0]!.gasUsed) * receipts[0]!.effectiveGasPrice
        const alice = getAccount(chain.full, addressOf('alice'))
        assert.deepEqual(alice, { nonce: 1, balanceBase: START - spent })
      }),
      { numRuns: 40 },
    )
  })
})
