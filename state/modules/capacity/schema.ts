// Definition of capacity: windows, evergreen pledges of catalogue classes, and what each provider has free per window.
import { changeListFields } from '../../../base/changeList.ts'
import type { InferFields } from '../../../base/field.ts'
import { defineModule } from '../../../base/moduleDefinition.ts'
import { atLeast, atMost, between, param } from '../../../base/parameters.ts'
import { indexed, message, t } from '../../../base/schema.ts'
import { PPM } from '../../../base/units.ts'
import { ratingsSchema } from '../catalogue/schema.ts'
import { HORIZON_MAX } from '../oracle/schema.ts'
import { PROVIDERS_MAX } from '../providers/schema.ts'

/** Lots one provider may hold at once (ECONOMY §13). */
export const LOTS_MAX = 256
/** Devices of one lot. */
export const LOT_DEVICES_MAX = 1_000_000
/** Most windows in a list of a provider's free capacity: the running one and K ≤ 120 after it. */
export const WINDOWS_MAX = 121
/** Largest coverN. */
export const COVER_MAX = 16
/** The least request, a hundredth of a coin (ECONOMY §13). */
const MINIMUM_BASE = 10_000_000_000_000_000n
/** Runs of one group: a lot begins one and ends one, and there is a first. */
export const RUNS_MAX = 2 * LOTS_MAX + 1
/** Bits of a lot's `services`; only lots offering all three count (ECONOMY §3). */
export const SERVICE_BITS = { train: 1, finetune: 2, infer: 4 } as const
export const ALL_SERVICES = 7

/** Ratings that may be on offer for one service at once: pledges keep theirs when the catalogue raises them. */
export const OFFERED_MAX = PROVIDERS_MAX * LOTS_MAX

export const LOT_STATUSES = ['pending', 'attested'] as const

const lotFields = {
  provider: t.u64,
  classId: t.u32,
  devices: t.u32,
  /** The class's ratings when pledged; a later cut of the class applies, a raise does not. */
  ratings: ratingsSchema,
  /** Merkle root of the registered device nullifiers. */
  deviceRoot: t.hash,
  region: t.text(16),
  /** Sum of SERVICE_BITS. */
  services: t.u8,
  /** First window the provider offers. */
  firstWindow: t.u64,
  /** Pending until the first passed audit, or an attestation of governance. */
  status: t.oneOf(LOT_STATUSES),
  /** Its lot group once attested. */
  group: t.optional(t.u64),
  /** First window that counts once attested. */
  countsFrom: t.u64,
  /** Share left after the audit haircut, ppm. */
  auditPpm: t.ppm,
  /** Its last window: set by notice, or by an attestation of governance, which holds for a time. */
  lastWindow: t.optional(t.u64),
  /** Attested by governance, and no notice given: another attestation may move `lastWindow`. */
  renewable: t.bool,
}
export const lotInfo = message('Lot', { id: t.u64, ...lotFields })

/** From a window on, until the next run: what the lots of a group have together. */
export const runInfo = message('CapacityRun', {
  fromWindow: t.u64,
  /** Devices times the share that each lot's audit left, ppm. */
  devicesPpm: t.amount,
})

/** What is booked of a group in one window. */
export const bookingInfo = message('CapacityBooking', {
  windowIndex: t.u64,
  /** D: rated hours, 10^-18 of a reference device-hour. */
  hours: t.amount,
  /** R: coins that these hours are to deliver and have not yet. */
  amountBase: t.amount,
})

const groupFields = {
  provider: t.u64,
  classId: t.u32,
  region: t.text(16),
  /** Sum of SERVICE_BITS that every lot of the group offers. */
  services: t.u8,
  /** The rating version: the class's ratings when its lots were pledged. */
  pledged: ratingsSchema,
  /** The ratings that count in the running window: those pledged, less what the catalogue has cut since. */
  inForce: ratingsSchema,
}

const clockFields = {
  /** Index of the running window; genesis starts window 0. */
  windowIndex: t.u64,
  startedAtMs: t.u64,
  /** The first block at or after this time ends the window. */
  endsAtMs: t.u64,
  /** Height of the block that ended the window before; 0 in window 0. */
  startedAtHeight: t.u64,
}
export const clockInfo = message('WindowClock', clockFields)

export const groupInfo = message('LotGroup', { id: t.u64, ...groupFields, lotCount: t.u32 })

