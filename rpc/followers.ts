// `subscribe` over WebSocket. Owns: how far each subscription is, in which order they go on, and who is cut.
// Not: what a block holds for a topic (topics.ts), parameters (followMethods.ts), sockets and queues (sockets.ts).
// Each reads the chain at its own pace from the place it named, so nothing is kept for a slow reader but that place.

import { toHex } from '../base/bytes.ts'
import type { Json } from '../base/field.ts'
import type { Backend, FinalizedBlock } from './backend.ts'
import { type BlockItems, ItemsOfBlocks } from './blockItems.ts'
import type { DispatchLog } from './dispatch.ts'
import { invalidParams, prunedHistory, RPC_CODE, RpcError } from './errors.ts'
import type { BlockIndexes } from './eth/blockIndex.ts'
import type { RpcEvents } from './events.ts'
import { FairLine } from './fairLine.ts'
import type { Call, Connection } from './method.ts'
import type { Quota } from './quota.ts'
import { type Booked, SubscriptionBook } from './subscriptionBook.ts'
import type { Topic } from './topics.ts'
import { turns } from './turns.ts'

export interface FollowLimits {
  /** Blocks below the tip at which a subscription may begin. */
  readonly replayBlocksMax: number
  /** Items in a message; those of a larger block come in several. */
  readonly itemsPerMessage: number
  /** Blocks without an item after which a message without items tells how far the subscription is. */
  readonly quietBlocksMax: number
  /** Unsent bytes of a connection at which its subscriptions wait until it has read them. */
  readonly unreadBytesMax: number
  /** New blocks during such a wait, or between a subscription and the tip once it was there; then it is cut. */
  readonly blocksBehindMax: number
}

export const FOLLOW_LIMITS: FollowLimits = {
  replayBlocksMax: 10_000,
  itemsPerMessage: 512,
  quietBlocksMax: 64,
  unreadBytesMax: 64 * 1024,
  blocksBehindMax: 64,
}

/** The place of deliveries in the queue of long work. */
const CLIENT = 'followers'

/** Where a subscription continues. */
export interface Resume {
  readonly fromBlock: number
  /** Items of that block that the client already has. */
  readonly fromIndex: number
  /** Number of the next message. */
  readonly sequence: number
}

export interface FollowRequest {
  readonly topic: Topic
  /** Undefined: every item. */
  readonly keys: ReadonlySet<string> | undefined
  /** Undefined: the next block. */
  readonly fromBlock: number | undefined
  readonly fromIndex: number
  readonly sequence: number
}

interface Follower extends Booked {
  readonly topic: Topic
  readonly keys: ReadonlySet<string> | undefined
  /** Next block, and its first item that is due. */
  height: number
  index: number
  sequence: number
  /** Blocks without an item since the last message. */
  quietBlocks: number
  /** The client knows its id. */
  isKnown: boolean
  /** It has been at the tip: it is late when it falls back. */
  wasAtTip: boolean
  /** The tip when it began to wait for its reader. */
  waitingSince: number | undefined
}

export class Followers {
  readonly #backend: Backend
  readonly #items: ItemsOfBlocks
  readonly #limits: FollowLimits
  readonly #log: DispatchLog
  readonly #book: SubscriptionBook<Follower>
  readonly #all = new Set<Follower>()
  /** Those that may have something to send. */
  readonly #due = new FairLine<Follower>()
  #isDelivering = false

