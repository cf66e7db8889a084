// Submits evidence as a transaction of a configured account. Owns: when, at which fee, how often.
// Not: what is evidence (evidencePool.ts). Nodes take turns, so that the same evidence is rarely paid for twice.
import { secretKeyAddress } from '../../base/address.ts'
import { toHex } from '../../base/bytes.ts'
import type { Address, TxId } from '../../base/ids.ts'
import { moduleAddress } from '../../base/moduleDefinition.ts'
import type { Clock } from '../../consensus/ports.ts'
import type { SubmitResult } from '../../rpc/backend.ts'
import { evidenceCalldata } from '../../state/modules/evidence/calldata.ts'
import { evidenceSchema } from '../../state/modules/evidence/schema.ts'
import { signTransaction } from '../../state/transaction.ts'
import type { NodeLogger } from '../logging.ts'
import type { HeldEvidence } from './evidencePool.ts'

/** A validator waits this long for each validator before it in the set. */
const TURN_MS = 2_000
/** Pause before resubmitting evidence that is still not judged. */
const RETRY_MS = 30_000
/** Multiple of the base fee to offer, in case it rises while the transaction waits. */
const FEE_HEADROOM = 2n
const TIP_PER_GAS = 1_000_000_000n

export interface EvidenceSubmitterOptions {
  readonly chainId: number
  /** secp256k1 secret of an account with coins for fees; any account may submit. */
  readonly secretKey: Uint8Array
  readonly held: () => readonly HeldEvidence[]
  /** Place in the order of turns: index in the validator set, the set's size for a follower. */
  readonly turn: () => number
  readonly gasOf: (transaction: { readonly to: Address; readonly data: Uint8Array }) => number
  /** Next base fee of the transaction's lane. */
  readonly nextBaseFee: (transaction: { readonly to: Address; readonly data: Uint8Array }) => bigint
  readonly pendingNonce: (address: Address) => number
  readonly isPending: (id: TxId) => boolean
  readonly submit: (raw: Uint8Array) => Promise<SubmitResult>
  readonly clock: Clock
  readonly logger: NodeLogger
}

export class EvidenceSubmitter {
  readonly #options: EvidenceSubmitterOptions
  readonly #address: Address
  readonly #sent = new WeakMap<HeldEvidence, { readonly id: TxId | undefined; readonly atMs: number }>()
  readonly #since = new WeakMap<HeldEvidence, number>()
  #cancel: (() => void) | undefined
  #closed = false

  constructor(options: EvidenceSubmitterOptions) {
    this.#options = options
    this.#address = secretKeyAddress(options.secretKey)
  }

  /** Starts after one turn, so that an earlier run's evidence is submitted once the node has caught up. */
  start(): void {
    this.#cancel = this.#options.clock.after(TURN_MS, () => this.wake())
  }

  /** Checks the held evidence; called when some is added, and by its own timer while any is held. */
  wake(): void {
    if (this.#closed) return
    this.#cancel?.()
    this.#cancel = undefined
    const { held, clock } = this.#options
    const items = held()
    if (items.length === 0) return
    const nowMs = clock.monotonicMs()
    for (const item of items) {
      const since = this.#since.get(item) ?? nowMs
      this.#since.set(item, since)
      if (nowMs >= since + TURN_MS * this.#options.turn()) void this.#submit(item, nowMs)
    }
    this.#cancel = clock.after(TURN_MS, () => this.wake())
  }

  async #submit(item: HeldEvidence, nowMs: number): Promise<void> {
    const before = this.#sent.get(item)
    if (before !== undefined && nowMs < before.atMs + RETRY_MS) return
    if (before?.id !== undefined && this.#options.isPending(before.id)) return
    this.#sent.set(item, { id: undefined, atMs: nowMs })
    const { epoch, providers } = item
    const result = await this.#options.submit(this.#envelope(item))
    if (result.ok) {
      this.#sent.set(item, { id: result.id, atMs: nowMs })
      this.#options.logger.info({ epoch, providers, transaction: toHex(result.id) }, 'evidence submitted')
    } else {
      this.#options.logger.error({ epoch, providers, ...result.rejection }, 'evidence could not be submitted')
    }
  }

  #envelope(item: HeldEvidence): Uint8Array {
    const { chainId, secretKey, gasOf, nextBaseFee, pendingNonce } = this.#options
    const to = moduleAddress(evidenceSchema)
    const data = evidenceCalldata(item.bytes)
    return signTransaction(
      {
        type: 2,
        chainId,
        nonce: pendingNonce(this.#address),
        maxPriorityFeePerGas: TIP_PER_GAS,
        maxFeePerGas: nextBaseFee({ to, data }) * FEE_HEADROOM + TIP_PER_GAS,
        gasLimit: gasOf({ to, data }),
        to,
        valueBase: 0n,
        data,
        accessList: [],
      },
      secretKey,
    )
  }

  close(): void {
    this.#closed = true
    this.#cancel?.()
  }
}
