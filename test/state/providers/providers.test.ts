import { strict as assert } from 'node:assert'
import { AssertionFailed } from '../../../base/assert.ts'
import { moduleAddress } from '../../../base/moduleDefinition.ts'
import { validatorSetHash } from '../../../base/protocol/validators.ts'
import { failureReader } from '../../../state/call.ts'
import type { Log, WriteContext } from '../../../state/context.ts'
import { getAccount } from '../../../state/modules/accounts/ledger.ts'
import { getAssetBalance, issueAsset, registerAsset } from '../../../state/modules/assets/ledger.ts'
import { addBond, getBond, getBonds } from '../../../state/modules/providers/bonds.ts'
import { bondAddress } from '../../../state/modules/providers/external.ts'
import {
  addProvider,
  getProvider,
  providerByOperator,
  providerIds,
  recordFault,
  setProviderStatus,
} from '../../../state/modules/providers/members.ts'
import { providersModule } from '../../../state/modules/providers/module.ts'
import { providersSchema } from '../../../state/modules/providers/schema.ts'
import { providersTables } from '../../../state/modules/providers/tables.ts'
import { validatorSet } from '../../../state/modules/providers/validatorSet.ts'
import { calldata } from '../../support/calldata.ts'
import {
  addressOf,
  blockContext,
  COIN,
  DOLLAR,
  LEDGER_MODULES,
  profileOf,
  TestChain,
} from '../../support/chainHarness.ts'

const MODULE = moduleAddress(providersSchema)
const balances = { operator1: COIN, operator2: COIN, alice: COIN }

function contextOf(chain: TestChain, height = 1): WriteContext & { readonly logs: Log[] } {
  const logs: Log[] = []
  return { state: chain.full, block: blockContext({ height }), emit: (log) => void logs.push(log), logs }
}

function run(chain: TestChain, from: string, name: string, args: object): string | undefined {
  const data = calldata(providersSchema, name, args as never)
  const { nonce } = getAccount(chain.full, addressOf(from))
  const { receipts } = chain.next([{ from, nonce, to: MODULE, data }])
  assert.deepEqual(chain.recount(), [])
  const [receipt] = receipts
  return receipt!.succeeded ? undefined : failureReader(LEDGER_MODULES).describe(receipt!.failure)
}

const newcomer = (id: number) => ({
  id,
  operator: addressOf(`operator${id}`),
  consensusKey: new Uint8Array(48).fill(id),
  peerId: Uint8Array.of(id),
  profile: profileOf(id),
})

const ids = (chain: TestChain) => validatorSet(chain.parent.state).validators.map((v) => v.id)

/** Applies a change between blocks, like an earlier block's transaction, and updates the root. */
function change(chain: TestChain, write: (ctx: WriteContext) => void): void {
  write(contextOf(chain, chain.parent.header.height))
  const tree = chain.parent.tree.update(new Map(chain.full.entries('')))
  chain.parent.tree.release()
  chain.parent = { ...chain.parent, tree }
}

describe('providers.updateProfile', () => {
  it('replaces the profile of the sender', () => {
    const chain = new TestChain({ balances })
    const profile = { ...profileOf(1), url: 'https://new.example', legalName: 'Aurora 算力' }
    assert.equal(run(chain, 'operator1', 'updateProfile', profile), undefined)
    assert.deepEqual(getProvider(chain.full, 1)!.profile, profile)
    assert.deepEqual(getProvider(chain.full, 2)!.profile, profileOf(2))
  })

  it('rejects non-members and a new legal group', () => {
    const chain = new TestChain({ balances })
    assert.match(run(chain, 'alice', 'updateProfile', profileOf(1))!, /^NotProvider/)
    const moved = { ...profileOf(1), legalGroup: 'elsewhere' }
    assert.equal(run(chain, 'operator1', 'updateProfile', moved), 'LegalGroupFixed(legalGroup=group1)')
  })

  it('rejects what genesis would be refused with: an address that no browser may follow, and no country', () => {
    const chain = new TestChain({ balances })
    const refused = (over: object) => run(chain, 'operator1', 'updateProfile', { ...profileOf(1), ...over })
    for (const url of ['', 'javascript:alert(1)', 'data:text/html,x', 'ftp://a.example'])
      assert.equal(refused({ url }), 'ProfileRefused(field=url)', url)
    assert.equal(refused({ jurisdiction: 'tw' }), 'ProfileRefused(field=jurisdiction)')
  })
})

