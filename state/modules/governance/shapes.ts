// The shapes of governance: kinds of proposal and what each carries, motions of holders, failures, parameters. Data alone.
import { between, type ParamDef, param } from '../../../base/parameters.ts'
import { VALIDATORS_MAX } from '../../../base/protocol/limits.ts'
import { message, t } from '../../../base/schema.ts'
import { PPM } from '../../../base/units.ts'
import { classFields, ratedFields } from '../catalogue/schema.ts'
import { attestorChangeFields, freezeFields, pauseFields, requirementFields } from '../compliance/schema.ts'
import { reporterChangeFields } from '../oracle/schema.ts'
import { profileFields } from '../providers/schema.ts'

/** Characters of a link to a proposal's text. */
export const LINK_CHARS_MAX = 256

/** Parameters that one proposal may change together. */
export const CHANGES_MAX = 16
export const parameterPath = { module: t.text(32), parameter: t.text(48) }
export const parameterChange = message('ParameterChange', { ...parameterPath, value: t.amount })
export const changes = t.list(parameterChange, CHANGES_MAX)

export const PROPOSAL_KINDS = [
  'admit',
  'remove',
  'jail',
  'unjail',
  'parameters',
  'resumeMinting',
  'attest',
  'reporters',
  'absentReporters',
  'spend',
  'class',
  'ratings',
  'stopMinting',
  'freeze',
  'unfreeze',
  'pause',
  'unpause',
  'attestors',
  'asset',
  'requirement',
  'upgrade',
] as const
export type ProposalKind = (typeof PROPOSAL_KINDS)[number]
export const PROPOSAL_OUTCOMES = [
  'executed',
  'rejected',
  'expired',
  'withdrawn',
  'impossible',
  /** By the chamber of holders. */
  'vetoed',
] as const
export type ProposalOutcome = (typeof PROPOSAL_OUTCOMES)[number]

export const proposalFields = {
  kind: t.oneOf(PROPOSAL_KINDS),
  /** The member it concerns; 0 when it concerns none that exists. */
  provider: t.u64,
  /** Member that opened it. */
  proposer: t.u64,
  openedMs: t.u64,
  /** When it ends without enough votes. */
  expiresMs: t.u64,
  /** When the time lock ends; 0 while there are too few votes. */
  executesMs: t.u64,
}
export const voteFields = {
  /** Member ids, ascending. */
  approve: t.list(t.u64, VALIDATORS_MAX),
  reject: t.list(t.u64, VALIDATORS_MAX),
}
export const admissionFields = {
  operator: t.address,
  /** BLS12-381 G1. */
  consensusKey: t.fixed(48),
  /** ed25519 peer id, its multihash bytes. */
  peerId: t.bytes(64),
  ...profileFields,
}
export const attestationFields = {
  lot: t.u64,
  /** The lot ends after this window, unless it is attested again or audited. */
  lastWindow: t.u64,
}
export const spendingFields = { asset: t.u64, to: t.address, amountBase: t.amount }
export const reratingFields = { classId: t.u32, ...ratedFields }
export const stopFields = {
  /** For people: the status and every refusal of a mint show it. */
  reason: t.text(64),
}
export const assetFields = {
  issuer: t.address,
  name: t.text(64),
  symbol: t.text(16),
  decimals: t.u8,
  /** Base units for the SCU-hour of one coin; 0: it neither backs bonds nor pays for coins. */
  coinPriceBase: t.amount,
}
export const upgradeFields = {
  /** Of the rules, not of a release. */
  version: t.u32,
  /** First block of that version. */
  height: t.u64,
}
export const signalFields = { version: t.u32, signalledMs: t.u64 }
export const textFields = {
  /** SHA-256 of the text. */
  textHash: t.hash,
  /** `https://`, at most 256 characters. */
  link: t.text(LINK_CHARS_MAX),
}
export const proposalInfo = message('Proposal', {
  id: t.u64,
  ...proposalFields,
  ...voteFields,
  /** Zero bytes, and no link, while no text is attached. */
  ...textFields,
})

