// Definition of the oracle: the anchor, what one SCU delivers, the price of an SCU-hour per settlement asset, and the
// two chambers that report both.
import type { InferFields } from '../../../base/field.ts'
import { defineModule, type Params } from '../../../base/moduleDefinition.ts'
import { atLeast, atMost, between, param } from '../../../base/parameters.ts'
import { VALIDATORS_MAX } from '../../../base/protocol/limits.ts'
import { PRICES_MAX, priceReportSchema } from '../../../base/protocol/oracleReport.ts'
import { indexed, message, t } from '../../../base/schema.ts'
import { PPM } from '../../../base/units.ts'
import {
  anchorInfo,
  CHAMBERS,
  DECISIONS,
  historyPage,
  OUTCOMES,
  observationInfo,
  PHASES,
  recordInfo,
  reporterInfo,
  reportsInfo,
  resultFields,
  statusInfo,
} from './shapes.ts'

/** Most windows of growth factors; K is at most this (ECONOMY §13). */
export const HORIZON_MAX = 120
/** Independent reporters at most. */
export const REPORTERS_MAX = 32
/** Once there are reporters, no fewer than these: the median of three withstands one. */
export const REPORTERS_MIN = 3
/** Reports in one chamber at most: one of each legal group, or of each reporter. */
export const CHAMBER_MAX = VALIDATORS_MAX
/** Windows whose reports stay in state. */
export const REPORT_WINDOWS = 8
/** Windows whose results stay in state. */
export const RESULT_WINDOWS = 64

/** Reporters to appoint, and ids of those to dismiss. */
export const reporterChangeFields = {
  appoint: t.list(message('Appointment', { account: t.address, name: t.text(64) }), REPORTERS_MAX),
  dismiss: t.list(t.u64, REPORTERS_MAX),
}
export const reporterChangeInfo = message('ReporterChange', reporterChangeFields)
export type ReporterChange = ReturnType<typeof reporterChangeInfo.decode>

