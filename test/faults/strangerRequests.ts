// Strangers that speak the node's own protocols: they ask, gossip and accuse. Owns: the attacks. Not: frames of the muxer and
// handshakes (strangers.ts).
import { randomBytes } from 'node:crypto'
import type { Socket } from 'node:net'
import type { Stream } from '@libp2p/interface'
import { concatBytes, utf8 } from '../../base/bytes.ts'
import { evidenceSchema } from '../../base/protocol/evidence.ts'
import { TX_BYTES_MAX } from '../../base/protocol/limits.ts'
import { signersBitmap } from '../../base/protocol/vote.ts'
import { loadAccounts } from '../../bench/accounts.ts'
import { EVIDENCE_PROTOCOL } from '../../p2p/evidenceGossip.ts'
import { frameHeader } from '../../p2p/frames.ts'
import { encodeHello } from '../../p2p/hello.ts'
import { RANGE_PROTOCOL } from '../../p2p/rangeProtocol.ts'
import { SNAPSHOT_PROTOCOL, snapshotRequestSchema } from '../../p2p/snapshotProtocol.ts'
import { syncRequestSchema } from '../../p2p/syncMessages.ts'
import { encodeBatches, GOSSIP_PROTOCOL } from '../../p2p/txGossip.ts'
import { signTransaction, type TransactionFields } from '../../state/transaction.ts'
import { genesisKeys } from '../support/memberChain.ts'
import { greet, type RawConnection, YAMUX, yamuxFrame } from '../support/rawPeer.ts'
import { unfundedTransfers } from '../support/unfunded.ts'
import type { Stranger, StrangerKind, Target } from './stranger.ts'

/** The account with money that `gapped` and `churn` send from; the bench funds it. */
export const HOSTILE_ACCOUNT = loadAccounts(1, 'stranger with money')[0]!
export const HOSTILE_BALANCE_BASE = 10n ** 20n
const VALIDATORS = 4
const BATCH_TXS = 256
/** So few that a node resends all it has pooled. */
const GAPPED_TXS = 60
const GAPPED_FIRST_NONCE = 100
const MAX_FEE_PER_GAS = 20_000_000_000n
/** Asks of a peer in a second, a little below what it serves. */
const RANGES_PER_SECOND = 48
const SNAPSHOTS_PER_SECOND = 18
const WINDOW_GRANT_BYTES = 48 * 1024
const REOPEN_MS = 50
const after = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

const closed = (stream: Pick<Stream, 'addEventListener'>): Promise<void> =>
  new Promise((resolve) => stream.addEventListener('close', () => resolve()))

/** Sends frames of a protocol as fast as they are read, until the channel or `frames` end. */
async function sendAll(stream: Stream, frames: Iterable<Uint8Array>): Promise<void> {
  for (const frame of frames) {
    if (stream.status !== 'open') return
    if (stream.send(concatBytes(frameHeader(frame.length), frame)))
      await new Promise((resolve) => setImmediate(resolve))
    else
      await Promise.race([
        new Promise((resolve) => stream.addEventListener('drain', resolve)),
        closed(stream),
      ])
  }
}

function* forever<T>(make: (round: number) => Iterable<T>): Generator<T> {
  for (let round = 0; ; round++) yield* make(round)
}

/** Gossips frames until the connection ends. */
async function gossip(stranger: Stranger, frames: Iterable<Uint8Array>): Promise<void> {
  const connection = await stranger.dial()
  const stream = await greet(connection, GOSSIP_PROTOCOL, stranger.target.genesisHash)
  await sendAll(stream, frames)
  if (stream.status === 'open') await closed(stream)
}

const transfer = (target: Target, changes: Partial<TransactionFields>): TransactionFields => ({
  type: 2,
  chainId: target.chainId,
  nonce: 0,
  maxPriorityFeePerGas: 1n,
  maxFeePerGas: MAX_FEE_PER_GAS,
  gasLimit: 21_000,
  to: HOSTILE_ACCOUNT.address,
  valueBase: 1n,
  data: new Uint8Array(0),
  accessList: [],
  ...changes,
})

let gappedOnce: readonly Uint8Array[] | undefined

