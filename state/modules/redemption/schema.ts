// Definition of redemption: listings, requests, reservations of capacity, vouchers and the fate of escrowed coins.
import type { InferFields } from '../../../base/field.ts'
import { defineModule } from '../../../base/moduleDefinition.ts'
import { indexed, message, t } from '../../../base/schema.ts'
import { PROVIDERS_MAX } from '../providers/schema.ts'
import { redemptionRecords } from './records.ts'
import {
  assignmentInfo,
  CLOSE_REASONS,
  END_REASONS,
  GRANT_BYTES_MAX,
  listingInfo,
  PAGE_MAX,
  queueInfo,
  REDEMPTION_STATES,
  REJECT_REASONS,
  redemptionInfo,
  region,
  rejectReason,
  service,
} from './shapes.ts'

export const redemptionSchema = defineModule({
  name: 'redemption',
  id: 9,
  doc: 'Turns coins into compute: requests, reservations of capacity, vouchers, and the burning of liabilities.',
  params: {
    /** Requests that may be open at once. */
    openRequestsMax: t.u32,
    openRequestsPerAccountMax: t.u32,
    /** M: reservations, returns, settlements, expiries or lot groups looked at in one block. */
    stepsPerBlockMax: t.u32,
    /** How many windows ahead capacity may be reserved, at most K/8. */
    assignAhead: t.u32,
    minimumBase: t.amount,
    /** Windows a suspended provider waits before it may resume. */
    suspensionWindows: t.u32,
    /** Windows after its end that a request stays in the state. */
    tailWindows: t.u32,
    /** Fee on what a client booked and left, ppm. */
    noShowPpm: t.ppm,
    /** Penalty on what a provider left undelivered, ppm of its value. */
    faultPenaltyPpm: t.ppm,
    /** Least penalty of a fault, ppm of the bond. */
    faultFloorPpm: t.ppm,
    /** Most that the faults of one window cost, ppm of the bond. */
    penaltyCapPpm: t.ppm,
  },
  escrows: {
    locked: { id: 0, doc: 'All coins queued or assigned, in one account: object 0.' },
  },
  records: redemptionRecords,
  errors: {
    NotProvider: { sender: t.address },
    UnknownClass: { classId: t.u32 },
    NotPledged: { classId: t.u32, region, service },
    BonusTooLarge: { bonusPpm: t.ppm, maximumPpm: t.ppm },
    ListedThisWindow: { retryWindow: t.u64 },
    NotListed: { provider: t.u64, service },
    BelowMinimum: { amountBase: t.amount, minimumBase: t.amount },
    InsufficientBalance: { balanceBase: t.amount, neededBase: t.amount },
    QueueFull: { openCount: t.u64, maximum: t.u64 },
    AccountQueueFull: { openCount: t.u32, maximum: t.u32 },
    UnknownProvider: { provider: t.u64 },
    WindowPassed: { window: t.u64, nextWindow: t.u64 },
    FinishBeforeStart: { startBy: t.u64, finishBy: t.u64 },
    /** A request with constraints must end this soon. */
    FinishTooFar: { finishBy: t.u64, latest: t.u64 },
    /** No attested lot meets the constraints. */
    Unservable: { service, provider: t.u64, ratingMin: t.ppm, region },
    /** Requests with constraints fill their half of the table, and none of those that sleep is smaller. */
    ConstrainedFull: { openCount: t.u64, maximum: t.u64 },
    UnknownRedemption: { id: t.u64 },
    NotOwner: { owner: t.address },
    NothingQueued: { id: t.u64, state: t.oneOf(REDEMPTION_STATES) },
    UnknownAssignment: { id: t.u64, assignment: t.u32 },
    NotAssignee: { provider: t.u64 },
    GrantEmpty: {},
    GrantPosted: { grantedAtMs: t.u64 },
    WindowNotBegun: { window: t.u64, currentWindow: t.u64 },
    WindowBegun: { window: t.u64, currentWindow: t.u64 },
    WindowEnded: { window: t.u64, currentWindow: t.u64 },
    NotGranted: { id: t.u64, assignment: t.u32 },
    AlreadyRejected: { id: t.u64, group: t.u64 },
    VoucherDecreases: { deliveredBase: t.amount, acceptedBase: t.amount },
    VoucherTooLarge: { deliveredBase: t.amount, amountBase: t.amount },
    BadSignature: { digest: t.hash },
    WrongSigner: { expected: t.address, recovered: t.address, digest: t.hash },
    NotSuspended: { provider: t.u64 },
    StillSuspended: { resumeWindow: t.u64, currentWindow: t.u64 },
    PenaltyUnpaid: { valueBase: t.amount },
  },
  events: {
    Listed: { provider: indexed(t.u64), service, classId: t.u32, region, bonusPpm: t.ppm },
    Unlisted: { provider: indexed(t.u64), service },
    Requested: {
      id: indexed(t.u64),
      owner: indexed(t.address),
      service,
      amountBase: t.amount,
    },
    Sequenced: { id: indexed(t.u64), sequence: t.u64 },
    Assigned: {
      id: indexed(t.u64),
      assignment: t.u32,
      provider: indexed(t.u64),
      group: t.u64,
      window: t.u64,
      amountBase: t.amount,
      anchor: t.ppm,
      classId: t.u32,
      bonusPpm: t.ppm,
    },
    Granted: { id: indexed(t.u64), assignment: t.u32, provider: indexed(t.u64) },
    Vouchered: { id: indexed(t.u64), assignment: t.u32, deliveredBase: t.amount },
    Settled: {
      id: indexed(t.u64),
      assignment: t.u32,
      provider: indexed(t.u64),
      burnedBase: t.amount,
      transferredBase: t.amount,
    },
    Closed: {
      id: indexed(t.u64),
      assignment: t.u32,
      provider: indexed(t.u64),
      reason: t.oneOf(CLOSE_REASONS),
      /** Back in the queue, the fee included. */
      returnedBase: t.amount,
      /** The place it returned to. */
      sequence: t.u64,
    },
    NoShow: { id: indexed(t.u64), feeBase: t.amount },
    Rejected: {
      id: indexed(t.u64),
      assignment: t.u32,
      provider: indexed(t.u64),
      reason: rejectReason,
      amountBase: t.amount,
      keepsPlace: t.bool,
    },
    Refunded: { id: indexed(t.u64), amountBase: t.amount, reason: t.oneOf(END_REASONS) },
    Ended: {
      id: indexed(t.u64),
      state: t.oneOf(REDEMPTION_STATES),
      reason: t.oneOf(END_REASONS),
    },
  },
  actions: {
    list: {
      args: {
        service,
        classId: t.u32,
        region,
        endpoint: t.text(256),
        bonusPpm: t.ppm,
        runtimeHash: t.hash,
      },
      fails: ['NotProvider', 'UnknownClass', 'NotPledged', 'BonusTooLarge', 'ListedThisWindow'],
      gas: 30_000,
      doc: 'A provider offers a service. A bonus change counts from the next window; one change per window.',
    },
    unlist: {
      args: { service },
      fails: ['NotProvider', 'NotListed', 'ListedThisWindow'],
      gas: 15_000,
      doc: 'Withdraws an offer; existing assignments and the obligation of the pledge remain.',
    },
    request: {
      args: {
        amountBase: t.amount,
        service,
        provider: t.u64,
        ratingMin: t.ppm,
        region,
        startBy: t.u64,
        finishBy: t.u64,
        jobHash: t.hash,
        clientKey: t.bytes(65),
        voucherKey: t.address,
      },
      fails: [
        'BelowMinimum',
        'InsufficientBalance',
        'QueueFull',
        'AccountQueueFull',
        'UnknownProvider',
        'WindowPassed',
        'FinishBeforeStart',
        'FinishTooFar',
        'Unservable',
        'ConstrainedFull',
      ],
      gas: 90_000,
      signed: true,
      doc: 'Escrows coins to be served. 0, empty or zero bytes mean no constraint.',
    },
    cancel: {
      args: { id: t.u64 },
      fails: ['UnknownRedemption', 'NotOwner', 'NothingQueued'],
      gas: 30_000,
      signed: true,
      doc: 'Refunds the part of a request that is still queued.',
    },
    grant: {
      args: { id: t.u64, assignment: t.u32, ciphertext: t.bytes(GRANT_BYTES_MAX) },
      fails: ['UnknownAssignment', 'NotAssignee', 'GrantEmpty', 'GrantPosted', 'WindowBegun'],
      gas: 30_000,
      doc: 'The provider posts the access grant, before the window begins.',
    },
    settle: {
      args: { id: t.u64, assignment: t.u32, deliveredBase: t.amount, signature: t.bytes(65) },
      fails: [
        'UnknownRedemption',
        'UnknownAssignment',
        'NotGranted',
        'WindowNotBegun',
        'WindowEnded',
        'VoucherDecreases',
        'VoucherTooLarge',
        'BadSignature',
        'WrongSigner',
      ],
      gas: 60_000,
      doc: 'Submits a cumulative voucher; anyone may send it. It is settled at the end of the block.',
    },
    reject: {
      args: { id: t.u64, assignment: t.u32, reason: rejectReason },
      fails: [
        'UnknownRedemption',
        'NotOwner',
        'UnknownAssignment',
        'NotGranted',
        'WindowNotBegun',
        'WindowEnded',
        'AlreadyRejected',
      ],
      gas: 60_000,
      signed: true,
      doc: 'The client returns what it was granted and takes nothing more from that legal group; once per group.',
    },
    resume: {
      args: {},
      fails: ['NotProvider', 'NotSuspended', 'StillSuspended', 'PenaltyUnpaid'],
      gas: 20_000,
      doc: 'A suspended provider offers its capacity again.',
    },
  },
  queries: {
    redemption: {
      args: { id: t.u64 },
      returns: t.optional(redemptionInfo),
      doc: 'One redemption with its open assignments, in coins and in device-hours.',
    },
    redemptions: {
      args: { owner: t.address, cursor: t.u64, limit: t.u32 },
      returns: message('RedemptionPage', {
        redemptions: t.list(redemptionInfo, PAGE_MAX),
        /** The id to continue with; 0 at the end. */
        nextCursor: t.u64,
      }),
      doc: "An account's redemptions that are in the state, newest first; cursor 0 begins.",
    },
    queue: { args: {}, returns: queueInfo, doc: 'How long the queue is and how long it will take.' },
    assignment: {
      args: { id: t.u64, assignment: t.u32 },
      returns: t.optional(assignmentInfo),
      doc: 'One open assignment with its grant, or null.',
    },
    assignments: {
      args: { provider: t.u64, window: t.u64, cursor: t.u32, limit: t.u32 },
      returns: message('AssignmentPage', {
        assignments: t.list(assignmentInfo, PAGE_MAX),
        nextCursor: t.u32,
      }),
      doc: 'Open assignments of a provider in a window; cursor 0 begins.',
    },
    listing: {
      args: { provider: t.u64, service },
      returns: t.optional(listingInfo),
      doc: "A provider's offer of a service, or null.",
    },
    listings: {
      args: { service },
      returns: t.list(listingInfo, PROVIDERS_MAX),
      doc: 'All offers of a service, in the order of assignment at par.',
    },
    rejections: {
      args: { provider: t.u64 },
      returns: t.list(
        message('RejectionTally', { reason: rejectReason, count: t.u64, amountBase: t.u256 }),
        REJECT_REASONS.length,
      ),
      doc: 'How often clients rejected what a provider served.',
    },
  },
})

type Records = (typeof redemptionSchema)['records']
export type Totals = InferFields<Records['totals']['value']>
export type Cursors = InferFields<Records['cursors']['value']>
export type Redemption = InferFields<Records['redemption']['value']>
export type Assignment = InferFields<Records['assignment']['value']>
export type AssignmentKey = InferFields<Records['assignment']['key']>
export type Listing = InferFields<Records['listing']['value']>
export type Book = InferFields<Records['book']['value']>
export type Filter = InferFields<Records['filter']['value']>
export type Bucket = InferFields<Records['bucket']['value']>
export type Place = Redemption['places'][number]
export type Standing = Bucket['standing']
export type Volunteers = InferFields<Records['volunteers']['value']>
export type Failure = InferFields<Records['failure']['value']>
export type Frontier = Filter['frontiers'][number]