export const MOTION_KINDS = ['holdAnchor', 'vetoReporters'] as const
export type MotionKind = (typeof MOTION_KINDS)[number]
export const motionFields = {
  kind: t.oneOf(MOTION_KINDS),
  /** The proposal to veto; 0 where there is none. */
  proposal: t.u64,
  /** Coins locked for it. */
  weightBase: t.amount,
  openedMs: t.u64,
  /** When it ends without enough coins. */
  closesMs: t.u64,
  carried: t.bool,
  /** The last window in which the coins of a motion that was carried stay locked. */
  lockedUntilWindow: t.u64,
}
export const motionInfo = message('Motion', {
  id: t.u64,
  ...motionFields,
  /** Coins at which it is carried, by the supply of now. */
  neededBase: t.amount,
  /** Whether the coins can be taken back. */
  isOver: t.bool,
})

/** What a proposal is about, by its id; each kind has at most one. */
export const subjectRecords = {
  admission: {
    id: 4,
    key: { id: t.u64 },
    value: admissionFields,
    doc: 'The candidate of an open admission proposal.',
  },
  changes: {
    id: 5,
    key: { id: t.u64 },
    value: { changes },
    doc: 'The parameters of an open proposal to change them.',
  },
  attestation: {
    id: 6,
    key: { id: t.u64 },
    value: attestationFields,
    doc: 'The lot of an open proposal to attest it, and until when.',
  },
  reporters: {
    id: 20,
    key: { id: t.u64 },
    value: reporterChangeFields,
    doc: 'Whom an open proposal would appoint and dismiss as reporters.',
  },
  spending: {
    id: 7,
    key: { id: t.u64 },
    value: spendingFields,
    doc: 'What an open proposal would pay from the guarantee fund, and to whom; asset 0 is the coin.',
  },
  class: {
    id: 21,
    key: { id: t.u64 },
    value: classFields,
    doc: 'The hardware class that an open proposal would add.',
  },
  rerating: {
    id: 22,
    key: { id: t.u64 },
    value: reratingFields,
    doc: 'The class that an open proposal would rate anew, and how.',
  },
  freeze: {
    id: 8,
    key: { id: t.u64 },
    value: freezeFields,
    doc: 'The freeze that an open proposal would place.',
  },
  freezeEnd: {
    id: 9,
    key: { id: t.u64 },
    value: { freeze: t.u64 },
    doc: 'The freeze that an open proposal would lift.',
  },
  pause: {
    id: 10,
    key: { id: t.u64 },
    value: pauseFields,
    doc: 'The pause of transfers that an open proposal would begin.',
  },
  attestors: {
    id: 11,
    key: { id: t.u64 },
    value: attestorChangeFields,
    doc: 'Whom an open proposal would appoint and dismiss as attestors.',
  },
  asset: {
    id: 12,
    key: { id: t.u64 },
    value: assetFields,
    doc: 'The asset that an open proposal would register.',
  },
  requirement: {
    id: 13,
    key: { id: t.u64 },
    value: requirementFields,
    doc: 'The credential that an open proposal would require of recipients of an asset.',
  },
  upgrade: {
    id: 14,
    key: { id: t.u64 },
    value: upgradeFields,
    doc: 'The version that an open proposal would give the rules.',
  },
  stop: { id: 18, key: { id: t.u64 }, value: stopFields, doc: 'Why an open proposal would stop minting.' },
} as const

/** The chamber of holders. */
export const chamberRecords = {
  chamber: {
    id: 19,
    key: {},
    value: {
      nextId: t.u64,
      /** The last motion to hold the anchor; 0 before the first. */
      anchorMotion: t.u64,
      /** Before this window no motion to hold the anchor can be opened or carried. */
      anchorFreeFrom: t.u64,
    },
    doc: 'How far the motions of holders are numbered, and when the anchor can be held again.',
  },
  motion: {
    id: 23,
    key: { id: t.u64 },
    value: motionFields,
    doc: 'A motion of holders whose coins are not all taken back.',
  },
  support: {
    id: 24,
    key: { motion: t.u64, holder: t.address },
    value: { amountBase: t.amount },
    doc: 'Coins that a holder has locked for a motion.',
  },
  veto: {
    id: 25,
    key: { proposal: t.u64 },
    value: { motion: t.u64 },
    doc: 'The last motion to veto an open proposal.',
  },
} as const

