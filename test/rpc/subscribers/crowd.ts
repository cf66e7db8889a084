// Many WebSocket subscribers of one node, some of which stop reading. Owns: opening them, and what each must have got.
// Not: the node and who makes its blocks.
import assert from 'node:assert/strict'
import { WebSocket } from 'ws'
import type { BlockItem, ChainMessage } from '../../../client/messages.ts'
import { subscribe } from '../../../client/subscription.ts'
import { type WebSocketTransport, webSocketTransport } from '../../../client/transports/webSocket.ts'

/** Subscriptions of a connection that stops reading: its messages fill the system's buffers sooner. */
export const PER_SLOW = 64
/** Connections opened at a time. */
const OPENING_MAX = 50

/** Counts connections, and can stop reading from the newest. */
class Line {
  readonly transport: WebSocketTransport
  connections = 0
  #socket: WebSocket | undefined

  constructor(url: string) {
    const opened = (socket: WebSocket): void => {
      this.connections++
      this.#socket = socket
    }
    class Watched extends WebSocket {
      constructor(to: string) {
        super(to)
        this.once('open', () => opened(this))
      }
    }
    this.transport = webSocketTransport(url, { WebSocket: Watched })
  }

  stopReading(): void {
    this.#socket!.pause()
  }

  goOn(): void {
    this.#socket!.resume()
  }
}

class Subscriber {
  readonly #line: Line
  /** Next height and number that are due. */
  height = 0
  sequence = 1
  failure: Error | undefined

  constructor(line: Line) {
    this.#line = line
  }

  /** Resolves once the node knows it; `done` when it is past the last height. */
  async begin(fromBlock: number, last: () => number): Promise<{ readonly done: Promise<void> }> {
    this.height = fromBlock
    const messages = await subscribe(this.#line.transport, 'blocks', { fromBlock })
    const done = this.#read(messages, last).catch((error: Error) => {
      this.failure = error
    })
    return { done }
  }

  async #read(messages: AsyncIterable<ChainMessage<BlockItem>>, last: () => number): Promise<void> {
    for await (const { sequence, height, items } of messages) {
      assert.equal(sequence, this.sequence++)
      assert.equal(height, this.height++)
      assert.equal(items[0]?.header.height, height)
      if (height > last()) return
    }
  }
}

export interface CrowdOptions {
  readonly url: string
  readonly count: number
  /** Further connections, which stop reading after they have begun. */
  readonly slow: number
  /** Number of the block with which all begin. */
  readonly fromBlock: number
  /** Makes blocks, more than the node keeps for those who do not read; those who do may be waited for. */
  blocks(areReading: () => boolean, tip: () => number): Promise<void>
  /** Makes one more. */
  block(): Promise<void>
}

export interface CrowdResult {
  readonly messages: number
  /** Connections that were cut and came again. */
  readonly resumed: number
  readonly lastHeight: number
}

/** Throws when anybody missed a block, got one twice, or was cut although it reads. */
export async function runCrowd(options: CrowdOptions): Promise<CrowdResult> {
  const url = options.url.replace('http', 'ws')
  const lines = Array.from({ length: options.count + options.slow }, () => new Line(url))
  const slow = lines.slice(options.count)
  const subscribers = lines.flatMap((line, i) =>
    Array.from({ length: i < options.count ? 1 : PER_SLOW }, () => new Subscriber(line)),
  )
  const quick = subscribers.slice(0, options.count)
  const tip = (): number => Math.max(...quick.map(({ height }) => height)) - 1
  let last = Number.POSITIVE_INFINITY
  const reading: Promise<void>[] = []
  try {
    for (let i = 0; i < subscribers.length; i += OPENING_MAX) {
      const some = subscribers.slice(i, i + OPENING_MAX)
      const begun = await Promise.all(some.map((one) => one.begin(options.fromBlock, () => last)))
      reading.push(...begun.map(({ done }) => done))
    }
    for (const line of slow) line.stopReading()
    await options.blocks(() => quick.every(({ height }) => height > tip()), tip)
    for (const line of slow) line.goOn()
    last = tip()
    await options.block()
    await Promise.all(reading)
  } finally {
    for (const { transport } of lines) transport.close()
  }
  for (const { failure } of subscribers) assert.equal(failure, undefined)
  for (const line of lines.slice(0, options.count)) assert.equal(line.connections, 1, 'who reads is not cut')
  const messages = subscribers.reduce((sum, { sequence }) => sum + sequence - 1, 0)
  return { messages, resumed: slow.filter(({ connections }) => connections > 1).length, lastHeight: last }
}
