import { strict as assert } from 'node:assert'
import fc from 'fast-check'
import { AssertionFailed } from '../../base/assert.ts'
import { equalBytes, toHex } from '../../base/bytes.ts'
import { type Address, ZERO_ADDRESS, ZERO_HASH } from '../../base/ids.ts'
import { defineModule, type ModuleDef, moduleAddress } from '../../base/moduleDefinition.ts'
import { t } from '../../base/schema.ts'
import { AMOUNT_MAX, COIN } from '../../base/units.ts'
import { failureReader } from '../../state/call.ts'
import type { DebitRefused, InnerCall, Log, WriteContext } from '../../state/context.ts'
import { dispatcherOf, runCall } from '../../state/dispatch.ts'
import { COIN_ASSET, type Escrow, escrowsOf, ledger } from '../../state/ledger.ts'
import { encodeAccount } from '../../state/modules/accounts/codec.ts'
import { accountsInvariants } from '../../state/modules/accounts/invariants.ts'
import { accountsSchema } from '../../state/modules/accounts/schema.ts'
import { ACCOUNTS_ADDRESS, accountsTables } from '../../state/modules/accounts/tables.ts'
import { assetsInvariants } from '../../state/modules/assets/invariants.ts'
import { assetAddress, registerAsset } from '../../state/modules/assets/ledger.ts'
import { assetsSchema, erc20Schema } from '../../state/modules/assets/schema.ts'
import { assetsTables } from '../../state/modules/assets/tables.ts'
import { issuanceModule } from '../../state/modules/issuance/module.ts'
import { getBond } from '../../state/modules/providers/bonds.ts'
import { addProvider } from '../../state/modules/providers/members.ts'
import { providersSchema } from '../../state/modules/providers/schema.ts'
import { redemptionModule } from '../../state/modules/redemption/module.ts'
import { MemoryState, Overlay } from '../../state/overlay.ts'
import { recountNow } from '../../state/recount.ts'
import { implement, type Module } from '../../state/rules.ts'
import { TRANSFER_EMITTER, transferLog } from '../../state/transferLog.ts'
import { calldata } from '../support/calldata.ts'
import { addressOf, blockContext, LEDGER_MODULES, profileOf } from '../support/chainHarness.ts'
import { RedemptionChain, walletOf } from '../support/redemptionFixture.ts'

const DOLLAR = 1
const alice = addressOf('alice')
const bob = addressOf('bob')
const INVARIANTS = [...accountsInvariants, ...assetsInvariants]

const vaultSchema = defineModule({
  name: 'vault',
  id: 200,
  doc: 'Test module with two named escrows.',
  params: {},
  records: {},
  escrows: { sales: { id: 0, doc: 'Of a sale.' }, tips: { id: 1, doc: 'Of a sale, too.' } },
  errors: {},
  events: {},
  actions: {},
  queries: {},
})
const vault = escrowsOf(vaultSchema)

interface Book {
  readonly committed: MemoryState
  readonly state: Overlay
  readonly logs: Log[]
  readonly ctx: WriteContext
}

function openBook(): Book {
  const committed = new MemoryState()
  const state = new Overlay(committed)
  const logs: Log[] = []
  const ctx = { state, block: blockContext(), emit: (log: Log) => void logs.push(log) }
  registerAsset(ctx, { id: DOLLAR, issuer: addressOf('issuer'), name: 'Dollar', symbol: 'USDX', decimals: 6 })
  return { committed, state, logs, ctx }
}

/** Every broken invariant of the ledger, of the changes and by recount. */
function broken({ committed, state, ctx }: Book): readonly string[] {
  const full = new MemoryState()
  full.apply(new Map(committed.entries('')))
  full.apply(state.changes())
  return INVARIANTS.flatMap((invariant) => {
    const reason =
      invariant.checkChanges?.(state.changes(), committed, { state, block: ctx.block }) ??
      recountNow(invariant, full, { state, block: ctx.block })
    return reason === undefined ? [] : [`${invariant.id}: ${reason}`]
  })
}