  constructor(options: {
    backend: Backend
    events: RpcEvents
    indexes: BlockIndexes
    limits: FollowLimits
    /** Subscriptions of every kind. */
    count: Quota
    /** Addresses and topics in filters. */
    entries: Quota
    log: DispatchLog
  }) {
    this.#backend = options.backend
    this.#items = new ItemsOfBlocks(options.indexes)
    this.#limits = options.limits
    this.#log = options.log
    this.#book = new SubscriptionBook({
      count: options.count,
      entries: options.entries,
      onEnd: (follower) => {
        this.#all.delete(follower)
        this.#due.delete(follower, follower.keeper.client)
      },
    })
    options.events.onFinalized((block) => this.#onFinalized(block.header.height))
  }

  /** Messages begin after the answer. Throws RpcError for a limit, or a place that is not served. */
  add(connection: Connection, call: Call, request: FollowRequest): { readonly id: string; resume: Resume } {
    const height = this.#beginOf(request)
    const { topic, keys, fromIndex: index, sequence } = request
    const follower = this.#book.add(connection, call, {
      entries: keys?.size ?? 0,
      make: (booked) => ({
        ...booked,
        topic,
        keys,
        height,
        index,
        sequence,
        quietBlocks: 0,
        isKnown: false,
        wasAtTip: height > this.#backend.head().header.height,
        waitingSince: undefined,
      }),
      begin: (known) => {
        known.isKnown = true
        this.#wake(known)
      },
    })
    this.#all.add(follower)
    return { id: follower.id, resume: { fromBlock: height, fromIndex: index, sequence } }
  }

  #beginOf({ fromBlock }: FollowRequest): number {
    const next = this.#backend.head().header.height + 1
    if (fromBlock === undefined) return next
    const { replayBlocksMax } = this.#limits
    if (fromBlock > next + replayBlocksMax) {
      throw invalidParams(`fromBlock ${fromBlock} is far above the latest block, ${next - 1}`)
    }
    const heldMin = this.#backend.blockHeightMin()
    const first = Math.max(next - replayBlocksMax, heldMin)
    if (fromBlock >= first || (fromBlock === 0 && first === 1)) return Math.max(1, fromBlock)
    if (first === heldMin) throw prunedHistory(fromBlock, heldMin)
    throw new RpcError(
      RPC_CODE.limit,
      `fromBlock ${fromBlock} is too far back: this node begins subscriptions at block ${first} or later; read what is older with chain_block or eth_getLogs`,
      { heightMin: first },
    )
  }

  remove(connection: Connection, id: string): boolean {
    return this.#book.remove(connection, id)
  }

  #onFinalized(tip: number): void {
    this.#book.onBlock()
    const { blocksBehindMax } = this.#limits
    let isLate = false
    for (const follower of this.#all) {
      const { waitingSince, connection } = follower
      if (waitingSince === undefined) {
        const { isKnown, wasAtTip, height } = follower
        if (isKnown && wasAtTip && tip - height >= blocksBehindMax) isLate = true
        this.#wake(follower)
      } else if (tip - waitingSince >= blocksBehindMax) {
        connection.cutSlow()
        this.#book.forget(connection)
      }
    }
    if (isLate) this.#book.cutCostliest()
  }

  #wake(follower: Follower): void {
    if (!follower.isKnown || follower.isEnded || follower.waitingSince !== undefined) return
    this.#enqueue(follower)
    if (!this.#isDelivering) void this.#deliver()
  }

  /** Runs at once while the turn has room, then goes on in later ones. */
  async #deliver(): Promise<void> {
    this.#isDelivering = true
    while (!this.#due.isEmpty) {
      if (!turns.hasRoom()) await turns.long(CLIENT)
      const follower = this.#due.take()
      if (follower === undefined) break
      const hasMore = await this.#goOn(follower).catch((error: unknown) => {
        this.#log.error({ method: 'subscribe', err: error })
        this.#end(follower, new RpcError(RPC_CODE.internal, 'internal error'))
        return false
      })
      // Who has more to send comes again after the others.
      if (hasMore && !follower.isEnded) this.#enqueue(follower)
    }
    this.#isDelivering = false
  }

  /** What is new goes before what is old, however much of that somebody asked for. */
  #enqueue(follower: Follower): void {
    this.#due.add(follower, follower.keeper.client, follower.wasAtTip)
  }

  /** Sends at most one message; false when there is nothing more for now. */
  async #goOn(follower: Follower): Promise<boolean> {
    const tip = this.#backend.head()
    while (follower.height <= tip.header.height) {
      if (follower.connection.queuedBytes > this.#limits.unreadBytesMax) {
        this.#wait(follower)
        return false
      }
      const isTip = follower.height === tip.header.height
      const block = isTip ? tip : await this.#backend.blockByHeight(follower.height)
      if (block === undefined) {
        this.#end(follower, prunedHistory(follower.height, this.#backend.blockHeightMin()))
        return false
      }
      const made = this.#items.of(block, follower.topic, CLIENT)
      const items = made instanceof Promise ? await made : made
      if (follower.isEnded) return false
      // Everybody needs the newest block's items; those of older blocks are made for who asked.
      if (made instanceof Promise && !isTip) this.#book.charge(follower.connection, items.madeMs)
      const beganMs = performance.now()
      const isSent = this.#look(follower, block, items)
      this.#book.charge(follower.connection, performance.now() - beganMs)
      if (isSent || !turns.hasRoom()) return true
    }
    follower.wasAtTip = true
    return false
  }

  /** Goes past the block, or a part of it, or ends where its place is none; whether it sent a message. */
  #look(follower: Follower, block: FinalizedBlock, items: BlockItems): boolean {
    const { itemsPerMessage, quietBlocksMax } = this.#limits
    const chosen = items.choose(follower.keys)
    const { length } = chosen ?? items.texts
    const left = length - follower.index
    if (left < 0) {
      // Passing on would leave out the block in silence.
      const place = `block ${follower.height} has ${length} items for this subscription`
      this.#end(follower, invalidParams(`fromIndex: ${place}, not ${follower.index}`))
      return true
    }
    const isQuiet = left <= 0
    if (isQuiet && ++follower.quietBlocks < quietBlocksMax) {
      this.#passTo(follower, follower.height + 1)
      return false
    }
    const list = isQuiet ? '[]' : items.list(chosen, follower.index, itemsPerMessage)
    this.#send(follower, block, { list, left })
    return true
  }

  #passTo(follower: Follower, height: number): void {
    follower.height = height
    follower.index = 0
  }

  #send(
    follower: Follower,
    { header, hash }: FinalizedBlock,
    { list, left }: { readonly list: string; readonly left: number },
  ): void {
    const { itemsPerMessage } = this.#limits
    const { height, timestampMs } = header
    const { sequence } = follower
    follower.sequence++
    follower.quietBlocks = 0
    if (left > itemsPerMessage) follower.index += itemsPerMessage
    else this.#passTo(follower, height + 1)
    const place = `"height":${height},"hash":"${toHex(hash)}","timestampMs":${timestampMs}`
    const resume = JSON.stringify(resumeOf(follower))
    this.#notify(follower, `"result":{"sequence":${sequence},${place},"items":${list},"resume":${resume}}`)
  }

  /** A subscription that cannot go on says why, and from where another one can. */
  #end(follower: Follower, { code, message, data }: RpcError): void {
    const error = { code, message, ...(data === undefined ? {} : { data }) }
    this.#notify(follower, `"error":${JSON.stringify(error)}`)
    this.#book.remove(follower.connection, follower.id)
  }

  #notify({ connection, id }: Follower, member: string): void {
    connection.notify(`{"jsonrpc":"2.0","method":"subscription","params":{"subscription":"${id}",${member}}}`)
  }

  #wait(follower: Follower): void {
    follower.waitingSince = this.#backend.head().header.height
    follower.connection.whenRead(() => {
      follower.waitingSince = undefined
      // What it missed meanwhile is not the node's fault: it is late again only once it was at the tip.
      follower.wasAtTip = false
      this.#wake(follower)
    })
  }
}

function resumeOf({ height, index, sequence }: Follower): Resume & { readonly [name: string]: Json } {
  return { fromBlock: height, fromIndex: index, sequence }
}
