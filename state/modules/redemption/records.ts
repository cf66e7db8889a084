// The records of redemption: what its tables hold. Not: the rest of its definition (schema.ts).
import { message, t } from '../../../base/schema.ts'
import { drawRecords, setNodeRecord } from '../../recordShapes.ts'
import { BOND_ASSETS_MAX, PROVIDERS_MAX } from '../providers/schema.ts'
import {
  assignmentFields,
  FRONTIERS_MAX,
  frontier,
  GRANT_BYTES_MAX,
  OPEN_WINDOWS_MAX,
  PLACES_MAX,
  placeInfo,
  progressFields,
  RECORD_WINDOWS_MAX,
  region,
  rejectReason,
  requestFields,
  STANDINGS,
  service,
} from './shapes.ts'

export const redemptionRecords = {
  totals: {
    id: 1,
    key: {},
    value: {
      nextId: t.u64,
      nextSequence: t.u64,
      nextFilter: t.u64,
      nextBucket: t.u64,
      openCount: t.u64,
      constrainedCount: t.u64,
      queuedCount: t.u64,
      requestedBase: t.u256,
      queuedBase: t.amount,
      /** Queued coins of the buckets that are known to match, or not yet looked at. */
      matchableBase: t.amount,
      assignedBase: t.amount,
      burnedBase: t.u256,
      transferredBase: t.u256,
      refundedBase: t.u256,
      feesBase: t.u256,
    },
    doc: 'Sums over all redemptions ever: requested = queued + assigned + burned + transferred + refunded + fees.',
  },
  cursors: {
    id: 2,
    key: {},
    value: {
      /** Window whose start was last handled. */
      window: t.u64,
      /** Window, recount of capacity and standing of the members that the pass over the queue was begun for. */
      passWindow: t.u64,
      recount: t.u64,
      standing: t.u64,
      /** Number of the pass: frontiers of earlier ones are void. */
      pass: t.u64,
      /** Buckets asleep with heads from this place on are to be looked at again in this pass; 0: none. */
      wakeFrom: t.u64,
      /** How far the filters have been told of the first lot group whose free hours have grown. */
      grownSet: t.u8,
      grownFilter: t.u64,
      /** Buckets of that filter below this id are told. */
      grownBucket: t.u64,
      /** Of the first provider whose groups are all to be told of: those up to this id have been noted. */
      grownGroup: t.u64,
      /** Requests up to this place have waited a quarter window: providers are obliged. */
      obligedSequence: t.u64,
      /** Buckets asleep with heads from this place to the obliged one are to be woken. */
      obligeFrom: t.u64,
      markHead: t.u64,
      markTail: t.u64,
      settleHead: t.u64,
      settleTail: t.u64,
      /** Windows before this one have expired their requests. */
      expiredWindow: t.u64,
      /** Windows before this one have returned what was not delivered. */
      sweptWindow: t.u64,
      /** Members of that window, and then of an earlier one, that are judged and forgotten. */
      judged: t.u32,
      /** Before this time that window is not swept, and still takes vouchers. */
      sweepAfterMs: t.u64,
      /** Missing grants have been returned of the windows before this one. */
      grantedWindow: t.u64,
      /** The next assignment of that window to look at: its place and number. */
      grantAt: t.u64,
      grantAssignment: t.u32,
      /** Windows before this one have had their faults penalised; in it, how far that is. */
      penalisedWindow: t.u64,
      penalisedFailure: t.u32,
      penalisedVictim: t.u32,
      /** The service lane was full before this window began: a missing grant is no fault. */
      excusedWindow: t.u64,
      /** For how long the service lane was full in the last quarter of the window so far, ms. */
      fullMs: t.u64,
      /** The lot group and window that reservations return from, and the recount that found too many. */
      overbookedFor: t.u64,
      overbookedWindow: t.u64,
      overbookedRecount: t.u64,
      /** The place below which to look for more of them; of the place just below, the assignment to go on with; 0: its last. */
      overbookedBelow: t.u64,
      overbookedNumber: t.u32,
      /** Providers whose reservations are being returned, and how far. */
      recalls: t.list(t.u64, PROVIDERS_MAX),
      recallWindow: t.u64,
      recallEntry: t.u32,
      /** How far the free hours of the next window have been summed up. */
      countedIndex: t.u32,
      countedGroup: t.u64,
      countedHours: t.amount,
      /** The returned place for which later ones are un-booked, and the place below which to look for them; 0: none. */
      unbookFor: t.u64,
      unbookBelow: t.u64,
      /** Of the place just below: assignments from this number on are left alone; 0: all may be un-booked. */
      unbookNumber: t.u32,
      closedHead: t.u64,
      closedTail: t.u64,
    },
    doc: 'Cursors of the bounded work at the beginning and end of blocks.',
  },
  redemption: {
    id: 3,
    key: { id: t.u64 },
    value: {
      ...requestFields,
      ...progressFields,
      /** The least rating of the catalogue that met `ratingMin` at the request; 0: any. */
      tierPpm: t.ppm,
      nextAssignment: t.u32,
      places: t.list(placeInfo, PLACES_MAX),
      /** The bucket that these places are in; 0: none. */
      bucket: t.u64,
      /** Open assignments by window, ascending. */
      open: t.list(message('OpenWindow', { window: t.u64, count: t.u32 }), OPEN_WINDOWS_MAX),
      /** Legal groups rejected, ascending. */
      excluded: t.list(t.u64, PROVIDERS_MAX),
      /** The last window of which a voucher was settled. */
      voucheredWindow: t.u64,
      /** Vouchered on assignments whose rest was then rejected: this waives no fee on what was rejected. */
      rejectedVoucheredBase: t.amount,
      /** The owner's next newer and next older redemption; 0: none. */
      newer: t.u64,
      older: t.u64,
    },
    doc: 'One request and what became of its coins; removed `tailWindows` after its end.',
  },
  place: {
    id: 4,
    key: { sequence: t.u64 },
    value: { id: t.u64 },
    doc: 'The redemption that queues at a place.',
  },
  owner: {
    id: 6,
    key: { owner: t.address },
    value: { openCount: t.u32, count: t.u32, newest: t.u64 },
    doc: 'How many redemptions of an account are open, how many are in the state, and the newest of them.',
  },
  assignment: {
    id: 8,
    key: { id: t.u64, assignment: t.u32 },
    value: {
      ...assignmentFields,
      /** Index in the provider's book. */
      entry: t.u32,
      /** Neighbours among the assignments of its place and window; 0: none. */
      previous: t.u32,
      next: t.u32,
      settlePending: t.bool,
    },
    doc: 'Capacity of one lot group in one window reserved for a redemption; removed when it closes.',
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
      tariffHash: t.hash,
    },
    doc: 'A standing offer to serve at par or better.',
  },
  book: {
    id: 12,
    key: { provider: t.u64, window: t.u64 },
    value: { count: t.u32, openCount: t.u32, openBase: t.amount },
    doc: 'Assignments of a provider in a window: entries ever made while any was open, open ones and their coins.',
  },
  booked: {
    id: 13,
    key: { provider: t.u64, window: t.u64, index: t.u32 },
    value: { id: t.u64, assignment: t.u32 },
    doc: 'The entries of a book that are open.',
  },
  held: {
    id: 14,
    key: { window: t.u64, sequence: t.u64 },
    value: { id: t.u64, first: t.u32, last: t.u32 },
    doc: 'The assignments that a place holds in a window: a list from `first` to `last`.',
  },
  setNode: setNodeRecord({
    id: 15,
    doc: 'Ordered sets: buckets of the queue, their heads, deadlines, sizes, books by place, what has grown or returned.',
  }),
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
    doc: 'Last place made at a time: tells which requests have waited a quarter window.',
  },
  filter: {
    id: 18,
    key: { id: t.u64 },
    value: {
      service,
      provider: t.u64,
      tierPpm: t.ppm,
      region,
      excluded: t.list(t.u64, PROVIDERS_MAX),
      buckets: t.u32,
      /** The pass that the frontiers belong to. */
      pass: t.u64,
      frontiers: t.list(frontier, FRONTIERS_MAX),
    },
    doc: 'What some requests may be served by, and where the search for it goes on.',
  },
  filterName: { id: 19, key: { name: t.hash }, value: { id: t.u64 }, doc: 'Terms of a filter to its id.' },
  bucket: {
    id: 20,
    key: { id: t.u64 },
    value: {
      filter: t.u64,
      /** The last window in which its requests may be served; 0: no limit. */
      lastWindow: t.u64,
      standing: t.oneOf(STANDINGS),
      /** The first place in it. */
      head: t.u64,
      count: t.u32,
      queuedBase: t.amount,
    },
    doc: 'Places of requests that the same capacity can serve: if it cannot serve the first, it can serve none.',
  },
  bucketName: {
    id: 21,
    key: { filter: t.u64, lastWindow: t.u64 },
    value: { id: t.u64 },
    doc: 'Filter and last window of a bucket to its id.',
  },
  order: {
    id: 22,
    key: {},
    value: { providers: t.list(t.u64, PROVIDERS_MAX) },
    doc: 'Providers by share of liability to capacity when the window began, the order of assignment at par.',
  },
  volunteers: {
    id: 23,
    key: { service },
    value: {
      /** Changes with the lists. */
      version: t.u64,
      atPar: t.list(t.u64, PROVIDERS_MAX),
      byBonus: t.list(t.u64, PROVIDERS_MAX),
      /** How many of the second list have a bonus. */
      bonusCount: t.u32,
    },
    doc: 'Providers that list a service, in the order of assignment at par and with their bonuses.',
  },
  closed: {
    id: 24,
    key: { index: t.u64 },
    value: { id: t.u64, window: t.u64 },
    doc: 'Redemptions that have ended, oldest first, and in which window.',
  },
  failure: {
    id: 25,
    key: { provider: t.u64, window: t.u64 },
    value: {
      undeliveredBase: t.amount,
      victims: t.u32,
      /** Once judged: what the victims are still to get, by asset. */
      penalties: t.list(
        message('PenaltyLeft', { asset: t.u64, halfBase: t.amount, leftBase: t.amount }),
        BOND_ASSETS_MAX,
      ),
    },
    doc: 'A delivery fault that is not yet penalised: coins that a provider did not grant in a window, and to how many.',
  },
  victim: {
    id: 30,
    key: { provider: t.u64, window: t.u64, index: t.u32 },
    value: { owner: t.address, amountBase: t.amount },
    doc: 'Who a fault left without access, and for how many coins.',
  },
  failures: {
    id: 31,
    key: { window: t.u64 },
    value: { providers: t.list(t.u64, PROVIDERS_MAX) },
    doc: 'Providers at fault in a window that are not yet penalised.',
  },
  trouble: {
    id: 26,
    key: { window: t.u64 },
    value: {
      groups: t.list(message('GroupTrouble', { group: t.u64, amountBase: t.amount }), PROVIDERS_MAX),
    },
    doc: 'Coins at fault or rejected in a window, by legal group.',
  },
  deliverers: {
    id: 27,
    key: { window: t.u64 },
    value: { providers: t.list(t.u64, PROVIDERS_MAX) },
    doc: 'Providers that have granted access in a window.',
  },
  record: {
    id: 28,
    key: { group: t.u64 },
    value: { poor: t.list(t.bool, RECORD_WINDOWS_MAX) },
    doc: 'The last windows in which a legal group granted: whether too little of it was vouchered, newest first.',
  },
  rejections: {
    id: 29,
    key: { provider: t.u64, reason: rejectReason },
    value: { count: t.u64, amountBase: t.u256 },
    doc: 'How often clients rejected what a provider served, by their reason.',
  },
  ...drawRecords(50, { id: t.u64 }),
} as const
