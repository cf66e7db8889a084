// Which assignments may be used now, and by which keys: the chain's open assignments joined with their meters.
// Owns: opening and ending them as windows pass. Not: what the chain has (chain/assignmentBook.ts), the meter's arithmetic.
import type { Hash32 } from '../base/ids.ts'
import { ApiKeys, apiKeyText, deriveApiKey } from './apiKeys.ts'
import type { Assigned } from './chain/chainReader.ts'
import type { Sharer } from './http/fairQueue.ts'
import { idText, type Ledger, type OpenMeter } from './meter/ledger.ts'
import type { AssignmentId } from './store/records.ts'

/** Windows after its own in which an assignment's session can still be looked at. */
const KEEP_WINDOWS = 2

export class Session implements Sharer {
  /** As the chain had it at the last look. */
  assigned: Assigned
  readonly opened: OpenMeter
  readonly keyText: string
  /** Why nothing is served under it; undefined while something is. */
  ended: 'windowEnded' | 'closed' | undefined

  constructor(assigned: Assigned, opened: OpenMeter, keyText: string) {
    this.assigned = assigned
    this.opened = opened
    this.keyText = keyText
  }

  get weight(): bigint {
    const { bookedHours } = this.assigned
    return bookedHours > 0n ? bookedHours : 1n
  }
}

export interface SessionsOptions {
  readonly ledger: Ledger
  readonly providerSecret: Uint8Array
  readonly genesis: Hash32
  readonly services: readonly string[]
}

export class Sessions {
  readonly #options: SessionsOptions
  readonly #keys = new ApiKeys<Session>()
  readonly #byId = new Map<string, Session>()
  #totalWeight = 0n
  #isSynced = false

  constructor(options: SessionsOptions) {
    this.#options = options
  }

  get size(): number {
    return this.#byId.size
  }

  get all(): IterableIterator<Session> {
    return this.#byId.values()
  }

  /** Hours booked in the running window. */
  get totalWeight(): bigint {
    return this.#totalWeight
  }

  /** Whether the chain was looked at: before, no key is known to be wrong. */
  get isSynced(): boolean {
    return this.#isSynced
  }

  find(authorization: string | undefined): Session | undefined {
    return this.#keys.find(authorization)
  }

  get(id: AssignmentId): Session | undefined {
    return this.#byId.get(idText(id))
  }

  /** Takes what the chain has. Requests under way go on. */
  sync(assignments: Iterable<Assigned>, window: number): void {
    const { ledger, services } = this.#options
    const seen = new Set<string>()
    for (const assigned of assignments) {
      if (!services.includes(assigned.service)) continue
      const key = idText(assigned)
      seen.add(key)
      const known = this.#byId.get(key)
      // A node that was behind showed it as closed.
      if (known?.ended === 'closed') this.#remove(key, known)
      if (known === undefined || known.ended === 'closed') this.#add(assigned)
      else known.assigned = assigned
    }
    let totalWeight = 0n
    for (const [key, session] of this.#byId) {
      const isOver = session.assigned.window < window
      if (isOver || !seen.has(key)) session.ended ??= isOver ? 'windowEnded' : 'closed'
      if (session.ended !== undefined && !session.opened.isClosed && session.opened.meter.reservedBase === 0n)
        ledger.close(session.opened)
      if (session.assigned.window + KEEP_WINDOWS < window) this.#remove(key, session)
      else if (session.ended === undefined && session.assigned.window === window)
        totalWeight += session.weight
    }
    this.#totalWeight = totalWeight
    this.#isSynced = true
  }

  #add(assigned: Assigned): void {
    const { ledger, providerSecret, genesis } = this.#options
    const keyText = apiKeyText(deriveApiKey(providerSecret, genesis, assigned))
    const session = new Session(assigned, ledger.open(assigned), keyText)
    this.#byId.set(idText(assigned), session)
    this.#keys.add(keyText, session)
  }

  #remove(key: string, session: Session): void {
    this.#byId.delete(key)
    this.#keys.remove(session.keyText)
  }
}
