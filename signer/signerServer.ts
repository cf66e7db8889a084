// A signer that serves one node at a time over sockets (CONSENSUS §5). Owns: who holds it, its log and its counters.
// Not: what may be signed (localSigner.ts), sockets and frames (signerSession.ts, signerTransport.ts).
import type { Socket } from 'node:net'
import { equalBytes, toHex } from '../base/bytes.ts'
import type { Hash32 } from '../base/ids.ts'
import type { Log } from '../consensus/ports.ts'
import { type LocalSigner, QUIET_REFUSALS, type SignRefusal } from './localSigner.ts'
import { type Request, type RequestBody, SIGNER_PROTOCOL_VERSION, type SignResult } from './signerProtocol.ts'
import { SignerSession } from './signerSession.ts'

/** Refusals logged one by one per minute; the rest are only counted. */
const REFUSALS_LOGGED_MAX = 20
const MINUTE_MS = 60_000

export interface SignerServerOptions {
  readonly signer: LocalSigner
  readonly genesisHash: Hash32
  /** Name and version, for clients. */
  readonly software: string
  readonly log: Log
  /** FIRST_FRAME_MS unless given. */
  readonly firstFrameMs?: number
  /** Called once when a write fails: nothing more is signed and the process should end. */
  readonly onFailure: (error: unknown) => void
}

interface Holder {
  readonly session: SignerSession
  readonly client: string
  readonly instance: Uint8Array
  readonly sinceMs: number
}

export class SignerServer {
  readonly #options: SignerServerOptions
  readonly #sessions = new Set<SignerSession>()
  readonly #startedMs = performance.now()
  #holder: Holder | undefined
  #signedCount = 0
  #refusedCount = 0
  #refusalsThisMinute = 0
  #lastCounts = { signed: 0, refused: 0 }
  readonly #timer: NodeJS.Timeout

  constructor(options: SignerServerOptions) {
    this.#options = options
    this.#timer = setInterval(() => this.#logMinute(), MINUTE_MS)
    this.#timer.unref()
  }

