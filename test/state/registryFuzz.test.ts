// Every action of every module with plausible arguments, through blocks on the devnet's genesis: nothing may throw,
// proposer and verifier agree, and all invariants hold by full recount after every block.
import { strict as assert } from 'node:assert'
import fc from 'fast-check'
import { bytesKey } from '../../base/bytes.ts'
import { bls } from '../../base/crypto/bls.ts'
import type { AnyField } from '../../base/field.ts'
import type { Address } from '../../base/ids.ts'
import { type ModuleDef, moduleAddress } from '../../base/moduleDefinition.ts'
import { epochAbove } from '../../base/protocol/header.ts'
import { buildGenesis } from '../../genesis/build.ts'
import { developmentAccounts, developmentValidator } from '../../genesis/devKeys.ts'
import { devnetGenesis } from '../../genesis/devnet.ts'
import { peerIdBytesFromSeed } from '../../p2p/identity.ts'
import { blockContextOf } from '../../state/engine.ts'
import { buildBlock, executeBlock, type ParentView } from '../../state/execute.ts'
import { getAccount } from '../../state/modules/accounts/ledger.ts'
import { assetAddress } from '../../state/modules/assets/ledger.ts'
import { erc20Schema } from '../../state/modules/assets/schema.ts'
import { MemoryState } from '../../state/overlay.ts'
import { recountNow } from '../../state/recount.ts'
import { MODULE_SCHEMAS } from '../../state/schemas.ts'
import { decodeTransaction, encodeTransaction, type Transaction } from '../../state/transaction.ts'
import { calldata } from '../support/calldata.ts'

const ACCOUNTS = developmentAccounts()
  .slice(0, 4)
  .map((account) => account.address)
const VALIDATORS = [0, 1, 2, 3].map((i) => developmentValidator(i))
const OPERATORS = VALIDATORS.map((v) => v.operator.address)
const SENDERS: readonly Address[] = [...ACCOUNTS, ...OPERATORS]
const SIGNATURE = new Uint8Array(65).fill(1, 31, 32).fill(1, 63, 64)
const COIN = 10n ** 18n
const RUNS = 30

/** Room for any block of random actions: proofs of possession are dear. */
const GAS_LIMIT = 1_000_000_000

const document = devnetGenesis({
  members: VALIDATORS.map((v) => ({
    operator: v.operator.address,
    consensusKey: bls.publicKey(v.consensusSecret),
    possessionProof: bls.prove(v.consensusSecret),
    peerId: peerIdBytesFromSeed(v.peerSeed),
  })),
  accounts: developmentAccounts().map((account) => account.address),
  assetIssuer: ACCOUNTS[0]!,
  minBlockIntervalMs: 50,
})
const { params } = document
const accounts = { ...params.accounts, blockGasLimit: GAS_LIMIT }
const genesis = buildGenesis({ ...document, params: { ...params, accounts } })

/** Mostly values that are meaningful on this chain, sometimes the edges of the field. */
function argumentOf(name: string, field: AnyField): fc.Arbitrary<unknown> {
  if (field.list !== undefined) {
    const { of, countMax } = field.list
    return fc.array(argumentOf(name, of), { maxLength: Math.min(3, countMax) })
  }
  if (field.struct !== undefined) {
    return fc.record(
      Object.fromEntries(Object.entries(field.struct.fields).map(([n, f]) => [n, argumentOf(n, f)])),
    )
  }
  const inBounds = (arbitrary: fc.Arbitrary<unknown>) => arbitrary.filter((v) => field.check(v) === undefined)
  switch (field.kind) {
    case 'bool':
      return fc.boolean()
    case 'u8':
    case 'u16':
    case 'u32':
    case 'u64':
      return inBounds(fc.oneof({ weight: 12, arbitrary: fc.nat(4) }, { weight: 1, arbitrary: fc.nat(300) }))
    case 'ppm':
      return inBounds(fc.constantFrom(0n, 0n, 1n, 250_000n, 1_000_000n, 2n ** 64n - 1n))
    case 'amount':
    case 'u256':
      return fc.oneof(
        fc.bigInt(1n, 300n).map((c) => c * COIN),
        fc.bigInt(0n, 50_000n).map((c) => c * COIN),
        fc.constantFrom(0n, 1n, COIN / 100n, 2n ** 128n - 1n),
      )
    case 'address':
      return fc.constantFrom(...SENDERS)
    case 'oneOf':
      return fc.nat(8).map((index) => field.fromAbi(BigInt(index % oneOfCount(field))))
    case 'text':
      return inBounds(fc.constantFrom('', 'aurora', 'local', 'TW', 'https://x.example'))
    default:
      return inBounds(fc.nat(3).map((n) => new Uint8Array(sizeOf(field)).fill(n)))
  }
}

function oneOfCount(field: AnyField): number {
  return (field.jsonSchema.enum as readonly unknown[]).length
}

/** A size that the field accepts; for a fixed field, the only one. */
function sizeOf(field: AnyField): number {
  for (const size of [20, 32, 48, 65, 33, 96, 4, 0])
    if (field.check(new Uint8Array(size)) === undefined) return size
  throw new Error(`no size for ${field.kind}`)
}

interface Act {
  readonly name: string
  readonly from: Address
  readonly to: Address
  readonly data: Uint8Array
}

