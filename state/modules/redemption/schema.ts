// Definition of redemption: listings, requests, reservations of capacity, vouchers and the fate of escrowed coins.
import type { InferFields } from '../../../base/field.ts'
import { defineModule } from '../../../base/moduleDefinition.ts'
import { atMost, between, param } from '../../../base/parameters.ts'
import { SYSTEM_LOGS_MAX } from '../../../base/protocol/receipt.ts'
import { indexed, message, t } from '../../../base/schema.ts'
import { COIN, PPM } from '../../../base/units.ts'
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

const isShare = atMost(PPM, 'ppm')
/** Walks of one block's end, each of at most M steps, and the most logs of one step. */
const WALKS = 8
const STEP_LOGS_MAX = 10
/** Bound on M: the logs of all walks, and as many of the other modules, fit into a block. */
const STEPS_MAX = Math.floor(SYSTEM_LOGS_MAX / (WALKS * STEP_LOGS_MAX))

/**
 * Of this some 100,000 pays for the action itself, the rest for what it leaves to later blocks, its place and an assignment: a
 * lane at its target brings no more requests than main's `blockStepsMax` places and assigns, so that none waits behind others.
 */
const REQUEST_GAS = 600_000

/**
 * The larger part pays for settling at the end of a block: the service lane at its target brings no more vouchers than main's
 * `blockStepsMax` settles.
 */
export const SETTLE_GAS = 360_000

export const redemptionSchema = defineModule({
  name: 'redemption',
  id: 9,
  doc: 'Turns coins into compute: requests, reservations of capacity, vouchers, and the burning of liabilities.',
  lane: 'redemption',
  walks: [
    'missingGrants',
    'recalls',
    'penalties',
    'overbooked',
    'draw',
    'settlement',
    'sweep',
    'expiry',
    'obligation',
    'history',
    'matching',
  ],
  params: {
    openRequestsMax: param({
      field: t.u32,
      doc: 'Requests that may be open at once.',
      main: 1_000_000,
      dev: 20_000,
      test: 500,
      check: between(1, 1_000_000, 'requests'),
    }),
    openRequestsPerAccountMax: param({
      field: t.u32,
      doc: 'Requests that one account may have open.',
      main: 256,
      test: 64,
      check: between(1, 4_096, 'requests'),
    }),
    stepsPerBlockMax: param({
      field: t.u32,
      doc: 'M: reservations, returns, settlements, expiries or lot groups looked at in one walk of a block.',
      main: 128,
      dev: 512,
      test: 512,
      check: between(1, STEPS_MAX, 'steps'),
    }),
    assignAhead: param({
      field: t.u32,
      doc: 'How many windows ahead capacity may be reserved, at most K/8.',
      main: 7,
      dev: 2,
      test: 1,
    }),
    minimumBase: param({
      field: t.amount,
      doc: 'Least amount of a request, base units.',
      main: COIN / 100n,
      check: between(1n, 1_000n * COIN, 'base units'),
    }),
    suspensionWindows: param({
      field: t.u32,
      doc: 'Windows a suspended provider waits before it may resume.',
      main: 1,
      check: between(1, 120, 'windows'),
    }),
    tailWindows: param({
      field: t.u32,
      doc: 'Windows after its end that a request stays in the state.',
      main: 30,
      dev: 6,
      test: 3,
    }),
    noShowPpm: param({
      field: t.ppm,
      doc: 'Fee on what a client booked and left.',
      main: 10_000n,
      check: isShare,
    }),
    faultPenaltyPpm: param({
      field: t.ppm,
      doc: 'Penalty on what a provider left undelivered, of its value.',
      main: 50_000n,
      check: isShare,
    }),
    faultFloorPpm: param({
      field: t.ppm,
      doc: 'Least penalty of a fault, of the bond.',
      main: 1_000n,
      check: isShare,
    }),
    penaltyCapPpm: param({
      field: t.ppm,
      doc: 'Most that the faults of one window cost, of the bond.',
      main: 100_000n,
      check: isShare,
    }),
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
    /** Neither an http or https address in ASCII, nor empty. */
    EndpointRefused: { endpoint: t.text(256) },
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
        /** http or https; empty: only its grants name one. */
        endpoint: t.text(256),
        bonusPpm: t.ppm,
        runtimeHash: t.hash,
        /** SHA-256 of the canonical tariff that it charges by; zero: none is named. */
        tariffHash: t.hash,
      },
      fails: [
        'NotProvider',
        'UnknownClass',
        'NotPledged',
        'BonusTooLarge',
        'ListedThisWindow',
        'EndpointRefused',
      ],
      gas: 120_000,
      lane: 'service',
      doc: 'A provider offers a service. A bonus change counts from the next window; one change per window.',
    },
    unlist: {
      args: { service },
      fails: ['NotProvider', 'NotListed', 'ListedThisWindow'],
      gas: 15_000,
      lane: 'service',
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
      gas: REQUEST_GAS,
      signed: true,
      doc: 'Escrows coins to be served. 0, empty or zero bytes mean no constraint.',
    },
    cancel: {
      args: { id: t.u64 },
      fails: ['UnknownRedemption', 'NotOwner', 'NothingQueued'],
      gas: 55_000,
      signed: true,
      doc: 'Refunds the part of a request that is still queued.',
    },
    grant: {
      args: { id: t.u64, assignment: t.u32, ciphertext: t.bytes(GRANT_BYTES_MAX) },
      fails: ['UnknownAssignment', 'NotAssignee', 'GrantEmpty', 'GrantPosted', 'WindowBegun'],
      gas: 30_000,
      lane: 'service',
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
      gas: SETTLE_GAS,
      lane: 'service',
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
      gas: 120_000,
      lane: 'service',
      signed: true,
      doc: 'The client returns what it was granted and takes nothing more from that legal group; once per group.',
    },
    resume: {
      args: {},
      fails: ['NotProvider', 'NotSuspended', 'StillSuspended', 'PenaltyUnpaid'],
      gas: 20_000,
      lane: 'service',
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