  accept(socket: Socket, from: string): void {
    const handlers = {
      onRequest: (of: SignerSession, request: Request) => this.#onRequest(of, request),
      onEnd: (of: SignerSession, reason: string) => this.#onEnd(of, reason),
      onFailure: (error: unknown) => this.#options.onFailure(error),
    }
    const session = new SignerSession(socket, from, handlers, this.#options.firstFrameMs)
    this.#sessions.add(session)
  }

  /** Ends every session; the signer itself is closed by its owner. */
  close(): void {
    clearInterval(this.#timer)
    for (const session of [...this.#sessions]) session.refuse('stopping', 'the signer is shutting down')
  }

  async #onRequest(session: SignerSession, request: Request): Promise<void> {
    if (request.kind === 'hello') return this.#onHello(session, request.body)
    if (request.kind === 'health') return this.#onHealth(session)
    if (this.#holder?.session !== session) {
      session.refuse('malformed', 'say hello first')
      return
    }
    const { signer } = this.#options
    switch (request.kind) {
      case 'beginEpoch':
        await signer.beginProven(request.body.epoch)
        this.#replyEpoch(session, request.body.id)
        return
      case 'follow':
        this.#replyTaken(session, request.body.id, await signer.follow(request.body.step))
        return
      case 'prove': {
        const { id, transaction, proof } = request.body
        this.#replyTaken(session, id, await signer.proveLoss(transaction, proof))
        return
      }
      case 'held':
        await signer.noteHeld(request.body.votes)
        this.#replyTaken(session, request.body.id, undefined)
        return
      case 'sign':
        await this.#onSign(session, request.body)
        return
      case 'randao': {
        const { id, epoch, height } = request.body
        const signature = await signer.signRandao(epoch, height)
        session.reply({ kind: 'reveal', body: { id, signature } })
        return
      }
      case 'ping':
        session.reply({ kind: 'pong', body: { id: request.body.id, observing: signer.observing } })
        return
    }
  }

  #replyEpoch(session: SignerSession, id: number): void {
    const { signer } = this.#options
    session.reply({
      kind: 'epoch',
      body: {
        id,
        epoch: Math.max(0, signer.epoch),
        floor: signer.floor,
        observing: signer.observing,
        trustedEpoch: signer.trustedEpoch,
        lossNonce: signer.losses()[0]?.nonce,
        subjects: signer.signed(),
      },
    })
  }

  #replyTaken(session: SignerSession, id: number, refusal: string | undefined): void {
    const { signer, log } = this.#options
    if (refusal !== undefined) log('warn', 'refused a proof', { refusal, client: this.#holder?.client })
    const { observing } = signer
    const lossNonce = signer.losses()[0]?.nonce
    session.reply({ kind: 'taken', body: { id, refusal: refusal?.slice(0, 400), observing, lossNonce } })
  }

  async #onSign(session: SignerSession, body: RequestBody<'sign'>): Promise<void> {
    const { signer } = this.#options
    signer.raiseFloor(body.epoch, body.floor)
    const decided = await signer.decide(body.signer, body.subjects)
    const results = decided.map((vote): SignResult => {
      if (typeof vote === 'string') return { signature: undefined, refusal: vote }
      return { signature: vote.signature, refusal: undefined }
    })
    for (const [i, { refusal }] of results.entries()) {
      if (refusal === undefined) this.#signedCount++
      else this.#noteRefusal(body.subjects[i]!, refusal)
    }
    session.reply({ kind: 'signed', body: { id: body.id, results } })
  }

  #noteRefusal(subject: { kind: string; epoch: number; view: number }, refusal: SignRefusal): void {
    this.#refusedCount++
    if (QUIET_REFUSALS.has(refusal)) return
    if (this.#refusalsThisMinute++ >= REFUSALS_LOGGED_MAX) return
    const { kind, epoch, view } = subject
    this.#options.log('warn', 'refused to sign', { kind, epoch, view, refusal, client: this.#holder?.client })
  }

  async #onHello(session: SignerSession, body: RequestBody<'hello'>): Promise<void> {
    const { signer, software, log } = this.#options
    const { client, instance } = body
    const mistake = this.#mistakeIn(body)
    if (mistake !== undefined) {
      log('warn', 'refused a client', { client, from: session.from, ...mistake })
      session.refuse(mistake.code, mistake.reason)
      return
    }
    const held = this.#holder
    const isSame = held !== undefined && equalBytes(held.instance, instance)
    if (held !== undefined && !isSame && !body.takeOver) {
      const reason = `${held.client} holds this signer for ${Math.round(performance.now() - held.sinceMs)} ms`
      log('warn', 'refused a second client: one node at a time holds a signer', {
        client,
        from: session.from,
        holder: held.client,
      })
      session.refuse('held', reason)
      return
    }
    this.#holder = { session, client, instance, sinceMs: performance.now() }
    if (held !== undefined && held.session !== session) {
      if (!isSame)
        log('warn', 'taken over by another client', { client, from: session.from, was: held.client })
      held.session.refuse('takenOver', `${client} took the signer over`)
    }
    log('info', 'a node holds this signer', { client, from: session.from, observing: signer.observing })
    session.reply({ kind: 'welcome', body: { version: SIGNER_PROTOCOL_VERSION, software } })
  }

  #mistakeIn(body: RequestBody<'hello'>): { code: 'version' | 'chain' | 'key'; reason: string } | undefined {
    const { signer, genesisHash } = this.#options
    if (body.version !== SIGNER_PROTOCOL_VERSION) {
      return { code: 'version', reason: `this signer speaks version ${SIGNER_PROTOCOL_VERSION}` }
    }
    if (!equalBytes(body.genesisHash, genesisHash)) {
      return { code: 'chain', reason: `this signer is for the chain with genesis ${toHex(genesisHash)}` }
    }
    if (!equalBytes(body.publicKey, signer.publicKey)) {
      return { code: 'key', reason: `this signer has the key ${toHex(signer.publicKey)}` }
    }
    return undefined
  }

  async #onHealth(session: SignerSession): Promise<void> {
    const { signer, genesisHash, software } = this.#options
    const holder = this.#holder
    session.reply({
      kind: 'health',
      body: {
        version: SIGNER_PROTOCOL_VERSION,
        software,
        genesisHash,
        publicKey: signer.publicKey,
        epoch: signer.epoch < 0 ? undefined : signer.epoch,
        floor: signer.floor,
        observing: signer.observing,
        lossNonce: signer.losses()[0]?.nonce,
        holder: holder?.client,
        heldForMs: holder === undefined ? 0 : Math.round(performance.now() - holder.sinceMs),
        signedCount: this.#signedCount,
        refusedCount: this.#refusedCount,
        runningForMs: Math.round(performance.now() - this.#startedMs),
      },
    })
  }

  #onEnd(session: SignerSession, reason: string): void {
    this.#sessions.delete(session)
    if (this.#holder?.session !== session) return
    const { client } = this.#holder
    this.#holder = undefined
    this.#options.log('warn', 'no node holds this signer now', { client, from: session.from, reason })
  }

  #logMinute(): void {
    const { signer, log } = this.#options
    const signed = this.#signedCount - this.#lastCounts.signed
    const refused = this.#refusedCount - this.#lastCounts.refused
    this.#lastCounts = { signed: this.#signedCount, refused: this.#refusedCount }
    this.#refusalsThisMinute = 0
    const holder = this.#holder?.client
    log('info', 'signed in the last minute', {
      signed,
      refused,
      epoch: signer.epoch,
      floor: signer.floor,
      holder,
    })
  }
}
