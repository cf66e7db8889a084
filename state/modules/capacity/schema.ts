// Definition of capacity: windows, evergreen pledges of catalogue classes, and what each provider has free per window.
import type { InferFields } from '../../../base/field.ts'
import { defineModule } from '../../../base/moduleDefinition.ts'
import { atLeast, atMost, between, param } from '../../../base/parameters.ts'
import { indexed, message, t } from '../../../base/schema.ts'
import { PPM } from '../../../base/units.ts'
import { HORIZON_MAX } from '../oracle/schema.ts'
import { PROVIDERS_MAX } from '../providers/schema.ts'

/** Lots one provider may hold at once (ECONOMY §13). */
export const LOTS_MAX = 256
/** Devices of one lot. */
export const LOT_DEVICES_MAX = 1_000_000
/** Most windows in a list of a provider's free capacity: the running one and K ≤ 120 after it. */
export const WINDOWS_MAX = 121
/** Bits of a lot's `services`; only lots offering all three count (ECONOMY §3). */
export const SERVICE_BITS = { train: 1, finetune: 2, infer: 4 } as const
export const ALL_SERVICES = 7

export const LOT_STATUSES = ['pending', 'attested'] as const

const lotFields = {
  provider: t.u64,
  classId: t.u32,
  devices: t.u32,
  /** Least of the three service ratings when pledged; a later cut of the class applies, a raise does not. */
  ratingPpm: t.ppm,
  /** Merkle root of the registered device nullifiers. */
  deviceRoot: t.hash,
  region: t.text(16),
  /** Sum of SERVICE_BITS. */
  services: t.u8,
  /** First window the provider offers. */
  firstWindow: t.u64,
  /** Pending until the first passed audit. */
  status: t.oneOf(LOT_STATUSES),
  /** First window that counts once attested. */
  countsFrom: t.u64,
  /** Share left after the audit haircut, ppm. */
  auditPpm: t.ppm,
  /** Set by notice: the last window. */
  lastWindow: t.optional(t.u64),
}
export const lotInfo = message('Lot', { id: t.u64, ...lotFields })

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

const windowFields = {
  /** V: rated device-hours, 10^-18 of a reference device-hour. */
  ratedHours: t.amount,
  /** D: the part reserved, same unit. */
  reservedHours: t.amount,
}

const summaryFields = {
  /** C: coins deliverable in windows 2 … K from now, largest drift charged. */
  capacityBase: t.amount,
  /** The same sum up to ⌈K/4⌉, ⌈K/2⌉, ⌈3K/4⌉. */
  quarterBase: t.list(t.amount, 3),
  /** Whether the provider's status lets its capacity count. */
  counts: t.bool,
  /** Last window of the lots under notice; minting waits for it. */
  noticeUntil: t.optional(t.u64),
}

export const capacitySchema = defineModule({
  name: 'capacity',
  id: 6,
  doc: 'Windows, evergreen pledges of hardware, and the rated device-hours free in each window.',
  params: {
    windowMs: param({
      field: t.u64,
      doc: 'Length of a capacity window, milliseconds.',
      main: 86_400_000,
      dev: 60_000,
      test: 2_000,
      check: atLeast(1_000, 'ms'),
    }),
    windowHours: param({
      field: t.u32,
      doc: 'Hours of capacity that a window counts as, whatever its length.',
      main: 24,
      check: between(1, 8_760, 'hours'),
    }),
    horizonWindows: param({
      field: t.u32,
      doc: 'K: windows ahead that capacity is counted, and the notice of a pledge.',
      main: 120,
      dev: 20,
      test: 12,
      check: between(4, HORIZON_MAX, 'windows'),
    }),
    availabilityHaircutPpm: param({
      field: t.ppm,
      doc: 'Share taken off for unavailability, ppm.',
      main: 50_000n,
      check: atMost(PPM, 'ppm'),
    }),
    minClassPpm: param({
      field: t.ppm,
      doc: 'Least rating that counts, as a share of the anchor, ppm.',
      main: 250_000n,
    }),
    lotsPerProviderMax: param({
      field: t.u32,
      doc: 'Lots that one provider may hold.',
      main: LOTS_MAX,
      check: between(1, LOTS_MAX, 'lots'),
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
    sequence: { id: 5, key: {}, value: { lastLot: t.u64 }, doc: 'Id of the newest lot.' },
    window: {
      id: 6,
      key: { provider: t.u64, windowIndex: t.u64 },
      value: windowFields,
      doc: 'Capacity of a provider in a window that has not ended; absent when it has none.',
    },
    summary: {
      id: 7,
      key: { provider: t.u64 },
      value: summaryFields,
      doc: 'What a provider can deliver within K windows.',
    },
    totals: {
      id: 8,
      key: {},
      value: { capacityBase: t.amount, revision: t.u64 },
      doc: 'Sum of the summaries, and a counter of changes to them.',
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
      doc: 'A provider pledges devices of one class, evergreen; the lot counts once it has passed an audit.',
    },
    giveNotice: {
      args: { lot: t.u64 },
      fails: ['NotProvider', 'UnknownLot', 'NotLotProvider', 'NoticeAlreadyGiven'],
      gas: 40_000,
      doc: 'Ends an attested lot K windows from now and a pending lot at once.',
    },
  },
  queries: {
    clock: { args: {}, returns: clockInfo, doc: 'The running window and when it ends.' },
    lot: { args: { id: t.u64 }, returns: t.optional(lotInfo), doc: 'A lot, or null.' },
    lots: { args: { provider: t.u64 }, returns: t.list(lotInfo, LOTS_MAX), doc: 'Lots of a provider by id.' },
    summary: {
      args: { provider: t.u64 },
      returns: message('CapacitySummary', { provider: t.u64, ...summaryFields }),
      doc: 'Coins a provider can deliver within K windows.',
    },
    windows: {
      args: { provider: t.u64 },
      returns: t.list(
        message('CapacityWindow', {
          windowIndex: t.u64,
          ...windowFields,
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
export type WindowHours = InferFields<Records['window']['value']>
export type CapacitySummary = InferFields<Records['summary']['value']>
