// Definition of providers: consortium members, their keys, profiles, bonds and faults, and the validator set.
import { changeListFields } from '../../../base/changeList.ts'
import type { InferFields } from '../../../base/field.ts'
import { defineModule } from '../../../base/moduleDefinition.ts'
import { atMost, between, param } from '../../../base/parameters.ts'
import { VALIDATORS_MAX } from '../../../base/protocol/limits.ts'
import { validatorSchema } from '../../../base/protocol/validators.ts'
import { indexed, message, t } from '../../../base/schema.ts'

const DAY_MS = 86_400_000
const YEAR_MS = 366 * DAY_MS

/** Most providers ever admitted; ids are never reused. */
export const PROVIDERS_MAX = VALIDATORS_MAX
/** Settlement assets in which one provider may hold bonds. */
export const BOND_ASSETS_MAX = 16
/** Sets of past epochs that state keeps for evidence; a set that lasts several epochs counts once. */
export const PAST_SETS_MAX = 1024

/** The first four validate, serve and count; jailed and defaulted count 0 and lose the vote (ECONOMY §2). */
export const PROVIDER_STATUSES = [
  'active',
  'amortizing',
  'curing',
  'retiring',
  'jailed',
  'defaulted',
  'left',
] as const
export type ProviderStatus = (typeof PROVIDER_STATUSES)[number]

/** ECONOMY §9. */
export const FAULT_KINDS = ['equivocation', 'absence', 'audit', 'delivery', 'coverage'] as const
export type FaultKind = (typeof FAULT_KINDS)[number]

export const profileFields = {
  legalName: t.text(128),
  /** Providers of one group count as one in coverage. */
  legalGroup: t.text(64),
  /** ISO 3166-1 alpha-2. */
  jurisdiction: t.text(2),
  /** http or https. */
  url: t.text(256),
  /** SHA-256 of the published terms. */
  termsHash: t.hash,
}
export const profileSchema = message('Profile', profileFields)

const providerFields = {
  operator: t.address,
  /** BLS12-381 G1. */
  consensusKey: t.fixed(48),
  /** libp2p peer id, its multihash bytes. */
  peerId: t.bytes(64),
  status: t.oneOf(PROVIDER_STATUSES),
  profile: profileSchema,
  /** Removed by governance: no vote ever again; it serves until nothing is owed. */
  removed: t.bool,
}
export const providerInfo = message('Provider', { id: t.u64, ...providerFields })
export const bondInfo = message('Bond', { asset: t.u64, amountBase: t.amount })

