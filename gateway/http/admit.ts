// Whether a request may be served now: it fits the exposure, and there is a slot. Owns: waiting for both, within a time.

import type { Tariff } from '../../client/redemption/tariff.ts'
import type { Ledger, Reservation } from '../meter/ledger.ts'
import type { Session } from '../sessions.ts'
import { later, Refusal } from './answers.ts'
import type { GatewayContext } from './context.ts'
import { type Prepared, shortened } from './prepare.ts'

/** A voucher is due; the answer is a 402. */
export class PaymentDue extends Error {
  constructor() {
    super('a voucher is due')
    this.name = 'PaymentDue'
  }
}

export interface Admitted {
  readonly prepared: Prepared
  readonly reservation: Reservation
  /** Of the slot, exactly once. */
  readonly leave: () => void
}

/** Throws Refusal or PaymentDue. Nothing is reserved then. */
export async function admit(options: {
  readonly prepared: Prepared
  readonly session: Session
  readonly ledger: Ledger
  readonly tariff: Tariff
  readonly queueMs: number
  /** Aborts when the client is gone. */
  readonly signal: AbortSignal
}): Promise<Admitted> {
  const { session, ledger, signal } = options
  const { prepared, reservation } = await reserve(options)
  const entered = await prepared.backend.queue.enter(session, signal)
  if (entered.kind === 'entered') return { prepared, reservation, leave: entered.leave }
  ledger.release(session.opened, reservation)
  if (entered.kind === 'full')
    throw new Refusal(429, 'queue_full', 'too many requests wait', { headers: later(1) })
  throw new Refusal(429, 'no_slot', 'no slot came free in time', { headers: later(5) })
}

type Options = Parameters<typeof admit>[0]

async function reserve(options: Options): Promise<Omit<Admitted, 'leave'>> {
  const { session, ledger, tariff, queueMs, signal } = options
  const { opened } = session
  let { prepared } = options
  let waited: AbortSignal | undefined
  for (;;) {
    const reserved = ledger.reserve(opened, prepared.costMaxBase)
    if (reserved.kind === 'reserved') return { prepared, reservation: reserved.reservation! }
    if (reserved.kind === 'pay') throw new PaymentDue()
    if (reserved.kind === 'short') {
      const shorter = shortened(prepared, tariff, reserved.leftBase)
      if (shorter === undefined) {
        throw new Refusal(
          403,
          'assignment_used_up',
          'what is left of this assignment does not pay for the request',
        )
      }
      prepared = shorter
      continue
    }
    waited ??= AbortSignal.any([signal, AbortSignal.timeout(queueMs)])
    if (waited.aborted || opened.isClosed || session.ended !== undefined) {
      throw new Refusal(
        429,
        'exposure_in_use',
        'own requests under way hold all that may be served ahead of vouchers',
        {
          headers: later(1),
        },
      )
    }
    await ledger.changed(opened, waited)
  }
}

/** Rejects with Refusal unless the window of the assignment runs. */
export async function checkOpen({ book }: GatewayContext, session: Session): Promise<void> {
  const hasBegun = await book.hasBegun(session.assigned.window)
  const { window } = book.clock!
  if (session.ended === 'closed')
    throw new Refusal(403, 'assignment_closed', 'this assignment is closed on the chain')
  if (!hasBegun) throw new Refusal(403, 'window_not_begun', 'the window of this assignment has not begun')
  const isOver = session.ended !== undefined || session.assigned.window < window
  // Without news from the node, the end that was foreseen counts.
  if (isOver || (book.silentMs > SILENT_MS && book.time.nowMs() >= book.clock!.endsAtMs))
    throw new Refusal(403, 'window_ended', 'the window of this assignment is over')
}

const SILENT_MS = 30_000
