// A chain of all modules on the devnet's genesis for membership tests: real keys; every block built, verified, recounted.
import { strict as assert } from 'node:assert'
import { bytesKey, utf8 } from '../../base/bytes.ts'
import { bls } from '../../base/crypto/bls.ts'
import { sha256 } from '../../base/crypto/hash.ts'
import type { Address } from '../../base/ids.ts'
import { type ModuleDef, moduleAddress } from '../../base/moduleDefinition.ts'
import {
  type Evidence,
  evidenceSchema as evidenceBytes,
  voteAsCertificate,
} from '../../base/protocol/evidence.ts'
import { epochAbove } from '../../base/protocol/header.ts'
import type { Receipt } from '../../base/protocol/receipt.ts'
import { type Certificate, type Subject, signersBitmap, voteBytes } from '../../base/protocol/vote.ts'
import { buildGenesis, type GenesisBlock } from '../../genesis/build.ts'
import { developmentAccounts, developmentValidator } from '../../genesis/devKeys.ts'
import { devnetGenesis } from '../../genesis/devnet.ts'
import type { Genesis } from '../../genesis/schema.ts'
import { peerIdBytesFromSeed } from '../../p2p/identity.ts'
import { failureReader } from '../../state/call.ts'
import type { Log, ReadContext } from '../../state/context.ts'
import { blockContextOf } from '../../state/engine.ts'
import { buildBlock, executeBlock, type ParentView } from '../../state/execute.ts'
import { getAccount } from '../../state/modules/accounts/ledger.ts'
import { validatorSet } from '../../state/modules/providers/validatorSet.ts'
import { MemoryState } from '../../state/overlay.ts'
import { recountNow } from '../../state/recount.ts'
import { MODULES } from '../../state/registry.ts'
import { decodeTransaction, encodeTransaction, type Transaction } from '../../state/transaction.ts'
import { calldata } from './calldata.ts'

const SIGNATURE = new Uint8Array(65).fill(1, 31, 32).fill(1, 63, 64)
const BLOCK_MS = 100

export interface Keys {
  readonly secret: Uint8Array
  readonly consensusKey: Uint8Array
  readonly possessionProof: Uint8Array
  readonly peerId: Uint8Array
}

const known = new Map<string, Keys>()

/** Cached and lazy: proofs of possession in pure TypeScript take tens of milliseconds per key. */
function keys(
  name: string,
  make: () => { readonly secret: Uint8Array; readonly peerSeed: Uint8Array },
): Keys {
  const before = known.get(name)
  if (before !== undefined) return before
  const { secret, peerSeed } = make()
  let proof: Uint8Array | undefined
  const made: Keys = {
    secret,
    consensusKey: bls.publicKey(secret),
    peerId: peerIdBytesFromSeed(peerSeed),
    get possessionProof() {
      proof ??= bls.prove(secret)
      return proof
    },
  }
  known.set(name, made)
  return made
}

/** Fresh keys derived from a name. */
export function keysOf(name: string): Keys {
  const seed = (what: string): Uint8Array => sha256(utf8(`${what} of ${name}`))
  return keys(name, () => ({ secret: bls.keygen(seed('consensus')), peerSeed: seed('peer') }))
}

/** Keys of the i-th genesis member, whose id is i + 1. */
export function genesisKeys(i: number): Keys {
  return keys(`development ${i}`, () => {
    const { consensusSecret: secret, peerSeed } = developmentValidator(i)
    return { secret, peerSeed }
  })
}

export const operatorOf = (id: number): Address => developmentValidator(id - 1).operator.address
export const stranger: Address = developmentAccounts()[0]!.address

/** Arguments of an admission proposal; the operator is the development operator of that id. */
export function admissionOf(id: number, over: object = {}) {
  const { consensusKey, possessionProof, peerId } = genesisKeys(id - 1)
  const profile = {
    legalName: `Newcomer ${id}`,
    legalGroup: `newcomer${id}`,
    jurisdiction: 'TW',
    url: 'https://newcomer.example',
    termsHash: sha256(utf8('terms')),
  }
  return { operator: operatorOf(id), consensusKey, possessionProof, peerId, ...profile, ...over }
}

const genesisOf = new Map<string, GenesisBlock>()

function genesisFor(
  members: number,
  change: Partial<Genesis['params']>,
  more: Pick<Genesis, 'oracle'>,
): GenesisBlock {
  const key = `${members}:${JSON.stringify([change, more], (_, v) => (typeof v === 'bigint' ? `${v}` : v))}`
  const known = genesisOf.get(key)
  if (known !== undefined) return known
  const document = devnetGenesis({
    members: Array.from({ length: members }, (_, i) => {
      const { consensusKey, possessionProof, peerId } = genesisKeys(i)
      return { operator: operatorOf(i + 1), consensusKey, possessionProof, peerId }
    }),
    // Newcomers also pay fees.
    accounts: [stranger, ...Array.from({ length: 9 }, (_, i) => operatorOf(members + 1 + i))],
    assetIssuer: stranger,
    minBlockIntervalMs: 50,
  })
  const made = buildGenesis({ ...document, ...more, params: { ...document.params, ...change } })
  genesisOf.set(key, made)
  return made
}

export interface Call {
  readonly from: Address
  readonly module: ModuleDef
  readonly action: string
  readonly args: object
}

export class MemberChain {
  readonly full = new MemoryState()
  readonly genesis: GenesisBlock
  parent: ParentView
  /** System logs of the last block. */
  systemLogs: readonly Log[] = []