describe('providers.postBond', () => {
  it('moves units into the escrow of the member', () => {
    const chain = new TestChain({ balances })
    assert.equal(run(chain, 'operator1', 'postBond', { asset: DOLLAR, amountBase: 600n }), undefined)
    assert.equal(run(chain, 'operator1', 'postBond', { asset: DOLLAR, amountBase: 50n }), undefined)
    assert.equal(getBond(chain.full, { provider: 1, asset: DOLLAR }), 650n)
    assert.deepEqual(getBonds(chain.full, 1), [{ asset: DOLLAR, amountBase: 650n }])
    assert.equal(getAssetBalance(chain.full, { asset: DOLLAR, owner: bondAddress(1) }), 650n)
    assert.deepEqual(getBonds(chain.full, 2), [])
  })

  it('rejects with the reason', () => {
    const chain = new TestChain({ balances })
    const post = (from: string, asset: number, amountBase: bigint) =>
      run(chain, from, 'postBond', { asset, amountBase })
    assert.match(post('alice', DOLLAR, 1n)!, /^NotProvider/)
    assert.equal(post('operator1', 9, 1n), 'UnknownAsset(asset=9)')
    assert.equal(post('operator1', DOLLAR, 0n), 'BelowMinimum(amountBase=0, minimumBase=1)')
    assert.equal(
      post('operator1', DOLLAR, 1_000_001n),
      'InsufficientAsset(asset=1, balanceBase=1000000, neededBase=1000001)',
    )
    change(chain, (ctx) =>
      registerAsset(ctx, { id: 2, issuer: addressOf('operator1'), name: 'Own', symbol: 'OWN', decimals: 0 }),
    )
    assert.equal(post('operator1', 2, 1n), 'OwnAssetAsBond(asset=2)')
    assert.match(post('operator2', 2, 1n)!, /^InsufficientAsset/)
    assert.deepEqual(getBonds(chain.full, 1), [])
  })

  it('accepts at most sixteen assets', () => {
    const chain = new TestChain({ balances })
    change(chain, (ctx) => {
      for (let id = 10; id < 27; id++) {
        registerAsset(ctx, { id, issuer: addressOf('issuer'), name: `A${id}`, symbol: 'A', decimals: 0 })
        issueAsset(ctx, { asset: id, to: addressOf('operator1'), amountBase: 5n })
        if (id < 26) addBond(ctx, { provider: 1, asset: id, from: addressOf('operator1'), amountBase: 5n })
      }
    })
    assert.equal(
      run(chain, 'operator1', 'postBond', { asset: 26, amountBase: 5n }),
      'TooManyBondAssets(maximum=16)',
    )
    assert.equal(getBonds(chain.full, 1).length, 16)
  })
})

describe('providers.addProvider', () => {
  it('lists members by id and by operator, and asserts that id, operator and key are new', () => {
    const chain = new TestChain()
    const ctx = contextOf(chain, 0)
    addProvider(ctx, newcomer(9))
    assert.deepEqual(providerIds(chain.full), [1, 2, 3, 4, 9])
    assert.equal(providerByOperator(chain.full, addressOf('operator9')), 9)
    assert.equal(providerByOperator(chain.full, addressOf('alice')), undefined)
    assert.throws(() => addProvider(ctx, newcomer(9)), AssertionFailed)
    assert.throws(
      () => addProvider(ctx, { ...newcomer(8), operator: addressOf('operator1') }),
      AssertionFailed,
    )
    const sameKey = { ...newcomer(8), consensusKey: newcomer(1).consensusKey }
    assert.throws(() => addProvider(ctx, sameKey), AssertionFailed)
    assert.deepEqual(chain.recount(), [])
  })
})

describe('providers.recordFault', () => {
  it('tallies by member and kind', () => {
    const chain = new TestChain()
    const early = contextOf(chain, 5)
    recordFault(early, { provider: 2, kind: 'delivery', amountBase: 10n })
    recordFault(contextOf(chain, 8), { provider: 2, kind: 'delivery', amountBase: 5n })
    recordFault(contextOf(chain, 9), { provider: 2, kind: 'absence', amountBase: 0n })
    const ctx = { state: chain.full, block: blockContext() }
    assert.deepEqual(providersModule.rules.queries.faults!(ctx, { id: 2 } as never), [
      { kind: 'absence', count: 1, amountBase: 0n, firstHeight: 9, lastHeight: 9 },
      { kind: 'delivery', count: 2, amountBase: 15n, firstHeight: 5, lastHeight: 8 },
    ])
    assert.equal(early.logs.length, 1)
    assert.throws(() => recordFault(early, { provider: 99, kind: 'audit', amountBase: 0n }), AssertionFailed)
  })
})

