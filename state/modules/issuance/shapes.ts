// Shapes of issuance: what records, errors and answers share, and their bounds. Not: the module's definition (schema.ts).
import { message, t } from '../../../base/schema.ts'
import { PROVIDER_STATUSES } from '../providers/schema.ts'

const limit = { provider: t.u64, amountBase: t.amount, mintableBase: t.amount }

export const liabilityFields = {
  /** L: coins issued and not yet retired. */
  liabilityBase: t.amount,
  /** All coins ever issued, and all ever burned against the liability. */
  issuedBase: t.u256,
  burnedBase: t.u256,
  /** Coins minted by the provider that are still locked. */
  lockedBase: t.amount,
  /** Part of `lockedBase` that is freed only in proportion to liability burned. */
  floorBase: t.amount,
  /** Part of `lockedBase` that burning has freed; paid at the next window's end. */
  freedBase: t.amount,
  /** Part of `lockedBase` released at the end of each good window. */
  releaseBase: t.amount,
  /** Good windows so far: the clock of the releases. */
  goodWindows: t.u64,
  /** L and C when the running window began; assignment follows their ratio (ECONOMY §6). */
  startLiabilityBase: t.amount,
  startCapacityBase: t.amount,
  /** Window since which the bond has been below its maintenance level. */
  bondShortSince: t.optional(t.u64),
  /** All ever taken over from other providers, and all ever handed over: L = issued + taken over − burned − handed over. */
  takenOverBase: t.u256,
  handedOverBase: t.u256,
  /** Part of L that was taken over from a provider that defaulted; the compensation for it is released as it burns. */
  assumedBase: t.amount,
  /** Part of `assumedBase` that needs no bond besides its compensation. */
  exemptBase: t.amount,
}

export const coverageFields = {
  /** ΣL over providers. */
  liabilitiesBase: t.amount,
  /** Liabilities without a provider. */
  orphanBase: t.amount,
  /** ΣN: liabilities not reserved. */
  unreservedBase: t.amount,
  /** ΣC of legal groups that are not suspended. */
  capacityBase: t.amount,
  /** Sum of the largest X of groups not suspended: what is lost when they fall silent too. */
  topExposureBase: t.amount,
  /** ΣN + L_orphan + Σ top X − ΣC when positive. */
  shortfallBase: t.amount,
  /** ΣC*, suspended groups included. */
  lastingBase: t.amount,
  /** Sum of the coverN largest C* + min(R, L). */
  topBurdenBase: t.amount,
  /** T: the (coverN+1)-th largest C* of a group. */
  thresholdBase: t.amount,
  /** W: sum of min(C*, T). */
  weightBase: t.amount,
}

/** Values in one page of a ranking, and its pages: one place for every legal group. */
export const PAGE_SEATS = 16
export const RANK_PAGES = 16

export const shareFields = {
  capacityBase: t.amount,
  lastingBase: t.amount,
  liabilityBase: t.amount,
  reservedBase: t.amount,
}

/** Settlement assets in which one provider may have locked proceeds at once. */
export const PROCEEDS_ASSETS_MAX = 8

/** Why a provider must cure; only a haircut and a withdrawal carry a penalty (ECONOMY §3). In jail nothing of it counts. */
export const CURE_CAUSES = [
  'perishing',
  'drift',
  'parameters',
  'haircut',
  'withdrawal',
  'bond',
  'jail',
] as const

/** What a compensation may hold: assets of bonds, and coins of the guarantee fund. */
export const COMPENSATION_ASSETS_MAX = 64
export const assetAmount = message('AssetAmount', { asset: t.u64, amountBase: t.amount })
export const compensationAssets = t.list(assetAmount, COMPENSATION_ASSETS_MAX)

/** Why a provider must not owe more: the answers of the mint rule, which handing liability over must pass too. */
export const MINT_ERRORS = {
  ProviderNotActive: { provider: t.u64, status: t.oneOf(PROVIDER_STATUSES) },
  MintingStopped: { reason: t.text(64) },
  CoverageShortfall: { shortfallBase: t.amount },
  /** Capacity is being recounted at a window's end; try again in a later block. */
  RecountUnderWay: { sinceHeight: t.u64 },
  ProviderSuspended: { provider: t.u64 },
  /** The price of an asset of the bond has not been renewed since a window. */
  OracleStale: { asset: t.u64, since: t.u64 },
  UnderNotice: { provider: t.u64, lastWindow: t.u64 },
  QuotaExceeded: limit,
  JointLimitExceeded: limit,
  OwnBackingExceeded: limit,
  FrontLoadExceeded: limit,
  BondTooSmall: { ...limit, bondValueBase: t.amount },
  /** Receipts that the provider has sold get their coins before it mints any of its own. */
  ReceiptsFirst: { ...limit, promisedBase: t.amount },
  /** A series of the provider has failed. */
  MintingBarred: { provider: t.u64, untilWindow: t.u64 },
} as const
export const MINT_FAILS = [
  'ProviderNotActive',
  'MintingStopped',
  'CoverageShortfall',
  'RecountUnderWay',
  'ProviderSuspended',
  'OracleStale',
  'UnderNotice',
  'QuotaExceeded',
  'JointLimitExceeded',
  'OwnBackingExceeded',
  'FrontLoadExceeded',
  'BondTooSmall',
  'ReceiptsFirst',
  'MintingBarred',
] as const