  constructor(members: number, params: Partial<Genesis['params']> = {}, more: Pick<Genesis, 'oracle'> = {}) {
    this.genesis = genesisFor(members, params, more)
    this.full.apply(this.genesis.changes)
    const { header, hash } = this.genesis.block
    this.parent = { header, hash, state: this.full, tree: this.genesis.tree.retain() }
  }

  get ids(): readonly number[] {
    return validatorSet(this.full).validators.map(({ id }) => id)
  }

  get epoch(): number {
    return epochAbove(this.parent.header)
  }

  context(): ReadContext {
    const facts = this.parent.header
    const block = blockContextOf(this.genesis.chain, { header: this.parent.header, state: this.full }, facts)
    return { state: this.full, block: { ...block, epoch: this.parent.header.epoch } }
  }

  /** Makes a block of these calls, `pauseMs` after the last; checks all invariants by full recount. */
  next(calls: readonly Call[] = [], pauseMs = BLOCK_MS): readonly Receipt[] {
    const { chain } = this.genesis
    const above = this.parent.header
    const senders = new Map<string, Address>()
    const nonces = new Map<string, number>()
    const candidates = calls.map((call) => {
      const key = bytesKey(call.from)
      const nonce = nonces.get(key) ?? getAccount(this.full, call.from).nonce
      nonces.set(key, nonce + 1)
      const transaction = this.#envelope(call, nonce)
      senders.set(bytesKey(transaction.hash), call.from)
      return { transaction, sender: call.from }
    })
    const proposer = validatorSet(this.full).validators[0]!.operator
    const built = buildBlock(
      this.parent,
      {
        epoch: this.epoch,
        view: above.endsEpoch ? 1 : above.view + 1,
        timestampMs: above.timestampMs + pauseMs,
        proposer,
        randaoReveal: new Uint8Array(96).fill(above.view & 255),
        candidates,
        gasBudget: 120_000_000,
        bytesBudget: 2 ** 22,
      },
      { chain },
    )
    assert.deepEqual(built.skipped, [])
    const verdict = executeBlock(this.parent, built.executed.block, {
      chain,
      senderOf: (transaction) => senders.get(bytesKey(transaction.hash)),
    })
    assert.ok('executed' in verdict, 'rejected' in verdict ? verdict.rejected.detail : '')
    const { executed } = verdict
    assert.deepEqual(executed.findings, [])
    built.executed.tree.release()
    this.parent.tree.release()
    this.full.apply(executed.overlay.changes())
    const { header, hash } = executed.block
    this.parent = { header, hash, state: this.full, tree: executed.tree }
    this.systemLogs = executed.systemLogs
    assert.deepEqual(this.recount(), [])
    return executed.receipts
  }

  /** Makes a block without calls, at least `pauseMs` after the last. */
  wait(pauseMs: number): void {
    this.next([], Math.max(BLOCK_MS, pauseMs))
  }

  /** Runs one call in its own block; returns undefined on success, otherwise the failure in words. */
  run(from: Address, module: ModuleDef, action: string, args: object): string | undefined {
    const [receipt] = this.next([{ from, module, action, args }])
    return receipt!.succeeded ? undefined : failureReader(MODULES).describe(receipt!.failure)
  }

  recount(): readonly string[] {
    const ctx = this.context()
    return MODULES.flatMap((module) =>
      (module.rules.invariants ?? []).flatMap((invariant) => {
        const reason = recountNow(invariant, this.full, ctx) ?? invariant.check?.(ctx)
        return reason === undefined ? [] : [`${invariant.id}: ${reason}`]
      }),
    )
  }

  #envelope(call: Call, nonce: number): Transaction {
    const raw = encodeTransaction(
      {
        type: 2,
        chainId: this.genesis.chain.chainId,
        nonce,
        maxPriorityFeePerGas: 1_000_000_000n,
        maxFeePerGas: 100_000_000_000n,
        gasLimit: 8_000_000,
        to: moduleAddress(call.module),
        valueBase: 0n,
        data: calldata(call.module, call.action, call.args as never),
        // Makes the bytes of two senders differ: all have the same signature, and the sender is passed separately.
        accessList: [{ address: call.from, storageKeys: [] }],
      },
      SIGNATURE,
    )
    const decoded = decodeTransaction(raw, this.genesis.chain.chainId)
    assert.ok('transaction' in decoded)
    return decoded.transaction
  }

  /** One half of evidence: a statement signed by these validators of the current set. */
  statement(subject: Subject, signers: readonly { readonly index: number; readonly secret: Uint8Array }[]) {
    const { length } = validatorSet(this.full).validators
    return statementOf(this.genesis.hash, subject, signers, length)
  }
}

/** A statement as a certificate of exactly its signers. */
export function statementOf(
  genesisHash: Uint8Array,
  subject: Subject,
  signers: readonly { readonly index: number; readonly secret: Uint8Array }[],
  validatorCount: number,
): Certificate {
  const message = voteBytes(genesisHash, subject)
  const signatures = signers.map(({ secret }) => bls.sign(secret, message))
  const [first] = signers
  if (signers.length === 1) {
    return voteAsCertificate({ subject, signer: first!.index, signature: signatures[0]! }, validatorCount)
  }
  const indexes = signers.map(({ index }) => index)
  const signature = bls.aggregate(signatures)!
  return { subject, bitmap: signersBitmap(indexes, validatorCount), signature }
}

export function encodeEvidence(evidence: Evidence): Uint8Array {
  return evidenceBytes.encode(evidence)
}

export const digestOf = (text: string): Uint8Array => sha256(utf8(text))
