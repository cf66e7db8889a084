// Records of default, and the shapes that they share with arguments and answers. Not: the module's definition (schema.ts).
import { message, t } from '../../../base/schema.ts'
import { COMPENSATION_ASSETS_MAX, PROCEEDS_ASSETS_MAX } from '../issuance/shapes.ts'
import { BOND_ASSETS_MAX, PROVIDERS_MAX } from '../providers/schema.ts'

/** Largest K: windows of which something is remembered. */
export const WINDOWS_MAX = 120
/** Assets of an estate: a bond's, and those of proceeds and compensations that the provider held. */
export const ESTATE_ASSETS_MAX = BOND_ASSETS_MAX + PROCEEDS_ASSETS_MAX + COMPENSATION_ASSETS_MAX
/** Assets of which a part of the fund may be set aside for orphans. */
export const EARMARKS_MAX = 1_024
/** Bids for orphans under way at once, each with another asset. */
export const BUY_BACKS_MAX = 16

/** Why a provider defaulted (ECONOMY §2, §3, §9). */
export const DEFAULT_CAUSES = [
  /** An own shortfall when the time to cure it was over. */
  'shortfall',
  /** A bond below its maintenance level, likewise. */
  'bond',
  /** Suspended in too many windows. */
  'suspension',
  /** Still in jail when the time to cure was over. */
  'jail',
] as const

/** Where a default stands; only the first waits for time, the others go on from block to block. */
export const CASE_STAGES = [
  /** Sealed bids until the end of the auction's window. */
  'auction',
  /** Bids are chosen, the cheapest first. */
  'choosing',
  /** Chosen bids are settled. */
  'settling',
  /** The room of every other provider is counted. */
  'measuring',
  /** What no bid took goes to them in proportion. */
  'assuming',
  /** What is left is orphaned, and the rest of the estate goes to the fund. */
  'closing',
  'closed',
] as const

/** What a provider must do next. */
export const STEPS = [
  'nothing',
  'restoreCapacity',
  'postBond',
  'leaveJail',
  'resume',
  'handOver',
  'completeExit',
  'wait',
  'withdrawBond',
] as const

const estateAssets = t.list(
  message('EstateAsset', { asset: t.u64, totalBase: t.amount, leftBase: t.amount }),
  ESTATE_ASSETS_MAX,
)
export const caseFields = {
  cause: t.oneOf(DEFAULT_CAUSES),
  declaredWindow: t.u64,
  declaredHeight: t.u64,
  /** Bids are committed in its first half and revealed in its second. */
  auctionWindow: t.u64,
  stage: t.oneOf(CASE_STAGES),
  /** L when it defaulted, and how much of it its own locked coins burned. */
  declaredBase: t.amount,
  burnedBase: t.amount,
  /** L when the auction ended: bids and shares are of this. */
  liabilityBase: t.amount,
  /** What there was of each asset, and what of it is still there. */
  estate: estateAssets,
  /** What is paid to those who must assume, once it is known: of the estate, and of the fund. */
  pool: estateAssets,
  aid: estateAssets,
  /** Those who bid, in order of their commitments; after the auction those who revealed, the cheapest first. */
  bidders: t.list(t.u64, PROVIDERS_MAX),
  /** Index of the next bidder or member of the stage. */
  cursor: t.u32,
  /** Compensation per coin of every chosen bid, as a share of the estate per coin, ppm. */
  sharePpm: t.ppm,
  chosenBase: t.amount,
  /** Rooms of all others: of the first kind and what the second adds. */
  firstBase: t.amount,
  secondBase: t.amount,
  /** The part of them that belongs to other legal groups, which alone are paid. */
  paidFirstBase: t.amount,
  paidSecondBase: t.amount,
  /** What is to be assumed in proportion, and the liability of it that is paid for. */
  sharedBase: t.amount,
  paidBase: t.amount,
  /** How much room the members before the cursor have. */
  passedFirstBase: t.amount,
  passedSecondBase: t.amount,
  /** Taken by bids, assumed by others, orphaned. */
  novatedBase: t.amount,
  assumedBase: t.amount,
  orphanedBase: t.amount,
  /** How much of L the coins of its backers burned, after `burnedBase`. */
  backingBurnedBase: t.amount,
}
export const bidFields = {
  commitment: t.hash,
  /** Coins that an unrevealed bid loses. */
  depositBase: t.amount,
  revealed: t.bool,
  amountBase: t.amount,
  sharePpm: t.ppm,
  /** What the bid is to receive. */
  chosenBase: t.amount,
}
export const novationFields = { to: t.u64, amountBase: t.amount, asset: t.u64, paymentBase: t.amount }

export const defaultRecords = {
  attendance: {
    id: 1,
    key: {},
    value: {
      epoch: t.u64,
      /** The view from which turns are counted, and the first window that lies wholly after it. */
      sinceView: t.u64,
      sinceWindow: t.u64,
      /** Validators that have made a block since. */
      seen: t.list(t.u64, PROVIDERS_MAX),
    },
    doc: 'Who has made a block since a view.',
  },
  absence: {
    id: 2,
    key: { provider: t.u64 },
    value: { windows: t.list(t.u64, WINDOWS_MAX) },
    doc: 'The latest windows in which a validator was absent.',
  },
  suspended: {
    id: 3,
    key: { provider: t.u64 },
    value: { windows: t.list(t.u64, WINDOWS_MAX) },
    doc: 'Windows of the last K that ended with a provider suspended.',
  },
  watch: {
    id: 4,
    key: {},
    value: { pass: t.u64, windowIndex: t.u64, member: t.u32, members: t.u32 },
    doc: 'How far the members have been looked at after a window: who defaults, whose bond unlocks.',
  },
  tail: {
    id: 5,
    key: { provider: t.u64 },
    value: { sinceWindow: t.u64, untilWindow: t.u64 },
    doc: 'A member without vote and liability, and when its bond unlocks.',
  },
  case: { id: 6, key: { provider: t.u64 }, value: caseFields, doc: 'A default, kept when it is closed.' },
  open: {
    id: 7,
    key: {},
    value: { providers: t.list(t.u64, PROVIDERS_MAX) },
    doc: 'Defaults that are not closed, in their order.',
  },
  bid: {
    id: 8,
    key: { provider: t.u64, bidder: t.u64 },
    value: bidFields,
    doc: 'A sealed bid for the liability of a provider that has defaulted.',
  },
  room: {
    id: 9,
    key: { provider: t.u64, member: t.u64 },
    value: { firstBase: t.amount, secondBase: t.amount },
    doc: 'How much of a liability a member can assume: with its margin to spare, and beyond that.',
  },
  novation: {
    id: 10,
    key: { from: t.u64 },
    value: novationFields,
    doc: 'Liability offered to another provider.',
  },
  earmarked: {
    id: 11,
    key: {},
    value: {
      assets: t.list(message('Earmark', { asset: t.u64, amountBase: t.amount }), EARMARKS_MAX),
    },
    doc: 'Parts of the fund that are set aside for buying orphans back.',
  },
  buyBack: {
    id: 12,
    key: {},
    value: {
      bids: t.list(message('BuyBack', { asset: t.u64, order: t.u64, escrowedBase: t.amount }), BUY_BACKS_MAX),
    },
    doc: 'Orders of the fund at the market whose auctions are not over.',
  },
} as const