export const oracleSchema = defineModule({
  name: 'oracle',
  id: 5,
  lane: 'proof',
  doc: 'The anchor (rating that one SCU delivers) and the SCU-hour price per settlement asset.',
  params: {
    driftPpm: param({
      field: t.ppm,
      doc: 'Largest rise of the anchor per window (g), ppm.',
      main: 1_500n,
      dev: 20_000n,
      test: 50_000n,
      check: atMost(PPM, 'ppm a window'),
    }),
    priceFreshWindows: param({
      field: t.u32,
      doc: 'Windows after which a price that was not renewed is stale.',
      main: 3,
      test: 2,
      check: atLeast(1, 'windows'),
    }),
    disputedDriftPpm: param({
      field: t.ppm,
      doc: 'Largest rise of the anchor per window without an agreement of both chambers (gDisputed), ppm; at most g.',
      main: 1_000n,
      dev: 13_000n,
      test: 33_000n,
      check: atMost(PPM, 'ppm a window'),
    }),
    graceWindows: param({
      field: t.u32,
      doc: 'Windows without a quorum of reporters in which the anchor holds, before it rises by gDisputed.',
      main: 14,
      dev: 5,
      test: 3,
      check: between(1, 1_000, 'windows'),
    }),
    tolerancePpm: param({
      field: t.ppm,
      doc: 'Largest difference of two medians that agree, as a share of the lower one, ppm.',
      main: 15_000n,
      check: atMost(PPM, 'ppm'),
    }),
    priceMovePpm: param({
      field: t.ppm,
      doc: 'Largest move of a price per window, ppm.',
      main: 20_000n,
      check: between(1n, PPM, 'ppm a window'),
    }),
  },
  records: {
    anchor: {
      id: 1,
      key: {},
      value: {
        /** Rating of one SCU, ppm of the reference device. */
        anchor: t.ppm,
        /** Takes effect at the end of the running window; equals `anchor` when it stays the same. */
        nextAnchor: t.ppm,
        /** First window in which `anchor` is in force. */
        sinceWindow: t.u64,
        /** Value before `sinceWindow`. */
        previousAnchor: t.ppm,
      },
      doc: 'The anchor in force and the next one.',
    },
    price: {
      id: 2,
      key: { asset: t.u64 },
      value: {
        priceBase: t.amount,
        /** Where chambers disagree: values the bonds that there are; the higher median, which locks and values the bonds of mints. */
        bondPriceBase: t.amount,
        lockPriceBase: t.amount,
        /** Absent while only genesis has set it: then it does not go stale. */
        renewedWindow: t.optional(t.u64),
      },
      doc: 'Price of one SCU-hour (one coin) in base units of a settlement asset.',
    },
    clock: {
      id: 3,
      key: {},
      value: { windowIndex: t.u64, startedAtMs: t.u64, endsAtMs: t.u64 },
      doc: 'The running window, as capacity keeps it.',
    },
    pricedAssets: {
      id: 4,
      key: {},
      value: { assets: t.list(t.u64, PRICES_MAX) },
      doc: 'Assets whose price is reported, ascending.',
    },
    reporters: {
      id: 5,
      key: {},
      value: {
        ids: t.list(t.u64, REPORTERS_MAX),
        nextId: t.u64,
        /** First window that the first of them were to report. */
        sinceWindow: t.u64,
        /** Replaced in the last K windows, without those who were absent; oldest first. */
        replaced: t.list(message('Replaced', { window: t.u64, count: t.u32 }), HORIZON_MAX + 1),
      },
      doc: 'Ids of the independent reporters, ascending; absent before the first are appointed.',
    },
    reporter: {
      id: 6,
      key: { id: t.u64 },
      value: {
        account: t.address,
        name: t.text(64),
        /** First window that it is to report. */
        sinceWindow: t.u64,
        /** Reports in the run of windows without a quorum that began in `runSince`. */
        runSince: t.u64,
        runReports: t.u64,
      },
      doc: 'An independent reporter.',
    },
    reporterAccount: {
      id: 7,
      key: { account: t.address },
      value: { id: t.u64 },
      doc: 'Account to reporter.',
    },
    report: {
      id: 8,
      key: { chamber: t.oneOf(CHAMBERS), member: t.u64, slot: t.u8 },
      value: {
        windowIndex: t.u64,
        account: t.address,
        commitment: t.hash,
        outcome: t.oneOf(OUTCOMES),
        rating: t.ppm,
        prices: t.list(priceReportSchema, PRICES_MAX),
      },
      doc: 'A report; the slot is the window modulo the number of windows that are kept.',
    },
    standing: {
      id: 9,
      key: { chamber: t.oneOf(CHAMBERS), member: t.u64 },
      value: {
        /** First window that counts. */
        sinceWindow: t.u64,
        /** Window of the last commitment; the counts are of those before. */
        latestWindow: t.u64,
        commitments: t.u64,
        revealed: t.u64,
        unrevealed: t.u64,
        mismatched: t.u64,
        malformed: t.u64,
      },
      doc: 'What became of the reports of a member of a chamber; windows without a commitment are the rest.',
    },
    values: {
      id: 10,
      key: { chamber: t.oneOf(CHAMBERS), topic: t.u64 },
      value: { windowIndex: t.u64, values: t.list(t.amount, CHAMBER_MAX) },
      doc: 'Revealed values of a window in order: of the rating (topic 0), or of the price in an asset.',
    },
    turnout: {
      id: 11,
      key: { chamber: t.oneOf(CHAMBERS) },
      value: { windowIndex: t.u64, committed: t.u32 },
      doc: 'Commitments of a chamber in a window.',
    },
    silence: {
      id: 12,
      key: {},
      value: { sinceWindow: t.u64, windows: t.u64 },
      doc: 'The run of windows without a quorum of reporters; absent while they have it.',
    },
    result: {
      id: 13,
      key: { slot: t.u8 },
      value: resultFields,
      doc: 'What a window decided; the slot is the window modulo the number of results that are kept.',
    },
    tallied: {
      id: 14,
      key: {},
      value: { firstWindow: t.u64, lastWindow: t.u64 },
      doc: 'Windows that have a result, without a gap.',
    },
    observedCapacity: {
      id: 15,
      key: { classId: t.u64 },
      value: { devicesPpm: t.u256 },
      doc: 'Attested devices of a class, each times its audit share.',
    },
    observedUsage: {
      id: 16,
      key: { classId: t.u64 },
      value: { span: t.u64, recentBase: t.u256, earlierBase: t.u256 },
      doc: 'Coins delivered on a class in the running span of windows and in the one before.',
    },
    hold: {
      id: 17,
      key: {},
      value: { untilWindow: t.u64 },
      doc: 'The last window through which holders held the anchor; absent before the first time.',
    },
  },
  errors: {
    /** Neither a reporter, nor the operator of a member that validates and serves. */
    NotReporter: { sender: t.address },
    /** Appointed for a later window. */
    NotReporterYet: { sinceWindow: t.u64 },
    WrongWindow: { window: t.u64, running: t.u64 },
    /** Commits and reveals have their own parts of a window; milliseconds since 1970, block time. */
    WrongPhase: { phase: t.oneOf(PHASES), untilMs: t.u64 },
    NoCommitment: { window: t.u64 },
    AlreadyRevealed: { window: t.u64 },
  },
  events: {
    AnchorMoved: { windowIndex: t.u64, anchor: t.ppm, previousAnchor: t.ppm },
    /** By the chamber of holders, through this window. */
    AnchorHeld: { anchor: t.ppm, untilWindow: t.u64 },
    ReportCommitted: { chamber: indexed(t.oneOf(CHAMBERS)), member: indexed(t.u64), window: indexed(t.u64) },
    ReportRevealed: {
      chamber: indexed(t.oneOf(CHAMBERS)),
      member: indexed(t.u64),
      window: indexed(t.u64),
      rating: t.ppm,
    },
    /** A reveal that does not count: the record says why. */
    ReportRefused: {
      chamber: indexed(t.oneOf(CHAMBERS)),
      member: indexed(t.u64),
      window: indexed(t.u64),
      outcome: t.oneOf(OUTCOMES),
    },
    ReportsTallied: {
      window: indexed(t.u64),
      decision: t.oneOf(DECISIONS),
      anchor: t.ppm,
      reporters: t.u32,
      providers: t.u32,
    },
    PriceRenewed: {
      asset: indexed(t.u64),
      window: t.u64,
      priceBase: t.amount,
      bondPriceBase: t.amount,
      lockPriceBase: t.amount,
    },
    ReporterAppointed: {
      reporter: indexed(t.u64),
      account: indexed(t.address),
      name: t.text(64),
      sinceWindow: t.u64,
    },
    ReporterDismissed: { reporter: indexed(t.u64), account: indexed(t.address) },
  },
  actions: {
    commit: {
      args: { window: t.u64, commitment: t.hash },
      fails: ['NotReporter', 'NotReporterYet', 'WrongWindow', 'WrongPhase'],
      gas: 70_000,
      doc: 'A reporter, or a member for its legal group, commits to its report of the running window; again to replace it.',
    },
    reveal: {
      args: { window: t.u64, salt: t.hash, rating: t.ppm, prices: t.list(priceReportSchema, PRICES_MAX) },
      fails: [
        'NotReporter',
        'NotReporterYet',
        'WrongWindow',
        'WrongPhase',
        'NoCommitment',
        'AlreadyRevealed',
      ],
      // It enters a list of up to 256 values for the rating and for each of 16 prices.
      gas: 150_000,
      doc: 'A reporter reveals what it committed to; a reveal that does not match, or is malformed, is recorded and counts as missing.',
    },
  },
  queries: {
    anchor: {
      args: {},
      returns: anchorInfo,
      doc: 'The anchor in force, the next one, and the largest rise per window.',
    },
    price: {
      args: { asset: t.u64 },
      returns: t.optional(t.amount),
      doc: 'Price of one SCU-hour in base units of a settlement asset; null when the asset has none.',
    },
    status: {
      args: {},
      returns: statusInfo,
      doc: 'The anchor, the phase of the window, the quorum of both chambers, each price and since when it is stale, and who missed; in words too.',
    },
    reporters: {
      args: {},
      returns: t.list(reporterInfo, REPORTERS_MAX),
      doc: 'The independent reporters by id.',
    },
    reporter: {
      args: { account: t.address },
      returns: t.optional(recordInfo),
      doc: 'What an account, of a reporter or of a member, has reported and missed, and why; null when it is neither.',
    },
    record: {
      args: { chamber: t.oneOf(CHAMBERS), member: t.u64 },
      returns: t.optional(recordInfo),
      doc: 'What a reporter, or a legal group by its lowest member, has reported and missed, and why.',
    },
    reports: {
      args: { window: t.u64 },
      returns: t.optional(reportsInfo),
      doc: 'The reports of one of the last windows, of both chambers; null once they are gone.',
    },
    history: {
      args: { cursor: t.u64, limit: t.u32 },
      returns: historyPage,
      doc: 'What the last windows decided, newest first; only windows with reporters.',
    },
    observation: {
      args: {},
      returns: observationInfo,
      doc: 'What the chain itself sees: the median class of attested capacity, and of coins recently redeemed.',
    },
  },
})

type Records = (typeof oracleSchema)['records']
export type Price = InferFields<Records['price']['value']>
export type Report = InferFields<Records['report']['value']>
export type Standing = InferFields<Records['standing']['value']>
export type Reporter = InferFields<Records['reporter']['value']>
export type Result = InferFields<Records['result']['value']>
export type Clock = InferFields<Records['clock']['value']>
export type OracleParams = Params<typeof oracleSchema>