export const governanceErrors = {
  /** Only operators of the current validators propose and vote. */
  NotValidator: { sender: t.address },
  TooManyProposals: { maximum: t.u32 },
  UnknownProposal: { proposal: t.u64 },
  NotProposer: { proposal: t.u64 },
  UnknownProvider: { provider: t.u64 },
  /** All provider ids are used. */
  TooManyProviders: { maximum: t.u32 },
  OperatorTaken: { provider: t.u64 },
  /** A reporter's account: reporters are independent of the members. */
  OperatorReports: { reporter: t.u64 },
  /** A member has this legal group under another spelling. */
  LegalGroupSpelled: { spelling: t.text(64) },
  KeyTaken: { provider: t.u64 },
  BadPossessionProof: {},
  MalformedPeerId: {},
  PeerIdTaken: { provider: t.u64 },
  AlreadyRemoved: { provider: t.u64 },
  AlreadyJailed: { provider: t.u64 },
  NotJailed: { provider: t.u64 },
  NoChanges: {},
  UnknownParameter: parameterPath,
  /** Genesis alone sets it. */
  ParameterFixed: parameterPath,
  /** A value outside its bounds, or parameters that do not go together: genesis would be refused with them too. */
  ParametersRefused: { path: t.text(96) },
  MintingNotStopped: {},
  /** Too few votes would remain; another member must join first. */
  TooFewVoters: { minimum: t.u32 },
  UnknownLot: { lot: t.u64 },
  ProviderNotServing: { provider: t.u64 },
  /** By genesis or by an audit, without an end. */
  LotAttested: { lot: t.u64 },
  /** Notice was given for it, or its last window has ended. */
  LotEnding: { lot: t.u64, lastWindow: t.u64 },
  ZeroAmount: {},
  /** Nobody could move units from a system address. */
  RecipientRefused: { recipient: t.address },
  /** What is set aside for orphans cannot be spent. */
  FundTooSmall: { asset: t.u64, spendableBase: t.amount, neededBase: t.amount },
  /** Windows that the lock leaves, at most K, and later than the last one so far. */
  LastWindowOutOfRange: { lastWindow: t.u64, earliest: t.u64, latest: t.u64 },
  UnknownReporter: { reporter: t.u64 },
  AlreadyReporter: { reporter: t.u64 },
  /** Nobody's key, named twice, or the operator of a member: a reporter is independent. */
  ReporterAccountRefused: { account: t.address },
  /** Unreadable, or too like the name of another reporter. */
  ReporterNameRefused: { name: t.text(64) },
  /** Reporters that there would be. */
  ReportersOutOfRange: { count: t.u32, minimum: t.u32, maximum: t.u32 },
  /** More than a third would be replaced in K windows, without those who were absent. */
  TooManyReplaced: { replaced: t.u32, maximum: t.u32 },
  UnknownClass: { classId: t.u32 },
  /** A class has this catalogue name. */
  ClassKnown: { classId: t.u32 },
  TooManyClasses: { maximum: t.u32 },
  /** The field is one that genesis would be refused with too. */
  ClassRefused: { field: t.text(16) },
  /** The field is one that genesis would be refused with too. */
  ProfileRefused: { field: t.text(16) },
  /** One printable line. */
  ReasonRefused: { reason: t.text(64) },
  MintingIsStopped: {},
  /** A system address, or nobody's. */
  AccountRefused: { account: t.address },
  /** Only the scope `asset` names an asset. */
  AssetMisplaced: { asset: t.u64 },
  UnknownAsset: { asset: t.u64 },
  /** Unix seconds. */
  ExpiryOutOfRange: { expires: t.u64, earliest: t.u64, latest: t.u64 },
  TooManyFreezes: { maximum: t.u32 },
  UnknownFreeze: { freeze: t.u64 },
  TransfersNotPaused: {},
  UnknownAttestor: { account: t.address },
  AttestorNameRefused: { name: t.text(64) },
  /** Lower-case letters, digits and hyphens; each once. */
  CredentialRefused: { schema: t.text(32) },
  TooManyAttestors: { maximum: t.u32 },
  /** No attestor attests it. */
  UnknownCredential: { schema: t.text(32) },
  /** The field is one that genesis would be refused with too. */
  AssetRefused: { field: t.text(16) },
  SymbolTaken: { asset: t.u64 },
  TooManyAssets: { maximum: t.u32 },
  VersionNotNewer: { version: t.u32, current: t.u32 },
  HeightTooSoon: { height: t.u64, earliest: t.u64 },
  /** Members whose nodes execute the version; as many as a vote needs. */
  TooFewSignals: { version: t.u32, signalled: t.u32, needed: t.u32 },
  SignalUnchanged: { version: t.u32 },
  /** Another member has voted by now, or there is a text. */
  TextFixed: { proposal: t.u64 },
  /** `https://`, printable ASCII without spaces. */
  LinkRefused: {},
  EmptyHash: {},
  UnknownMotion: { motion: t.u64 },
  /** Carried, out of time, or its proposal has been concluded. */
  MotionOver: { motion: t.u64 },
  /** Its coins stay locked; `untilWindow` is 0 while it can still be carried. */
  MotionNotOver: { motion: t.u64, untilWindow: t.u64 },
  MotionOpen: { motion: t.u64 },
  /** The anchor has been held; it moves freely until this window. */
  AnchorRests: { untilWindow: t.u64 },
  /** Only a change of reporters that waits out a time lock, and no veto with a hold of the anchor. */
  NotVetoable: { proposal: t.u64 },
  BelowMinimum: { amountBase: t.amount, minimumBase: t.amount },
  InsufficientCoins: { balanceBase: t.amount, neededBase: t.amount },
  NothingLocked: { motion: t.u64, holder: t.address },
} as const