describe('providers.queries', () => {
  it('return members, bonds and the validator set', () => {
    const chain = new TestChain({ balances })
    assert.equal(run(chain, 'operator1', 'postBond', { asset: DOLLAR, amountBase: 5n }), undefined)
    const ctx = { state: chain.full, block: blockContext() }
    const { queries } = providersModule.rules
    const listed = queries.providers!(ctx, {} as never) as readonly { id: number; status: string }[]
    assert.deepEqual(
      listed.map((p) => [p.id, p.status]),
      [1, 2, 3, 4].map((id) => [id, 'active']),
    )
    assert.deepEqual(queries.provider!(ctx, { id: 2 } as never), { id: 2, ...getProvider(chain.full, 2)! })
    assert.equal(queries.provider!(ctx, { id: 9 } as never), undefined)
    assert.deepEqual(queries.bonds!(ctx, { id: 1 } as never), [{ asset: DOLLAR, amountBase: 5n }])
    assert.deepEqual(queries.validators!(ctx, {} as never), validatorSet(chain.full).validators)
  })

  it('have invariants that detect a bond without its units and a member missing in an index', () => {
    const chain = new TestChain({ balances })
    providersTables.bond.set(chain.full, { provider: 1, asset: DOLLAR }, { amountBase: 9n })
    providersTables.bondAssets.set(chain.full, { provider: 1 }, { assets: [DOLLAR] })
    providersTables.operator.delete(chain.full, { operator: addressOf('operator2') })
    assert.deepEqual(chain.recount(), [
      'providers.indexes: a provider is missing in an index',
      '1 bonds: bond of provider 1: 9 recorded, 0 in escrow',
    ])
  })
})

describe('providers.epochs', () => {
  it('end at the maximum height, and the next begins at view 1 with the set of the boundary', () => {
    const chain = new TestChain({ epochBlocksMax: 3 })
    const headers = [1, 2, 3, 4, 5, 6, 7].map(() => chain.next([]).block.header)
    assert.deepEqual(
      headers.map((h) => [h.epoch, h.view, h.endsEpoch]),
      [
        [0, 1, false],
        [0, 2, false],
        [0, 3, true],
        [1, 1, false],
        [1, 2, false],
        [1, 3, true],
        [2, 1, false],
      ],
    )
    const hash = validatorSetHash(validatorSet(chain.full))
    assert.deepEqual(headers[2]!.nextSetHash, hash)
    assert.equal(headers[1]!.nextSetHash, undefined)
    assert.deepEqual(headers[3]!.setHash, hash)
  })

  it('end early when a member joins; it votes from the next epoch on', () => {
    const chain = new TestChain()
    chain.next([])
    change(chain, (ctx) => addProvider(ctx, newcomer(7)))
    assert.deepEqual(ids(chain), [1, 2, 3, 4])
    const boundary = chain.next([]).block.header
    assert.equal(boundary.endsEpoch, true)
    assert.deepEqual(ids(chain), [1, 2, 3, 4, 7])
    const after = chain.next([]).block.header
    assert.deepEqual([after.epoch, after.view, after.endsEpoch], [1, 1, false])
    assert.deepEqual(after.setHash, boundary.nextSetHash)
    assert.deepEqual(chain.recount(), [])
  })

  it('remove the vote of a jailed member, and restore it', () => {
    const chain = new TestChain({ validators: 5 })
    change(chain, (ctx) => setProviderStatus(ctx, 2, 'jailed'))
    chain.next([])
    assert.deepEqual(ids(chain), [1, 3, 4, 5])
    change(chain, (ctx) => setProviderStatus(ctx, 2, 'retiring'))
    chain.next([])
    assert.deepEqual(ids(chain), [1, 2, 3, 4, 5])
    change(chain, (ctx) => setProviderStatus(ctx, 2, 'curing'))
    assert.equal(chain.next([]).block.header.endsEpoch, false)
  })

  it('never leave fewer than four, nor make every block a boundary while no change is possible', () => {
    const chain = new TestChain()
    change(chain, (ctx) => setProviderStatus(ctx, 3, 'defaulted'))
    const boundary = chain.next([]).block.header
    assert.equal(boundary.endsEpoch, true)
    assert.deepEqual(ids(chain), [1, 2, 3, 4])
    assert.equal(chain.next([]).block.header.endsEpoch, false)
    change(chain, (ctx) => addProvider(ctx, newcomer(6)))
    chain.next([])
    chain.next([])
    assert.deepEqual(ids(chain), [1, 2, 4, 6])
  })

  it('change at most 30 % of the set at once', () => {
    const chain = new TestChain({ validators: 10 })
    change(chain, (ctx) => {
      for (let id = 6; id <= 10; id++) setProviderStatus(ctx, id, 'jailed')
    })
    assert.equal(chain.next([]).block.header.endsEpoch, true)
    assert.equal(ids(chain).length, 7)
    assert.equal(chain.next([]).block.header.endsEpoch, true)
    assert.equal(ids(chain).length, 5)
    assert.equal(chain.next([]).block.header.endsEpoch, false)
    assert.deepEqual(ids(chain), [1, 2, 3, 4, 5])
  })
})
