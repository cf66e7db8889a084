// The page's one WebSocket: blocks as they become final, over lost connections. Owns: the state of the connection, the
// newest blocks, who is told. Not: going on after a loss (client/subscription.ts), showing it (frame/).

import type { Reserve } from '../../base/protocol/header.ts'
import { reserveSchema } from '../../base/protocol/header.ts'
import type { BlockItem, ChainMessage } from '../../client/messages.ts'
import { subscribe } from '../../client/subscription.ts'
import { webSocketTransport } from '../../client/transports/webSocket.ts'

export type LiveState = 'connecting' | 'live' | 'lost'

export interface LiveBlock {
  readonly height: number
  readonly hash: string
  readonly timestampMs: number
  readonly proposer: string
  readonly gasUsed: number
  readonly sizeBytes: number
  readonly transactionCount: number
  readonly epoch: number
  readonly view: number
  readonly reserve: Reserve
  /** When this page heard of it. */
  readonly heardMs: number
}

/** Newest blocks that are kept. */
const BLOCKS_KEPT = 64
/** A connection that is tried again for as long as the page is open. */
const FOR_EVER_MS = 10 ** 12
const PAUSE_MS = { first: 500, most: 10_000 } as const

function blockOf({ height, hash, timestampMs }: ChainMessage<BlockItem>, item: BlockItem): LiveBlock {
  const { header, sizeBytes, transactionCount } = item
  return {
    height,
    hash,
    timestampMs,
    proposer: String(header.proposer),
    gasUsed: Number(header.gasUsed),
    epoch: Number(header.epoch),
    view: Number(header.view),
    reserve: reserveSchema.fromJson(header.reserve ?? null),
    sizeBytes,
    transactionCount,
    heardMs: Date.now(),
  }
}

class Live {
  state: LiveState = 'connecting'
  /** Newest first. */
  blocks: readonly LiveBlock[] = []
  /** Whether the connection was lost and is back since. */
  hasComeBack = false
  readonly #listeners = new Set<() => void>()
  #isStarted = false

  /** Follows the chain until the page is closed. */
  start(): void {
    if (this.#isStarted) return
    this.#isStarted = true
    void this.#follow()
  }

  /** Called at each block and change of state; returns what ends it. */
  listen(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  #tell(): void {
    for (const listener of this.#listeners) listener()
  }

  #setState(state: LiveState): void {
    if (this.state === state) return
    if (state === 'live' && this.state === 'lost') this.hasComeBack = true
    this.state = state
    this.#tell()
  }

  async #follow(): Promise<void> {
    const url = new URL('/', location.href)
    url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:'
    const isOpen = (): void => this.#setState('live')
    const isLost = (): void => this.#setState('lost')
    class Watched extends WebSocket {
      constructor(address: string) {
        super(address)
        this.addEventListener('open', isOpen)
        this.addEventListener('close', isLost)
      }
    }
    const transport = webSocketTransport(url.href, { WebSocket: Watched })
    for (let pauseMs: number = PAUSE_MS.first; ; pauseMs = Math.min(PAUSE_MS.most, pauseMs * 2)) {
      try {
        for await (const message of await subscribe(transport, 'blocks', { retryMs: FOR_EVER_MS })) {
          pauseMs = PAUSE_MS.first
          this.#take(message)
        }
      } catch {
        // The node is away, or knows another chain now: from its newest block on.
        this.blocks = []
      }
      await new Promise((resolve) => setTimeout(resolve, pauseMs))
    }
  }

  #take(message: ChainMessage<BlockItem>): void {
    const fresh = message.items.map((item) => blockOf(message, item))
    if (fresh.length === 0) return
    this.blocks = [...fresh.reverse(), ...this.blocks].slice(0, BLOCKS_KEPT)
    this.#tell()
  }
}

export const live = new Live()
