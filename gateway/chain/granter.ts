// Posts an access grant for every assignment as soon as it is there. Owns: what is in a grant, batches, what is done about a
// refused one. Not: sending (transactor.ts), which assignments there are (assignmentBook.ts).
import { utf8 } from '../../base/bytes.ts'
import type { Hash32 } from '../../base/ids.ts'
import { type Call, encodeCall } from '../../client/calls.ts'
import { ClientError } from '../../client/clientError.ts'
import { accounts, redemption } from '../../client/modules.ts'
import { sealGrant } from '../../client/redemption/grant.ts'
import { RedeemError } from '../../client/redemption/redeemError.ts'
import { deriveApiKey } from '../apiKeys.ts'
import type { GatewayLog } from '../gatewayLog.ts'
import { idText } from '../meter/ledger.ts'
import type { Alarms } from './alarms.ts'
import type { AssignmentBook } from './assignmentBook.ts'
import type { Assigned, ChainIdentity, WindowClock } from './chainReader.ts'
import type { Transactor } from './transactor.ts'

/** Grants of one transaction: a kilobyte each, in a lane that has a tenth of a block. */
const BATCH_MAX = 24
/** Posted for a holder whose client key nothing can be sealed for: its own mistake, and no fault of the provider. */
const UNUSABLE_KEY = utf8('suanli: nothing can be sealed for this client key')

export interface GranterOptions {
  readonly book: AssignmentBook
  readonly transactor: Transactor
  readonly identity: ChainIdentity
  readonly providerSecret: Uint8Array
  /** Where clients come, without `/v1`. */
  readonly baseUrl: string
  readonly tariffHash: Hash32
  /** SHA-256 of the certificate that clients may expect; undefined where authorities vouch for it. */
  readonly certificate: Hash32 | undefined
  readonly services: readonly string[]
  readonly alarms: Alarms
  readonly log: GatewayLog
}

/** When a window begins and ends, as far as the running one tells. */
export function windowTimes(
  { window, startedAtMs, endsAtMs }: WindowClock,
  of: number,
): { readonly validFromMs: number; readonly validUntilMs: number } {
  const windowMs = endsAtMs - startedAtMs
  const validFromMs = of === window ? startedAtMs : endsAtMs + (of - window - 1) * windowMs
  return { validFromMs, validUntilMs: validFromMs + windowMs }
}

export class Granter {
  readonly #options: GranterOptions
  #running: Promise<void> | undefined
  /** Sealed once, whatever happens to the transaction. Bounded by what waits for a grant. */
  readonly #sealed = new Map<string, Uint8Array>()
  granted = 0

  constructor(options: GranterOptions) {
    this.#options = options
  }

  /** Grants what has none; one run at a time. */
  run(): Promise<void> {
    this.#running ??= this.#run()
      .catch((error: unknown) => this.#options.log.warn({ error }, 'grants are tried again'))
      .finally(() => {
        this.#running = undefined
      })
    return this.#running
  }

  #missing(): readonly Assigned[] {
    const { book, services } = this.#options
    const { window } = book.clock!
    return [...book.assignments]
      .filter((one) => !one.isGranted && one.window > window && services.includes(one.service))
      .sort((a, b) => a.window - b.window)
  }

  async #run(): Promise<void> {
    if (this.#options.book.clock === undefined) return
    this.#alarm()
    for (const key of this.#sealed.keys()) {
      const [redemptionId, assignment] = key.split('/').map(Number) as [number, number]
      if (this.#options.book.get({ redemptionId, assignment })?.isGranted !== false) this.#sealed.delete(key)
    }
    const missing = this.#missing()
    for (let at = 0; at < missing.length; at += BATCH_MAX)
      await this.#grant(missing.slice(at, at + BATCH_MAX))
    if (missing.length > 0) await this.#options.book.nudge()
    this.#alarm()
  }

  /** Late is in the last quarter before a window: it needs a block, and a second one if the fee was too low. */
  #alarm(): void {
    const { book, alarms, services } = this.#options
    const { window, startedAtMs, endsAtMs } = book.clock!
    const isLate = endsAtMs - book.time.nowMs() < (endsAtMs - startedAtMs) / 4
    const next = this.#missing().filter((one) => one.window === window + 1)
    const late = isLate ? next.length : 0
    alarms.set(
      'grantsMissing',
      late === 0 ? undefined : `${late} assignments of the next window have no grant yet`,
    )
    const foreign = [...book.assignments].find((one) => !one.isGranted && !services.includes(one.service))
    alarms.set(
      'notServed',
      foreign &&
        `redemption ${foreign.redemptionId} is assigned for ${foreign.service}, which this gateway does not serve`,
    )
  }

  async #call(assigned: Assigned): Promise<Call> {
    const { redemptionId: id, assignment } = assigned
    return encodeCall(redemption.definition, 'grant', {
      id,
      assignment,
      ciphertext: await this.#seal(assigned),
    })
  }

  async #seal(assigned: Assigned): Promise<Uint8Array> {
    const known = this.#sealed.get(idText(assigned))
    if (known !== undefined) return known
    const { identity, providerSecret, baseUrl, tariffHash, certificate, book, log } = this.#options
    const { redemptionId, assignment, clientKey, window } = assigned
    const { genesis } = identity
    const apiKey = deriveApiKey(providerSecret, genesis, assigned)
    const grant = { baseUrl, apiKey, certificate, tariffHash, ...windowTimes(book.clock!, window) }
    let sealed: Uint8Array
    try {
      sealed = await sealGrant({ genesis, redemptionId, assignment, clientKey }, grant)
    } catch (error) {
      if (!(error instanceof RedeemError) || error.code !== 'clientKey') throw error
      log.warn(
        { redemptionId, assignment },
        'the client key of this redemption is unusable: its holder cannot enter',
      )
      sealed = UNUSABLE_KEY
    }
    this.#sealed.set(idText(assigned), sealed)
    return sealed
  }

  /** One transaction; where the rules refuse it, its halves, down to the one that is refused. */
  async #grant(batch: readonly Assigned[]): Promise<void> {
    const { transactor, book, log } = this.#options
    const calls = await Promise.all(batch.map((assigned) => this.#call(assigned)))
    const [only] = calls
    try {
      if (calls.length === 1) await transactor.send(only!)
      else {
        const inner = calls.map(({ to, valueBase: value, data }) => ({ to, value, data }))
        await transactor.send(encodeCall(accounts.definition, 'batch', { calls: inner }))
      }
      this.granted += batch.length
      for (const assigned of batch) book.touch(assigned)
      log.info({ grants: batch.length, window: batch[0]!.window }, 'granted')
    } catch (error) {
      if (!(error instanceof ClientError) || error.code !== 'failed') throw error
      if (batch.length > 1) {
        const middle = batch.length >> 1
        await this.#grant(batch.slice(0, middle))
        await this.#grant(batch.slice(middle))
        return
      }
      // Another gateway of this provider was quicker, or the assignment has moved on. The chain says which.
      const [assigned] = batch
      book.touch(assigned!)
      const { redemptionId, assignment } = assigned!
      log.info({ redemptionId, assignment, reason: error.failure?.name }, 'a grant is not needed any more')
    }
  }
}
