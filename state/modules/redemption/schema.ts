// Definition of redemption: listings, requests, reservations of capacity, vouchers and the fate of escrowed coins.
import type { InferFields } from '../../../base/field.ts'
import { defineModule } from '../../../base/moduleDefinition.ts'
import { param } from '../../../base/parameters.ts'
import { indexed, message, t } from '../../../base/schema.ts'
import { COIN } from '../../../base/units.ts'
import { drawRecords, setNodeRecord } from '../../recordShapes.ts'
import { PROVIDERS_MAX } from '../providers/schema.ts'
import {
  assignmentFields,
  assignmentInfo,
  CLOSE_REASONS,
  cursor,
  END_REASONS,
  GRANT_BYTES_MAX,
  listingInfo,
  OPEN_WINDOWS_MAX,
  PAGE_MAX,
  progressFields,
  queueInfo,
  REDEMPTION_STATES,
  redemptionInfo,
  region,
  requestFields,
  service,
} from './shapes.ts'

export const redemptionSchema = defineModule({
  name: 'redemption',
  id: 9,
  lane: 'redemption',
  doc: 'Turns coins into compute: requests, reservations of capacity, vouchers, and the burning of liabilities.',
  params: {
    openRequestsMax: param({
      field: t.u32,
      doc: 'Requests that may be open at once.',
      main: 1_000_000,
      dev: 20_000,
      test: 500,
    }),
    openRequestsPerAccountMax: param({
      field: t.u32,
      doc: 'Requests that one account may have open.',
      main: 256,
      test: 64,
    }),
    stepsPerBlockMax: param({
      field: t.u32,
      doc: 'M: reservations, returns, settlements or expiries of one block.',
      main: 128,
      dev: 512,
      test: 512,
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
    }),
    suspensionWindows: param({
      field: t.u32,
      doc: 'Windows a suspended provider waits before it may resume.',
      main: 1,
    }),
  },
  records: {
    totals: {
      id: 1,
      key: {},
      value: {
        nextId: t.u64,
        nextSequence: t.u64,
        openCount: t.u64,
        queuedCount: t.u64,
        requestedBase: t.u256,
        queuedBase: t.amount,
        assignedBase: t.amount,
        burnedBase: t.u256,
        transferredBase: t.u256,
        refundedBase: t.u256,
      },
      doc: 'Sums over all redemptions: requested = queued + assigned + burned + transferred + refunded.',
    },
    cursors: {
      id: 2,
      key: {},
      value: {
        /** Window whose start was last handled. */
        window: t.u64,
        /** Requests below this place were found unmatchable since capacity last grew. */
        passSequence: t.u64,
        /** Revision of capacity that the pass has seen. */
        capacityRevision: t.u64,
        /** Requests up to this place have waited a quarter window: providers are obliged. */
        obligedSequence: t.u64,
        markHead: t.u64,
        markTail: t.u64,
        settleHead: t.u64,
        settleTail: t.u64,
        /** Windows before this one have expired their requests. */
        expiredWindow: t.u64,
        /** Windows before this one have returned what was not delivered. */
        swept: cursor,
        /** Providers whose reservations are being returned, and how far. */
        recalls: t.list(t.u64, PROVIDERS_MAX),
        recalled: cursor,
        /** Reservations of places after this one are being returned; 0: none. */
        unbookAbove: t.u64,
        unbooked: cursor,
      },
      doc: 'Cursors of the bounded work at the beginning and end of blocks.',
    },
    redemption: {
      id: 3,
      key: { id: t.u64 },
      value: {
        ...requestFields,
        ...progressFields,
        nextAssignment: t.u32,
        /** Open assignments by window, ascending. */
        open: t.list(message('OpenWindow', { window: t.u64, count: t.u32 }), OPEN_WINDOWS_MAX),
      },
      doc: 'One request and what became of its coins.',
    },
    place: { id: 4, key: { sequence: t.u64 }, value: { id: t.u64 }, doc: 'The redemption at a place.' },
    owner: {
      id: 6,
      key: { owner: t.address },
      value: { openCount: t.u32, count: t.u64 },
      doc: 'How many redemptions an account has open, and ever had.',
    },
    owned: { id: 7, key: { owner: t.address, index: t.u64 }, value: { id: t.u64 }, doc: 'Its redemptions.' },
    assignment: {
      id: 8,
      key: { id: t.u64, assignment: t.u32 },
      value: { ...assignmentFields, settlePending: t.bool },
      doc: 'Capacity of one provider in one window reserved for a redemption; removed when it closes.',
    },
    grant: {
      id: 9,
      key: { id: t.u64, assignment: t.u32 },
      value: { ciphertext: t.bytes(GRANT_BYTES_MAX) },
      doc: 'Access to the service, encrypted to the client key; removed with its assignment.',
    },
    listing: {
      id: 10,
      key: { provider: t.u64, service },
      value: {
        classId: t.u32,
        region,
        endpoint: t.text(256),
        bonusPpm: t.ppm,
        nextBonusPpm: t.ppm,
        nextBonusWindow: t.u64,
        runtimeHash: t.hash,
        changedWindow: t.u64,
      },
      doc: 'A standing offer to serve at par or better.',
    },
    suspension: {
      id: 11,
      key: { provider: t.u64 },
      value: { sinceWindow: t.u64 },
      doc: 'A provider that failed to deliver in a window; absent once it has resumed.',
    },
    book: {
      id: 12,
      key: { provider: t.u64, window: t.u64 },
      value: { count: t.u32, openCount: t.u32, openBase: t.amount, faultBase: t.amount },
      doc: 'Assignments of a provider in a window: ever made, still open, coins of the open ones, coins at fault.',
    },
    booked: {
      id: 13,
      key: { provider: t.u64, window: t.u64, index: t.u32 },
      value: { id: t.u64, assignment: t.u32 },
      doc: 'The entries of a book; an entry whose assignment closed is skipped.',
    },
    windowBooks: {
      id: 14,
      key: { window: t.u64 },
      value: { providers: t.list(t.u64, PROVIDERS_MAX) },
      doc: 'Providers that have a book for a window.',
    },
    setNode: setNodeRecord(
      15,
      'Ordered sets of places as 256-ary bitmaps: the buckets of the queue, their heads, the deadlines.',
    ),
    settlement: {
      id: 16,
      key: { index: t.u64 },
      value: { id: t.u64, assignment: t.u32 },
      doc: 'Assignments with a voucher that the end of the block settles.',
    },
    mark: {
      id: 17,
      key: { index: t.u64 },
      value: { sequence: t.u64, atMs: t.u64 },
      doc: 'Last place drawn at a time: tells which requests have waited a quarter window.',
    },
    ...drawRecords(50, { id: t.u64 }),
  },
  escrows: {
    locked: { id: 0, doc: 'All coins queued or assigned, in one account: object 0.' },
  },
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
    UnknownRedemption: { id: t.u64 },
    NotOwner: { owner: t.address },
    NothingQueued: { id: t.u64, state: t.oneOf(REDEMPTION_STATES) },
    UnknownAssignment: { id: t.u64, assignment: t.u32 },
    NotAssignee: { provider: t.u64 },
    GrantEmpty: {},
    GrantPosted: { grantedAtMs: t.u64 },
    WindowNotBegun: { window: t.u64, currentWindow: t.u64 },
    WindowEnded: { window: t.u64, currentWindow: t.u64 },
    VoucherDecreases: { deliveredBase: t.amount, acceptedBase: t.amount },
    VoucherTooLarge: { deliveredBase: t.amount, amountBase: t.amount },
    BadSignature: { digest: t.hash },
    WrongSigner: { expected: t.address, recovered: t.address, digest: t.hash },
    NotSuspended: { provider: t.u64 },
    StillSuspended: { resumeWindow: t.u64, currentWindow: t.u64 },
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
      returnedBase: t.amount,
    },
    Refunded: { id: indexed(t.u64), amountBase: t.amount, reason: t.oneOf(END_REASONS) },
    Ended: {
      id: indexed(t.u64),
      state: t.oneOf(REDEMPTION_STATES),
      reason: t.oneOf(END_REASONS),
    },
    Suspended: { provider: indexed(t.u64), window: t.u64 },
    Resumed: { provider: indexed(t.u64) },
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
      fails: ['UnknownAssignment', 'NotAssignee', 'GrantEmpty', 'GrantPosted', 'WindowEnded'],
      gas: 30_000,
      doc: "The provider posts the access grant, due by the window's start.",
    },
    settle: {
      args: { id: t.u64, assignment: t.u32, deliveredBase: t.amount, signature: t.bytes(65) },
      fails: [
        'UnknownRedemption',
        'UnknownAssignment',
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
    resume: {
      args: {},
      fails: ['NotProvider', 'NotSuspended', 'StillSuspended'],
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
        /** Pass it to continue; 0 at the end. */
        nextCursor: t.u64,
      }),
      doc: "An account's redemptions, newest first; cursor 0 begins.",
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