describe('ledger.escrows', () => {
  it('are distinct per module, name and object, and the first name has the module and object as its id', () => {
    const addresses = [1, 2].flatMap((object) => [vault.sales(object), vault.tips(object)])
    assert.equal(new Set(addresses.map(toHex)).size, 4)
    assert.equal(toHex(vault.sales(7)), '0x7375616e6c690300000000000000c80000000007')
  })

  it('refuses two escrows of one id, and ids beyond four bits', () => {
    for (const ids of [
      [3, 3],
      [0, 16],
      [-1, 0],
    ] as const) {
      const escrows = { first: { id: ids[0], doc: '' }, second: { id: ids[1], doc: '' } }
      assert.throws(() => defineModule({ ...vaultSchema, escrows }), AssertionFailed)
    }
  })
})

describe('ledger.move', () => {
  it('moves the coin and assets alike, with the logs of each', () => {
    const book = openBook()
    const { ctx, state, logs } = book
    for (const asset of [COIN_ASSET, DOLLAR]) {
      ledger.mint(ctx, { asset, to: alice, amountBase: 10n })
      logs.length = 0
      const move = { from: alice, to: vault.sales(3), amountBase: 4n }
      assert.equal(ledger.move(ctx, { asset, ...move }), undefined)
      const emitter = asset === COIN_ASSET ? TRANSFER_EMITTER : assetAddress(asset)
      assert.deepEqual(logs, [transferLog({ emitter, ...move })])
      assert.equal(ledger.balanceOf(state, { asset, owner: alice }), 6n)
      ledger.release(ctx, { asset, from: vault.sales(3), to: bob, amountBase: 3n })
      assert.equal(ledger.balanceOf(state, { asset, owner: vault.sales(3) }), 1n)
      assert.equal(ledger.balanceOf(state, { asset, owner: vault.tips(3) }), 0n)
      assert.equal(ledger.burn(ctx, { asset, from: bob, amountBase: 2n }), undefined)
      assert.equal(ledger.supplyOf(state, asset), 8n)
    }
    assert.deepEqual(broken(book), [])
  })

  it('refuses what is not there with a reason, and writes nothing', () => {
    const { ctx, state, logs } = openBook()
    ledger.mint(ctx, { asset: DOLLAR, to: alice, amountBase: 5n })
    logs.length = 0
    const mark = state.savepoint()
    const short = { code: 'InsufficientFunds', balanceBase: 5n, neededBase: 6n }
    const spend = { asset: DOLLAR, from: alice, amountBase: 6n }
    assert.deepEqual(ledger.move(ctx, { ...spend, to: bob }), short)
    assert.deepEqual(ledger.move(ctx, { ...spend, to: alice }), short)
    assert.deepEqual(ledger.burn(ctx, spend), short)
    const none = { code: 'InsufficientFunds', balanceBase: 0n, neededBase: 6n }
    assert.deepEqual(ledger.move(ctx, { ...spend, asset: COIN_ASSET, to: bob }), none)
    assert.deepEqual(ledger.burn(ctx, { ...spend, asset: COIN_ASSET }), none)
    const unknown = { code: 'UnknownAsset', asset: 9 }
    for (const amountBase of [0n, 6n]) {
      assert.deepEqual(ledger.move(ctx, { ...spend, asset: 9, to: bob, amountBase }), unknown)
      assert.deepEqual(ledger.burn(ctx, { ...spend, asset: 9, amountBase }), unknown)
    }
    assert.equal(state.touchedSince(mark), false)
    assert.equal(logs.length, 0)
  })

  it('changes no balance for zero and to oneself; only ERC-20 logs them', () => {
    const { ctx, state, logs } = openBook()
    for (const asset of [COIN_ASSET, DOLLAR]) {
      ledger.mint(ctx, { asset, to: alice, amountBase: 5n })
      const mark = state.savepoint()
      logs.length = 0
      assert.equal(ledger.move(ctx, { asset, from: alice, to: alice, amountBase: 5n }), undefined)
      assert.equal(ledger.move(ctx, { asset, from: bob, to: alice, amountBase: 0n }), undefined)
      assert.equal(state.touchedSince(mark), false)
      assert.equal(logs.length, asset === COIN_ASSET ? 0 : 2)
    }
  })

  it('keeps the sum of all balances equal to the supply under any sequence', () => {
    const owners: readonly Address[] = [alice, bob, vault.sales(1), vault.tips(1)]
    const owner = fc.integer({ min: 0, max: owners.length - 1 })
    const amount = fc.bigInt({ min: 0n, max: 20n })
    const step = fc.record({ kind: fc.nat(2), asset: fc.nat(1), from: owner, to: owner, amount })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const book = openBook()
        const held = new Map<string, bigint>()
        const at = (asset: number, n: number) => held.get(`${asset}/${n}`) ?? 0n
        const add = (asset: number, n: number, by: bigint) => held.set(`${asset}/${n}`, at(asset, n) + by)
        for (const { kind, asset, from, to, amount: amountBase } of steps) {
          const source = owners[from]!
          if (kind === 0) {
            ledger.mint(book.ctx, { asset, to: owners[to]!, amountBase })
            add(asset, to, amountBase)
            continue
          }
          const refusal =
            kind === 1
              ? ledger.move(book.ctx, { asset, from: source, to: owners[to]!, amountBase })
              : ledger.burn(book.ctx, { asset, from: source, amountBase })
          assert.equal(refusal === undefined, at(asset, from) >= amountBase)
          if (refusal !== undefined) continue
          add(asset, from, -amountBase)
          if (kind === 1) add(asset, to, amountBase)
        }
        for (const asset of [COIN_ASSET, DOLLAR]) {
          let sum = 0n
          owners.forEach((who, n) => {
            assert.equal(ledger.balanceOf(book.state, { asset, owner: who }), at(asset, n))
            sum += at(asset, n)
          })
          assert.equal(ledger.supplyOf(book.state, asset), sum)
        }
        assert.deepEqual(broken(book), [])
      }),
      { numRuns: 200 },
    )
  })
})

