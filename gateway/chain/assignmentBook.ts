// The provider's open assignments, kept in step with the chain: by events where the node offers WebSocket, by looking where it
// does not, and by looking now and then all the same. Owns: what is open, and telling of changes. Not: acting on it.
import type { ChainClient } from '../../client/chainClient.ts'
import { redemption } from '../../client/modules.ts'
import { type ChainSubscription, subscribe } from '../../client/subscription.ts'
import type { WebSocketTransport } from '../../client/transports/webSocket.ts'
import type { GatewayLog } from '../gatewayLog.ts'
import { idText } from '../meter/ledger.ts'
import type { AssignmentId } from '../store/records.ts'
import type { Assigned, ChainReader, WindowClock } from './chainReader.ts'
import { ChainTime } from './chainTime.ts'

/** Windows ahead that the chain may assign into: K/8 of at most 120. */
const AHEAD_MAX = 15
/** Looks at everything while events come as well. */
const SAFETY_LOOKS = 12
/** An assignment changed: any of these names it. */
const EVENTS = ['Assigned', 'Granted', 'Vouchered', 'Settled', 'Closed', 'Rejected'] as const

export interface BookOptions {
  readonly client: ChainClient
  readonly reader: ChainReader
  readonly provider: number
  readonly webSocket: WebSocketTransport | undefined
  readonly pollMs: number
  readonly log: GatewayLog
  /** After each look: what is open has been read. */
  readonly onLook: () => void
}

export class AssignmentBook {
  readonly #options: BookOptions
  readonly #open = new Map<string, Assigned>()
  /** To be asked about at the next look. */
  readonly #dirty = new Map<string, AssignmentId>()
  readonly time = new ChainTime()
  #clock: WindowClock | undefined
  #timer: NodeJS.Timeout | undefined
  #looking: Promise<void> | undefined
  #subscription: ChainSubscription<unknown> | undefined
  #isFollowing = false
  #isNudged = false
  #isClosed = false
  /** A look that somebody waits for who says that a window has begun. */
  #asking: Promise<void> | undefined
  /** Looks until everything is read again. */
  #untilAll = 0
  /** When the node last answered, by the monotonic clock. */
  #answeredAtMs = performance.now()

  constructor(options: BookOptions) {
    this.#options = options
  }

  /** Reads everything once, then goes on by itself. */
  async start(): Promise<void> {
    await this.look()
    void this.#follow()
  }

  get clock(): WindowClock | undefined {
    return this.#clock
  }

  get assignments(): IterableIterator<Assigned> {
    return this.#open.values()
  }

  get isFollowing(): boolean {
    return this.#isFollowing
  }

  /** How long the node has not answered. */
  get silentMs(): number {
    return performance.now() - this.#answeredAtMs
  }

  get(id: AssignmentId): Assigned | undefined {
    return this.#open.get(idText(id))
  }

  /** Asks about one again, at the next look. */
  touch(id: AssignmentId): void {
    this.#dirty.set(idText(id), { redemptionId: id.redemptionId, assignment: id.assignment })
  }

  /** Reads what changed; resolves once a look that began after this call is over. Rejects when the node does not answer. */
  async look(): Promise<void> {
    while (this.#looking !== undefined) await this.#looking.catch(() => undefined)
    if (this.#isClosed) return
    clearTimeout(this.#timer)
    this.#looking = this.#look().finally(() => {
      this.#looking = undefined
      this.#schedule()
    })
    await this.#looking
  }

  /** Whether a window has begun: a holder may have heard of it first. Then the chain is looked at, once for all who ask. */
  async hasBegun(window: number): Promise<boolean> {
    if (this.#clock !== undefined && this.#clock.window >= window) return true
    this.#asking ??= this.#lookSafely().finally(() => {
      this.#asking = undefined
    })
    await this.#asking
    return this.#clock !== undefined && this.#clock.window >= window
  }

  /** Looks soon; many of these are one look. */
  async nudge(): Promise<void> {
    if (this.#isNudged) return
    this.#isNudged = true
    // Whatever is under way may have begun before.
    await this.#looking?.catch(() => undefined)
    this.#isNudged = false
    await this.#lookSafely()
  }

  #schedule(): void {
    if (this.#isClosed) return
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => void this.#lookSafely(), this.#pauseMs())
  }

  async #lookSafely(): Promise<void> {
    try {
      await this.look()
    } catch (error) {
      this.#options.log.warn({ error }, 'the node does not answer')
    }
  }

  /** A fortieth of a window, so that grants and vouchers are in time; `pollMs` at most. */
  #pauseMs(): number {
    const { pollMs } = this.#options
    const clock = this.#clock
    if (clock === undefined) return pollMs
    return Math.min(pollMs, Math.max(50, (clock.endsAtMs - clock.startedAtMs) / 40))
  }

  async #look(): Promise<void> {
    const { reader, onLook } = this.#options
    const before = this.#clock
    const clock = await reader.clock()
    this.time.take(clock)
    this.#clock = clock
    const isAll = before?.window !== clock.window || !this.#isFollowing || this.#untilAll <= 0
    if (isAll) {
      this.#untilAll = SAFETY_LOOKS
      await this.#readAll(clock)
    } else {
      this.#untilAll--
      await this.#readDirty()
    }
    this.#answeredAtMs = performance.now()
    onLook()
  }

  async #readAll({ window }: WindowClock): Promise<void> {
    const { reader, provider } = this.#options
    this.#dirty.clear()
    const seen = new Set<string>()
    // The window before takes vouchers a little longer when its end was crowded.
    const first = Math.max(0, window - 1)
    const windows = Array.from({ length: window + AHEAD_MAX + 1 - first }, (_, i) => first + i)
    const found = await Promise.all(windows.map((at) => reader.window(provider, at)))
    for (const assigned of found.flat()) {
      seen.add(idText(assigned))
      this.#open.set(idText(assigned), assigned)
    }
    for (const key of [...this.#open.keys()]) if (!seen.has(key)) this.#open.delete(key)
  }

  async #readDirty(): Promise<void> {
    const { reader, provider } = this.#options
    for (const [key, id] of [...this.#dirty]) {
      this.#dirty.delete(key)
      try {
        const assigned = await reader.assigned(id)
        if (assigned?.provider === provider) this.#open.set(key, assigned)
        else this.#open.delete(key)
      } catch (error) {
        this.#dirty.set(key, id)
        throw error
      }
    }
  }

  /** Events over WebSocket, again and again; without it the looks read everything. */
  async #follow(): Promise<void> {
    const { webSocket, log } = this.#options
    while (webSocket !== undefined && !this.#isClosed) {
      try {
        const events = await subscribe(webSocket, redemption, { event: [...EVENTS] })
        this.#subscription = events
        // What came before this is not among the events.
        this.#untilAll = 0
        this.#isFollowing = true
        for await (const { items } of events) {
          for (const item of items) this.#take(item as { readonly args: object })
          if (items.length > 0) void this.nudge()
        }
      } catch (error) {
        if (!this.#isClosed) log.warn({ error }, 'no events from the node: it is asked instead')
      }
      this.#isFollowing = false
      if (!this.#isClosed) await this.#pause()
    }
  }

  #take({ args }: { readonly args: object }): void {
    const { id, assignment, provider } = args as { id: number; assignment: number; provider?: number }
    const given = { redemptionId: id, assignment }
    const isOwn = provider === this.#options.provider || this.#open.has(idText(given))
    if (isOwn) this.#dirty.set(idText(given), given)
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, this.#options.pollMs).unref())
  }

  async close(): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#timer)
    await this.#subscription?.return()
    await this.#looking?.catch(() => undefined)
  }
}
