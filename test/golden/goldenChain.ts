// A chain with real keys, leaders, reveals and signatures; its genesis and calls determine every byte.
// Owns: building blocks. Not: their content (chainStory.ts), replaying them (replay.ts).
import { encodeAbi } from '../../base/abi.ts'
import { bytesKey, concatBytes } from '../../base/bytes.ts'
import { bls } from '../../base/crypto/bls.ts'
import type { Fields } from '../../base/field.ts'
import type { Address } from '../../base/ids.ts'
import { epochAbove, type SealedBlock } from '../../base/protocol/header.ts'
import type { Receipt } from '../../base/protocol/receipt.ts'
import { leaderPermutation, randaoBytes } from '../../base/protocol/vote.ts'
import { selectorOf } from '../../base/selector.ts'
import { buildGenesis, type GenesisBlock } from '../../genesis/build.ts'
import type { Genesis } from '../../genesis/schema.ts'
import { buildBlock, type ParentView } from '../../state/execute.ts'
import { getAccount } from '../../state/modules/accounts/ledger.ts'
import { validatorSet } from '../../state/modules/providers/validatorSet.ts'
import { MemoryState } from '../../state/overlay.ts'
import {
  decodeTransaction,
  recoverSender,
  signTransaction,
  type TransactionFields,
} from '../../state/transaction.ts'

export interface Wallet {
  readonly address: Address
  readonly secretKey: Uint8Array
}

export interface Send extends Partial<Omit<TransactionFields, 'nonce' | 'chainId'>> {
  readonly from: Wallet
  readonly to: Address
}

const GWEI = 1_000_000_000n
const GAS_LIMIT = 8_000_000

/** Selector and arguments, by the names of the fields. */
export function callData(
  name: string,
  args: Fields,
  values: { readonly [name: string]: unknown },
): Uint8Array {
  const fields = Object.entries(args)
  const types = fields.map(([, field]) => field.abi!)
  return concatBytes(
    selectorOf(name, args),
    encodeAbi(
      types,
      fields.map(([field, of]) => of.toAbi(values[field])),
    ),
  )
}

export class GoldenChain {
  readonly genesis: GenesisBlock
  readonly state = new MemoryState()
  readonly blocks: SealedBlock[] = []
  parent: ParentView
  #floorMix: Uint8Array
  readonly #secrets = new Map<string, Uint8Array>()

  /** `secrets`: all consensus keys that enter the validator set. */
  constructor(genesis: Genesis, secrets: readonly Uint8Array[]) {
    this.genesis = buildGenesis(genesis)
    this.state.apply(this.genesis.changes)
    const { header, hash } = this.genesis.block
    this.parent = { header, hash, state: this.state, tree: this.genesis.tree }
    this.#floorMix = header.mix
    for (const secret of secrets) this.#secrets.set(bytesKey(bls.publicKey(secret)), secret)
  }

  get height(): number {
    return this.parent.header.height
  }

  get epoch(): number {
    return epochAbove(this.parent.header)
  }

  /** Signs these in order and seals them into the next block; throws when one does not fit. */
  next(sends: readonly Send[], pauseMs: number): readonly Receipt[] {
    const nonces = new Map<string, number>()
    const candidates = sends.map((send) => {
      const key = bytesKey(send.from.address)
      const nonce = nonces.get(key) ?? getAccount(this.state, send.from.address).nonce
      nonces.set(key, nonce + 1)
      return this.#envelope(send, nonce)
    })
    const above = this.parent.header
    const view = above.endsEpoch ? 1 : above.view + 1
    const { operator, consensusKey } = this.#leader(view)
    const secret = this.#secrets.get(bytesKey(consensusKey))
    if (secret === undefined) throw new Error(`height ${this.height + 1}: the leader's key is not known`)
    const { chain } = this.genesis
    const reveal = bls.sign(secret, randaoBytes(chain.genesisHash, this.epoch, this.height + 1))
    const { executed, skipped } = buildBlock(
      this.parent,
      {
        epoch: this.epoch,
        view,
        timestampMs: above.timestampMs + pauseMs,
        proposer: operator,
        randaoReveal: reveal,
        candidates,
        gasBudget: above.gasLimit,
        bytesBudget: 2 ** 22,
      },
      { chain },
    )
    if (skipped.length > 0) throw new Error(`height ${this.height + 1}: ${skipped[0]!.reason}`)
    this.parent.tree.release()
    this.state.apply(executed.overlay.changes())
    const { header, hash } = executed.block
    this.parent = { header, hash, state: this.state, tree: executed.tree }
    if (header.endsEpoch) this.#floorMix = header.mix
    this.blocks.push(executed.block)
    return executed.receipts
  }

  #leader(view: number) {
    const { validators } = validatorSet(this.state)
    const order = leaderPermutation({
      genesisHash: this.genesis.chain.genesisHash,
      epoch: this.epoch,
      floorMix: this.#floorMix,
      validatorCount: validators.length,
    })
    return validators[order[view % validators.length]!]!
  }

  #envelope(send: Send, nonce: number) {
    const { from, ...given } = send
    const { chainId } = this.genesis.chain
    const raw = signTransaction(
      {
        type: 2,
        chainId,
        nonce,
        maxPriorityFeePerGas: GWEI,
        maxFeePerGas: 100n * GWEI,
        gasLimit: GAS_LIMIT,
        valueBase: 0n,
        data: new Uint8Array(0),
        accessList: [],
        ...given,
      },
      from.secretKey,
    )
    const decoded = decodeTransaction(raw, chainId)
    if ('failure' in decoded) throw new Error(decoded.failure.message)
    const sender = recoverSender(decoded.transaction)
    if (sender === undefined) throw new Error('the signature matches no key')
    return { transaction: decoded.transaction, sender }
  }
}
