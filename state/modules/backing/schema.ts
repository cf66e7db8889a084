// Definition of backing: coins that holders put behind a provider, the loss they may take, and their part of what it receives
// (ECONOMY §7). READ FIRST: pools.ts, then income.ts.
import type { InferFields } from '../../../base/field.ts'
import { defineModule } from '../../../base/moduleDefinition.ts'
import { between, param } from '../../../base/parameters.ts'
import { indexed, message, t } from '../../../base/schema.ts'
import { COIN, PPM } from '../../../base/units.ts'
import { PROVIDER_STATUSES } from '../providers/schema.ts'

/** Assets in which a pool receives income; what comes in others stays with the provider. */
export const POOL_ASSETS_MAX = 16
/** Providers that one account backs. */
export const BACKED_MAX = 64
/** Unbondings of one backer in one pool. */
export const UNBONDINGS_MAX = 128
/** Largest waiting time of an unbonding, windows. */
export const UNBOND_WINDOWS_MAX = 120

const poolFields = {
  /** Coins that earn, and the units that divide them; never more coins than units. */
  backedBase: t.amount,
  unitsBase: t.amount,
  /** Coins of all unbondings that nobody has withdrawn yet. */
  unbondingBase: t.amount,
  /** All coins ever lost. */
  lostBase: t.u256,
  sharePpm: t.ppm,
  /** A lower share under notice, and the window from which on it holds. */
  nextSharePpm: t.ppm,
  nextShareWindow: t.optional(t.u64),
  /** Assets in which it has received something. */
  assets: t.list(t.u64, POOL_ASSETS_MAX),
  /** The pool's clock, by which unbondings run: windows in which it stood still, and since when it does now. */
  heldWindows: t.u64,
  heldSince: t.optional(t.u64),
}
const incomeFields = {
  /** Income of one unit since the pool began, in 10^-36 of a base unit. */
  perUnitE36: t.u256,
  receivedBase: t.u256,
  withdrawnBase: t.u256,
  /** What rounding has left over, in 10^-36 of a base unit; the next income is shared together with it. */
  dustE36: t.u256,
}
const positionFields = {
  unitsBase: t.amount,
  /** Per asset: the pool's `perUnitE36` up to which the position has been credited, and what it can claim of that. */
  incomes: t.list(
    message('PositionIncome', { asset: t.u64, perUnitE36: t.u256, owedBase: t.amount }),
    POOL_ASSETS_MAX,
  ),
  /** Units of the unbondings of a window, by their window on the pool's clock. */
  unbondings: t.list(
    message('PositionUnbonding', { untilWindow: t.u64, unitsBase: t.amount }),
    UNBONDINGS_MAX,
  ),
}

const positionInfo = message('BackingPosition', {
  provider: t.u64,
  /** What its units are worth now. */
  backedBase: t.amount,
  unbondings: t.list(
    message('Unbonding', {
      /** At risk before this window; to be claimed from it on. It moves while a fault of the provider holds them. */
      untilWindow: t.u64,
      amountBase: t.amount,
      atRisk: t.bool,
    }),
    UNBONDINGS_MAX,
  ),
  claimable: t.list(message('ClaimableIncome', { asset: t.u64, amountBase: t.amount }), POOL_ASSETS_MAX),
})

