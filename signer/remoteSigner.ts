// The node's side of a signer in another process (CONSENSUS §5). Owns: the queue while it is away, reconnecting, logging.
// Not: the key and the flags, which the signer process owns. A repeated request gets the same bytes.
import { randomBytes } from 'node:crypto'
import type { Socket } from 'node:net'
import { toHex } from '../base/bytes.ts'
import type { Bls } from '../base/crypto/types.ts'
import type { Hash32 } from '../base/ids.ts'
import type { ReceiptProof } from '../base/protocol/receiptProof.ts'
import { type Subject, type Vote, voteBytes } from '../base/protocol/vote.ts'
import type { EpochEvidence, Log, Signer, SignerLoss } from '../consensus/ports.ts'
import { QUIET_REFUSALS } from './localSigner.ts'
import { SIGNER_PATIENCE, SignerConnection, type SignerPatience } from './signerConnection.ts'
import {
  REQUEST_SUBJECTS_MAX,
  type Refusal,
  type Reply,
  type ReplyBody,
  SIGNER_PROTOCOL_VERSION,
} from './signerProtocol.ts'
import { SignerUnreachableError } from './signerUnreachable.ts'

/** Subjects queued for an absent signer; beyond this the oldest, whose views are past, are dropped. */
const WAITING_SUBJECTS_MAX = 512
/** How long a start waits for the signer before the node follows without it. */
const START_WAIT_MS = 3_000
const RANDAO_MS = 2_000
const BACKOFF_FIRST_MS = 100
const BACKOFF_MAX_MS = 2_000
/** Backoff after a refusal (held by another node, wrong signer): only an operator can fix that. */
const REFUSED_BACKOFF_MS = 5_000
/** Log a lasting outage again at this interval. */
const REMIND_MS = 30_000

export interface RemoteSignerOptions {
  readonly publicKey: Uint8Array
  readonly genesisHash: Hash32
  readonly bls: Bls
  readonly connect: (onReady: () => void) => Socket
  /** Where the signer is, for the log. */
  readonly address: string
  /** Who this node is, for the signer's log: its peer id. */
  readonly client: string
  /** Take the signer over from the node that holds it, once. */
  readonly takeOver: boolean
  /** SIGNER_PATIENCE and START_WAIT_MS unless given. */
  readonly patience?: SignerPatience & { readonly startMs: number }
  readonly log: Log
}

interface Waiting {
  readonly epoch: number
  readonly signer: number
  readonly subjects: readonly Subject[]
  readonly resolve: (votes: readonly (Vote | undefined)[]) => void
  /** Sent over the present connection. */
  isAsked: boolean
}

interface Reveal {
  readonly resolve: (signature: Uint8Array) => void
  readonly reject: (error: Error) => void
}

export class RemoteSigner implements Signer {
  readonly publicKey: Uint8Array
  readonly #options: RemoteSignerOptions
  readonly #instance = new Uint8Array(randomBytes(16))
  #connection: SignerConnection | undefined
  /** Welcomed, and in the wanted epoch if there is one. */
  #isReady = false
  #isClosed = false
  #takeOver: boolean
  #attempts = 0
  #retry: NodeJS.Timeout | undefined
  #downSinceMs = performance.now()
  #toldMs: number | undefined
  #isVerified = false
  #wanted: { readonly epoch: number; readonly evidence: EpochEvidence } | undefined
  /** The last attempt to prove an epoch to the signer: from where, to which epoch, over which connection. */
  #led: { readonly from: number; readonly to: number; readonly by: SignerConnection } | undefined
  #floor = { epoch: 0, view: 0 }
  #observing = false
  #lossNonce: Uint8Array | undefined
  /** Votes that the signer has not judged yet. */
  #held: readonly Vote[] = []
  #heldId = 0
  #signed: readonly Subject[] = []
  #onEpoch: (() => void)[] = []
  /** Requests waiting to be sent or answered, oldest first, by a local number. */
  readonly #waiting = new Map<number, Waiting>()
  #lastNumber = 0
  /** Request id of the current connection → number in `#waiting`. */
  readonly #asked = new Map<number, number>()
  readonly #reveals = new Map<number, Reveal>()
  readonly #proofs = new Map<number, (refusal: string | undefined) => void>()

  constructor(options: RemoteSignerOptions) {
    this.#options = options
    this.publicKey = options.publicKey
    this.#takeOver = options.takeOver
    this.#connect()
  }

  get observing(): boolean {
    return this.#observing
  }