const hoursFields = {
  /** Rated device-hours, 10^-18 of a reference device-hour. */
  ratedHours: t.amount,
  /** The part reserved, same unit. */
  reservedHours: t.amount,
}

const sumFields = {
  /** C: coins deliverable in windows 2 + coverN … K from now, largest drift charged. */
  capacityBase: t.amount,
  /** C*: the part of classes that still count after 2K windows of the largest drift. Mint limits use it. */
  lastingBase: t.amount,
  /** C* up to ⌈K/4⌉, ⌈K/2⌉, ⌈3K/4⌉. */
  quarterBase: t.list(t.amount, 3),
  /** R: coins reserved on hours that count, in windows that have not ended. */
  reservedBase: t.amount,
  /** What of C an audit took in this recount. */
  cutBase: t.amount,
  /** What of C is missing because lots end, by notice or with their attestation. */
  withdrawnBase: t.amount,
}

const measureFields = {
  /** Number of the recount. */
  pass: t.u64,
  /** The window from which windows ahead are counted. */
  windowIndex: t.u64,
  /** The anchor that capacity is counted at. */
  anchor: t.ppm,
  /** Block that began the recount. */
  sinceHeight: t.u64,
  /** The anchor moved, or parameters changed, right before it. */
  anchorMoved: t.bool,
  parametersChanged: t.bool,
}