export const backingSchema = defineModule({
  name: 'backing',
  id: 10,
  doc: 'Coins that holders put behind a provider: they are lost after its bond and lock, and earn a share of what it receives.',
  params: {
    unbondWindows: param({
      field: t.u32,
      doc: 'Whole windows that coins stay at risk after unback, and for which a lower share is announced.',
      main: 30,
      dev: 6,
      test: 3,
      check: between(1, UNBOND_WINDOWS_MAX, 'windows'),
    }),
    minimumBase: param({
      field: t.amount,
      doc: 'Least amount to back a provider with, base units.',
      main: COIN / 100n,
      check: between(1n, 1_000n * COIN, 'base units'),
    }),
    unbondingsMax: param({
      field: t.u32,
      doc: 'Unbondings that one backer may have in one pool; those of one window are one.',
      main: 40,
      dev: 16,
      test: 2,
      check: between(1, UNBONDINGS_MAX, 'unbondings'),
    }),
  },
  escrows: {
    pools: {
      id: 0,
      doc: 'Coins behind one provider, those that leave included; the object is the provider.',
    },
    incomes: { id: 1, doc: 'Income that backers of one provider have not claimed, every asset.' },
  },
  records: {
    pool: {
      id: 1,
      key: { provider: t.u64 },
      value: poolFields,
      doc: 'The coins behind a provider, and its share.',
    },
    income: {
      id: 2,
      key: { provider: t.u64, asset: t.u64 },
      value: incomeFields,
      doc: 'What the backers of a provider have received in an asset.',
    },
    position: {
      id: 3,
      key: { provider: t.u64, account: t.address },
      value: positionFields,
      doc: 'What one account has behind one provider.',
    },
    unbonding: {
      id: 4,
      key: { provider: t.u64, untilWindow: t.u64 },
      value: { amountBase: t.amount, unitsBase: t.amount },
      doc: 'Coins of a pool that are free from one window of its clock on, and the units that divide them.',
    },
    account: {
      id: 5,
      key: { account: t.address },
      value: { providers: t.list(t.u64, BACKED_MAX) },
      doc: 'Providers with which an account has a position, ascending.',
    },
  },
  errors: {
    UnknownProvider: { provider: t.u64 },
    /** It leaves, has left, is in jail or has defaulted. */
    NotBackable: { provider: t.u64, status: t.oneOf(PROVIDER_STATUSES) },
    AmountTooSmall: { amountBase: t.amount, minimumBase: t.amount },
    ZeroAmount: {},
    InsufficientCoins: { balanceBase: t.amount, neededBase: t.amount },
    /** The account backs as many providers as it may. */
    TooManyPools: { maximum: t.u32 },
    /** Nearly all coins of the pool were lost: no exact part of it can be given out. */
    PoolLost: { provider: t.u64 },
    InsufficientBacking: { provider: t.u64, backedBase: t.amount, neededBase: t.amount },
    /** Unbondings of earlier windows come out first. */
    UnbondingsFull: { provider: t.u64, maximum: t.u32 },
    NothingToClaim: { provider: t.u64 },
    NotProvider: { sender: t.address },
    ShareTooLarge: { sharePpm: t.ppm, maximumPpm: t.ppm },
    SameShare: { sharePpm: t.ppm },
  },
  events: {
    Backed: { provider: indexed(t.u64), account: indexed(t.address), amountBase: t.amount },
    Unbacked: {
      provider: indexed(t.u64),
      account: indexed(t.address),
      amountBase: t.amount,
      untilWindow: t.u64,
    },
    /** Coins of unbondings that are over. */
    Withdrawn: { provider: indexed(t.u64), account: indexed(t.address), amountBase: t.amount },
    IncomeClaimed: {
      provider: indexed(t.u64),
      account: indexed(t.address),
      asset: t.u64,
      amountBase: t.amount,
    },
    /** The backers' part of what a provider received. */
    IncomeShared: { provider: indexed(t.u64), asset: t.u64, amountBase: t.amount },
    ShareSet: { provider: indexed(t.u64), sharePpm: t.ppm, fromWindow: t.u64 },
    /** Coins burned against what the provider owed: of those that earned, and of those on their way out. */
    BackingLost: { provider: indexed(t.u64), backedBase: t.amount, unbondingBase: t.amount },
    /** Coins on their way out stay at risk from now on, until a fault of the provider is over; or it is. */
    UnbondingHeld: { provider: indexed(t.u64), held: t.bool },
  },
  actions: {
    back: {
      args: { provider: t.u64, amountBase: t.amount },
      fails: [
        'UnknownProvider',
        'NotBackable',
        'AmountTooSmall',
        'TooManyPools',
        'PoolLost',
        'InsufficientCoins',
      ],
      gas: 150_000,
      signed: true,
      doc: 'Puts coins behind a provider: they earn its share, and are lost after its bond and lock if it defaults.',
    },
    unback: {
      args: { provider: t.u64, amountBase: t.amount },
      fails: ['ZeroAmount', 'InsufficientBacking', 'UnbondingsFull', 'PoolLost'],
      gas: 150_000,
      signed: true,
      doc: 'Takes coins out of a pool: they earn no more, and stay at risk for the unbonding windows, which wait while the provider is at fault.',
    },
    claim: {
      args: { provider: t.u64 },
      fails: ['NothingToClaim'],
      // A transfer for each asset of the pool, and one for the coins that are free.
      gas: 300_000,
      signed: true,
      doc: 'Pays income that the sender has not claimed, and coins whose unbonding is over.',
    },
    setShare: {
      args: { sharePpm: t.ppm },
      fails: ['NotProvider', 'ShareTooLarge', 'SameShare'],
      gas: 50_000,
      doc: 'A provider sets the backers’ share of what it receives: a higher one at once, a lower one after the unbonding windows.',
    },
  },
  queries: {
    pool: {
      args: { provider: t.u64 },
      returns: t.optional(
        message('BackingPool', {
          provider: t.u64,
          backedBase: t.amount,
          /** Coins on their way out that a default would still take. */
          unbondingBase: t.amount,
          /** Coins that wait for `claim`. */
          freeBase: t.amount,
          lostBase: t.u256,
          sharePpm: t.ppm,
          nextSharePpm: t.optional(t.ppm),
          nextShareWindow: t.optional(t.u64),
          incomes: t.list(
            message('PoolIncome', { asset: t.u64, receivedBase: t.u256, unclaimedBase: t.amount }),
            POOL_ASSETS_MAX,
          ),
          /** Since when a fault of the provider keeps coins on their way out at risk. */
          heldSince: t.optional(t.u64),
        }),
      ),
      doc: 'The coins behind a provider, its share, and what its backers have received; null for an unknown one.',
    },
    position: {
      args: { provider: t.u64, account: t.address },
      returns: t.optional(positionInfo),
      doc: 'What an account has behind a provider and can claim, or null.',
    },
    positions: {
      args: { account: t.address },
      returns: t.list(positionInfo, BACKED_MAX),
      doc: 'All that an account has behind providers, by provider.',
    },
    loss: {
      args: { provider: t.u64, amountBase: t.amount },
      returns: message('BackingLoss', {
        /** At most what is at risk. */
        amountBase: t.amount,
        backedBase: t.amount,
        unbondingBase: t.amount,
      }),
      doc: 'What a loss of so many coins would take from a pool now.',
    },
  },
})

export const SHARE_MAX_PPM = PPM

type Records = (typeof backingSchema)['records']
export type Pool = InferFields<Records['pool']['value']>
export type Income = InferFields<Records['income']['value']>
export type Position = InferFields<Records['position']['value']>
export type UnbondingCoins = InferFields<Records['unbonding']['value']>