  /** Whether a vote asked for now would be signed now. */
  get isReady(): boolean {
    return this.#isReady
  }

  losses(): readonly SignerLoss[] {
    const nonce = this.#lossNonce
    if (nonce === undefined) return []
    return [{ nonce, prove: (transaction, proof) => this.#prove(transaction, proof) }]
  }

  #prove(transaction: Uint8Array, proof: ReceiptProof): Promise<string | undefined> {
    const connection = this.#connection
    if (!this.#isReady || connection === undefined) return Promise.resolve(undefined)
    return new Promise((resolve) => {
      this.#proofs.set(connection.request('prove', { transaction, proof }), resolve)
    })
  }

  async noteHeld(votes: readonly Vote[]): Promise<void> {
    if (votes.length === 0) return
    this.#held = [...this.#held, ...votes].slice(-REQUEST_SUBJECTS_MAX)
    this.#tellHeld()
  }

  /** Requests are served in order: the signer judges these before it signs anything asked for later. */
  #tellHeld(): void {
    const connection = this.#connection
    if (this.#held.length === 0 || connection?.isWelcome !== true) return
    this.#heldId = connection.request('held', { votes: this.#held })
  }

  async beginEpoch(epoch: number, evidence: EpochEvidence): Promise<void> {
    const isFirst = this.#wanted === undefined
    if (!isFirst && epoch <= this.#wanted!.epoch) return
    this.#wanted = { epoch, evidence }
    for (const [number, waiting] of this.#waiting) if (waiting.epoch < epoch) this.#giveUp(number)
    if (!isFirst && !this.#isReady) {
      // The answer for the previous epoch may be in flight, and its arrival does not trigger another request.
      this.#tellEpoch()
      return
    }
    this.#isReady = false
    const told = new Promise<void>((resolve) => {
      this.#onEpoch.push(resolve)
      setTimeout(resolve, this.#options.patience?.startMs ?? START_WAIT_MS).unref()
    })
    this.#tellEpoch()
    await told
  }

  signed(): readonly Subject[] {
    return this.#signed
  }

  raiseFloor(epoch: number, view: number): void {
    const isHigher = epoch === this.#floor.epoch ? view > this.#floor.view : epoch > this.#floor.epoch
    if (isHigher) this.#floor = { epoch, view }
  }

  async sign(signer: number, subjects: readonly Subject[]): Promise<readonly (Vote | undefined)[]> {
    const votes: Promise<readonly (Vote | undefined)[]>[] = []
    for (let at = 0; at < subjects.length; at += REQUEST_SUBJECTS_MAX) {
      votes.push(this.#ask(signer, subjects.slice(at, at + REQUEST_SUBJECTS_MAX)))
    }
    return (await Promise.all(votes)).flat()
  }

  #ask(signer: number, subjects: readonly Subject[]): Promise<readonly (Vote | undefined)[]> {
    if (this.#isClosed) return Promise.resolve(subjects.map(() => undefined))
    return new Promise((resolve) => {
      const number = ++this.#lastNumber
      this.#waiting.set(number, { epoch: subjects[0]!.epoch, signer, subjects, resolve, isAsked: false })
      this.#bound()
      const waiting = this.#waiting.get(number)
      if (this.#isReady && waiting !== undefined) this.#send(number, waiting)
    })
  }

  signRandao(epoch: number, height: number): Promise<Uint8Array> {
    const connection = this.#connection
    if (!this.#isReady || connection === undefined)
      return Promise.reject(new SignerUnreachableError('not connected'))
    return new Promise((resolve, reject) => {
      const id = connection.request('randao', { epoch, height })
      const timer = setTimeout(() => {
        this.#reveals.delete(id)
        reject(new SignerUnreachableError(`no answer within ${RANDAO_MS} ms`))
      }, RANDAO_MS)
      this.#reveals.set(id, {
        resolve: (signature) => {
          clearTimeout(timer)
          resolve(signature)
        },
        reject: (error) => {
          clearTimeout(timer)
          reject(error)
        },
      })
    })
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    clearTimeout(this.#retry)
    this.#connection?.end('this node is closing')
    for (const number of this.#waiting.keys()) this.#giveUp(number)
    for (const resolve of this.#onEpoch.splice(0)) resolve()
  }

  #connect(): void {
    if (this.#isClosed) return
    const { publicKey, genesisHash, client, connect } = this.#options
    const connection: SignerConnection = new SignerConnection({
      connect,
      patience: this.#options.patience ?? SIGNER_PATIENCE,
      hello: {
        version: SIGNER_PROTOCOL_VERSION,
        genesisHash,
        publicKey,
        client,
        instance: this.#instance,
        takeOver: this.#takeOver,
      },
      handlers: {
        onWelcome: () => this.#onWelcome(),
        onReply: (reply) => this.#onReply(reply),
        onEnd: (reason, code) => this.#onEnd(reason, code),
      },
    })
    this.#connection = connection
  }

  #onWelcome(): void {
    // The signer is held now; a later connection of this node replaces this one without a takeover.
    this.#takeOver = false
    this.#isVerified = false
    this.#tellHeld()
    this.#tellEpoch()
  }

  #tellEpoch(): void {
    const connection = this.#connection
    if (this.#wanted !== undefined && connection?.isWelcome === true)
      connection.request('beginEpoch', { epoch: this.#wanted.epoch })
  }

  /** Proves to the signer, step by step, that the wanted epoch has begun; then asks for it again. */
  async #lead(from: number): Promise<void> {
    const wanted = this.#wanted!
    const by = this.#connection
    const led = this.#led
    if (by === undefined || (led?.from === from && led.to === wanted.epoch && led.by === by)) return
    this.#led = { from, to: wanted.epoch, by }
    const { log, address } = this.#options
    const steps = await wanted.evidence(from).catch((error: unknown) => {
      log('error', 'the proofs for the remote signer cannot be read', { error })
      return []
    })
    if (this.#connection !== by) return
    if (steps.length === 0) {
      log('warn', 'this node holds no proof of the epoch for its remote signer: it signs nothing', {
        signer: address,
        signerEpoch: from,
        epoch: wanted.epoch,
      })
      return
    }
    for (const step of steps) by.request('follow', { step })
    this.#tellEpoch()
  }

  #onReply(reply: Reply): void {
    switch (reply.kind) {
      case 'epoch':
        this.#onEpochReply(reply.body)
        return
      case 'signed':
        this.#onSigned(reply.body)
        return
      case 'reveal':
        this.#reveals.get(reply.body.id)?.resolve(reply.body.signature)
        this.#reveals.delete(reply.body.id)
        return
      case 'pong':
        this.#observing = reply.body.observing
        return
      case 'taken':
        this.#onTaken(reply.body)
        return
    }
  }

  #onTaken({ id, refusal, observing, lossNonce }: ReplyBody<'taken'>): void {
    if (refusal !== undefined) {
      this.#options.log('error', 'the remote signer refuses a proof', { refusal })
    }
    if (id === this.#heldId) this.#held = []
    const proof = this.#proofs.get(id)
    this.#proofs.delete(id)
    this.#noteObserving(observing, lossNonce)
    proof?.(refusal)
  }

  #noteObserving(observing: boolean, lossNonce: Uint8Array | undefined): void {
    const isNews = lossNonce !== undefined && this.#lossNonce === undefined
    this.#observing = observing
    this.#lossNonce = lossNonce
    if (!isNews) return
    this.#options.log(
      'warn',
      'the record of the remote signer is lost: it signs nothing until a later epoch is proven',
      {
        signer: this.#options.address,
        nonce: toHex(lossNonce),
      },
    )
  }

  #onEpochReply(body: ReplyBody<'epoch'>): void {
    this.#noteObserving(body.observing, body.lossNonce)
    if (body.epoch < this.#wanted!.epoch) {
      // Not proven yet; or this answer was in flight when the node moved to a later epoch.
      if (body.trustedEpoch < this.#wanted!.epoch) void this.#lead(body.trustedEpoch)
      return
    }
    const { log, address } = this.#options
    this.#signed = body.subjects
    this.#isReady = true
    this.#attempts = 0
    if (body.epoch > this.#wanted!.epoch) {
      log('warn', 'the remote signer is in a later epoch: this node signs nothing until it has caught up', {
        epoch: this.#wanted!.epoch,
        signerEpoch: body.epoch,
      })
    }
    if (this.#toldMs !== undefined) {
      const awayMs = Math.round(performance.now() - this.#downSinceMs)
      log('info', 'the remote signer answers: this node can sign again', { signer: address, awayMs })
      this.#toldMs = undefined
    }
    for (const resolve of this.#onEpoch.splice(0)) resolve()
    for (const [number, waiting] of this.#waiting) if (!waiting.isAsked) this.#send(number, waiting)
  }

  #send(number: number, waiting: Waiting): void {
    waiting.isAsked = true
    const { epoch, signer, subjects } = waiting
    const floor = this.#floor.epoch === epoch ? this.#floor.view : 0
    const id = this.#connection!.request('sign', { epoch, floor, signer, subjects })
    this.#asked.set(id, number)
  }

  #onSigned({ id, results }: ReplyBody<'signed'>): void {
    const number = this.#asked.get(id)
    this.#asked.delete(id)
    const waiting = number === undefined ? undefined : this.#waiting.get(number)
    if (number === undefined || waiting === undefined) return
    const { subjects, signer } = waiting
    if (results.length !== subjects.length) {
      this.#connection?.end('the signer answered with the wrong number of votes')
      return
    }
    const votes: (Vote | undefined)[] = []
    for (const [i, { signature, refusal }] of results.entries()) {
      const subject = subjects[i]!
      if (signature === undefined) {
        const { kind, epoch, view } = subject
        if (refusal === undefined || !QUIET_REFUSALS.has(refusal)) {
          this.#options.log('warn', 'the remote signer refused a vote', { kind, epoch, view, refusal })
        }
        votes.push(undefined)
      } else if (this.#isGenuine(subject, signature)) votes.push({ subject, signer, signature })
      else {
        this.#options.log('error', 'the remote signer signs with a different key than it claims', {})
        this.#connection?.end('its signature does not verify')
        return
      }
    }
    this.#waiting.delete(number)
    waiting.resolve(votes)
  }

  /** Checked once per connection, so that a misconfigured signer is found here and not by the other validators. */
  #isGenuine(subject: Subject, signature: Uint8Array): boolean {
    if (this.#isVerified) return true
    const { bls, genesisHash } = this.#options
    this.#isVerified = bls.verify(this.publicKey, voteBytes(genesisHash, subject), signature)
    return this.#isVerified
  }

  #onEnd(reason: string, code: Refusal | undefined): void {
    const wasReady = this.#isReady
    this.#connection = undefined
    this.#isReady = false
    this.#asked.clear()
    for (const waiting of this.#waiting.values()) waiting.isAsked = false
    for (const reveal of this.#reveals.values()) reveal.reject(new SignerUnreachableError(reason))
    this.#reveals.clear()
    for (const resolve of this.#proofs.values()) resolve(undefined)
    this.#proofs.clear()
    if (this.#isClosed) return
    if (wasReady) this.#downSinceMs = performance.now()
    this.#tell(reason, code)
    if (code === 'takenOver') {
      // Taking it back automatically would make two nodes fight over it.
      this.#isClosed = true
      for (const number of this.#waiting.keys()) this.#giveUp(number)
      return
    }
    const isMistake = code !== undefined && code !== 'stopping'
    const baseMs = isMistake
      ? REFUSED_BACKOFF_MS
      : Math.min(BACKOFF_MAX_MS, BACKOFF_FIRST_MS * 2 ** Math.min(this.#attempts, 8))
    this.#attempts++
    this.#retry = setTimeout(() => this.#connect(), baseMs * (0.75 + Math.random() / 4))
  }

  #tell(reason: string, code: Refusal | undefined): void {
    const nowMs = performance.now()
    const isNews = this.#toldMs === undefined || nowMs - this.#toldMs >= REMIND_MS || code === 'takenOver'
    if (!isNews) return
    this.#toldMs = nowMs
    const { log, address } = this.#options
    const awayMs = Math.round(nowMs - this.#downSinceMs)
    if (code === undefined || code === 'stopping') {
      log('warn', 'the remote signer cannot be reached: this node follows and signs nothing', {
        signer: address,
        reason,
        awayMs,
      })
    } else {
      const text =
        code === 'takenOver'
          ? 'another node took the signer over: this node follows and signs nothing until it is restarted'
          : 'the remote signer refuses this node: it follows and signs nothing'
      log('error', text, { signer: address, code, reason })
    }
  }

  #giveUp(number: number): void {
    const waiting = this.#waiting.get(number)
    this.#waiting.delete(number)
    waiting?.resolve(waiting.subjects.map(() => undefined))
  }

  #bound(): void {
    let count = 0
    for (const { subjects } of this.#waiting.values()) count += subjects.length
    for (const [number, { subjects }] of this.#waiting) {
      if (count <= WAITING_SUBJECTS_MAX) return
      count -= subjects.length
      this.#giveUp(number)
    }
  }
}