function actOf(definition: ModuleDef, name: string, to: Address): fc.Arbitrary<Act> {
  const { args } = definition.actions[name]!
  const values = fc.record(Object.fromEntries(Object.entries(args).map(([n, f]) => [n, argumentOf(n, f)])))
  return fc.tuple(fc.constantFrom(...SENDERS, ...OPERATORS), values).map(([from, chosen]) => {
    return { name, from, to, data: calldata(definition, name, chosen) }
  })
}

const acts = MODULE_SCHEMAS.flatMap((definition) =>
  Object.keys(definition.actions).map((name) => actOf(definition, name, moduleAddress(definition))),
)
acts.push(...Object.keys(erc20Schema.actions).map((name) => actOf(erc20Schema, name, assetAddress(1))))
const act = fc.oneof(...acts)
/** Some blocks are a window (60 s) or more apart. */
const pauseMs = fc.constantFrom(50, 1_000, 15_000, 61_000, 200_000)
const block = fc.record({ acts: fc.array(act, { minLength: 4, maxLength: 24 }), pauseMs })

interface Block {
  readonly acts: readonly Act[]
  readonly pauseMs: number
}

function envelope(act: Act, nonce: number): Transaction {
  const raw = encodeTransaction(
    {
      type: 2,
      chainId: genesis.chain.chainId,
      nonce,
      maxPriorityFeePerGas: 1_000_000_000n,
      maxFeePerGas: 100_000_000_000n,
      gasLimit: 9_000_000,
      to: act.to,
      valueBase: 0n,
      data: act.data,
      // Makes the bytes of two senders differ: all carry the same signature, the sender is passed separately.
      accessList: [{ address: act.from, storageKeys: [] }],
    },
    SIGNATURE,
  )
  const decoded = decodeTransaction(raw, genesis.chain.chainId)
  assert.ok('transaction' in decoded)
  return decoded.transaction
}

function recount(full: MemoryState, view: ParentView): readonly string[] {
  const facts = { ...view.header, timestampMs: view.header.timestampMs + 50 }
  const ctx = {
    state: full,
    block: blockContextOf(genesis.chain, { header: view.header, state: full }, facts),
  }
  return genesis.chain.modules.flatMap((module) =>
    (module.rules.invariants ?? []).flatMap((invariant) => {
      const reason = recountNow(invariant, full, ctx) ?? invariant.check?.(ctx)
      return reason === undefined ? [] : [`${invariant.id}: ${reason}`]
    }),
  )
}

/** Plays the blocks on a fresh copy of genesis; returns how many actions succeeded. */
function playBlocks(blocks: readonly Block[], names: Map<string, number>): number {
  const full = new MemoryState()
  full.apply(genesis.changes)
  const { header } = genesis.block
  let parent: ParentView = { header, hash: genesis.block.hash, state: full, tree: genesis.tree.retain() }
  let succeeded = 0
  for (const { acts: chosen, pauseMs: pause } of blocks) {
    const nonces = new Map<string, number>()
    const acts = new Map<string, Act>()
    const candidates = chosen.map((act) => {
      const key = bytesKey(act.from)
      const nonce = nonces.get(key) ?? getAccount(full, act.from).nonce
      nonces.set(key, nonce + 1)
      const transaction = envelope(act, nonce)
      acts.set(transaction.key, act)
      return { transaction, sender: act.from }
    })
    const above = parent.header
    const template = {
      epoch: epochAbove(above),
      view: above.endsEpoch ? 1 : above.view + 1,
      timestampMs: above.timestampMs + pause,
      proposer: OPERATORS[0]!,
      randaoReveal: new Uint8Array(96).fill(above.view & 255),
      candidates,
      gasBudget: GAS_LIMIT,
      bytesBudget: 2 ** 22,
    }
    const built = buildBlock(parent, template, { chain: genesis.chain })
    // An action may have spent coins that its sender's next fee needs; everything else is in the block.
    for (const { reason } of built.skipped) assert.match(reason, /^(InsufficientFunds|NonceTooHigh)$/)
    const verdict = executeBlock(parent, built.executed.block, {
      chain: genesis.chain,
      senderOf: (transaction) => acts.get(transaction.key)?.from,
    })
    assert.ok('executed' in verdict, 'rejected' in verdict ? verdict.rejected.detail : '')
    assert.deepEqual(verdict.executed.findings, [])
    verdict.executed.receipts.forEach((receipt, i) => {
      const { name } = acts.get(bytesKey(verdict.executed.ids[i]!))!
      if (receipt.succeeded) names.set(name, (names.get(name) ?? 0) + 1)
      succeeded += receipt.succeeded ? 1 : 0
    })
    built.executed.tree.release()
    parent.tree.release()
    full.apply(verdict.executed.overlay.changes())
    const { block: done, tree } = verdict.executed
    parent = { header: done.header, hash: done.hash, state: full, tree }
    assert.deepEqual(recount(full, parent), [])
  }
  parent.tree.release()
  return succeeded
}

describe('registry under random actions', () => {
  it('never throws, proposer and verifier agree, and every invariant holds', () => {
    const names = new Map<string, number>()
    let succeeded = 0
    fc.assert(
      fc.property(fc.array(block, { minLength: 1, maxLength: 8 }), (blocks) => {
        succeeded += playBlocks(blocks, names)
      }),
      { numRuns: RUNS },
    )
    assert.ok(succeeded > RUNS, `only ${succeeded} actions succeeded`)
    assert.ok(names.size >= 5, `only ${[...names.keys()].join(', ')} succeeded`)
  })
})
