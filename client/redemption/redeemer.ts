// Follows a redemption on the chain and sends requests to whoever serves it (GATEWAY §4). READ FIRST of the holder's side.
// Owns: which door is open when, and what is rejected. Not: one door (door.ts, paidDoor.ts), the request (request.ts).

import { errorText } from '../../base/errors.ts'
import type { Hash32 } from '../../base/ids.ts'
import { AMOUNT_MAX, maxBigint } from '../../base/units.ts'
import type { Account } from '../accounts/account.ts'
import type { ChainClient } from '../chainClient.ts'
import { ClientError } from '../clientError.ts'
import { redemption } from '../modules.ts'
import { pause } from '../waiting.ts'
import type { DoorFetch } from './bodies.ts'
import { type AssignmentInfo, ChainView, type RedemptionInfo, type WindowClock } from './chainView.ts'
import { type AssignmentTerms, openDoor } from './door.ts'
import type { DoorState } from './doorCore.ts'
import { DoorWaiters } from './doorWaiters.ts'
import type { RedeemKeys } from './keys.ts'
import { type DoorRequest, PaidDoor } from './paidDoor.ts'
import { RedeemError, type RedeemErrorCode } from './redeemError.ts'
import {
  RedeemChargeEvent,
  type RedeemEvents,
  RedeemProblemEvent,
  type RedeemState,
  RedeemStateEvent,
  RedeemVoucherEvent,
} from './states.ts'
import { pricesOf } from './tariff.ts'

/** Where the counts of a redemption are kept between two runs. Both are called in order, and must be quick. */
export interface RedeemStore {
  load(assignment: number): DoorState | undefined
  /** Is durable when it returns: the voucher over it leaves after that. */
  save(assignment: number, state: DoorState): void
}

export interface RedeemerOptions {
  readonly client: ChainClient
  readonly id: number
  readonly keys: RedeemKeys
  /** Rejects assignments whose door does not open; without it they are told, and left. */
  readonly account?: Account
  /** Most to sign for, over all assignments; default: the whole redemption. */
  readonly budgetBase?: bigint
  /** A model that every provider must serve. */
  readonly model?: string
  readonly store?: RedeemStore
  /** A fetch for providers; one that takes only the given certificate. Default: the global one, which can check none. */
  readonly fetchFor?: (certificate: Hash32 | undefined) => DoorFetch | undefined
  /** Takes prices above par. */
  readonly isAboveParTaken?: boolean
  /** Takes base URLs of foreign hosts without TLS: the key and every prompt are readable on the way. */
  readonly isPlainTaken?: boolean
  /** Also pays, by the tariff alone, what other programs use with the same key. */
  readonly isStatementPaid?: boolean
  /** How often the chain is asked; default 1,000. */
  readonly pollMs?: number
  /** How long a door is tried before its assignment is rejected; default 10,000. */
  readonly graceMs?: number
  /** How long a request waits for a door; default 60,000. */
  readonly waitMs?: number
  /** For one answer of a provider besides the work itself; default 15,000. */
  readonly timeoutMs?: number
}

const WAIT_MS = 60_000
/** Times that one request is tried, at one door or at several. */
const TRIES_MAX = 5
/** Before the first time that it is tried again at the same door; then twice as long. */
const AGAIN_MS = 100
/** A provider's word for a window of which its node has not told it. */
const NOT_BEGUN = 'window_not_begun'
/** Errors that may pass, so that the door is tried again. */
const PASSING: ReadonlySet<RedeemErrorCode> = new Set(['door'])
type RejectReason = Parameters<typeof redemption.reject>[0]['reason']
/** What the chain is told of them. */
const REASONS: Partial<Record<RedeemErrorCode, RejectReason>> = {
  grantSize: 'unreachable',
  grantSealed: 'unreachable',
  grantContent: 'unreachable',
  certificate: 'unreachable',
  door: 'unreachable',
  tariffHash: 'wrongService',
  tariff: 'wrongService',
  unpriced: 'wrongService',
  wire: 'wrongService',
}

/** One assignment of a window that has begun. */
interface Opening {
  readonly assignment: number
  readonly window: number
  readonly firstTriedMs: number
  door: PaidDoor | undefined
  isGivenUp: boolean
}

const globalFetch: DoorFetch = (url, init) => fetch(url, init)

/**
 * Follows one redemption: tells its states, opens each door as its window begins, and sends requests through it.
 *
 * Events: `state`, `problem`, `charge`, `voucher` (states.ts).
 */
export class Redeemer extends EventTarget {
  readonly id: number
  readonly #options: RedeemerOptions
  readonly #chain: ChainView
  readonly #openings = new Map<number, Opening>()
  readonly #waiters: DoorWaiters<PaidDoor>
  readonly #stop = new AbortController()
  #watching: Promise<void> | undefined
  #state: RedeemState | undefined
  /** Coins in the queue, or capacity of a later window. */
  #isMoreToCome = true
  /** Spent at doors that are shut. */
  #spentBase = 0n