export const providersSchema = defineModule({
  name: 'providers',
  id: 4,
  doc: 'Consortium members: keys, profiles, status, bonds and faults, and the validator set.',
  params: {
    epochBlocksMax: param({
      field: t.u64,
      doc: 'Blocks of an epoch unless a set change ends it earlier.',
      main: 100_000,
      check: between(2, 10_000_000, 'blocks'),
    }),
    minBlockIntervalMs: param({
      field: t.u64,
      doc: 'Least time between a block and its parent, milliseconds.',
      main: 200,
      check: atMost(60_000, 'ms'),
    }),
    rotationIntervalMs: param({
      field: t.u64,
      doc: "Least time between two changes of one member's keys, milliseconds.",
      main: DAY_MS,
      dev: 2_000,
      test: 2_000,
      check: atMost(YEAR_MS, 'ms'),
    }),
    evidenceWindowMs: param({
      field: t.u64,
      doc: 'How long the set of an ended epoch is kept, so that evidence from it still convicts, milliseconds.',
      // As long as a bond outlasts its liability (tail windows).
      main: 30 * DAY_MS,
      dev: 600_000,
      test: 600_000,
      check: between(1_000, 10 * YEAR_MS, 'ms'),
    }),
    validatorsMin: param({
      field: t.u32,
      doc: 'The validator set never falls below this; fewer than 4 bear no fault and are for development.',
      main: 4,
      check: between(1, PROVIDERS_MAX, 'validators'),
      fixed: true,
    }),
  },
  records: {
    provider: { id: 1, key: { id: t.u64 }, value: providerFields, doc: 'A member.' },
    index: {
      id: 2,
      key: {},
      value: { providers: t.list(t.u64, PROVIDERS_MAX) },
      doc: 'Ids of all members ever admitted, ascending.',
    },
    operator: { id: 3, key: { operator: t.address }, value: { provider: t.u64 }, doc: 'Operator to member.' },
    bondAssets: {
      id: 4,
      key: { provider: t.u64 },
      value: { assets: t.list(t.u64, BOND_ASSETS_MAX) },
      doc: 'Assets in which a member holds bonds.',
    },
    bond: {
      id: 5,
      key: { provider: t.u64, asset: t.u64 },
      value: { amountBase: t.amount },
      doc: 'A bond; its units are held at the escrow address of this module and the member.',
    },
    fault: {
      id: 6,
      key: { provider: t.u64, kind: t.oneOf(FAULT_KINDS) },
      value: { count: t.u64, amountBase: t.amount, firstHeight: t.u64, lastHeight: t.u64 },
      doc: 'Faults of one kind so far; amounts are the coins they concerned.',
    },
    validators: {
      id: 7,
      key: {},
      value: { set: t.list(validatorSchema, VALIDATORS_MAX) },
      doc: 'The validator set of the current epoch, sorted by id; after a boundary, of the next.',
    },
    epoch: {
      id: 8,
      key: {},
      value: { epoch: t.u64, firstHeight: t.u64, changePending: t.bool, ending: t.bool },
      doc: 'The running epoch, whether the set must change, and whether the last block is a boundary.',
    },
    recovery: {
      id: 20,
      key: { epoch: t.u64 },
      value: { recovery: t.hash, floorHeight: t.u64 },
      doc: 'Epochs that began by a recovery file instead of a boundary.',
    },
    consensusKey: {
      id: 9,
      key: { consensusKey: t.fixed(48) },
      value: { provider: t.u64, sinceHeight: t.u64 },
      doc: 'Every consensus key that was ever a member’s; none may be used again.',
    },
    peer: {
      id: 10,
      key: { peerIdHash: t.hash },
      value: { provider: t.u64 },
      doc: 'SHA-256 of every peer id that was ever a member’s; only that member may use it again.',
    },
    rotation: {
      id: 11,
      key: { provider: t.u64 },
      value: { lastMs: t.u64 },
      doc: 'When a member last changed a key.',
    },
    jail: {
      id: 12,
      key: { provider: t.u64 },
      value: { statusBefore: t.oneOf(PROVIDER_STATUSES), sinceHeight: t.u64 },
      doc: 'A jailed member and the status it returns to.',
    },
    setHistory: {
      id: 13,
      key: {},
      value: {
        firstEpoch: t.u64,
        past: t.list(
          message('PastSet', { firstEpoch: t.u64, lastEpoch: t.u64, endedMs: t.u64 }),
          PAST_SETS_MAX,
        ),
      },
      doc: 'The first epoch of the running set, and which past sets are kept, oldest first.',
    },
    pastSet: {
      id: 14,
      key: { firstEpoch: t.u64 },
      value: { set: t.list(validatorSchema, VALIDATORS_MAX) },
      doc: 'Validator sets of past epochs, by the first epoch of each.',
    },
    frozenBond: {
      id: 15,
      key: { provider: t.u64 },
      value: { sinceHeight: t.u64, convictions: t.u64 },
      doc: 'Bonds frozen until slashing: they must not be paid out.',
    },
    legalGroup: {
      id: 16,
      key: { nameHash: t.hash },
      value: { first: t.u64 },
      doc: 'SHA-256 of the name of a legal group to the lowest id in it.',
    },
    suspension: {
      id: 17,
      key: { provider: t.u64 },
      value: { sinceWindow: t.u64 },
      doc: 'A member suspended for delivery faults; absent once it has resumed.',
    },
    suspendedGroup: {
      id: 18,
      key: { group: t.u64 },
      value: { count: t.u32 },
      doc: 'Legal groups with suspended members, and how many.',
    },
    standing: {
      id: 19,
      key: {},
      value: { revision: t.u64 },
      doc: 'How often members were suspended, resumed, or gained or lost the right to serve.',
    },
    lastFault: {
      id: 21,
      key: { provider: t.u64 },
      value: { window: t.u64 },
      doc: 'The last window in which a member failed to deliver.',
    },
    unpaid: {
      id: 22,
      key: { provider: t.u64 },
      value: { valueBase: t.amount },
      doc: 'Penalties that could not be taken from a frozen bond, valued in coins.',
    },
    delivery: {
      id: 30,
      key: { provider: t.u64, window: t.u64 },
      value: { grantedBase: t.amount, voucheredBase: t.amount, faultBase: t.amount, toleratedBase: t.amount },
      doc: 'Coins that a member granted access for in a window, that clients vouchered, that a fault left undelivered, and how many may lack vouchers without telling anything.',
    },
    slashed: {
      id: 23,
      key: { asset: t.u64 },
      value: { slashedBase: t.u256, victimsBase: t.u256, fundBase: t.u256, burnedBase: t.u256 },
      doc: 'Ever taken from members by penalties and defaults, per asset: slashed = victims + burned + fund.',
    },
    withdrawn: {
      id: 25,
      key: { provider: t.u64, asset: t.u64 },
      value: { amountBase: t.u256 },
      doc: 'What a member that has left has taken out of its bond.',
    },
    changed: {
      id: 24,
      key: {},
      value: changeListFields,
      doc: 'Members whose status or suspension has changed since coverage last took note.',
    },
    faultEntry: {
      id: 40,
      key: { number: t.u64 },
      value: {
        module: t.u8,
        provider: t.u64,
        victim: t.address,
        amountBase: t.amount,
        cause: t.oneOf(FAULT_KINDS),
        height: t.u64,
      },
      doc: 'Faults that no module has been told of yet, in the order in which they were found.',
    },
    faultQueue: {
      id: 41,
      key: {},
      value: { head: t.u64, tail: t.u64 },
      doc: 'Numbers of the oldest waiting fault and of the next one.',
    },
  },
  escrows: {
    bonds: { id: 0, doc: 'Units of the bonds of one member, every asset; the object is the member.' },
  },
  errors: {
    NotProvider: { sender: t.address },
    UnknownAsset: { asset: t.u64 },
    InsufficientAsset: { asset: t.u64, balanceBase: t.amount, neededBase: t.amount },
    BelowMinimum: { amountBase: t.amount, minimumBase: t.amount },
    OwnAssetAsBond: { asset: t.u64 },
    TooManyBondAssets: { maximum: t.u32 },
    LegalGroupFixed: { legalGroup: t.text(64) },
    /** Removed members have no keys to change. */
    Removed: { provider: t.u64 },
    /** The key is or was a member's. */
    KeyTaken: { provider: t.u64 },
    /** Not the proof of possession of this consensus key. */
    BadPossessionProof: {},
    /** Not the 38 bytes of an ed25519 peer id. */
    MalformedPeerId: {},
    /** The peer id is in use, or was another member's. */
    PeerIdTaken: { provider: t.u64 },
    /** Keys were changed recently; seconds since 1970. */
    RotationTooSoon: { notBefore: t.u64 },
    /** The field is one that genesis would be refused with too. */
    ProfileRefused: { field: t.text(16) },
  },
  events: {
    ProfileUpdated: { provider: t.u64, termsHash: t.hash },
    BondPosted: { provider: t.u64, asset: t.u64, amountBase: t.amount, totalBase: t.amount },
    FaultRecorded: { provider: t.u64, kind: t.oneOf(FAULT_KINDS), amountBase: t.amount },
    ValidatorSetChanged: { epoch: t.u64, setHash: t.hash },
    Recovered: { epoch: t.u64, recovery: t.hash, floorHeight: t.u64, setHash: t.hash },
    ProviderAdmitted: { provider: indexed(t.u64), operator: t.address, consensusKey: t.fixed(48) },
    ProviderRemoved: { provider: indexed(t.u64) },
    ProviderJailed: { provider: indexed(t.u64) },
    /** It counts 0 from here on, and what it owes goes to others (module default). */
    ProviderDefaulted: { provider: indexed(t.u64) },
    BondThawed: { provider: indexed(t.u64) },
    BondWithdrawn: { provider: indexed(t.u64), asset: t.u64, amountBase: t.amount, leftBase: t.amount },
    ProviderUnjailed: { provider: indexed(t.u64), status: t.oneOf(PROVIDER_STATUSES) },
    ConsensusKeyRotated: { provider: indexed(t.u64), consensusKey: t.fixed(48) },
    PeerIdChanged: { provider: indexed(t.u64), peerId: t.bytes(64) },
    BondFrozen: { provider: indexed(t.u64) },
    ProviderSuspended: { provider: indexed(t.u64), window: t.u64 },
    ProviderResumed: { provider: indexed(t.u64) },
    BondSlashed: {
      provider: indexed(t.u64),
      asset: t.u64,
      amountBase: t.amount,
      leftBase: t.amount,
    },
  },
  actions: {
    updateProfile: {
      args: profileFields,
      fails: ['NotProvider', 'LegalGroupFixed', 'ProfileRefused'],
      gas: 45_000,
      doc: 'A member replaces its published profile; the legal group cannot change.',
    },
    postBond: {
      args: { asset: t.u64, amountBase: t.amount },
      fails: [
        'NotProvider',
        'UnknownAsset',
        'BelowMinimum',
        'InsufficientAsset',
        'OwnAssetAsBond',
        'TooManyBondAssets',
      ],
      gas: 60_000,
      doc: 'A member adds settlement assets to its bond.',
    },
    rotateConsensusKey: {
      args: { consensusKey: t.fixed(48), possessionProof: t.fixed(96) },
      fails: ['NotProvider', 'Removed', 'RotationTooSoon', 'KeyTaken', 'BadPossessionProof'],
      // A proof of possession that nobody has verified yet.
      gas: 7_000_000,
      doc: 'A member replaces its consensus key; the new one signs from the epoch after the next boundary.',
    },
    changePeerId: {
      args: { peerId: t.bytes(64) },
      fails: ['NotProvider', 'Removed', 'RotationTooSoon', 'MalformedPeerId', 'PeerIdTaken'],
      gas: 40_000,
      doc: 'A member replaces its peer id from the epoch after the next boundary on.',
    },
  },
  queries: {
    provider: { args: { id: t.u64 }, returns: t.optional(providerInfo), doc: 'A member, or null.' },
    providers: { args: {}, returns: t.list(providerInfo, PROVIDERS_MAX), doc: 'All members by id.' },
    bonds: {
      args: { id: t.u64 },
      returns: t.list(bondInfo, BOND_ASSETS_MAX),
      doc: 'Bonds of a member per asset.',
    },
    faults: {
      args: { id: t.u64 },
      returns: t.list(
        message('FaultTally', {
          kind: t.oneOf(FAULT_KINDS),
          count: t.u64,
          amountBase: t.amount,
          firstHeight: t.u64,
          lastHeight: t.u64,
        }),
        FAULT_KINDS.length,
      ),
      doc: 'Faults of a member by kind.',
    },
    validators: {
      args: {},
      returns: t.list(validatorSchema, VALIDATORS_MAX),
      doc: 'The validator set, sorted by id.',
    },
    validatorsAt: {
      args: { epoch: t.u64 },
      returns: t.optional(message('EpochSet', { validators: t.list(validatorSchema, VALIDATORS_MAX) })),
      doc: 'The validator set of an epoch while evidence from it still convicts, or null.',
    },
    frozenBonds: {
      args: {},
      returns: t.list(
        message('FrozenBond', { provider: t.u64, sinceHeight: t.u64, convictions: t.u64 }),
        PROVIDERS_MAX,
      ),
      doc: 'Members whose bonds are frozen until slashing.',
    },
    suspensions: {
      args: {},
      returns: t.list(
        message('Suspension', {
          provider: t.u64,
          sinceWindow: t.u64,
          /** Penalties not yet paid, valued in coins: it cannot resume before. */
          unpaidBase: t.amount,
        }),
        PROVIDERS_MAX,
      ),
      doc: 'Members suspended for delivery faults.',
    },
  },
})

export type Provider = InferFields<(typeof providersSchema)['records']['provider']['value']>
export type Profile = Provider['profile']