/** As large as they may be, and none of them can be in a block. All strangers of the process send the same ones. */
function gapped(target: Target): readonly Uint8Array[] {
  const data = new Uint8Array(TX_BYTES_MAX - 256).fill(1)
  const gasLimit = 21_000 + 16 * data.length
  gappedOnce ??= Array.from({ length: GAPPED_TXS }, (_, i) =>
    signTransaction(
      transfer(target, { nonce: GAPPED_FIRST_NONCE + i, data, gasLimit }),
      HOSTILE_ACCOUNT.secretKey,
    ),
  )
  return gappedOnce
}

/** Takes the place of the one before, for a tenth more, from the lowest price to the highest. */
function* churn(target: Target, round: number): Generator<Uint8Array> {
  for (let fee = 1_000n; fee < MAX_FEE_PER_GAS; fee = (fee * 110n) / 100n + 1n) {
    const prices = { maxFeePerGas: fee, maxPriorityFeePerGas: fee }
    const fields = transfer(target, { nonce: GAPPED_FIRST_NONCE + (round % 2_000), ...prices })
    yield* encodeBatches([signTransaction(fields, HOSTILE_ACCOUNT.secretKey)], false)
  }
}

/** Two votes of each validator that it never cast, with a signature over something else. */
function falseProof(signature: Uint8Array, round: number): Uint8Array {
  const bitmap = signersBitmap([0, 1, 2, 3], VALIDATORS)
  const view = 1 + (round % 1_000)
  const side = () =>
    ({
      subject: {
        kind: 'notarize',
        epoch: 0,
        view,
        parentView: view - 1,
        digest: new Uint8Array(randomBytes(32)),
      },
      bitmap,
      signature,
    }) as const
  return evidenceSchema.encode({ first: side(), second: side() })
}

const REQUEST = 0
function request(id: number, body: Uint8Array): Uint8Array {
  const head = new Uint8Array(5)
  head[0] = REQUEST
  new DataView(head.buffer).setUint32(1, id)
  return concatBytes(head, body)
}

/** Heights that are held, pruned, above the tip and beyond all. */
const HEIGHTS = [1, 0, 60, 2, 1_000_000, Number.MAX_SAFE_INTEGER]
const KINDS = ['offers', 'manifest', 'chunk', 'receipts', 'epochs', 'set'] as const

function rangeRequest(i: number): Uint8Array {
  const kind = i % 8 === 7 ? 'status' : 'range'
  const fromHeight = kind === 'status' ? 0 : HEIGHTS[i % HEIGHTS.length]!
  return request(i, syncRequestSchema.encode({ kind, fromHeight, count: kind === 'status' ? 0 : 128 }))
}

function snapshotRequest(i: number): Uint8Array {
  const height = HEIGHTS[Math.floor(i / KINDS.length) % HEIGHTS.length]!
  return request(i, snapshotRequestSchema.encode({ kind: KINDS[i % KINDS.length]!, height, index: 0 }))
}

/** Asks this often until the channel ends. */
async function askFor(stream: Stream, perSecond: number, make: (i: number) => Uint8Array): Promise<void> {
  for (let i = 0; stream.status === 'open'; i++) {
    const body = make(i)
    stream.send(concatBytes(frameHeader(body.length), body))
    await after(1_000 / perSecond)
  }
}

/** A stream that is opened, greeted and asked on without waiting for a word: the frames of the muxer for all that. */
function blindStream(
  streamId: number,
  protocolId: string,
  genesisHash: Uint8Array,
  bodies: readonly Uint8Array[],
) {
  const line = (text: string): Uint8Array => concatBytes(Uint8Array.of(text.length + 1), utf8(`${text}\n`))
  const framed = (body: Uint8Array): Uint8Array => concatBytes(frameHeader(body.length), body)
  const data = concatBytes(
    line('/multistream/1.0.0'),
    line(protocolId),
    framed(encodeHello(genesisHash)),
    ...bodies.map(framed),
  )
  return concatBytes(
    yamuxFrame({ type: YAMUX.data, flags: YAMUX.syn, streamId, data }),
    ...Array.from({ length: 8 }, () =>
      yamuxFrame({ type: YAMUX.windowUpdate, streamId, length: WINDOW_GRANT_BYTES }),
    ),
  )
}

