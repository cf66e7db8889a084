// Definition of issuance: liabilities, minting under coverage, quota, own backing, front-load and bond, and retiring.
import type { InferFields } from '../../../base/field.ts'
import { defineModule } from '../../../base/moduleDefinition.ts'
import { atMost, between, param } from '../../../base/parameters.ts'
import { indexed, message, t } from '../../../base/schema.ts'
import { PPM } from '../../../base/units.ts'
import { PROVIDER_STATUSES } from '../providers/schema.ts'

const limit = { provider: t.u64, amountBase: t.amount, mintableBase: t.amount }

const liabilityFields = {
  /** L: coins issued and not yet retired. */
  liabilityBase: t.amount,
  /** All coins ever issued, and all ever burned against the liability; L is the difference. */
  issuedBase: t.u256,
  burnedBase: t.u256,
  /** R: coins reserved on the provider in windows that have not ended. */
  reservedBase: t.amount,
  /** Coins minted by the provider that are still locked. */
  lockedBase: t.amount,
  /** Part of `lockedBase` released at each window's end. */
  releaseBase: t.amount,
  /** L and C when the running window began; assignment follows their ratio (ECONOMY §6). */
  startLiabilityBase: t.amount,
  startCapacityBase: t.amount,
  /** Window since which the bond has been below its maintenance level. */
  bondShortSince: t.optional(t.u64),
}

const coverageFields = {
  /** ΣL over providers. */
  liabilitiesBase: t.amount,
  /** Liabilities without a provider. */
  orphanBase: t.amount,
  /** ΣN: liabilities not reserved. */
  unreservedBase: t.amount,
  /** ΣC. */
  capacityBase: t.amount,
  /** Sum of the coverN largest X: what is lost when those groups fall silent. */
  topExposureBase: t.amount,
  /** ΣN + L_orphan + Σ top X − ΣC when positive. */
  shortfallBase: t.amount,
  /** T: the (coverN+1)-th largest C of a group. */
  thresholdBase: t.amount,
  /** W: sum of min(C, T). */
  weightBase: t.amount,
}

