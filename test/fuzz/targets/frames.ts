// Stream contents: frames in chunks of any size, the hello, consensus messages, transaction batches.
import { equalBytes } from '../../../base/bytes.ts'
import { SchemaError } from '../../../base/field.ts'
import type { Certificate, Subject, Vote } from '../../../base/protocol/vote.ts'
import { message, t } from '../../../base/schema.ts'
import { type ConsensusMessage, decodeMessage, encodeMessage } from '../../../consensus/messages.ts'
import { FrameDecoder, FrameError, frameHeader } from '../../../p2p/frames.ts'
import { checkHello, encodeHello } from '../../../p2p/hello.ts'
import type { P2pHost, ProtocolHandler } from '../../../p2p/protocol.ts'
import { createTxGossip } from '../../../p2p/txGossip.ts'
import type { Random } from '../../support/random.ts'
import { mutateBytes, randomBytes } from '../bytes.ts'
import type { FuzzTarget } from '../target.ts'
import { encodedValue } from '../values.ts'

const FRAME_MAX = 4_096
const SEEDS = 128
const SEEN_MAX = 4_096

function subject(random: Random): Subject {
  const [epoch, view] = [random.between(0, 3), random.between(0, 90)]
  if (random.chance(0.4)) return { kind: 'nullify', epoch, view }
  const kind = random.chance(0.5) ? 'notarize' : 'finalize'
  return { kind, epoch, view, parentView: random.between(0, 90), digest: randomBytes(random, 32) }
}

const vote = (random: Random): Vote => ({
  subject: subject(random),
  signer: random.between(0, 300),
  signature: randomBytes(random, 96),
})

const certificate = (random: Random): Certificate => ({
  subject: subject(random),
  bitmap: randomBytes(random, random.between(0, 4)),
  signature: randomBytes(random, 96),
})

const several = <T>(random: Random, make: (random: Random) => T): T[] =>
  Array.from({ length: random.between(0, 4) }, () => make(random))

/** A well-formed consensus message of any kind. */
export function anyMessage(random: Random): ConsensusMessage {
  const [epoch, view] = [random.between(0, 3), random.between(0, 90)]
  switch (random.between(0, 8)) {
    case 0:
      return {
        kind: 'proposal',
        body: {
          vote: vote(random),
          block: randomBytes(random, random.between(0, 60)),
          justification: several(random, certificate),
        },
      }
    case 1:
      return { kind: 'vote', body: vote(random) }
    case 2:
      return { kind: 'certificate', body: certificate(random) }
    case 3:
      return { kind: 'status', body: { epoch, view, finalizedView: view >> 1, finalizedHeight: view } }
    case 4:
      return { kind: 'certificatesRequest', body: { epoch, fromView: view, toView: random.between(0, 200) } }
    case 5:
      return { kind: 'certificates', body: { certificates: several(random, certificate) } }
    case 6:
      return { kind: 'blocksRequest', body: { hash: randomBytes(random, 32), countMax: view } }
    case 7:
      return { kind: 'blocks', body: { blocks: several(random, (r) => randomBytes(r, 40)) } }
    case 8:
      return { kind: 'proposalRequest', body: { epoch, view } }
    default:
      return { kind: 'boundaryRequest', body: { epoch } }
  }
}

/** Decoding returns a message with exactly these bytes, or throws SchemaError. */
export const messageTarget: FuzzTarget = {
  name: 'message',
  weight: 8,
  open: (random) => {
    const seeds = Array.from({ length: SEEDS }, () => encodeMessage(anyMessage(random)))
    return {
      step: (r) => {
        const at = r.between(0, SEEDS - 1)
        if (r.chance(1 / 64)) seeds[at] = encodeMessage(anyMessage(r))
        const bytes = mutateBytes(r, seeds[at]!, r.pick(seeds))
        let decoded: ConsensusMessage
        try {
          decoded = decodeMessage(bytes)
        } catch (error) {
          if (error instanceof SchemaError) return
          throw error
        }
        if (!equalBytes(encodeMessage(decoded), bytes)) throw new Error(`two encodings of a ${decoded.kind}`)
      },
    }
  },
}

/** Frames in any chunks come out complete and in order; a bad header ends the stream; buffers never exceed the input. */
export const frameTarget: FuzzTarget = {
  name: 'frame',
  weight: 6,
  open: () => {
    let decoder = new FrameDecoder(FRAME_MAX)
    let pushed = 0
    return {
      step: (r) => {
        const length = r.chance(0.02) ? r.between(0, 2 ** 32 - 1) : r.between(1, 200)
        const body = new Uint8Array(Math.min(length, r.between(0, 300)))
        for (const chunk of [frameHeader(length).subarray(0, r.chance(0.01) ? 2 : 4), body]) {
          decoder.push(chunk)
          pushed += chunk.length
        }
        try {
          for (let frame = decoder.next(); frame !== undefined; frame = decoder.next()) {
            pushed -= frame.length + 4
            if (frame.length > FRAME_MAX) throw new Error('a frame above its limit')
          }
        } catch (error) {
          if (!(error instanceof FrameError)) throw error
          decoder = new FrameDecoder(FRAME_MAX)
          pushed = 0
        }
        if (decoder.bufferedBytes > pushed) throw new Error('more is buffered than arrived')
      },
    }
  },
}

export const helloTarget: FuzzTarget = {
  name: 'hello',
  weight: 2,
  open: (random) => {
    const genesisHash = randomBytes(random, 32)
    const seeds = [
      encodeHello(genesisHash),
      encodeHello(genesisHash, 'busy'),
      encodeHello(randomBytes(random, 32)),
    ]
    return {
      step: (r) => {
        try {
          checkHello(mutateBytes(r, r.pick(seeds), r.pick(seeds)), genesisHash)
        } catch (error) {
          if (!(error instanceof SchemaError)) throw error
        }
      },
    }
  },
}

/** The real gossip handler behind a host without sockets. */
export const gossipTarget: FuzzTarget = {
  name: 'gossip',
  weight: 1,
  open: (random) => {
    let handler: ProtocolHandler | undefined
    const port = { peers: () => [], send: () => true }
    const host = {
      register: (_: unknown, registered: ProtocolHandler) => {
        handler = registered
        return port
      },
      getValidatorIndex: () => undefined,
      getPeer: () => ({ known: true }),
    } as unknown as P2pHost
    let nowMs = 0
    const options = {
      isValidator: () => true,
      // A peer that is read more slowly waits no real time.
      clock: {
        monotonicMs: () => nowMs,
        after: (delayMs: number, task: () => void) => {
          nowMs += delayMs
          task()
          return () => undefined
        },
      },
      onTransactions: async () => ({ checked: 0, refused: 0 }),
      seenMax: SEEN_MAX,
    }
    const gossip = createTxGossip(host, options)
    const batch = message('Batch', { resent: t.bool, transactions: t.list(t.bytes(200), 8) })
    const make = (r: Random): Uint8Array => encodedValue(r, batch as never)
    const seeds = Array.from({ length: SEEDS }, () => make(random))
    return {
      // The next frame is read once this one is handled, as from a connection.
      step: async (r) => {
        const at = r.between(0, SEEDS - 1)
        if (r.chance(1 / 64)) seeds[at] = make(r)
        try {
          await handler!.onFrame('peer', mutateBytes(r, seeds[at]!, r.pick(seeds)))
        } catch (error) {
          if (!(error instanceof SchemaError)) throw error
        }
      },
      close: () => gossip.close(),
    }
  },
}
