// A signer server on a unix socket in this process, and clients for it. Owns: folders, sockets, closing them.
import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bls } from '../../base/crypto/bls.ts'
import type { Subject } from '../../base/protocol/vote.ts'
import { LocalSigner } from '../../signer/localSigner.ts'
import { RemoteSigner, type RemoteSignerOptions } from '../../signer/remoteSigner.ts'
import {
  decodeReply,
  encodeRequest,
  FrameReader,
  REPLY_BYTES_MAX,
  type Reply,
  type ReplyBody,
  type Request,
  SIGNER_PROTOCOL_VERSION,
} from '../../signer/signerProtocol.ts'
import { SignerServer } from '../../signer/signerServer.ts'
import { type Listening, listenSigner, type SignerAddress } from '../../signer/signerTransport.ts'
import { EpochChain } from './epochChain.ts'

export const GENESIS = new Uint8Array(32).fill(3)
export const SECRET = bls.keygen(new Uint8Array(32).fill(9))
export const PUBLIC = bls.publicKey(SECRET)
export const A = new Uint8Array(32).fill(0xa)
export const B = new Uint8Array(32).fill(0xb)

/** The chain whose only validator has this key. */
export const CHAIN = new EpochChain(GENESIS, [SECRET])
export const leadTo = (epoch: number) => CHAIN.leadTo(epoch)

export const nullify = (view: number, epoch = 1): Subject => ({ kind: 'nullify', epoch, view })
export const notarize = (view: number, digest: Uint8Array, epoch = 1): Subject => ({
  kind: 'notarize',
  epoch,
  view,
  parentView: view - 1,
  digest,
})
export const finalize = (view: number, digest: Uint8Array, epoch = 1): Subject => ({
  ...notarize(view, digest, epoch),
  kind: 'finalize',
})

export interface Line {
  readonly level: string
  readonly text: string
  readonly fields: Readonly<Record<string, unknown>>
}

/** Time-outs of clients in tests that wait for them; all others have time enough on a busy machine. */
export const HASTY = { helloMs: 200, answerMs: 500, startMs: 200 } as const
const PATIENT = { helloMs: 10_000, answerMs: 10_000, startMs: 10_000 } as const

/** Resolves once `is` holds; rejects after twenty seconds. */
export async function eventually(is: () => boolean, what: string): Promise<void> {
  for (const startedMs = performance.now(); !is(); ) {
    if (performance.now() - startedMs > 20_000) throw new Error(`${what} did not happen`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

/** All resources of one test, closed together. */
export class SignerRig {
  readonly dir = mkdtempSync(join(tmpdir(), 'signer-'))
  readonly address: SignerAddress
  readonly log: Line[] = []
  readonly nodeLog: Line[] = []
  signer: LocalSigner | undefined
  #server: SignerServer | undefined
  #listening: Listening | undefined
  readonly #clients: RemoteSigner[] = []
  readonly failures: unknown[] = []

  constructor(address?: SignerAddress) {
    this.address = address ?? { kind: 'unix', path: join(this.dir, 's.sock') }
  }

  get flagsDir(): string {
    return join(this.dir, 'flags')
  }

  openSigner(create = true): Promise<LocalSigner> {
    return LocalSigner.open({
      dir: this.flagsDir,
      genesisHash: GENESIS,
      genesisSet: CHAIN.set,
      secretKey: SECRET,
      bls,
      create,
    })
  }

  /** Resolves with the address it listens on. */
  async serve(create = true, firstFrameMs = 5_000): Promise<string> {
    const signer = await this.openSigner(create)
    this.signer = signer
    this.#server = new SignerServer({
      signer,
      genesisHash: GENESIS,
      software: 'test',
      firstFrameMs,
      log: (level, text, fields = {}) => void this.log.push({ level, text, fields }),
      onFailure: (error) => void this.failures.push(error),
    })
    this.#listening = await listenSigner(this.address, {
      onSocket: (socket, from) => this.#server!.accept(socket, from),
      onRefused: (from, reason) =>
        void this.log.push({ level: 'warn', text: 'refused a connection', fields: { from, reason } }),
    })
    return this.#listening.address
  }

  async stopServing(): Promise<void> {
    const closing = this.#listening?.close()
    this.#server?.close()
    await closing
    await this.signer?.close()
    this.signer = undefined
    this.#server = undefined
    this.#listening = undefined
  }

  client(more: Partial<RemoteSignerOptions> = {}): RemoteSigner {
    const { address } = this
    const client = new RemoteSigner({
      publicKey: PUBLIC,
      genesisHash: GENESIS,
      bls,
      connect: (onReady) => connect({ path: (address as { path: string }).path }, onReady),
      address: 'test',
      client: 'node-1',
      takeOver: false,
      patience: PATIENT,
      log: (level, text, fields = {}) => void this.nodeLog.push({ level, text, fields }),
      ...more,
    })
    this.#clients.push(client)
    return client
  }

  async close(): Promise<void> {
    for (const client of this.#clients) await client.close()
    await this.stopServing()
    rmSync(this.dir, { recursive: true, force: true })
  }
}

/** A client that sends raw protocol bytes. */
export class RawClient {
  readonly replies: Reply[] = []
  isClosed = false
  readonly #socket
  readonly #reader = new FrameReader(REPLY_BYTES_MAX)

  constructor(path: string) {
    this.#socket = connect({ path })
    this.#socket.on('error', () => {})
    this.#socket.on('close', () => {
      this.isClosed = true
    })
    this.#socket.on('data', (chunk) => {
      for (const frame of this.#reader.push(new Uint8Array(chunk))) this.replies.push(decodeReply(frame))
    })
  }

  write(bytes: Uint8Array): void {
    this.#socket.write(bytes)
  }

  send(request: Request): void {
    this.write(encodeRequest(request))
  }

  hello(more: Partial<Extract<Request, { kind: 'hello' }>['body']> = {}): void {
    const body = {
      version: SIGNER_PROTOCOL_VERSION,
      genesisHash: GENESIS,
      publicKey: PUBLIC,
      client: 'raw',
      instance: new Uint8Array(16).fill(7),
      takeOver: false,
      ...more,
    }
    this.send({ kind: 'hello', body })
  }

  async reply<K extends Reply['kind']>(kind: K): Promise<ReplyBody<K>> {
    const find = () => this.replies.find((reply) => reply.kind === kind)
    await eventually(() => find() !== undefined, kind)
    const found = find()!
    this.replies.splice(this.replies.indexOf(found), 1)
    return found.body as ReplyBody<K>
  }

  destroy(): void {
    this.#socket.destroy()
  }
}