export const capacitySchema = defineModule({
  name: 'capacity',
  id: 6,
  doc: 'Windows, evergreen pledges of hardware, and the rated device-hours free in each window.',
  walks: ['recount'],
  params: {
    windowMs: param({
      field: t.u64,
      doc: 'Length of a capacity window, milliseconds.',
      main: 86_400_000,
      dev: 60_000,
      test: 2_000,
      // The heartbeat, which genesis alone sets, depends on it.
      fixed: true,
      check: between(1_000, 366 * 86_400_000, 'ms'),
    }),
    windowHours: param({
      field: t.u32,
      doc: 'Hours of capacity that a window counts as, whatever its length.',
      main: 24,
      check: between(1, 168, 'hours'),
    }),
    horizonWindows: param({
      field: t.u32,
      doc: 'K: windows ahead that capacity is counted, and the notice of a pledge.',
      main: 120,
      dev: 20,
      test: 12,
      check: between(5, HORIZON_MAX, 'windows'),
      // Pledges, locks and promises count in it.
      fixed: true,
    }),
    availabilityHaircutPpm: param({
      field: t.ppm,
      doc: 'Share taken off for unavailability, ppm.',
      main: 50_000n,
      check: atMost(900_000n, 'ppm'),
    }),
    minClassPpm: param({
      field: t.ppm,
      doc: 'Least rating that counts, as a share of the anchor, ppm.',
      main: 250_000n,
      check: atMost(PPM, 'ppm'),
    }),
    coverN: param({
      field: t.u32,
      doc: 'Number of largest legal groups that may fall silent at once.',
      main: 1,
      check: between(0, COVER_MAX, 'groups'),
    }),
    crumbBase: param({
      field: t.amount,
      doc: 'Coins of a group and window that are fewer than this count nothing: no request is that small.',
      main: MINIMUM_BASE,
      check: atLeast(1n, 'base units'),
    }),
    lotsPerProviderMax: param({
      field: t.u32,
      doc: 'Lots that one provider may hold.',
      main: LOTS_MAX,
      check: between(1, LOTS_MAX, 'lots'),
    }),
    blockStepsMax: param({
      field: t.u32,
      doc: 'Steps of all deferred work of one block together, each act at its measured cost; a step is about 0.2 µs.',
      main: 12_000,
      // Short windows have few blocks.
      dev: 1_000_000,
      test: 1_000_000,
      check: between(1, 10_000_000, 'steps'),
    }),
    recountStepsMax: param({
      field: t.u32,
      doc: 'Steps of the recount at a window’s end in one block, one window of one lot group being one.',
      main: 12_000,
      // Short windows have few blocks.
      dev: 64_000,
      test: 64_000,
      check: between(1, 10_000_000, 'steps'),
    }),
  },
  records: {
    clock: { id: 1, key: {}, value: clockFields, doc: 'The running window.' },
    lot: { id: 2, key: { id: t.u64 }, value: lotFields, doc: 'A pledge; removed after its last window.' },
    lots: {
      id: 3,
      key: { provider: t.u64 },
      value: { ids: t.list(t.u64, LOTS_MAX) },
      doc: 'Ids of the lots of a provider, ascending.',
    },
    deviceRoot: {
      id: 4,
      key: { root: t.hash },
      value: { lot: t.u64 },
      doc: 'The lot that registered devices are in.',
    },
    sequence: {
      id: 5,
      key: {},
      value: { lastLot: t.u64, lastGroup: t.u64 },
      doc: 'Ids of the newest lot and lot group.',
    },
    group: {
      id: 6,
      key: { id: t.u64 },
      value: {
        ...groupFields,
        lotCount: t.u32,
        /** Ascending; empty before the first lot counts. */
        runs: t.list(runInfo, RUNS_MAX),
        /** What `runs` becomes at the running window's end, when an audit, attestation or notice has changed it. */
        nextRuns: t.list(runInfo, RUNS_MAX),
        changed: t.bool,
        /** An audit or a cut has left it with fewer hours than are booked; redemption returns some. */
        overbooked: t.bool,
        /** Lots that have a last window. */
        ending: t.list(t.u64, LOTS_MAX),
        /** By window, ascending; no window that had ended when the group was last counted. */
        booked: t.list(bookingInfo, WINDOWS_MAX),
        /** The recount that counted it ahead of its turn, or under which it was created; the walk itself leaves no mark. */
        countedIn: t.u64,
      },
      doc: 'A lot group: attested lots of one provider, class, region, set of services and rating version.',
    },
    groups: {
      id: 9,
      key: { provider: t.u64 },
      value: { ids: t.list(t.u64, LOTS_MAX) },
      doc: 'Ids of the lot groups of a provider, ascending.',
    },
    sums: {
      id: 7,
      key: { provider: t.u64, slot: t.u8 },
      value: { pass: t.u64, ...sumFields },
      doc: 'What a provider can deliver within K windows, by one recount; two slots take turns.',
    },
    count: {
      id: 8,
      key: {},
      value: {
        ...measureFields,
        /** The recount under way, and how far it is. */
        next: t.optional(
          message('Recount', {
            ...measureFields,
            /** Index of the provider in the list of all. */
            member: t.u32,
            /** Groups of that provider up to this id are counted. */
            group: t.u64,
          }),
        ),
        /** Increases whenever hours of any group may have become free. */
        revision: t.u64,
        /** Parameters have changed since the last recount began. */
        parametersDirty: t.bool,
        /** Groups with more hours booked than they have, as a queue. */
        overbookedHead: t.u64,
        overbookedTail: t.u64,
      },
      doc: 'The last complete recount, and the one under way.',
    },
    offer: {
      id: 13,
      key: { name: t.hash },
      value: {
        ratings: t.list(message('OfferedRating', { ratingPpm: t.ppm, count: t.u32 }), OFFERED_MAX),
      },
      doc: 'Ratings that attested lots of a provider, or of any, offer for a service in a region, ascending, and how many groups do.',
    },
    notice: {
      id: 10,
      key: { provider: t.u64 },
      value: { lastWindow: t.u64 },
      doc: 'Last window of the lots of a provider under notice; minting waits for it.',
    },
    changed: {
      id: 11,
      key: {},
      value: changeListFields,
      doc: 'Providers whose sums have changed since coverage last took note.',
    },
    overbooked: {
      id: 12,
      key: { index: t.u64 },
      value: { group: t.u64 },
      doc: 'Lot groups whose reservations must be returned until they fit.',
    },
    groupName: {
      id: 14,
      key: { name: t.hash },
      value: { id: t.u64 },
      doc: 'The lot group of a kind, by the hash of what makes it one.',
    },
  },
  errors: {
    NotProvider: { sender: t.address },
    ProviderNotServing: { provider: t.u64 },
    UnknownClass: { classId: t.u32 },
    DevicesOutOfRange: { devices: t.u32, maximum: t.u32 },
    MalformedRegion: { region: t.text(16) },
    ServicesOutOfRange: { services: t.u8 },
    FirstWindowOutOfRange: { firstWindow: t.u64, earliest: t.u64, latest: t.u64 },
    DevicesAlreadyPledged: { deviceRoot: t.hash, lot: t.u64 },
    TooManyLots: { provider: t.u64, maximum: t.u32 },
    UnknownLot: { lot: t.u64 },
    NotLotProvider: { lot: t.u64, provider: t.u64 },
    NoticeAlreadyGiven: { lot: t.u64, lastWindow: t.u64 },
  },
  events: {
    WindowEnded: { windowIndex: t.u64, endsAtMs: t.u64 },
    LotPledged: { provider: indexed(t.u64), lot: t.u64, classId: t.u32, devices: t.u32, firstWindow: t.u64 },
    LotAttested: { provider: indexed(t.u64), lot: t.u64, countsFrom: t.u64, auditPpm: t.ppm },
    /** Attested by governance: it ends after this window unless it is renewed. */
    LotAttestedUntil: { provider: indexed(t.u64), lot: t.u64, lastWindow: t.u64 },
    LotNoticeGiven: { provider: indexed(t.u64), lot: t.u64, lastWindow: t.u64 },
    LotEnded: { provider: indexed(t.u64), lot: t.u64 },
  },
  actions: {
    pledge: {
      args: {
        classId: t.u32,
        devices: t.u32,
        deviceRoot: t.hash,
        region: t.text(16),
        services: t.u8,
        firstWindow: t.u64,
      },
      fails: [
        'NotProvider',
        'ProviderNotServing',
        'UnknownClass',
        'DevicesOutOfRange',
        'MalformedRegion',
        'ServicesOutOfRange',
        'FirstWindowOutOfRange',
        'DevicesAlreadyPledged',
        'TooManyLots',
      ],
      gas: 60_000,
      doc: 'A provider pledges devices of one class, evergreen; the lot counts once it has passed an audit, or governance attests it.',
    },
    giveNotice: {
      args: { lot: t.u64 },
      fails: ['NotProvider', 'UnknownLot', 'NotLotProvider', 'NoticeAlreadyGiven'],
      gas: 90_000,
      doc: 'Ends an attested lot K windows from now, or when its attestation ends, and a pending lot at once.',
    },
  },
  queries: {
    clock: { args: {}, returns: clockInfo, doc: 'The running window and when it ends.' },
    lot: { args: { id: t.u64 }, returns: t.optional(lotInfo), doc: 'A lot, or null.' },
    lots: { args: { provider: t.u64 }, returns: t.list(lotInfo, LOTS_MAX), doc: 'Lots of a provider by id.' },
    summary: {
      args: { provider: t.u64 },
      returns: message('CapacitySummary', {
        provider: t.u64,
        ...sumFields,
        /** Whether the provider's status lets its capacity count. */
        counts: t.bool,
        /** Last window of the lots under notice. */
        noticeUntil: t.optional(t.u64),
      }),
      doc: 'Coins a provider can deliver within K windows.',
    },
    group: { args: { id: t.u64 }, returns: t.optional(groupInfo), doc: 'A lot group, or null.' },
    groups: {
      args: { provider: t.u64 },
      returns: t.list(groupInfo, LOTS_MAX),
      doc: 'Lot groups of a provider by id.',
    },
    windows: {
      args: { provider: t.u64 },
      returns: t.list(
        message('CapacityWindow', {
          windowIndex: t.u64,
          ...hoursFields,
          /** Free now at the anchor in force, no drift charged. */
          freeBase: t.amount,
          /** Free with the largest drift charged; from the second window ahead on it is part of C. */
          countedBase: t.amount,
        }),
        WINDOWS_MAX,
      ),
      doc: 'Rated and reserved hours of a provider from the running window to the K-th after it.',
    },
    totals: {
      args: {},
      returns: message('CapacityTotals', {
        capacityBase: t.amount,
        summaries: t.list(
          message('ProviderCapacity', { provider: t.u64, capacityBase: t.amount }),
          PROVIDERS_MAX,
        ),
      }),
      doc: 'Coins that all providers together can deliver within K windows.',
    },
  },
})

type Records = (typeof capacitySchema)['records']
export type WindowClock = InferFields<Records['clock']['value']>
export type Lot = InferFields<Records['lot']['value']>
export type LotGroup = InferFields<Records['group']['value']>
export type Run = LotGroup['runs'][number]
export type Booking = LotGroup['booked'][number]
export type CapacitySums = Pick<InferFields<Records['sums']['value']>, keyof typeof sumFields>
export type Count = InferFields<Records['count']['value']>
