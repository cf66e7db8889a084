// What a redemption goes through, as its holder sees it: states and events. Not: what brings them about (redeemer.ts).
import type { Parity } from './parity.ts'
import type { RedeemError } from './redeemError.ts'

export type RedeemState =
  /** In the queue: its place, and the windows until everything queued is assigned. */
  | {
      readonly kind: 'queued'
      readonly place: number
      readonly expectedWindows: number
      readonly queuedBase: bigint
    }
  /** Capacity is reserved in a window to come. */
  | {
      readonly kind: 'assigned'
      readonly window: number
      readonly provider: number
      readonly isGranted: boolean
      /** By the chain's clock; 0 when the window has begun and the door is not open yet. */
      readonly startsInMs: number
    }
  /** A door is open. */
  | {
      readonly kind: 'serving'
      readonly window: number
      readonly provider: number
      readonly assignment: number
      readonly baseUrl: string
      readonly endsInMs: number
      readonly leftBase: bigint
      /** Of every model, whether its price is par. */
      readonly parity: Readonly<Record<string, Parity>>
    }
  /** Nothing more comes: `reason` as the chain has it. */
  | {
      readonly kind: 'ended'
      readonly reason: string
      readonly deliveredBase: bigint
      readonly refundedBase: bigint
      readonly feesBase: bigint
    }

export class RedeemStateEvent extends Event {
  readonly state: RedeemState
  constructor(state: RedeemState) {
    super('state')
    this.state = state
  }
}

/** Something is wrong with a provider, or with the way to the node; the redemption goes on. */
export class RedeemProblemEvent extends Event {
  readonly error: RedeemError
  /** The assignment that it is about. */
  readonly assignment: number | undefined
  /** Whether the assignment is rejected on the chain for it. */
  readonly isRejected: boolean
  constructor(error: RedeemError, about: { readonly assignment?: number; readonly isRejected: boolean }) {
    super('problem')
    this.error = error
    this.assignment = about.assignment
    this.isRejected = about.isRejected
  }
}

/** A request was checked and counted. */
export class RedeemChargeEvent extends Event {
  readonly assignment: number
  readonly model: string
  readonly costBase: bigint
  /** All that was counted of this assignment. */
  readonly meteredBase: bigint
  constructor(charge: {
    readonly assignment: number
    readonly model: string
    readonly costBase: bigint
    readonly meteredBase: bigint
  }) {
    super('charge')
    this.assignment = charge.assignment
    this.model = charge.model
    this.costBase = charge.costBase
    this.meteredBase = charge.meteredBase
  }
}

/** The provider has accepted a voucher. */
export class RedeemVoucherEvent extends Event {
  readonly assignment: number
  readonly deliveredBase: bigint
  constructor(assignment: number, deliveredBase: bigint) {
    super('voucher')
    this.assignment = assignment
    this.deliveredBase = deliveredBase
  }
}

export interface RedeemEvents {
  readonly state: RedeemStateEvent
  readonly problem: RedeemProblemEvent
  readonly charge: RedeemChargeEvent
  readonly voucher: RedeemVoucherEvent
}