/** Most open proposals per member that the parameters may allow. */
export const OPEN_PER_MEMBER_MAX = 4
const DAY_MS = 86_400_000
const YEAR_MS = 366 * DAY_MS
/** The least share that is more than two thirds for every number of voters up to 256. */
const APPROVAL_PPM_MIN = 666_667n

/** A time lock, the same in dev and test. */
function lock(what: string, lengths: { readonly main: number; readonly dev: number }): ParamDef<number> {
  const check = between(0, 120, 'windows')
  return param({ field: t.u32, doc: `${what}, capacity windows.`, ...lengths, test: lengths.dev, check })
}

export const governanceParameters = {
  approvalPpm: param({
    field: t.ppm,
    doc: 'A proposal passes when approvals · 1,000,000 > voters · this; 666,667 is more than two thirds.',
    main: APPROVAL_PPM_MIN,
    check: between(APPROVAL_PPM_MIN, PPM - 1n),
  }),
  votingMs: param({
    field: t.u64,
    doc: 'How long votes can be cast, milliseconds.',
    main: 14 * DAY_MS,
    dev: 600_000,
    test: 600_000,
    check: (value) => (value < 1_000 || value > YEAR_MS ? 'expected one second to a year' : undefined),
  }),
  // Long enough for every member to prepare, or to see that somebody else's key votes.
  memberLockWindows: lock('Time lock of an admission, a removal and an unjailing', { main: 2, dev: 1 }),
  parameterLockWindows: lock(
    'Time lock of parameters, of an attestation, of reporters, of spending and of an end to a stop of minting',
    {
      main: 7,
      dev: 1,
    },
  ),
  openPerMemberMax: param({
    field: t.u32,
    doc: 'Proposals that one member may have open.',
    main: 2,
    dev: OPEN_PER_MEMBER_MAX,
    test: OPEN_PER_MEMBER_MAX,
    check: between(1, OPEN_PER_MEMBER_MAX),
  }),
  upgradeLockWindows: lock('Time lock of an upgrade', { main: 3, dev: 1 }),
  motionMs: param({
    field: t.u64,
    doc: 'How long holders can lock coins for a motion, milliseconds.',
    main: 7 * DAY_MS,
    dev: 600_000,
    test: 600_000,
    check: between(1_000, YEAR_MS, 'ms'),
  }),
  motionOpenPpm: param({
    field: t.ppm,
    doc: 'Share of the supply that opens a motion, ppm; every later lock is at least a tenth of it.',
    main: 1_000n,
    check: between(100n, 100_000n, 'ppm'),
  }),
  anchorHoldPpm: param({
    field: t.ppm,
    doc: 'Share of the supply that holds the anchor, ppm.',
    main: 250_000n,
    check: between(100_000n, PPM, 'ppm'),
  }),
  reporterVetoPpm: param({
    field: t.ppm,
    doc: 'Share of the supply that vetoes a change of reporters, ppm.',
    main: 200_000n,
    check: between(100_000n, PPM, 'ppm'),
  }),
  anchorHoldWindows: param({
    field: t.u32,
    doc: 'Windows for which holders hold the anchor.',
    main: 14,
    dev: 3,
    test: 2,
    check: between(1, 60, 'windows'),
  }),
  anchorRestWindows: param({
    field: t.u32,
    doc: 'Windows after a hold in which the anchor cannot be held again; at least four times as many.',
    main: 120,
    dev: 20,
    test: 12,
    check: between(4, 1_000, 'windows'),
  }),
} as const
