// Definition of issuance: liabilities, minting under coverage, quota, own backing, front-load and bond, and retiring.
import { changeListFields } from '../../../base/changeList.ts'
import type { InferFields } from '../../../base/field.ts'
import { defineModule } from '../../../base/moduleDefinition.ts'
import { atMost, between, param } from '../../../base/parameters.ts'
import { mintStopSchema } from '../../../base/protocol/header.ts'
import { indexed, message, t } from '../../../base/schema.ts'
import { PPM } from '../../../base/units.ts'
import { COVER_MAX } from '../capacity/schema.ts'
import {
  CURE_CAUSES,
  compensationAssets,
  coverageFields,
  liabilityFields,
  MINT_ERRORS,
  MINT_FAILS,
  PAGE_SEATS,
  PROCEEDS_ASSETS_MAX,
  RANK_PAGES,
  shareFields,
} from './shapes.ts'

export const issuanceSchema = defineModule({
  name: 'issuance',
  id: 8,
  doc: 'Liabilities of providers: minting coins against pledged capacity, and retiring them.',
  walks: ['members'],
  params: {
    marginPpm: param({
      field: t.ppm,
      doc: 'm: capacity per coin minted, ppm; at least the growth factor of K windows.',
      main: 1_200_000n,
      dev: 1_500_000n,
      test: 1_800_000n,
      check: between(PPM, 100n * PPM, 'ppm'),
    }),
    bondPpm: param({
      field: t.ppm,
      doc: 'b: bond per liability at the oracle price, ppm.',
      main: 200_000n,
      check: atMost(10n * PPM, 'ppm'),
    }),
    bondMaintenancePpm: param({
      field: t.ppm,
      doc: 'bMaint: below it the provider must top up, ppm.',
      main: 150_000n,
    }),
    retainPpm: param({
      field: t.ppm,
      doc: 'Share of a mint that stays locked, ppm.',
      main: 800_000n,
      dev: 500_000n,
      test: 500_000n,
      check: atMost(PPM, 'ppm'),
    }),
    lockFloorPpm: param({
      field: t.ppm,
      doc: 'Part of that share, of the whole mint, that only burning liability releases, ppm.',
      main: 300_000n,
      dev: 200_000n,
      test: 200_000n,
    }),
    frontLoadPpm: param({
      field: t.ppm,
      doc: 'Share of a pro-rata delivery that the first quarters must reach, ppm.',
      main: 500_000n,
      check: atMost(PPM, 'ppm'),
    }),
    cureWindows: param({
      field: t.u32,
      doc: 'Windows in which an own shortfall or a bond may be cured.',
      main: 14,
      dev: 5,
      test: 3,
      check: between(1, 120, 'windows'),
    }),
  },
  records: {
    liability: { id: 1, key: { provider: t.u64 }, value: liabilityFields, doc: 'What a provider owes.' },
    release: {
      id: 3,
      key: { provider: t.u64, goodWindow: t.u64 },
      value: { rateBase: t.amount, restBase: t.amount },
      doc: 'What ends of a provider’s lock with its n-th good window: a rate, and a remainder that is paid.',
    },
    totals: {
      id: 4,
      key: {},
      value: { liabilitiesBase: t.amount, orphanBase: t.amount, lockedBase: t.amount },
      doc: 'Sums over providers.',
    },
    cover: {
      id: 5,
      key: { slot: t.u8 },
      value: {
        /** The recount of capacity from which the sums are formed. */
        pass: t.u64,
        /** How many members are in the sums, in the order of all. */
        members: t.u32,
        /** The recount was complete when they were stored. */
        inForce: t.bool,
        coverN: t.u32,
        unreservedBase: t.amount,
        capacityBase: t.amount,
        lastingBase: t.amount,
        suspendedGroups: t.u32,
      },
      doc: 'Sums over all legal groups; two slots take turns, so that those of the next recount grow beside those in force.',
    },
    short: {
      id: 6,
      key: {},
      value: { sinceWindow: t.u64, sinceHeight: t.u64 },
      doc: 'Present while coverage falls short.',
    },
    stop: {
      id: 7,
      key: {},
      value: {
        kind: t.oneOf(['invariant', 'governance']),
        reason: t.text(64),
        height: t.u64,
        /** Governance has decided to lift it; it ends with the next recount that holds. */
        lifting: t.bool,
      },
      doc: 'Present while minting is stopped.',
    },
    share: {
      id: 8,
      key: { provider: t.u64, slot: t.u8 },
      value: { pass: t.u64, group: t.u64, ...shareFields },
      doc: 'What of a provider is in the sums, and its legal group.',
    },
    groupSums: {
      id: 9,
      key: { group: t.u64, slot: t.u8 },
      value: { pass: t.u64, ...shareFields, suspended: t.bool },
      doc: 'Sums over the members of a legal group.',
    },
    rankPage: {
      id: 10,
      key: { ranking: t.u8, slot: t.u8, page: t.u32 },
      value: { pass: t.u64, values: t.list(t.amount, PAGE_SEATS) },
      doc: 'Figures of sixteen legal groups in a ranking.',
    },
    rankTops: {
      id: 11,
      key: { ranking: t.u8, slot: t.u8 },
      value: { pass: t.u64, values: t.list(t.amount, RANK_PAGES * (COVER_MAX + 1)) },
      doc: 'The largest figures of each page of a ranking.',
    },
    changed: {
      id: 12,
      key: {},
      value: changeListFields,
      doc: 'Providers whose liability has changed since coverage last took note.',
    },
    turn: {
      id: 13,
      key: {},
      value: {
        /** The recount of capacity after which members are handled. */
        pass: t.u64,
        /** The window that ended. */
        windowIndex: t.u64,
        /** Index of the next member to handle in the list of all. */
        member: t.u32,
        /** How many there were when the window ended; later ones had no part in it. */
        members: t.u32,
        /** The block that ended the window, and the one that began it. */
        endedAtHeight: t.u64,
        beganAtHeight: t.u64,
      },
      doc: 'How far the end of a window has been handled.',
    },
    cure: {
      id: 14,
      key: { provider: t.u64 },
      value: {
        cause: t.oneOf(CURE_CAUSES),
        sinceWindow: t.u64,
        /** Last window of the time to cure. */
        untilWindow: t.u64,
        shortfallBase: t.amount,
        /** The part that a haircut or a withdrawal has cost, which is penalised. */
        faultBase: t.amount,
        /** Last window in which a short bond may be topped up; it waits while a price is too old to tell. */
        bondUntilWindow: t.optional(t.u64),
      },
      doc: 'A provider that owes more than it can deliver, or whose bond is short.',
    },
    proceeds: {
      id: 20,
      key: { provider: t.u64, asset: t.u64 },
      value: {
        lockedBase: t.amount,
        /** The parts of it as in `liability`, and the lock's own clock. */
        floorBase: t.amount,
        freedBase: t.amount,
        releaseBase: t.amount,
        goodWindows: t.u64,
      },
      doc: 'Proceeds of a provider’s sales that are locked, in units of a settlement asset.',
    },
    proceedsRelease: {
      id: 21,
      key: { provider: t.u64, asset: t.u64, goodWindow: t.u64 },
      value: { rateBase: t.amount, restBase: t.amount },
      doc: 'What ends of locked proceeds with their n-th good window: a rate, and a remainder that is paid.',
    },
    proceedsAssets: {
      id: 22,
      key: { provider: t.u64 },
      value: { assets: t.list(t.u64, PROCEEDS_ASSETS_MAX) },
      doc: 'Assets in which a provider has locked proceeds.',
    },
    promise: {
      id: 23,
      key: { provider: t.u64 },
      value: {
        /** Receipts of its forward series that wait for coins; they come before its own mints. */
        promisedBase: t.amount,
        /** Last window in which it may not mint, after a series that failed; 0: none. */
        barredUntil: t.u64,
      },
      doc: 'What primary sales lay on a provider’s minting.',
    },
    compensation: {
      id: 15,
      key: { provider: t.u64 },
      value: {
        /** Assumed liability for which `assets` are held; what has burned since is released at a window's end. */
        assumedBase: t.amount,
        assets: compensationAssets,
      },
      doc: 'What a provider received for liability of one that defaulted, until that is burned.',
    },
  },
  escrows: {
    locks: { id: 0, doc: 'Locked coins of the mints of one provider; the object is the provider.' },
    compensations: {
      id: 1,
      doc: 'Compensation for assumed liability; the object is the provider that assumed it.',
    },
  },
  errors: {
    NotProvider: { sender: t.address },
    ZeroAmount: {},
    RecipientRefused: { recipient: t.address },
    ...MINT_ERRORS,
    NothingToRetire: { provider: t.u64 },
    InsufficientCoins: { balanceBase: t.amount, neededBase: t.amount },
    /** `retireLocked` burns locked coins alone. */
    InsufficientLock: { provider: t.u64, lockedBase: t.amount, neededBase: t.amount },
  },
  events: {
    Minted: {
      provider: indexed(t.u64),
      to: indexed(t.address),
      amountBase: t.amount,
      lockedBase: t.amount,
      liabilityBase: t.amount,
    },
    Retired: { provider: indexed(t.u64), amountBase: t.amount, liabilityBase: t.amount },
    LiabilityBurned: { provider: indexed(t.u64), amountBase: t.amount, liabilityBase: t.amount },
    /** Liability went from one provider to another, with its part of the lock. */
    LiabilityMoved: {
      from: indexed(t.u64),
      to: indexed(t.u64),
      amountBase: t.amount,
      lockedBase: t.amount,
    },
    /** Liability that nobody could take: no provider owes it any more, the queue is longer. */
    LiabilityOrphaned: { provider: indexed(t.u64), amountBase: t.amount, orphanBase: t.amount },
    OrphansBurned: { amountBase: t.amount, orphanBase: t.amount },
    /** The lock of a provider that defaulted: what was burned against its liability, and what the fund received. */
    LockForfeited: { provider: indexed(t.u64), burnedBase: t.amount, restBase: t.amount },
    CompensationReleased: { provider: indexed(t.u64), asset: t.u64, amountBase: t.amount },
    LockReleased: { provider: indexed(t.u64), amountBase: t.amount, lockedBase: t.amount },
    ProceedsLocked: { provider: indexed(t.u64), asset: t.u64, amountBase: t.amount },
    ProceedsReleased: {
      provider: indexed(t.u64),
      asset: t.u64,
      amountBase: t.amount,
      lockedBase: t.amount,
    },
    ShortfallBegan: { windowIndex: t.u64, shortfallBase: t.amount },
    ShortfallCured: { windowIndex: t.u64 },
    MintingWasStopped: { reason: t.text(64) },
    MintingWasResumed: { reason: t.text(64) },
    CureBegan: {
      provider: indexed(t.u64),
      cause: t.oneOf(CURE_CAUSES),
      shortfallBase: t.amount,
      untilWindow: t.u64,
    },
    CureEnded: { provider: indexed(t.u64), cause: t.oneOf(CURE_CAUSES) },
    /** What `retireLocked` took out of a lock. */
    LockRetired: { provider: indexed(t.u64), amountBase: t.amount, lockedBase: t.amount },
  },
  actions: {
    mint: {
      args: { to: t.address, amountBase: t.amount },
      fails: ['NotProvider', 'ZeroAmount', 'RecipientRefused', ...MINT_FAILS],
      gas: 250_000,
      doc: 'A provider issues coins against its free capacity; the retained share stays locked for K windows.',
    },
    retire: {
      args: { amountBase: t.amount },
      fails: ['NotProvider', 'ZeroAmount', 'NothingToRetire', 'InsufficientCoins'],
      gas: 50_000,
      doc: 'A provider burns coins it holds against its own liability, at most the liability.',
    },
    retireLocked: {
      args: { amountBase: t.amount },
      fails: ['NotProvider', 'ZeroAmount', 'NothingToRetire', 'InsufficientLock'],
      // Up to K endings of the lock.
      gas: 1_000_000,
      doc: 'A provider burns its locked coins against its own liability, at most the liability: those first that would be released first.',
    },
  },
  queries: {
    quota: {
      args: { provider: t.u64 },
      returns: t.optional(
        message('MintLimits', {
          provider: t.u64,
          /** Most that may be minted now: 0 when `blocked` names a rule, else the least of the limits less `promisedBase`. */
          mintableBase: t.amount,
          /** Name of the error a mint of one unit would fail with before any limit; empty when none. */
          blocked: t.text(32),
          quotaBase: t.amount,
          jointBase: t.amount,
          ownBackingBase: t.amount,
          frontLoadBase: t.amount,
          bondBase: t.amount,
          bondValueBase: t.amount,
          /** Receipts that the provider has sold and that come first. */
          promisedBase: t.amount,
        }),
      ),
      doc: 'What a provider may still mint under each rule of ECONOMY §3; null for an unknown provider.',
    },
    liability: {
      args: { provider: t.u64 },
      returns: message('Liability', {
        provider: t.u64,
        ...liabilityFields,
        /** R: coins reserved on its hours that count, in windows that have not ended. */
        reservedBase: t.amount,
      }),
      doc: 'What a provider owes, has reserved and has locked.',
    },
    security: {
      args: { provider: t.u64 },
      returns: t.optional(
        message('IssuanceSecurity', {
          provider: t.u64,
          liabilityBase: t.amount,
          /** The bond at the oracle price, in coins. */
          bondValueBase: t.amount,
          /** Locked coins, and locked proceeds at the oracle price. */
          lockedBase: t.amount,
          /** Compensation for assumed liability at the oracle price, in coins. */
          compensationBase: t.amount,
          /** max(0, L − bond − locked − compensation): what walking away would still gain, in coins at the oracle price. */
          unsecuredBase: t.amount,
          /** Coins of others that a default would burn against the liability; none of the figures above counts them. */
          backedBase: t.amount,
        }),
      ),
      doc: 'What stands behind a provider’s coins besides its capacity; null for an unknown provider.',
    },
    proceeds: {
      args: { provider: t.u64 },
      returns: t.list(
        message('LockedProceeds', {
          asset: t.u64,
          lockedBase: t.amount,
          /** Freed only as liability is burned. */
          floorBase: t.amount,
          /** Freed by burning, paid at the next window’s end. */
          freedBase: t.amount,
          /** Released at the end of each good window. */
          releaseBase: t.amount,
        }),
        PROCEEDS_ASSETS_MAX,
      ),
      doc: 'Proceeds of a provider’s sales that are locked, by settlement asset.',
    },
    cure: {
      args: { provider: t.u64 },
      returns: t.optional(
        message('Cure', {
          cause: t.oneOf(CURE_CAUSES),
          sinceWindow: t.u64,
          untilWindow: t.u64,
          shortfallBase: t.amount,
          faultBase: t.amount,
          bondUntilWindow: t.optional(t.u64),
        }),
      ),
      doc: 'Why and until when a provider must cure, or null.',
    },
    priceStatus: {
      args: { asset: t.u64 },
      returns: t.optional(
        message('PriceStatus', {
          asset: t.u64,
          priceBase: t.amount,
          /** The price that values bonds, and the one that values locks. */
          bondPriceBase: t.amount,
          lockPriceBase: t.amount,
          /** Window since which the price has not been renewed, when that is too long ago to mint on. */
          staleSince: t.optional(t.u64),
          /** The same in words. */
          status: t.text(128),
        }),
      ),
      doc: 'Whether the price of an asset is fresh enough to mint on; null when it has none.',
    },
    coverage: {
      args: {},
      returns: message('Coverage', {
        ...coverageFields,
        /** Window since which coverage has fallen short. */
        shortSince: t.optional(t.u64),
        /** Why nobody may mint now. */
        mintStop: t.optional(mintStopSchema),
        /** What an invariant or governance said when it stopped minting; empty otherwise. */
        stopReason: t.text(64),
      }),
      doc: 'Coverage of all liabilities when the largest groups fall silent.',
    },
  },
})

type Records = (typeof issuanceSchema)['records']
export type Liability = InferFields<Records['liability']['value']>
export type IssuanceTotals = InferFields<Records['totals']['value']>
export type CoverRecord = InferFields<Records['cover']['value']>
export type Share = InferFields<Records['share']['value']>
export type Turn = InferFields<Records['turn']['value']>
export type Cure = InferFields<Records['cure']['value']>
export type Compensation = InferFields<Records['compensation']['value']>