/** Reads no more of its socket. */
function deafen({ connection }: RawConnection): void {
  const { socket } = (connection as unknown as { maConn: { socket: Socket } }).maConn
  socket.pause()
}

export const STRANGER_REQUESTS: readonly StrangerKind[] = [
  {
    name: 'deaf',
    what: 'asks for much on ever new channels and reads nothing',
    isSpread: true,
    run: async (stranger) => {
      const connection = await stranger.dial()
      deafen(connection)
      for (let i = 0; connection.raw.status === 'open'; i++) {
        const isRange = i % 2 === 0
        const bodies = Array.from({ length: 4 }, (_, n) => (isRange ? rangeRequest(n) : snapshotRequest(n)))
        const id = isRange ? RANGE_PROTOCOL : SNAPSHOT_PROTOCOL
        connection.raw.send(blindStream(1_001 + 2 * i, id, stranger.target.genesisHash, bodies))
        await after(REOPEN_MS)
      }
    },
  },
  {
    name: 'unfunded',
    what: 'gossips transactions of accounts without money',
    isSpread: true,
    run: (stranger) =>
      gossip(
        stranger,
        forever(() => encodeBatches(unfundedTransfers(transfer(stranger.target, {}), BATCH_TXS), false)),
      ),
  },
  {
    name: 'gapped',
    what: 'gossips the largest transactions of an account whose next nonce is missing',
    run: (stranger) =>
      gossip(
        stranger,
        (function* () {
          const all = gapped(stranger.target)
          yield* encodeBatches(all, false)
          yield* forever(() => encodeBatches(all, true))
        })(),
      ),
  },
  {
    name: 'churn',
    what: 'replaces transactions of one account again and again',
    run: (stranger) =>
      gossip(
        stranger,
        forever((round) => churn(stranger.target, round)),
      ),
  },
  {
    name: 'false-evidence',
    what: 'accuses validators of votes they never cast',
    isSpread: true,
    run: async (stranger) => {
      const connection = await stranger.dial()
      const stream = await greet(connection, EVIDENCE_PROTOCOL, stranger.target.genesisHash)
      const signature = genesisKeys(0).possessionProof
      await sendAll(
        stream,
        forever((round) => [falseProof(signature, round)]),
      )
    },
  },
  {
    name: 'snapshots',
    what: 'asks for blocks, snapshots and proofs in loops, for pruned heights too',
    isSpread: true,
    run: async (stranger) => {
      const connection = await stranger.dial()
      const { genesisHash } = stranger.target
      const ranges = await greet(connection, RANGE_PROTOCOL, genesisHash)
      const snapshots = await greet(connection, SNAPSHOT_PROTOCOL, genesisHash)
      for (const stream of [ranges, snapshots]) stream.addEventListener('message', () => {})
      await Promise.all([
        askFor(ranges, RANGES_PER_SECOND, rangeRequest),
        askFor(snapshots, SNAPSHOTS_PER_SECOND, snapshotRequest),
      ])
    },
  },
  {
    name: 'half-closed',
    what: 'lets the node open streams, sends one frame on each and closes its side',
    isSpread: true,
    run: async (stranger) => {
      const hello = encodeHello(stranger.target.genesisHash)
      const accept = (body: Uint8Array) => (stream: Stream) => {
        stream.addEventListener('message', () => {})
        stream.send(concatBytes(frameHeader(hello.length), hello, frameHeader(body.length), body))
        stream.close().catch(() => {})
      }
      const { raw } = await stranger.dial(
        new Map([
          [RANGE_PROTOCOL, accept(rangeRequest(7))],
          [SNAPSHOT_PROTOCOL, accept(snapshotRequest(0))],
        ]),
      )
      await closed(raw)
    },
  },
  {
    name: 'drip',
    what: 'shakes hands a byte at a time',
    isSpread: true,
    run: (stranger) =>
      stranger.onSocket((socket) => {
        const timer = setInterval(() => socket.write(Uint8Array.of(0)), 200)
        socket.on('connect', () => socket.write('\x13/multistream/1.0.0\n\x07/noise\n'))
        socket.on('close', () => clearInterval(timer))
      }),
  },
]
