// Verifies nodes' answers from genesis or a checkpoint on (CONSENSUS §7): sets, blocks, balances, records, receipts.
// READ FIRST. Not: the checks (base/protocol), transport (provider.ts).
import { equalBytes, keyBytes, toHex } from '../base/bytes.ts'
import { type Json, SchemaError } from '../base/field.ts'
import type { Address, TxId } from '../base/ids.ts'
import type { BoundaryCheckpoint } from '../base/protocol/checkpoint.ts'
import {
  certifiedHeader,
  type FinalHeader,
  type FinalityProof,
  type TrustedSet,
  verifyFinality,
} from '../base/protocol/finalityProof.ts'
import type { Header, Reserve } from '../base/protocol/header.ts'
import type { Receipt } from '../base/protocol/receipt.ts'
import { receiptProofSchema, verifyReceiptProof } from '../base/protocol/receiptProof.ts'
import type { RecoveryFile } from '../base/protocol/recovery.ts'
import { verifyStateProof } from '../base/protocol/stateProof.ts'
import { type RecordCodec, recordsOf } from '../base/record.ts'
import { accountsSchema } from '../state/modules/accounts/schema.ts'
import { assetsSchema } from '../state/modules/assets/schema.ts'
import { AnswerReader } from './answers.ts'
import { type ClientState, clientStateJson } from './clientState.ts'
import { walkEpochs } from './epochs.ts'
import { checkFailed, LightClientError } from './errors.ts'
import type { Provider } from './provider.ts'
import { trustCheckpoint } from './trust.ts'
import { compareWitness, type WitnessVerdict } from './witness.ts'

const accountRecord = recordsOf(accountsSchema).account
const assetBalanceRecord = recordsOf(assetsSchema).balance
/** Sets kept in memory to verify older blocks. */
const SETS_KEPT_MAX = 64
/** The set may change between two requests; twice is unlikely. */
const FOLLOW_ATTEMPTS = 3

/** The trusted start: a set (`trustGenesis`), a checkpoint, or an earlier session's state (`parseClientState`). */
export type Origin =
  | { readonly kind: 'set'; readonly trusted: TrustedSet }
  | { readonly kind: 'checkpoint'; readonly checkpoint: BoundaryCheckpoint }
  | { readonly kind: 'state'; readonly state: ClientState }

export interface LightClientOptions {
  readonly origin: Origin
  /** The first serves all requests; the others only confirm that they hold the same chain. */
  readonly providers: readonly [Provider, ...Provider[]]
  /** Recovery files; the user has compared each hash with the operators' publication (docs/operations/quorum-loss.md). */
  readonly recoveries?: readonly RecoveryFile[]
  /** Clock for block ages; default Date.now. */
  readonly nowMs?: () => number
}

/** A block finalized by a quorum of a trusted set. */
export interface ProvenBlock {
  readonly header: Header
  readonly hash: `0x${string}`
  /** Time since the block's timestamp; nothing later is proven. */
  readonly ageMs: number
  /** Provider ids of the signers, and the size of the set. */
  readonly signers: readonly number[]
  readonly validatorCount: number
}

export interface Progress {
  readonly tip: ProvenBlock
  /** Validator set changes proven since the origin. */
  readonly changes: number
  readonly witnesses: readonly WitnessVerdict[]
}

export interface ProvenBalance {
  readonly balanceBase: bigint
  readonly nonce: number
  readonly block: ProvenBlock
}

/**
 * A wallet's view of one chain. Calls run one at a time; every failure is a LightClientError.
 *
 * @example
 * const provider = httpProvider('http://127.0.0.1:8545')
 * // In a wallet the hash comes from whoever you trust, not from the node.
 * const document = await provider.request('chain_genesis', {})
 * const genesis = trustGenesis(document)
 * if (!genesis.ok) throw new Error(genesis.failure.reason)
 * const client = new LightClient({ origin: { kind: 'set', trusted: genesis.value }, providers: [provider] })
 * const alice = parseChecksumAddress('0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266')!
 * const { balanceBase, block } = await client.balance(alice)
 * formatCoins(balanceBase) // '10000'
 */
