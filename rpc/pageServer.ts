// node:http for a few callers that ask one small thing each: figures, an admin command. Owns: how many connections there are, and how
// long one lives. Not: what is asked, and what the address or the socket file lets in.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { Connections } from './connections.ts'

/** At the limit, whoever has been there longest without being served makes room: silent ones never keep others out. */
const CONNECTIONS_MAX = 32
/** A connection ends after this, however slowly its client sends or reads. */
const LIFE_MS = 10_000

/**
 * A server that answers one request of each connection. `serve` writes the answer; what it throws ends the connection. Sockets come
 * by listening, or by the event `connection`.
 */
export function createPageServer(
  serve: (request: IncomingMessage, response: ServerResponse) => Promise<void> | void,
): Server {
  const connections = new Connections({
    connectionsMax: CONNECTIONS_MAX,
    connectionsPerAddressMax: CONNECTIONS_MAX,
  })
  const asked = new WeakSet<Socket>()
  const http = createServer((request, response) => {
    const { socket } = request
    // node:http reads ahead: a client that sends thousands of requests and reads nothing would be answered thousands of times.
    if (asked.has(socket)) {
      socket.destroy()
      return
    }
    asked.add(socket)
    response.setHeader('Connection', 'close')
    connections.setIdle(socket, false)
    void answer(request, response).finally(() => connections.setIdle(socket, true))
  })
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    try {
      await serve(request, response)
    } catch {
      response.destroy()
    }
  }
  const listeners = http.listeners('connection')
  http.removeAllListeners('connection')
  http.on('connection', (socket: Socket) => {
    if (!connections.admit(socket)) return
    const end = setTimeout(() => socket.destroy(), LIFE_MS)
    socket.once('close', () => clearTimeout(end))
    for (const listener of listeners) listener.call(http, socket)
  })
  return http
}