  constructor(options: RedeemerOptions) {
    super()
    this.id = options.id
    this.#options = options
    this.#chain = new ChainView(options.client)
    this.#waiters = new DoorWaiters(options.waitMs ?? WAIT_MS)
  }

  /** The newest state; undefined before the chain was asked. */
  get state(): RedeemState | undefined {
    return this.#state
  }

  /** Adds a listener, with the event's own type. */
  on<E extends keyof RedeemEvents>(type: E, listener: (event: RedeemEvents[E]) => void): this {
    this.addEventListener(type, listener as (event: Event) => void)
    return this
  }

  /** Begins to follow the chain. */
  start(): this {
    this.#watching ??= this.#watch()
    return this
  }

  /** Signs for what is due, and stops. Requests that wait fail. */
  async close(): Promise<void> {
    this.#stop.abort()
    this.#waiters.fail(new RedeemError('ended', 'the client is closed'))
    await this.#watching
    for (const opening of this.#openings.values()) await this.#shut(opening)
  }

  /** Resolves when a door is open. Throws RedeemError `ended` when none opens in time, or no further one comes. */
  async ready(): Promise<void> {
    await this.#doorFor(undefined, new Set())
  }

  /** Base URL and API key of an open door, for programs that go there themselves. Treat the key as a secret. */
  access():
    | { readonly baseUrl: string; readonly apiKey: Uint8Array; readonly assignment: number }
    | undefined {
    const opening = this.#usable()[0]
    if (opening?.door === undefined) return undefined
    const { grant } = opening.door.door
    return { baseUrl: grant.baseUrl, apiKey: grant.apiKey, assignment: opening.assignment }
  }

  /** Names of the models that can be asked for now. */
  models(): readonly string[] {
    return [...new Set(this.#usable().flatMap(({ door }) => [...door!.door.tariff.models.keys()]))].sort()
  }

  /**
   * A request to an OpenAI-compatible path, such as `/v1/chat/completions`. Waits for a door, goes on to the next one where a window
   * ends before the answer begins, and checks and pays what the answer costs. Throws RedeemError.
   */
  async fetch(path: string, init: Partial<Omit<DoorRequest, 'path'>> = {}): Promise<Response> {
    const { method = 'GET', headers = {}, body, signal } = init
    const request: DoorRequest = { method, path, headers, body, signal }
    const model = modelOf(body)
    const tried = new Set<PaidDoor>()
    for (let tries = 1; ; tries++) {
      signal?.throwIfAborted()
      const door = await this.#doorFor(model, tried)
      try {
        return await door.call(request)
      } catch (error) {
        if (!(error instanceof RedeemError) || signal?.aborted === true) throw error
        const mayPass = PASSING.has(error.code) || door.refusal === error
        if (!mayPass || tries === TRIES_MAX) throw error
        // One that does not answer, or has not heard of its window yet, may do so in a moment; one that refuses will not.
        const isLate = error.path === undefined || error.path === NOT_BEGUN
        if (!isLate || door.refusal === error || this.#usable(model).length > 1) tried.add(door)
        else await pause(AGAIN_MS * 2 ** tries, this.#stop.signal)
      }
    }
  }

  #usable(model?: string): readonly Opening[] {
    return [...this.#openings.values()].filter(({ door, isGivenUp }) => {
      if (door === undefined || isGivenUp || !door.isUsable) return false
      return model === undefined || pricesOf(door.door.tariff, model) !== undefined
    })
  }

  /** Every door is open, nothing is left at any, and nothing else comes. */
  get #isUsedUp(): boolean {
    const openings = [...this.#openings.values()]
    if (this.#isMoreToCome || openings.length === 0) return false
    return openings.every(({ door }) => door !== undefined && door.meter.leftBase <= 0n)
  }

  #doorFor(model: string | undefined, tried: ReadonlySet<PaidDoor>): Promise<PaidDoor> {
    const newest = this.#usable(model).findLast(({ door }) => !tried.has(door!))?.door
    if (newest !== undefined) return Promise.resolve(newest)
    if (this.#state?.kind === 'ended')
      return Promise.reject(new RedeemError('ended', `the redemption is over: ${this.#state.reason}`))
    if (this.#stop.signal.aborted) return Promise.reject(new RedeemError('ended', 'the client is closed'))
    // Whoever serves does not have it; the next one may, but nobody knows.
    if (model !== undefined && tried.size === 0 && this.#usable().length > 0)
      return Promise.reject(
        new RedeemError('unpriced', `nobody who serves now has ${model}`, { path: model }),
      )
    if (this.#isUsedUp)
      return Promise.reject(new RedeemError('budget', 'all that was redeemed here is used up'))
    return this.#waiters.wait(
      (door) => !tried.has(door) && (model === undefined || pricesOf(door.door.tariff, model) !== undefined),
    )
  }

  async #watch(): Promise<void> {
    const { signal } = this.#stop
    while (!signal.aborted && this.#state?.kind !== 'ended') {
      try {
        await this.#look()
      } catch (error) {
        // The node is down for a moment, or answers nonsense: it is told, and asked again.
        this.#problem(asRedeemError(error), { isRejected: false })
      }
      await pause(this.#options.pollMs ?? 1_000, signal)
    }
  }

  async #look(): Promise<void> {
    const [info, clock, nowMs] = await Promise.all([
      this.#chain.redemption(this.id),
      this.#chain.clock(),
      this.#chain.nowMs(),
    ])
    if (info === undefined) {
      await this.#end({ reason: 'gone', deliveredBase: 0n, refundedBase: 0n, feesBase: 0n })
      return
    }
    const live = info.assignments.filter(({ window }) => window >= clock.windowIndex)
    this.#isMoreToCome = info.queuedBase > 0n || live.some(({ window }) => window > clock.windowIndex)
    for (const opening of [...this.#openings.values()]) {
      if (live.some(({ assignment }) => assignment === opening.assignment)) continue
      this.#openings.delete(opening.assignment)
      await this.#shut(opening)
    }
    for (const assignment of live) await this.#tryOpen(info, assignment, { clock, nowMs })
    if (this.#options.isStatementPaid === true) await this.#payStatements()
    await this.#tell(info, live, { clock, nowMs })
  }

  async #tryOpen(info: RedemptionInfo, assignment: AssignmentInfo, at: At): Promise<void> {
    if (assignment.window > at.clock.windowIndex) return
    const key = assignment.assignment
    const opening: Opening = this.#openings.get(key) ?? {
      assignment: key,
      window: assignment.window,
      firstTriedMs: performance.now(),
      door: undefined,
      isGivenUp: false,
    }
    this.#openings.set(key, opening)
    if (opening.door !== undefined || opening.isGivenUp) return
    const terms = await this.#chain.termsOf(info, assignment)
    // Without a grant the chain returns the coins by itself, at the provider's fault.
    if (terms === undefined) return
    try {
      const door = await this.#open(terms, at)
      await (this.#options.isStatementPaid === true ? door.adoptStatement() : door.adoptEarlier())
      opening.door = door
    } catch (error) {
      if (!(error instanceof RedeemError)) throw error
      const triedMs = performance.now() - opening.firstTriedMs
      if (PASSING.has(error.code) && triedMs < (this.#options.graceMs ?? 10_000)) return
      await this.#giveUp(opening, error)
      return
    }
    this.#waiters.offer(opening.door)
  }

  async #open(terms: AssignmentTerms, { nowMs }: At): Promise<PaidDoor> {
    const { keys, store, timeoutMs = 15_000 } = this.#options
    const [identity, references] = await Promise.all([this.#chain.identity(), this.#chain.references()])
    const door = await openDoor(terms, {
      ...identity,
      keys,
      references,
      chainNowMs: nowMs,
      fetchFor:
        this.#options.fetchFor ?? ((certificate) => (certificate === undefined ? globalFetch : undefined)),
      isAboveParTaken: this.#options.isAboveParTaken ?? false,
      isPlainTaken: this.#options.isPlainTaken ?? false,
      model: this.#options.model,
      timeoutMs,
    })
    const { assignment } = terms
    if (door.clockAheadMs !== undefined) {
      const minutes = Math.round(door.clockAheadMs / 60_000)
      const text = `the provider's clock is ${Math.abs(minutes)} minutes ${minutes > 0 ? 'ahead of' : 'behind'} the chain's`
      this.#problem(new RedeemError('clock', text), { assignment, isRejected: false })
    }
    return new PaidDoor(door, {
      keys,
      state: store?.load(assignment),
      budgetLeft: () => this.#budgetLeft(),
      save: (state) => store?.save(assignment, state),
      onCharge: (charge) => this.dispatchEvent(new RedeemChargeEvent({ assignment, ...charge })),
      onVoucher: (deliveredBase) => this.dispatchEvent(new RedeemVoucherEvent(assignment, deliveredBase)),
      onRefused: (error) => void this.#giveUp(this.#openings.get(assignment), error),
      timeoutMs,
    })
  }

  /** Base units that may still be signed for. */
  #budgetLeft(): bigint {
    const { budgetBase } = this.#options
    if (budgetBase === undefined) return AMOUNT_MAX
    let signedBase = this.#spentBase
    for (const { door } of this.#openings.values()) signedBase += door?.meter.state.voucheredBase ?? 0n
    return maxBigint(0n, budgetBase - signedBase)
  }

  async #payStatements(): Promise<void> {
    for (const opening of this.#usable()) {
      try {
        await opening.door!.adoptStatement()
      } catch (error) {
        const wrong = asRedeemError(error)
        // What is no honest statement has shut the door already.
        if (PASSING.has(wrong.code))
          this.#problem(wrong, { assignment: opening.assignment, isRejected: false })
      }
    }
  }

  /** Nothing more goes through a door: its assignment is rejected on the chain, so that the coins return at once. */
  async #giveUp(opening: Opening | undefined, error: RedeemError): Promise<void> {
    if (opening === undefined || opening.isGivenUp) return
    opening.isGivenUp = true
    const { assignment } = opening
    const { account, client } = this.#options
    if (account === undefined) {
      this.#problem(error, { assignment, isRejected: false })
      return
    }
    const reason = REASONS[error.code] ?? 'other'
    try {
      await client.send(account, redemption.reject({ id: this.id, assignment, reason }))
      this.#problem(error, { assignment, isRejected: true })
    } catch (failure) {
      this.#problem(error, { assignment, isRejected: false })
      this.#problem(asRedeemError(failure), { assignment, isRejected: false })
    }
  }

  /** The last voucher leaves; then the door is forgotten. */
  async #shut({ assignment, door, isGivenUp }: Opening): Promise<void> {
    if (door === undefined) return
    door.close()
    if (!isGivenUp && door.refusal === undefined) {
      await door.flush().catch((error: unknown) => {
        this.#problem(asRedeemError(error), { assignment, isRejected: false })
      })
    }
    this.#spentBase += door.meter.state.voucheredBase
  }

  #problem(error: RedeemError, about: { readonly assignment?: number; readonly isRejected: boolean }): void {
    this.dispatchEvent(new RedeemProblemEvent(error, about))
  }

  async #tell(info: RedemptionInfo, live: readonly AssignmentInfo[], at: At): Promise<void> {
    if (info.endReason !== 'none') {
      const { endReason: reason, refundedBase, feesBase } = info
      const deliveredBase = info.burnedBase + info.transferredBase
      await this.#end({ reason, deliveredBase, refundedBase, feesBase })
      return
    }
    const { endsAtMs, windowIndex } = at.clock
    const serving = this.#usable().at(-1)
    const next = live.find(({ assignment }) => this.#openings.get(assignment)?.isGivenUp !== true)
    if (serving?.door !== undefined) {
      const { terms, grant, parity } = serving.door.door
      this.#become({
        kind: 'serving',
        window: serving.window,
        provider: terms.provider,
        assignment: serving.assignment,
        baseUrl: grant.baseUrl,
        endsInMs: Math.max(0, endsAtMs - at.nowMs),
        leftBase: serving.door.meter.leftBase,
        parity: Object.fromEntries(parity),
      })
    } else if (next !== undefined) {
      const { window, provider, grantedAtMs } = next
      const windowMs = endsAtMs - at.clock.startedAtMs
      const startsInMs =
        window <= windowIndex ? 0 : endsAtMs - at.nowMs + (window - windowIndex - 1) * windowMs
      this.#become({
        kind: 'assigned',
        window,
        provider,
        isGranted: grantedAtMs > 0,
        startsInMs: Math.max(0, startsInMs),
      })
    } else {
      const place = info.places[0]?.sequence ?? info.sequence
      const expectedWindows = await this.#chain.expectedWindows()
      this.#become({ kind: 'queued', place, expectedWindows, queuedBase: info.queuedBase })
    }
  }

  #become(state: RedeemState): void {
    this.#state = state
    this.dispatchEvent(new RedeemStateEvent(state))
  }

  async #end(end: Omit<Extract<RedeemState, { kind: 'ended' }>, 'kind'>): Promise<void> {
    for (const opening of this.#openings.values()) await this.#shut(opening)
    this.#openings.clear()
    this.#become({ kind: 'ended', ...end })
    this.#waiters.fail(new RedeemError('ended', `the redemption is over: ${end.reason}`))
  }
}

/** The chain when it was last asked. */
interface At {
  readonly clock: WindowClock
  readonly nowMs: number
}

function asRedeemError(error: unknown): RedeemError {
  if (error instanceof RedeemError) return error
  const code = error instanceof ClientError && error.code === 'failed' ? 'ended' : 'wire'
  return new RedeemError(code, errorText(error), { cause: error })
}

/** The model that a body names; undefined for a body that is no JSON object with one. */
function modelOf(body: string | Uint8Array | undefined): string | undefined {
  if (typeof body !== 'string') return undefined
  try {
    const { model } = JSON.parse(body) as { readonly model?: unknown }
    return typeof model === 'string' ? model : undefined
  } catch {
    return undefined
  }
}
