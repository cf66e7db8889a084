// Connects a node and its signer: a unix socket of one user, or TLS 1.3 with certificates on both sides.
// Owns: listening and connecting. Not: messages (signerProtocol.ts).
import { chmodSync, lstatSync, readFileSync, rmSync } from 'node:fs'
import { createServer, connect as netConnect, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer, type TLSSocket, connect as tlsConnect } from 'node:tls'
import { OperatorError } from '../base/errors.ts'
import { parseWholeNumber } from '../base/integers.ts'

/** Files of one side: its certificate and key, and the authority that signed the other side's. PEM. */
export interface TlsFiles {
  readonly cert: string
  readonly key: string
  readonly ca: string
}

export type SignerAddress =
  | { readonly kind: 'unix'; readonly path: string }
  | {
      readonly kind: 'tls'
      readonly host: string
      /** 0 picks a free port when listening. */
      readonly port: number
      readonly files: TlsFiles
    }

/** The kernel's limit for a unix socket's path, without the final zero. */
const SOCKET_PATH_MAX = 107
/** Including connections that have not shown a certificate yet. */
const CONNECTIONS_MAX = 64
/** A client without a certificate occupies a connection no longer than this. */
const HANDSHAKE_MS = 3_000
const PROBE_MS = 1_000

/** As shown in logs and messages. */
export function addressText(address: SignerAddress): string {
  return address.kind === 'unix' ? address.path : `${address.host}:${address.port}`
}

/** Splits `host:port` or `[v6]:port`; throws OperatorError. */
export function parseHostPort(text: string): { readonly host: string; readonly port: number } {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^\s:/]+)):(\d{1,5})$/.exec(text)
  const port = parseWholeNumber(match?.[3] ?? '', 0, 65_535)
  if (match === null || port === undefined) throw new OperatorError(`${text}: expected host:port`)
  return { host: match[1] ?? match[2]!, port }
}

function readTls(files: TlsFiles): { cert: Buffer; key: Buffer; ca: Buffer } {
  return { cert: readFileSync(files.cert), key: readFileSync(files.key), ca: readFileSync(files.ca) }
}

/** Opens a connection; `onReady` runs once it may be written to (for TLS: once both sides are who they claim). */
export function connectSigner(address: SignerAddress, onReady: () => void): Socket {
  if (address.kind === 'unix') return netConnect({ path: address.path }, onReady)
  const { host, port, files } = address
  const servername = /^[\d.]+$|:/.test(host) ? {} : { servername: host }
  return tlsConnect({ host, port, ...readTls(files), ...servername, minVersion: 'TLSv1.3' }, onReady)
}

export interface Listening {
  /** Where it listens, including the chosen port. */
  readonly address: string
  close(): Promise<void>
}

/** Listens until closed. Throws OperatorError when the address is in use or a file cannot be used. */
export async function listenSigner(
  address: SignerAddress,
  handlers: {
    readonly onSocket: (socket: Socket, from: string) => void
    /** A connection that failed its handshake: no certificate, wrong authority. */
    readonly onRefused: (from: string, reason: string) => void
  },
): Promise<Listening> {
  if (address.kind === 'unix') return listenUnix(address.path, handlers.onSocket)
  const { host, port, files } = address
  const server = createTlsServer(
    {
      ...readTls(files),
      requestCert: true,
      rejectUnauthorized: true,
      minVersion: 'TLSv1.3',
      handshakeTimeout: HANDSHAKE_MS,
    },
    (socket: TLSSocket) => {
      const name = socket.getPeerCertificate().subject?.CN
      handlers.onSocket(socket, `${socket.remoteAddress}:${socket.remotePort} (${name ?? 'unnamed'})`)
    },
  )
  server.on('tlsClientError', (error, socket) => handlers.onRefused(`${socket.remoteAddress}`, error.message))
  server.maxConnections = CONNECTIONS_MAX
  await listening(server, () => server.listen(port, host))
  const bound = server.address() as { port: number }
  return { address: `${host}:${bound.port}`, close: () => closed(server) }
}

async function listenUnix(
  path: string,
  onSocket: (socket: Socket, from: string) => void,
): Promise<Listening> {
  if (Buffer.byteLength(path) > SOCKET_PATH_MAX) {
    throw new OperatorError(`${path}: a socket's path has at most ${SOCKET_PATH_MAX} bytes`)
  }
  await clearStale(path)
  const server = createServer((socket) => onSocket(socket, 'unix socket'))
  server.maxConnections = CONNECTIONS_MAX
  // Nobody else may connect between listening and chmod.
  const before = process.umask(0o177)
  try {
    await listening(server, () => server.listen(path))
    chmodSync(path, 0o600)
  } finally {
    process.umask(before)
  }
  return { address: path, close: () => closed(server) }
}

/** Removes the socket of a killed signer; throws OperatorError when something answers or it is not a socket. */
async function clearStale(path: string): Promise<void> {
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (found === undefined) return
  if (!found.isSocket()) throw new OperatorError(`${path} exists and is not a socket`)
  const answers = await new Promise<boolean>((resolve) => {
    const probe = netConnect({ path })
    const done = (is: boolean): void => {
      clearTimeout(timer)
      probe.destroy()
      resolve(is)
    }
    const timer = setTimeout(() => done(true), PROBE_MS)
    probe.once('connect', () => done(true))
    probe.once('error', (error: NodeJS.ErrnoException) => done(error.code !== 'ECONNREFUSED'))
  })
  if (answers) throw new OperatorError(`${path}: another program listens there`)
  rmSync(path)
}

function listening(server: Server, listen: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.once('listening', () => {
      server.off('error', reject)
      resolve()
    })
    listen()
  })
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()))
}