export const issuanceSchema = defineModule({
  name: 'issuance',
  id: 8,
  doc: 'Liabilities of providers: minting coins against pledged capacity, and retiring them.',
  params: {
    coverN: param({
      field: t.u32,
      doc: 'Number of largest groups that may fall silent at once.',
      main: 1,
      check: between(1, 16, 'groups'),
    }),
    marginPpm: param({
      field: t.ppm,
      doc: 'm: capacity per coin minted, ppm; at least the growth factor of K windows.',
      main: 1_200_000n,
      dev: 1_500_000n,
      test: 1_800_000n,
    }),
    bondPpm: param({
      field: t.ppm,
      doc: 'b: bond per liability at the oracle price, ppm.',
      main: 200_000n,
    }),
    bondMaintenancePpm: param({
      field: t.ppm,
      doc: 'bMaint: below it the provider must top up, ppm.',
      main: 150_000n,
    }),
    retainPpm: param({
      field: t.ppm,
      doc: 'Share of a mint that stays locked and is released over K windows, ppm.',
      main: 800_000n,
      dev: 0n,
      test: 500_000n,
      check: atMost(PPM, 'ppm'),
    }),
    frontLoadPpm: param({
      field: t.ppm,
      doc: 'Share of a pro-rata delivery that the first quarters must reach, ppm.',
      main: 500_000n,
      check: atMost(PPM, 'ppm'),
    }),
    cureWindows: param({
      field: t.u32,
      doc: 'Windows in which a shortfall or a bond may be cured.',
      main: 14,
      dev: 5,
      test: 3,
    }),
  },
  records: {
    liability: { id: 1, key: { provider: t.u64 }, value: liabilityFields, doc: 'What a provider owes.' },
    reservation: {
      id: 2,
      key: { provider: t.u64, windowIndex: t.u64 },
      value: { reservedBase: t.amount },
      doc: 'Coins reserved on a provider in one window that has not ended.',
    },
    release: {
      id: 3,
      key: { provider: t.u64, windowIndex: t.u64 },
      value: { rateBase: t.amount, restBase: t.amount },
      doc: 'What ends of a provider’s lock with a window: a rate, and a remainder that is paid.',
    },
    totals: {
      id: 4,
      key: {},
      value: { liabilitiesBase: t.amount, orphanBase: t.amount, lockedBase: t.amount, revision: t.u64 },
      doc: 'Sums over providers, and a counter of changes to liabilities and reservations.',
    },
    coverage: {
      id: 5,
      key: {},
      value: { ...coverageFields, issuanceRevision: t.u64, capacityRevision: t.u64 },
      doc: 'Coverage at the revisions it names.',
    },
    cure: { id: 6, key: {}, value: { sinceWindow: t.u64 }, doc: 'Present while coverage falls short.' },
    stop: {
      id: 7,
      key: {},
      value: { reason: t.text(64), height: t.u64 },
      doc: 'Present while minting is stopped.',
    },
  },
  escrows: {
    locks: { id: 0, doc: 'Locked coins of the mints of one provider; the object is the provider.' },
  },
  errors: {
    NotProvider: { sender: t.address },
    ProviderNotActive: { provider: t.u64, status: t.oneOf(PROVIDER_STATUSES) },
    ZeroAmount: {},
    RecipientRefused: { recipient: t.address },
    MintingStopped: { reason: t.text(64) },
    CoverageShortfall: { shortfallBase: t.amount },
    UnderNotice: { provider: t.u64, lastWindow: t.u64 },
    QuotaExceeded: limit,
    JointLimitExceeded: limit,
    OwnBackingExceeded: limit,
    FrontLoadExceeded: limit,
    BondTooSmall: { ...limit, bondValueBase: t.amount },
    NothingToRetire: { provider: t.u64 },
    InsufficientCoins: { balanceBase: t.amount, neededBase: t.amount },
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
    LockReleased: { provider: indexed(t.u64), amountBase: t.amount, lockedBase: t.amount },
    ShortfallBegan: { windowIndex: t.u64, shortfallBase: t.amount },
    ShortfallCured: { windowIndex: t.u64 },
    MintingWasStopped: { reason: t.text(64) },
  },
  actions: {
    mint: {
      args: { to: t.address, amountBase: t.amount },
      fails: [
        'NotProvider',
        'ProviderNotActive',
        'ZeroAmount',
        'RecipientRefused',
        'MintingStopped',
        'CoverageShortfall',
        'UnderNotice',
        'QuotaExceeded',
        'JointLimitExceeded',
        'OwnBackingExceeded',
        'FrontLoadExceeded',
        'BondTooSmall',
      ],
      gas: 150_000,
      doc: 'A provider issues coins against its free capacity; the retained share stays locked for K windows.',
    },
    retire: {
      args: { amountBase: t.amount },
      fails: ['NotProvider', 'ZeroAmount', 'NothingToRetire', 'InsufficientCoins'],
      gas: 40_000,
      doc: 'A provider burns coins it holds against its own liability, at most the liability.',
    },
  },
  queries: {
    quota: {
      args: { provider: t.u64 },
      returns: t.optional(
        message('MintLimits', {
          provider: t.u64,
          /** Most that may be minted now: 0 when `blocked` names a rule, else the least of the limits. */
          mintableBase: t.amount,
          /** Name of the error a mint of one unit would fail with before any limit; empty when none. */
          blocked: t.text(32),
          quotaBase: t.amount,
          jointBase: t.amount,
          ownBackingBase: t.amount,
          frontLoadBase: t.amount,
          bondBase: t.amount,
          bondValueBase: t.amount,
        }),
      ),
      doc: 'What a provider may still mint under each rule of ECONOMY §3; null for an unknown provider.',
    },
    liability: {
      args: { provider: t.u64 },
      returns: message('Liability', { provider: t.u64, ...liabilityFields }),
      doc: 'What a provider owes, has reserved and has locked.',
    },
    coverage: {
      args: {},
      returns: message('Coverage', {
        ...coverageFields,
        /** Window since which coverage has fallen short. */
        shortSince: t.optional(t.u64),
        /** Last window of the time to cure. */
        cureUntil: t.optional(t.u64),
        /** Why minting is stopped, empty when it is not. */
        stopReason: t.text(64),
      }),
      doc: 'Coverage of all liabilities when the largest groups fall silent.',
    },
  },
})

type Records = (typeof issuanceSchema)['records']
export type Liability = InferFields<Records['liability']['value']>
export type IssuanceTotals = InferFields<Records['totals']['value']>