describe('the coin as asset 0', () => {
  it('is no registered asset: it can be neither issued, redeemed, bonded nor called', () => {
    const book = openBook()
    ledger.mint(book.ctx, { asset: COIN_ASSET, to: alice, amountBase: 9n })
    const keys = { consensusKey: new Uint8Array(48).fill(1), peerId: new Uint8Array([1]) }
    addProvider(book.ctx, { id: 1, operator: alice, ...keys, profile: profileOf(1) })
    const act = (definition: ModuleDef, action: string, args: object) => {
      const call = { to: moduleAddress(definition), data: calldata(definition, action, { ...args }) }
      return attempt(book, alice, call)
    }
    const unknown = 'UnknownAsset(asset=0)'
    assert.equal(act(assetsSchema, 'issue', { asset: 0, to: alice, amountBase: 1n }), unknown)
    assert.equal(act(assetsSchema, 'redeem', { asset: 0, amountBase: 1n }), unknown)
    assert.equal(act(providersSchema, 'postBond', { asset: 0, amountBase: 1n }), unknown)
    const token = calldata(erc20Schema, 'transfer', { to: bob, value: 1n })
    assert.match(attempt(book, alice, { to: assetAddress(0), data: token })!, /^UnreachableAddress/)
    assert.equal(ledger.supplyOf(book.state, COIN_ASSET), 9n)
    const coin = { issuer: alice, name: 'Coin', symbol: 'C', decimals: 18 }
    assert.throws(() => registerAsset(book.ctx, { id: 0, ...coin }), AssertionFailed)
  })
})

describe('ledger.release', () => {
  it('asserts that the escrow holds what its module owes', () => {
    const { ctx } = openBook()
    const payment = { asset: COIN_ASSET, from: vault.sales(1), to: bob, amountBase: 1n }
    assert.throws(() => ledger.release(ctx, payment), AssertionFailed)
  })

  it('takes no account for an escrow', () => {
    const { ctx } = openBook()
    ledger.mint(ctx, { asset: COIN_ASSET, to: alice, amountBase: 1n })
    // @ts-expect-error an account is debited by `move`, which may be refused
    ledger.release(ctx, { asset: COIN_ASSET, from: alice, to: bob, amountBase: 1n })
  })

  it('credits a full account: no balance can exceed the largest supply', () => {
    const book = openBook()
    for (const asset of [COIN_ASSET, DOLLAR]) {
      ledger.mint(book.ctx, { asset, to: alice, amountBase: AMOUNT_MAX - 5n })
      ledger.mint(book.ctx, { asset, to: vault.sales(1), amountBase: 5n })
      ledger.release(book.ctx, { asset, from: vault.sales(1), to: alice, amountBase: 5n })
      assert.equal(ledger.balanceOf(book.state, { asset, owner: alice }), AMOUNT_MAX)
      assert.throws(() => ledger.mint(book.ctx, { asset, to: bob, amountBase: 1n }), AssertionFailed)
    }
    assert.deepEqual(broken(book), [])
  })
})