export class LightClient {
  readonly #options: LightClientOptions
  readonly #primary: Provider
  readonly #reader: AnswerReader
  #state: ClientState | undefined
  /** Consecutive sets; the last is current. */
  #sets: TrustedSet[] = []
  #lastCall: Promise<unknown> = Promise.resolve()

  constructor(options: LightClientOptions) {
    this.#options = options
    this.#primary = options.providers[0]
    this.#reader = new AnswerReader(this.#primary.name)
    const { origin } = options
    if (origin.kind === 'state') this.#begin(origin.state)
    if (origin.kind === 'set') this.#begin(newState(origin.trusted, undefined))
  }

  /** Follows the sets to the end, proves the newest block, and compares it with the other providers. */
  sync(): Promise<Progress> {
    return this.#inOrder(async () => {
      const { final, proof, trusted } = await this.#askFinal('chain_certificate', { block: 'latest' })
      this.#advance(final)
      const { origin, changes } = this.#mustState()
      const tip = this.#proven(final, trusted)
      const witnesses: WitnessVerdict[] = []
      for (const witness of this.#options.providers.slice(1)) {
        const primary = this.#primary
        const tipOfBoth = { final, proof }
        const setFor = (header: Header): Promise<TrustedSet> => this.#setFor(header)
        const verdict = await compareWitness({ origin, trusted, primary, tip: tipOfBoth, witness, setFor })
        if (verdict.verdict === 'conflict') throw conflictError(verdict)
        witnesses.push(verdict)
      }
      return { tip, changes, witnesses }
    })
  }

  /** Balance and nonce of an account at the newest block; zero is also proven. */
  async balance(address: Address): Promise<ProvenBalance> {
    const { value, block } = await this.record(accountRecord, { address })
    return { balanceBase: value?.balanceBase ?? 0n, nonce: value?.nonce ?? 0, block }
  }

  /** An owner's balance of a settlement asset at the newest block. */
  async assetBalance(
    asset: number,
    owner: Address,
  ): Promise<{ readonly amountBase: bigint; readonly block: ProvenBlock }> {
    const { value, block } = await this.record(assetBalanceRecord, { asset, owner })
    return { amountBase: value?.amountBase ?? 0n, block }
  }

  /** Any record of any module: `client.record(recordsOf(providersSchema).provider, { id: 1 })`. Undefined = proven absent. */
  async record<K, V>(
    codec: RecordCodec<K, V>,
    key: K,
  ): Promise<{ readonly value: V | undefined; readonly block: ProvenBlock }> {
    const rawKey = keyBytes(codec.key(key))
    const { stored, block } = await this.stored(rawKey)
    if (stored === undefined) return { value: undefined, block }
    try {
      return { value: codec.decode(stored), block }
    } catch (error) {
      if (!(error instanceof SchemaError)) throw error
      // Proven bytes that this build cannot decode: written under newer rules.
      return this.#reader.fails('encoding', `${codec.name} is stored in an unknown form: ${error.message}`)
    }
  }

  /** The bytes at a raw state key at the newest block. */
  stored(
    rawKey: Uint8Array,
  ): Promise<{ readonly stored: Uint8Array | undefined; readonly block: ProvenBlock }> {
    return this.#inOrder(async () => {
      const params = { keys: [toHex(rawKey)], atBlock: 'latest' }
      const { final, answer, trusted } = await this.#askFinal('chain_stateProof', params)
      this.#advance(final)
      const [entry] = this.#reader.list(this.#reader.object(answer, 'the answer').proof, 'proof', 1)
      const { key, value, bytes } = this.#reader.object(entry, 'proof')
      if (!equalBytes(this.#reader.bytes(key, 'key'), rawKey)) {
        return this.#reader.fails('state', 'the proof is for another record')
      }
      const stored = value === null ? undefined : this.#reader.bytes(value, 'value')
      const proof = this.#reader.bytes(bytes, 'proof')
      const { stateRoot, height } = final.header
      if (!verifyStateProof({ root: stateRoot, key: rawKey, value: stored, proof })) {
        const what = stored === undefined ? 'is not proven absent' : 'is not proven'
        return this.#reader.fails('state', `the record ${what} under the state root of block ${height}`)
      }
      return { stored, block: this.#proven(final, trusted) }
    })
  }

  /** A transaction's receipt. Undefined when the provider does not know it as final, which proves nothing. */
  receipt(
    id: TxId,
  ): Promise<{ readonly receipt: Receipt; readonly index: number; readonly block: ProvenBlock } | undefined> {
    return this.#inOrder(async () => {
      const answer = await this.#primary.request('tx_receiptProof', { hash: toHex(id) })
      if (answer === null) return undefined
      const proof = this.#reader.decode(receiptProofSchema, this.#reader.object(answer, 'the answer').bytes)
      const trusted = await this.#setFor(certifiedHeader(proof.finality))
      const result = verifyReceiptProof(trusted, id, proof, { epochs: 'sameSet' })
      if (!result.ok) throw checkFailed(result.failure, this.#primary.name)
      const { receipt, index, block } = result.value
      return { receipt, index, block: this.#proven(block, trusted) }
    })
  }

  /** The reserve that backs the coin (ECONOMY §11), from the newest proven header. */
  async reserve(): Promise<{ readonly reserve: Reserve; readonly block: ProvenBlock }> {
    const { tip } = await this.sync()
    return { reserve: tip.header.reserve, block: tip }
  }

  /** The state to store for the next session (`parseClientState`); undefined before a checkpoint is resolved. */
  toJson(): Json | undefined {
    return this.#state === undefined ? undefined : clientStateJson(this.#state)
  }

  /** The last set change as a checkpoint; undefined while the set comes from genesis or a recovery. */
  checkpoint(): BoundaryCheckpoint | undefined {
    const { boundary, current } = this.#state ?? {}
    return boundary === undefined || current === undefined
      ? undefined
      : { genesisHash: current.genesisHash, ...boundary }
  }

  #inOrder<T>(run: () => Promise<T>): Promise<T> {
    const result = this.#lastCall.then(run)
    // A failure goes to its own caller only; later calls still run.
    this.#lastCall = result.catch(() => {})
    return result
  }

  #begin(state: ClientState): void {
    this.#state = state
    this.#sets = state.previous === undefined ? [state.current] : [state.previous, state.current]
  }

  #mustState(): ClientState {
    if (this.#state === undefined) throw new LightClientError('input', 'the checkpoint is not resolved yet')
    return this.#state
  }

  async #resolveOrigin(): Promise<void> {
    const { origin } = this.#options
    if (this.#state !== undefined || origin.kind !== 'checkpoint') return
    const { checkpoint } = origin
    const params = { fromEpoch: checkpoint.epoch, max: 1, changesOnly: false }
    const answer = this.#reader.epochProofs(await this.#primary.request('chain_epochProofs', params), 1)
    const [proof] = answer.proofs
    if (proof === undefined) {
      const reason = `${this.#primary.name} does not hold the boundary of epoch ${checkpoint.epoch}`
      throw new LightClientError('provider', reason, { provider: this.#primary.name })
    }
    const result = trustCheckpoint(checkpoint, proof)
    if (!result.ok) throw checkFailed(result.failure, this.#primary.name)
    this.#begin(newState(result.value, { epoch: checkpoint.epoch, hash: checkpoint.hash }))
  }

  /** Follows every set change that the primary proves. */
  async #follow(): Promise<void> {
    await this.#resolveOrigin()
    await walkEpochs({
      provider: this.#primary,
      from: this.#mustState().current,
      recoveries: this.#options.recoveries ?? [],
      onStep: ({ trusted, boundary }) => {
        const state = this.#mustState()
        this.#state = {
          ...state,
          previous: state.current,
          current: trusted,
          boundary,
          changes: state.changes + 1,
        }
        this.#sets.push(trusted)
        if (this.#sets.length > SETS_KEPT_MAX) this.#sets.shift()
        return false
      },
    })
  }

  /** The set that signs blocks at this height, if in memory. */
  #knownSet(height: number): TrustedSet | undefined {
    return this.#sets.findLast((set) => set.height < height)
  }

  /** Sends a request for the newest block and verifies that block, following the sets to it. */
  async #askFinal(
    method: string,
    params: { readonly [name: string]: Json },
  ): Promise<{
    readonly final: FinalHeader
    readonly proof: FinalityProof
    readonly trusted: TrustedSet
    readonly answer: Json
  }> {
    for (let attempt = 1; ; attempt++) {
      await this.#follow()
      const answer = await this.#primary.request(method, params)
      const proof = this.#reader.finality(answer)
      // The newest block may be the boundary that named the current set: the previous set signed it.
      const trusted = this.#knownSet(certifiedHeader(proof).height) ?? this.#mustState().current
      const result = verifyFinality(trusted, proof, { epochs: 'sameSet' })
      if (result.ok) return { final: result.value, proof, trusted, answer }
      // The set may have changed between the two requests.
      if (result.failure.check !== 'setHash' || attempt === FOLLOW_ATTEMPTS) {
        throw checkFailed(result.failure, this.#primary.name)
      }
    }
  }

  /** Records the highest proven block. Refuses an older one than before: it hides later blocks. */
  #advance({ header, hash }: FinalHeader): void {
    const state = this.#mustState()
    const { height, timestampMs } = header
    // A known set change is also a proven block.
    const provenHeight = Math.max(state.tip?.height ?? 0, state.current.height)
    if (height < provenHeight) {
      const reason = `block ${height} is served as the newest, but block ${provenHeight} is already proven`
      this.#reader.fails('height', reason)
    }
    if (state.tip?.height === height && !equalBytes(state.tip.hash, hash)) {
      this.#reader.fails('height', `block ${height} differs from the block proven before at that height`)
    }
    this.#state = { ...state, tip: { height, hash, timestampMs } }
  }

  /** The set that signs a block at any height since the origin. */
  async #setFor(header: Header): Promise<TrustedSet> {
    await this.#follow()
    const { height } = header
    const known = this.#knownSet(height)
    if (known !== undefined) return known
    const { origin } = this.#mustState()
    let trusted = origin
    await walkEpochs({
      provider: this.#primary,
      from: origin,
      recoveries: this.#options.recoveries ?? [],
      onStep: (step) => {
        if (step.trusted.height >= height) return true
        trusted = step.trusted
        return false
      },
    })
    return trusted
  }

  #proven({ header, hash, signers }: FinalHeader, trusted: TrustedSet): ProvenBlock {
    const { validators } = trusted.set
    return {
      header,
      hash: toHex(hash),
      ageMs: (this.#options.nowMs ?? Date.now)() - header.timestampMs,
      signers: signers.map((i) => validators[i]!.id),
      validatorCount: validators.length,
    }
  }
}

function newState(trusted: TrustedSet, boundary: ClientState['boundary']): ClientState {
  return { origin: trusted, current: trusted, previous: undefined, boundary, tip: undefined, changes: 0 }
}

function conflictError(found: Extract<WitnessVerdict, { verdict: 'conflict' }>): LightClientError {
  const { conflict, provider } = found
  const { first, second, signers } = conflict
  const heights = `${first.proof.header.height} and ${second.proof.header.height}`
  return new LightClientError(
    'conflict',
    `${first.provider} and ${provider} prove conflicting blocks ${heights}: ` +
      `validators ${signers.join(', ')} signed both`,
    { conflict, provider },
  )
}
