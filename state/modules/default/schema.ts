// Definition of default: what faults cost, what follows when a provider cannot pay or deliver, how a provider leaves, and the
// guarantee fund (ECONOMY §7, §9). READ FIRST: cases.ts, then declare.ts.
import type { InferFields } from '../../../base/field.ts'
import { defineModule } from '../../../base/moduleDefinition.ts'
import { atMost, between, param } from '../../../base/parameters.ts'
import { indexed, message, t } from '../../../base/schema.ts'
import { PPM } from '../../../base/units.ts'
import { MINT_ERRORS, MINT_FAILS } from '../issuance/shapes.ts'
import { FAULT_KINDS, PROVIDER_STATUSES, PROVIDERS_MAX } from '../providers/schema.ts'
import {
  bidFields,
  caseFields,
  DEFAULT_CAUSES,
  defaultRecords,
  novationFields,
  STEPS,
  WINDOWS_MAX,
} from './records.ts'

const IN_CASE = ['NotProvider', 'NoSuchDefault', 'NotInAuction'] as const

export const defaultSchema = defineModule({
  name: 'default',
  id: 12,
  lane: 'proof',
  doc: 'What happens when a provider fails or leaves, and the guarantee fund.',
  params: {
    fundTargetPpm: param({
      field: t.ppm,
      doc: 'Size up to which base fees fill the fund, as a share of all liabilities, ppm.',
      main: 20_000n,
      check: atMost(PPM, 'ppm'),
    }),
    lostCoveragePpm: param({
      field: t.ppm,
      doc: 'Penalty on coverage lost by a haircut or a withdrawal, of its value, ppm.',
      main: 100_000n,
      check: atMost(PPM, 'ppm'),
    }),
    equivocationPpm: param({
      field: t.ppm,
      doc: 'Penalty of a proven double vote, of the bond, ppm.',
      main: 500_000n,
      check: atMost(PPM, 'ppm'),
    }),
    absencePpm: param({
      field: t.ppm,
      doc: 'Penalty of an absence that is not free, of the bond, ppm.',
      main: 1_000n,
      check: atMost(PPM, 'ppm'),
    }),
    absencesFree: param({
      field: t.u32,
      doc: 'Absences within K windows that cost nothing.',
      main: 3,
      check: between(0, WINDOWS_MAX, 'absences'),
    }),
    bidDepositPpm: param({
      field: t.ppm,
      doc: 'Coins that a bid deposits until it is revealed, of the liability in the auction, ppm.',
      main: 1_000n,
      check: between(1n, PPM, 'ppm'),
    }),
  },
  records: defaultRecords,
  escrows: {
    // Objects 0 and 1: the fund and the base fees of module accounts.
    fund: {
      id: 0,
      doc: 'The guarantee fund, every asset: object 0; base fees until they are shared: object 1.',
    },
    estates: {
      id: 1,
      doc: 'The estate of a provider that has defaulted, every asset; the object is the provider.',
    },
    deposits: { id: 2, doc: 'Deposits of sealed bids; the object is the provider that has defaulted.' },
    novations: { id: 3, doc: 'Payments offered with liability; the object is the provider that offers.' },
  },
  errors: {
    NotProvider: { sender: t.address },
    UnknownProvider: { provider: t.u64 },
    /** No default of this provider is open. */
    NoSuchDefault: { provider: t.u64 },
    /** Bids are committed in the first half of the auction's window and revealed in the second. */
    NotInAuction: { auctionWindow: t.u64, currentWindow: t.u64, half: t.u8 },
    /** Its legal group is that of the provider that has defaulted. */
    OwnGroup: { provider: t.u64 },
    ProviderNotServing: { provider: t.u64 },
    AlreadyBid: { provider: t.u64 },
    NoBid: { provider: t.u64 },
    /** Not what was committed. */
    BidMismatch: { provider: t.u64 },
    ShareTooLarge: { sharePpm: t.ppm, maximumPpm: t.ppm },
    ZeroAmount: {},
    UnknownAsset: { asset: t.u64 },
    InsufficientCoins: { balanceBase: t.amount, neededBase: t.amount },
    InsufficientAsset: { asset: t.u64, balanceBase: t.amount, neededBase: t.amount },
    SameProvider: { provider: t.u64 },
    /** One offer at a time. */
    NovationOpen: { to: t.u64 },
    NoNovation: { from: t.u64 },
    /** The offer names another provider. */
    NotOffered: { to: t.u64 },
    /** More than the provider owes. */
    LiabilityTooSmall: { provider: t.u64, liabilityBase: t.amount },
    HasDefaulted: { provider: t.u64 },
    ...MINT_ERRORS,
    /** It has locked proceeds in as many assets as it may. */
    LocksFull: { provider: t.u64, asset: t.u64 },
    /** Nobody else serves: coins whose keys are lost would have nobody behind them. */
    LastProvider: { liabilityBase: t.amount },
    AlreadyLeaving: { provider: t.u64 },
    /** `beginExit` comes first. */
    NotLeaving: { provider: t.u64, status: t.oneOf(PROVIDER_STATUSES) },
    /** It still owes: retire, serve, or hand it over. */
    LiabilityLeft: { provider: t.u64, liabilityBase: t.amount },
    /** A series of its own sells or owes coins. */
    SeriesLive: { provider: t.u64, series: t.u64 },
    /** Another member must join first. */
    TooFewValidators: { minimum: t.u32 },
    /** The first window in which it may be unlocked; whoever still has a vote or owes something waits longer. */
    BondLocked: { provider: t.u64, untilWindow: t.u64, currentWindow: t.u64 },
    BondFrozen: { provider: t.u64 },
    InsufficientBond: { asset: t.u64, bondBase: t.amount, neededBase: t.amount },
  },
  events: {
    /** Base fees of the window that ended: what the fund took, and what each validator received. */
    FeesShared: { windowIndex: t.u64, fundBase: t.amount, eachBase: t.amount, validators: t.u32 },
    /** What a fault took from a bond, per asset; the victim's part is in `victimBase`, the rest went to the fund. */
    FaultPenalised: {
      provider: indexed(t.u64),
      cause: t.oneOf(FAULT_KINDS),
      asset: t.u64,
      amountBase: t.amount,
      victimBase: t.amount,
    },
    /** A window without a block of a validator; `free`: it costs nothing. */
    ValidatorAbsent: { provider: indexed(t.u64), windowIndex: t.u64, free: t.bool },
    DefaultDeclared: {
      provider: indexed(t.u64),
      cause: t.oneOf(DEFAULT_CAUSES),
      liabilityBase: t.amount,
      burnedBase: t.amount,
      auctionWindow: t.u64,
    },
    BidCommitted: { provider: indexed(t.u64), bidder: indexed(t.u64), depositBase: t.amount },
    BidRevealed: {
      provider: indexed(t.u64),
      bidder: indexed(t.u64),
      amountBase: t.amount,
      sharePpm: t.ppm,
    },
    DepositsForfeited: { provider: indexed(t.u64), bids: t.u32, amountBase: t.amount },
    /** `byAuction`: a bid took it; otherwise it had to be assumed. */
    LiabilityAssumed: {
      provider: indexed(t.u64),
      by: indexed(t.u64),
      amountBase: t.amount,
      exemptBase: t.amount,
      byAuction: t.bool,
    },
    DefaultClosed: {
      provider: indexed(t.u64),
      novatedBase: t.amount,
      assumedBase: t.amount,
      orphanedBase: t.amount,
    },
    FundSpent: { asset: t.u64, to: indexed(t.address), amountBase: t.amount },
    FundEarmarked: { asset: t.u64, amountBase: t.amount },
    /** The fund bought coins at the market, and burned them against orphans. */
    OrphansBought: {
      asset: indexed(t.u64),
      order: indexed(t.u64),
      boughtBase: t.amount,
      paidBase: t.amount,
      burnedBase: t.amount,
    },
    NovationOffered: {
      from: indexed(t.u64),
      to: indexed(t.u64),
      amountBase: t.amount,
      asset: t.u64,
      paymentBase: t.amount,
    },
    NovationWithdrawn: { from: indexed(t.u64), to: indexed(t.u64) },
    NovationAccepted: { from: indexed(t.u64), to: indexed(t.u64), amountBase: t.amount },
    ExitBegun: { provider: indexed(t.u64), liabilityBase: t.amount },
    ExitCompleted: { provider: indexed(t.u64) },
    BondUnlocks: { provider: indexed(t.u64), untilWindow: t.u64 },
  },
  actions: {
    commitBid: {
      args: { provider: t.u64, commitment: t.hash },
      fails: [...IN_CASE, 'OwnGroup', 'ProviderNotServing', 'AlreadyBid', 'InsufficientCoins'],
      gas: 120_000,
      doc: 'A provider commits a sealed bid for the liability of one that has defaulted, and deposits coins.',
    },
    revealBid: {
      args: { provider: t.u64, amountBase: t.amount, sharePpm: t.ppm, salt: t.hash },
      fails: [...IN_CASE, 'NoBid', 'BidMismatch', 'ShareTooLarge', 'ZeroAmount'],
      gas: 80_000,
      doc: 'A provider reveals its bid, which then binds, and receives its deposit back.',
    },
    offerNovation: {
      args: { to: t.u64, amountBase: t.amount, asset: t.u64, paymentBase: t.amount },
      fails: [
        'NotProvider',
        'UnknownProvider',
        'SameProvider',
        'ZeroAmount',
        'HasDefaulted',
        'NovationOpen',
        'LiabilityTooSmall',
        'UnknownAsset',
        'InsufficientCoins',
        'InsufficientAsset',
      ],
      gas: 90_000,
      lane: 'general',
      doc: 'A provider offers part of what it owes to another, with a payment that waits in escrow.',
    },
    withdrawNovation: {
      args: {},
      fails: ['NotProvider', 'NoNovation'],
      gas: 50_000,
      lane: 'general',
      doc: 'A provider withdraws its offer and receives the payment back.',
    },
    acceptNovation: {
      args: { from: t.u64, amountBase: t.amount, asset: t.u64, paymentBase: t.amount },
      fails: ['NotProvider', 'NoNovation', 'NotOffered', 'LiabilityTooSmall', ...MINT_FAILS, 'LocksFull'],
      // The locks' endings move one by one, K of them on both sides, of coins and of each asset of proceeds.
      gas: 2_500_000,
      lane: 'general',
      doc: 'The other provider takes over the liability exactly as offered, if the mint rule lets it owe as much, and is paid.',
    },
    beginExit: {
      args: {},
      fails: ['NotProvider', 'AlreadyLeaving', 'ProviderNotServing', 'LastProvider'],
      gas: 50_000,
      lane: 'general',
      doc: 'A provider begins to leave: it mints no more, and serves, votes and counts until it owes nothing.',
    },
    completeExit: {
      args: {},
      fails: ['NotProvider', 'NotLeaving', 'LiabilityLeft', 'SeriesLive', 'TooFewValidators'],
      gas: 60_000,
      lane: 'general',
      doc: 'A provider that owes nothing gives up its vote for good; its bond unlocks after the tail.',
    },
    withdrawBond: {
      args: { asset: t.u64, amountBase: t.amount },
      fails: ['NotProvider', 'ZeroAmount', 'LiabilityLeft', 'BondLocked', 'BondFrozen', 'InsufficientBond'],
      gas: 60_000,
      lane: 'general',
      doc: 'A member that has left, and owes nothing since the tail windows, takes its bond back.',
    },
  },
  queries: {
    fund: {
      args: {},
      returns: message('GuaranteeFund', {
        /** What the fund holds. */
        heldBase: t.amount,
        /** Size up to which base fees fill it. */
        targetBase: t.amount,
        /** Base fees since the last window's end, not shared yet. */
        feesBase: t.amount,
      }),
      doc: 'What the guarantee fund holds, its target, and the base fees that wait for the end of the window.',
    },
    fundAsset: {
      args: { asset: t.u64 },
      returns: message('FundAsset', {
        heldBase: t.amount,
        /** The part set aside for buying orphans back. */
        earmarkedBase: t.amount,
        /** Most of it that may buy in one window: 1/K. */
        perWindowBase: t.amount,
      }),
      doc: 'What the guarantee fund holds of an asset, and what of it is set aside for orphans.',
    },
    status: {
      args: { provider: t.u64 },
      returns: t.optional(
        message('ProviderStanding', {
          provider: t.u64,
          status: t.oneOf(PROVIDER_STATUSES),
          suspended: t.bool,
          step: t.oneOf(STEPS),
          /** What to do next, and what happens otherwise, in words. */
          what: t.text(192),
          otherwise: t.text(192),
          /** Last window in which to do it. */
          untilWindow: t.optional(t.u64),
          windowIndex: t.u64,
          liabilityBase: t.amount,
          /** max(0, L − R − C). */
          shortfallBase: t.amount,
          /** What the bond lacks of its maintenance level, in coins at the oracle price. */
          bondMissingBase: t.amount,
          unsecuredBase: t.amount,
          suspendedWindows: t.u32,
          suspendedWindowsMax: t.u32,
        }),
      ),
      doc: 'What a provider must do next, by when, and what happens otherwise; null for an unknown one.',
    },
    case: {
      args: { provider: t.u64 },
      returns: t.optional(message('DefaultCase', { provider: t.u64, ...caseFields })),
      doc: 'The default of a provider, open or closed, or null.',
    },
    cases: {
      args: {},
      returns: t.list(t.u64, PROVIDERS_MAX),
      doc: 'Providers whose default is not closed, in the order in which they are handled.',
    },
    bid: {
      args: { provider: t.u64, bidder: t.u64 },
      returns: t.optional(message('SealedBid', bidFields)),
      doc: 'A bid in an auction, or null; before it is revealed only its commitment says something.',
    },
    novation: {
      args: { from: t.u64 },
      returns: t.optional(message('Novation', novationFields)),
      doc: 'What a provider offers to another of its liability, or null.',
    },
    exitCost: {
      args: { provider: t.u64 },
      returns: t.optional(
        message('ExitCost', {
          liabilityBase: t.amount,
          /** Coins of its account, which `retire` burns against what it owes. */
          ownCoinsBase: t.amount,
          /** What it must serve, buy or hand over besides. */
          remainingBase: t.amount,
          /** The asset of its bond by whose price `costBase` goes; 0 when none has a price. */
          asset: t.u64,
          /** Buying the rest at the oracle price, units of that asset. */
          costBase: t.amount,
          /** Locked coins and bond that it gets back in the end, in coins at the oracle price. */
          returnedBase: t.amount,
          unlocksAtWindow: t.optional(t.u64),
        }),
      ),
      doc: 'What leaving would cost a provider now; null for an unknown one.',
    },
  },
})

type Records = (typeof defaultSchema)['records']
export type Case = InferFields<Records['case']['value']>
export type Bid = InferFields<Records['bid']['value']>
export type BuyBack = InferFields<Records['buyBack']['value']>['bids'][number]
export type EstateAsset = Case['estate'][number]
export type DefaultCause = Case['cause']