describe('ledger.invariants', () => {
  it('finds an account that holds more than exists, though what the block moved adds up', () => {
    const book = openBook()
    const { committed, state } = book
    const account = (owner: Address) => accountsTables.account.key({ address: owner })
    committed.set(account(alice), encodeAccount({ nonce: 0, balanceBase: 9n }))
    state.set(account(bob), encodeAccount({ nonce: 0, balanceBase: 9n }))
    state.delete(account(alice))
    assert.match(broken(book)[0]!, /^1 coins: an account holds 9 of 0$/)
    const other = openBook()
    assetsTables.balance.set(other.committed, { asset: DOLLAR, owner: alice }, { amountBase: 7n })
    assetsTables.balance.delete(other.state, { asset: DOLLAR, owner: alice })
    assetsTables.balance.set(other.state, { asset: DOLLAR, owner: bob }, { amountBase: 7n })
    assert.match(broken(other)[0]!, /^1 assets: a holder has 7 of 0 units/)
  })
})

const freezerSchema = defineModule({
  name: 'freezer',
  id: 201,
  doc: 'Test module that refuses every debit of one account.',
  params: {},
  records: {},
  errors: {},
  events: {},
  actions: { pay: { args: { to: t.address }, fails: [], gas: 1, doc: 'Pays one coin, having asked first.' } },
  queries: {},
})
const freezer: Module = implement(freezerSchema, {
  actions: {
    pay: (ctx, { to }) => {
      const debit = { asset: COIN_ASSET, from: ctx.sender, amountBase: 1n }
      const refused = ledger.refuseDebit(ctx, debit)
      if (refused !== undefined) return refused
      assert.equal(ledger.move(ctx, { ...debit, to }), undefined)
      return undefined
    },
  },
  queries: {},
  checkDebit: (_ctx, { account, amountBase }) =>
    equalBytes(account, alice) && amountBase > 0n ? 'case 17' : undefined,
})
const MODULES = [...LEDGER_MODULES, freezer]

/** Runs a call and returns its failure in words. */
function attempt(book: Book, sender: Address, call: Partial<InnerCall> & { readonly to: Address }) {
  const env = { dispatcher: dispatcherOf(MODULES, 1), ...book, block: book.ctx.block, sender }
  const at = { txId: new Uint8Array(32), txIndex: 0, logs: [] }
  const outcome = runCall({ ...env, ...at }, { valueBase: 0n, data: new Uint8Array(0), ...call })
  return outcome.failed ? failureReader(MODULES).describe(outcome.reason) : undefined
}

