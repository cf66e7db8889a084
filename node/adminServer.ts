// A socket in the data directory through which the node's owner looks into it and changes its log level while it runs.
// Owns: what is asked and answered, as HTTP with JSON. Not: the command (cli/commands/admin.ts), the socket file's care
// (signer/signerTransport.ts): like a signer's, only the owner of the file may connect.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Logger } from 'pino'
import { toHex } from '../base/bytes.ts'
import { errorText } from '../base/errors.ts'
import type { Json } from '../base/field.ts'
import type { P2pHost } from '../p2p/protocol.ts'
import { createPageServer } from '../rpc/pageServer.ts'
import { listenSigner } from '../signer/signerTransport.ts'
import { LOG_LEVELS } from './config.ts'
import { setLogLevel } from './logging.ts'
import { adminSocket } from './nodePaths.ts'
import type { Mempool } from './pool/mempool.ts'
import type { MemberNames } from './watch/memberNames.ts'

/** Accounts with most waiting transactions that are named. */
const SENDERS_SHOWN = 20

export interface AdminParts {
  readonly dataDir: string
  readonly host: Pick<P2pHost, 'peers'>
  readonly members: Pick<MemberNames, 'at'>
  readonly mempool: Pick<Mempool, 'entries' | 'size' | 'bytes'>
  readonly logger: Logger
}

type Answer =
  | { readonly status: 200; readonly body: Json }
  | { readonly status: 400 | 404; readonly error: string }

/**
 * Listens until the returned function is called. The node that starts it holds its data directory's lock, so what is left of
 * an earlier one is removed. Without a socket the node runs as well: it says why there is none.
 */
export async function startAdmin(parts: AdminParts): Promise<() => Promise<void>> {
  const http = createPageServer((request, response) => answer(parts, request, response))
  const sockets = new Set<Socket>()
  const onSocket = (socket: Socket): void => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    http.emit('connection', socket)
  }
  const path = adminSocket(parts.dataDir)
  try {
    const listening = await listenSigner({ kind: 'unix', path }, { onSocket, onRefused: () => {} })
    return async () => {
      const closed = listening.close()
      for (const socket of sockets) socket.destroy()
      await closed
    }
  } catch (error) {
    parts.logger.info({ reason: errorText(error) }, 'there is no socket for suanli admin')
    return async () => {}
  }
}

function answer(parts: AdminParts, request: IncomingMessage, response: ServerResponse): void {
  const [path = '', query = ''] = (request.url ?? '').split('?')
  const found = answerTo(parts, `${request.method} ${path}`, new URLSearchParams(query))
  response.writeHead(found.status, { 'Content-Type': 'application/json' })
  response.end(JSON.stringify('error' in found ? { error: found.error } : found.body))
}

function answerTo(parts: AdminParts, asked: string, given: URLSearchParams): Answer {
  switch (asked) {
    case 'GET /process':
      return { status: 200, body: { pid: process.pid } }
    case 'GET /peers':
      return { status: 200, body: peersOf(parts) }
    case 'GET /pool':
      return { status: 200, body: poolOf(parts) }
    case 'GET /log-level':
      return { status: 200, body: { level: parts.logger.level } }
    case 'PUT /log-level':
      return changeLevel(parts.logger, given.get('level') ?? '')
    default:
      return { status: 404, error: `this node does not know ${asked}` }
  }
}

function changeLevel(logger: Logger, level: string): Answer {
  if (!LOG_LEVELS.includes(level))
    return { status: 400, error: `level: expected one of ${LOG_LEVELS.join(', ')}` }
  const before = logger.level
  setLogLevel(logger, level)
  // At a level that both write, if there is one.
  logger.info({ before, level }, 'the log level was changed')
  return { status: 200, body: { before, level } }
}

function peersOf({ host, members }: AdminParts): Json {
  return host.peers().map(({ peer, validatorIndex, connected, known, remoteAddress }) => {
    const member = validatorIndex === undefined ? undefined : members.at(validatorIndex)
    return {
      name: member?.legalName ?? null,
      provider: member?.provider ?? null,
      validator: validatorIndex ?? null,
      connected,
      named: known,
      address: remoteAddress ?? null,
      peer,
    }
  })
}

function poolOf({ mempool }: AdminParts): Json {
  const ofSender = new Map<string, number>()
  const ofLane: Record<string, number> = {}
  for (const { sender, lane } of mempool.entries()) {
    const address = toHex(sender)
    ofSender.set(address, (ofSender.get(address) ?? 0) + 1)
    ofLane[lane] = (ofLane[lane] ?? 0) + 1
  }
  const most = [...ofSender].sort(([, a], [, b]) => b - a).slice(0, SENDERS_SHOWN)
  return {
    transactions: mempool.size,
    bytes: mempool.bytes,
    lanes: ofLane,
    senders: ofSender.size,
    most: most.map(([sender, transactions]) => ({ sender, transactions })),
  }
}
