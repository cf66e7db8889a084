// Shows the chain the number that a signer drew when it found its record lost, and shows the signer the proof
// (CONSENSUS §5). Owns: when to submit, finding the number in final blocks. Not: the signer's rule (signer/signerTrust.ts).
import { secretKeyAddress } from '../base/address.ts'
import { bytesKey, equalBytes, toHex } from '../base/bytes.ts'
import type { Address, TxId } from '../base/ids.ts'
import type { Clock, Signer, SignerLoss } from '../consensus/ports.ts'
import type { Backend, SubmitResult } from '../rpc/backend.ts'
import { receiptProofOf } from '../rpc/native/proofs.ts'
import { contains } from '../signer/signerTrust.ts'
import { signTransaction } from '../state/transaction.ts'
import type { FinalizedEvent } from './chain/importerTypes.ts'
import type { NodeLogger } from './logging.ts'

/** The first look, once a remote signer has answered, and every later one. */
const LOOK_MS = 2_000
/** Pause before a number that is still not final is submitted again. */
const RETRY_MS = 30_000
/** Tell an operator without a configured account again at this interval. */
const REMIND_MS = 600_000
const TIP_PER_GAS = 1_000_000_000n

/** An account with coins for fees. */
export interface Submitter {
  readonly chainId: number
  readonly secretKey: Uint8Array
  readonly gasOf: (transaction: { readonly to: Address; readonly data: Uint8Array }) => number
  /** Next base fee of the transaction's lane. */
  readonly nextBaseFee: (transaction: { readonly to: Address; readonly data: Uint8Array }) => bigint
  readonly pendingNonce: (address: Address) => number
  readonly isPending: (id: TxId) => boolean
  readonly submit: (raw: Uint8Array) => Promise<SubmitResult>
}

export interface SignerLossOptions {
  readonly signer: Pick<Signer, 'losses'>
  readonly onFinalized: (listener: (event: FinalizedEvent) => void) => () => void
  readonly chain: () => Pick<Backend, 'blockByHeight' | 'finalityOf'>
  /** Absent without a configured account: the number is logged, and anyone may submit it. */
  readonly submitter: Submitter | undefined
  readonly clock: Clock
  readonly logger: NodeLogger
}

export class LossProver {
  readonly #options: SignerLossOptions
  readonly #unsubscribe: () => void
  /** Final transactions that show a number, by the number; of each the latest. At most one for each key of a signer. */
  readonly #shown = new Map<string, { readonly height: number; readonly raw: Uint8Array }>()
  readonly #sent = new Map<string, { readonly id: TxId | undefined; readonly atMs: number }>()
  #cancel: (() => void) | undefined
  #isProving = false
  #isClosed = false

  constructor(options: SignerLossOptions) {
    this.#options = options
    this.#unsubscribe = options.onFinalized((event) => this.#onFinalized(event))
    this.#later()
  }

  close(): void {
    this.#isClosed = true
    this.#cancel?.()
    this.#unsubscribe()
  }

  #later(): void {
    if (!this.#isClosed) this.#cancel = this.#options.clock.after(LOOK_MS, () => this.#look())
  }

  #look(): void {
    const nowMs = this.#options.clock.monotonicMs()
    const losses = this.#options.signer.losses()
    const open = new Set(losses.map(({ nonce }) => bytesKey(nonce)))
    for (const key of this.#shown.keys()) if (!open.has(key)) this.#shown.delete(key)
    for (const key of this.#sent.keys()) if (!open.has(key)) this.#sent.delete(key)
    for (const { nonce } of losses) {
      if (!this.#shown.has(bytesKey(nonce))) void this.#submit(nonce, nowMs)
    }
    void this.#prove()
    this.#later()
  }

  #onFinalized({ height, executed }: FinalizedEvent): void {
    const losses = this.#options.signer.losses()
    if (losses.length === 0) return
    for (const { nonce } of losses) {
      const raw = executed.block.transactions.find((bytes) => contains(bytes, nonce))
      if (raw !== undefined) this.#shown.set(bytesKey(nonce), { height, raw })
    }
    void this.#prove()
  }

  async #prove(): Promise<void> {
    if (this.#isProving) return
    this.#isProving = true
    try {
      for (const loss of this.#options.signer.losses()) await this.#proveOne(loss)
    } catch (error) {
      this.#options.logger.error({ err: error }, 'the proof for the signer could not be made')
    } finally {
      this.#isProving = false
    }
  }

  async #proveOne({ nonce, prove }: SignerLoss): Promise<void> {
    const { chain, logger } = this.#options
    const key = bytesKey(nonce)
    const shown = this.#shown.get(key)
    if (shown === undefined) return
    const block = await chain().blockByHeight(shown.height)
    const index = block?.transactions.findIndex(({ raw }) => equalBytes(raw, shown.raw)) ?? -1
    const proof = block === undefined || index < 0 ? undefined : await receiptProofOf(chain(), block, index)
    // Without a certificate close above it a later block has to show the number.
    if (proof === undefined) return
    const refusal = await prove(shown.raw, proof)
    const isOpen = this.#options.signer.losses().some((loss) => equalBytes(loss.nonce, nonce))
    if (refusal !== undefined) {
      this.#shown.delete(key)
      logger.warn({ nonce: toHex(nonce), refusal }, 'the signer refuses the proof of its loss')
    } else if (!isOpen) {
      this.#shown.delete(key)
      this.#sent.delete(key)
      const { height, epoch } = proof.finality.header
      logger.info(
        { height, epoch },
        'the loss of the record is proven: this key signs again after this epoch',
      )
    }
  }

  async #submit(nonce: Uint8Array, nowMs: number): Promise<void> {
    const { submitter, logger } = this.#options
    const key = bytesKey(nonce)
    const before = this.#sent.get(key)
    const pauseMs = submitter === undefined ? REMIND_MS : RETRY_MS
    if (before !== undefined && nowMs < before.atMs + pauseMs) return
    if (before?.id !== undefined && submitter?.isPending(before.id) === true) return
    this.#sent.set(key, { id: undefined, atMs: nowMs })
    if (submitter === undefined) {
      logger.warn(
        { nonce: toHex(nonce) },
        'the record of this key is lost and no operator account is configured: send any transaction with this number as data, from any account',
      )
      return
    }
    const result = await submitter.submit(envelope(submitter, nonce))
    if (result.ok) {
      this.#sent.set(key, { id: result.id, atMs: nowMs })
      logger.info(
        { nonce: toHex(nonce), transaction: toHex(result.id) },
        'the loss of the record is submitted',
      )
    } else logger.error({ ...result.rejection }, 'the loss of the record could not be submitted')
  }
}

/** A transfer of nothing to itself, with the number as its data. */
function envelope(submitter: Submitter, nonce: Uint8Array): Uint8Array {
  const { chainId, secretKey, gasOf, nextBaseFee, pendingNonce } = submitter
  const to = secretKeyAddress(secretKey)
  return signTransaction(
    {
      type: 2,
      chainId,
      nonce: pendingNonce(to),
      maxPriorityFeePerGas: TIP_PER_GAS,
      maxFeePerGas: nextBaseFee({ to, data: nonce }) * 2n + TIP_PER_GAS,
      gasLimit: gasOf({ to, data: nonce }),
      to,
      valueBase: 0n,
      data: nonce,
      accessList: [],
    },
    secretKey,
  )
}