describe('ledger debits and credits', () => {
  const refused = (asset: number) =>
    new RegExp(`DebitRefused\\(account=0x.{40}, asset=${asset}, reason=case 17\\)`)
  const token = (name: string, args: object) => ({
    to: assetAddress(DOLLAR),
    data: calldata(erc20Schema, name, { ...args }),
  })

  function frozenBook(): Book {
    const book = openBook()
    for (const asset of [COIN_ASSET, DOLLAR])
      for (const to of [alice, bob]) ledger.mint(book.ctx, { asset, to, amountBase: 100n })
    const keys = { consensusKey: new Uint8Array(48).fill(1), peerId: new Uint8Array([1]) }
    addProvider(book.ctx, { id: 1, operator: alice, ...keys, profile: profileOf(1) })
    return book
  }

  it('a refused account can neither transfer, pay, burn nor post, whoever moves its units', () => {
    const book = frozenBook()
    const mark = book.state.savepoint()
    assert.match(attempt(book, alice, { to: bob, valueBase: 1n })!, refused(COIN_ASSET))
    const inner = { to: bob, value: 1n, data: new Uint8Array(0) }
    const batch = { to: ACCOUNTS_ADDRESS, data: calldata(accountsSchema, 'batch', { calls: [inner] }) }
    assert.match(attempt(book, alice, batch)!, refused(COIN_ASSET))
    const pay = { to: moduleAddress(freezerSchema), data: calldata(freezerSchema, 'pay', { to: bob }) }
    assert.match(attempt(book, alice, pay)!, refused(COIN_ASSET))
    assert.match(attempt(book, alice, token('transfer', { to: bob, value: 1n }))!, refused(DOLLAR))
    const redeem = calldata(assetsSchema, 'redeem', { asset: DOLLAR, amountBase: 1n })
    assert.match(attempt(book, alice, { to: moduleAddress(assetsSchema), data: redeem })!, refused(DOLLAR))
    const bond = calldata(providersSchema, 'postBond', { asset: DOLLAR, amountBase: 1n })
    assert.match(attempt(book, alice, { to: moduleAddress(providersSchema), data: bond })!, refused(DOLLAR))
    assert.equal(getBond(book.state, { provider: 1, asset: DOLLAR }), 0n)
    assert.equal(book.state.touchedSince(mark), false)
    assert.equal(attempt(book, alice, token('approve', { spender: bob, value: 5n })), undefined)
    assert.match(
      attempt(book, bob, token('transferFrom', { from: alice, to: bob, value: 1n }))!,
      refused(DOLLAR),
    )
    assert.equal(attempt(book, bob, pay), undefined)
  })

  it('a refused account can neither retire coins nor lock them for redemption', () => {
    const redeemers = new RedemptionChain({
      providers: [{ devices: 400 }, { devices: 400 }, { devices: 400 }],
    })
    redeemers.fund(1, 1, 10n * COIN)
    const ctx = {
      ...redeemers.ctx(),
      sender: walletOf(1),
      valueBase: 0n,
      txId: new Uint8Array(32),
      txIndex: 0,
    }
    const act = (module: Module, action: string, args: object, frozen: boolean) => {
      const refuseDebit = (): DebitRefused => ({ code: 'DebitRefused', fields: {} })
      const mark = redeemers.state.savepoint()
      const failure = module.rules.actions[action]!(frozen ? { ...ctx, refuseDebit } : ctx, args as never)
      assert.equal(redeemers.state.touchedSince(mark), failure === undefined)
      return failure?.code
    }
    const unset = { provider: 0, ratingMin: 0n, region: '', startBy: 0, finishBy: 0, jobHash: ZERO_HASH }
    const keys = { clientKey: new Uint8Array(32), voucherKey: ZERO_ADDRESS }
    const request = { amountBase: COIN, service: 'infer', ...unset, ...keys }
    for (const frozen of [true, false]) {
      const expected = frozen ? 'DebitRefused' : undefined
      assert.equal(act(redemptionModule, 'request', request, frozen), expected)
      assert.equal(act(issuanceModule, 'retire', { amountBase: COIN }, frozen), expected)
    }
    // What was locked before comes back to a frozen account.
    assert.equal(act(redemptionModule, 'cancel', { id: 1 }, true), undefined)
    assert.equal(redeemers.balance(1), 9n * COIN)
  })

  it('every credit of that account succeeds, and so does what an escrow owes it', () => {
    const book = frozenBook()
    const escrow: Escrow = vault.sales(1)
    ledger.mint(book.ctx, { asset: COIN_ASSET, to: escrow, amountBase: 7n })
    ledger.release(book.ctx, { asset: COIN_ASSET, from: escrow, to: alice, amountBase: 7n })
    assert.equal(attempt(book, bob, { to: alice, valueBase: 3n }), undefined)
    assert.equal(attempt(book, bob, token('transfer', { to: alice, value: 3n })), undefined)
    assert.equal(ledger.balanceOf(book.state, { asset: COIN_ASSET, owner: alice }), 110n)
    assert.equal(ledger.balanceOf(book.state, { asset: DOLLAR, owner: alice }), 103n)
    assert.deepEqual(broken(book), [])
  })
})
