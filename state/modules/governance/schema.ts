// Definition of governance: decisions of the members on membership, parameters, the catalogue, assets, compliance, spending and
// upgrades, and the chamber of holders (ECONOMY §10). Not: the shapes of proposals and motions (shapes.ts).
import type { InferFields } from '../../../base/field.ts'
import { defineModule, type Params } from '../../../base/moduleDefinition.ts'
import { indexed, message, t } from '../../../base/schema.ts'
import { lotInfo } from '../capacity/schema.ts'
import { classFields } from '../catalogue/schema.ts'
import { attestorChangeFields, freezeFields, pauseFields, requirementFields } from '../compliance/schema.ts'
import { reporterChangeFields, reporterChangeInfo } from '../oracle/schema.ts'
import { PROVIDERS_MAX, profileFields } from '../providers/schema.ts'
import {
  admissionFields,
  assetFields,
  attestationFields,
  CHANGES_MAX,
  chamberRecords,
  changes,
  governanceErrors,
  governanceParameters,
  MOTION_KINDS,
  motionInfo,
  OPEN_PER_MEMBER_MAX,
  PROPOSAL_KINDS,
  PROPOSAL_OUTCOMES,
  parameterChange,
  parameterPath,
  proposalFields,
  proposalInfo,
  reratingFields,
  signalFields,
  spendingFields,
  stopFields,
  subjectRecords,
  textFields,
  upgradeFields,
  voteFields,
} from './shapes.ts'

/** Most open proposals at once: every member has its own share, so that none can crowd out the others. */
export const OPEN_PROPOSALS_MAX = OPEN_PER_MEMBER_MAX * PROVIDERS_MAX

/** Ids looked at for one answer. */
export const MOTIONS_PAGE_MAX = 32

const PROPOSE_FAILS = ['NotValidator', 'TooManyProposals'] as const

export const governanceSchema = defineModule({
  name: 'governance',
  id: 13,
  doc: 'Decisions of the validators, one vote each, more than two thirds, after a time lock.',
  params: governanceParameters,
  escrows: {
    motions: { id: 0, doc: 'Coins that holders have locked for a motion.' },
  },
  records: {
    open: {
      id: 1,
      key: {},
      value: {
        nextId: t.u64,
        proposals: t.list(
          message('OpenProposal', { id: t.u64, proposer: t.u64, dueMs: t.u64 }),
          OPEN_PROPOSALS_MAX,
        ),
      },
      doc: 'The open proposals by id, and when each is due: the end of its lock, or of its voting.',
    },
    proposal: { id: 2, key: { id: t.u64 }, value: proposalFields, doc: 'An open proposal.' },
    votes: { id: 3, key: { id: t.u64 }, value: voteFields, doc: 'Votes on an open proposal.' },
    ...subjectRecords,
    ...chamberRecords,
    text: {
      id: 15,
      key: { id: t.u64 },
      value: textFields,
      doc: 'The text of an open proposal: its hash, and where to read it.',
    },
    signal: {
      id: 16,
      key: { provider: t.u64 },
      value: signalFields,
      doc: 'The newest version of the rules that a member’s nodes execute.',
    },
    scheduledUpgrade: {
      id: 17,
      key: {},
      value: upgradeFields,
      doc: 'The version that the rules get, and the first block of it; absent while none is agreed on.',
    },
  },
  errors: governanceErrors,
  events: {
    ProposalOpened: {
      proposal: indexed(t.u64),
      proposer: indexed(t.u64),
      kind: t.oneOf(PROPOSAL_KINDS),
      provider: t.u64,
      expires: t.u64,
    },
    Voted: { proposal: indexed(t.u64), provider: indexed(t.u64), approve: t.bool },
    /** Enough votes; it takes effect with the first block after `executes` (seconds). */
    ProposalPassed: { proposal: indexed(t.u64), executes: t.u64 },
    ProposalConcluded: { proposal: indexed(t.u64), outcome: t.oneOf(PROPOSAL_OUTCOMES), provider: t.u64 },
    TextAttached: { proposal: indexed(t.u64), ...textFields },
    VersionSignalled: { provider: indexed(t.u64), version: t.u32 },
    UpgradeScheduled: upgradeFields,
    /** From the next block on. */
    VersionChanged: upgradeFields,
    MotionOpened: {
      motion: indexed(t.u64),
      holder: indexed(t.address),
      kind: t.oneOf(MOTION_KINDS),
      proposal: t.u64,
      closes: t.u64,
    },
    CoinsLocked: {
      motion: indexed(t.u64),
      holder: indexed(t.address),
      amountBase: t.amount,
      weightBase: t.amount,
    },
    MotionCarried: { motion: indexed(t.u64), kind: t.oneOf(MOTION_KINDS), lockedUntilWindow: t.u64 },
    CoinsReclaimed: { motion: indexed(t.u64), holder: indexed(t.address), amountBase: t.amount },
  },
  actions: {
    proposeAdmission: {
      args: {
        operator: t.address,
        consensusKey: t.fixed(48),
        possessionProof: t.fixed(96),
        peerId: t.bytes(64),
        ...profileFields,
      },
      fails: [
        ...PROPOSE_FAILS,
        'TooManyProviders',
        'OperatorTaken',
        'OperatorReports',
        'LegalGroupSpelled',
        'KeyTaken',
        'BadPossessionProof',
        'MalformedPeerId',
        'PeerIdTaken',
        'ProfileRefused',
      ],
      // A proof of possession that nobody has verified yet.
      gas: 7_000_000,
      doc: 'A validator proposes a new member and votes for it.',
    },
    proposeRemoval: {
      args: { provider: t.u64 },
      fails: [...PROPOSE_FAILS, 'UnknownProvider', 'AlreadyRemoved', 'TooFewVoters'],
      gas: 80_000,
      doc: 'A validator proposes that a member loses its vote permanently, and votes for it.',
    },
    proposeJail: {
      args: { provider: t.u64 },
      fails: [...PROPOSE_FAILS, 'UnknownProvider', 'AlreadyJailed', 'TooFewVoters'],
      gas: 80_000,
      doc: 'A validator proposes that a member loses its vote until it is unjailed, and votes for it.',
    },
    proposeUnjail: {
      args: { provider: t.u64 },
      fails: [...PROPOSE_FAILS, 'UnknownProvider', 'NotJailed'],
      gas: 80_000,
      doc: 'A validator proposes that a jailed member regains its status, and votes for it.',
    },
    proposeParameters: {
      args: { changes },
      fails: [...PROPOSE_FAILS, 'NoChanges', 'UnknownParameter', 'ParameterFixed', 'ParametersRefused'],
      gas: 120_000,
      doc: 'A validator proposes values of parameters, which change together at a window’s end, and votes for them.',
    },
    proposeResumeMinting: {
      args: {},
      fails: [...PROPOSE_FAILS, 'MintingNotStopped'],
      gas: 80_000,
      doc: 'A validator proposes that a stop of minting ends once a full recount holds, and votes for it.',
    },
    proposeAttestation: {
      args: attestationFields,
      fails: [
        ...PROPOSE_FAILS,
        'UnknownLot',
        'ProviderNotServing',
        'LotAttested',
        'LotEnding',
        'LastWindowOutOfRange',
      ],
      gas: 90_000,
      doc: 'A validator proposes that a lot counts without an audit, at most K windows long, and votes for it; again to renew.',
    },
    proposeReporters: {
      args: reporterChangeFields,
      fails: [
        ...PROPOSE_FAILS,
        'NoChanges',
        'UnknownReporter',
        'AlreadyReporter',
        'ReporterAccountRefused',
        'ReporterNameRefused',
        'ReportersOutOfRange',
        'TooManyReplaced',
      ],
      gas: 150_000,
      doc: 'A validator proposes to appoint and dismiss reporters, and votes for it; replacing those who were absent for long has no time lock.',
    },
    proposeSpending: {
      args: spendingFields,
      fails: [...PROPOSE_FAILS, 'ZeroAmount', 'RecipientRefused', 'FundTooSmall'],
      gas: 90_000,
      doc: 'A validator proposes a payment from the guarantee fund, and votes for it; asset 0 is the coin.',
    },
    proposeClass: {
      args: classFields,
      fails: [...PROPOSE_FAILS, 'ClassRefused', 'ClassKnown', 'TooManyClasses'],
      gas: 120_000,
      doc: 'A validator proposes a new hardware class, which the catalogue has from a window’s end on, and votes for it.',
    },
    proposeRatings: {
      args: reratingFields,
      fails: [...PROPOSE_FAILS, 'UnknownClass', 'ClassRefused', 'NoChanges'],
      gas: 120_000,
      doc: 'A validator proposes other ratings of a hardware class, and votes for them; at a window’s end a cut applies to all lots, a raise to pledges one window later.',
    },
    proposeStopMinting: {
      args: stopFields,
      fails: [...PROPOSE_FAILS, 'MintingIsStopped', 'ReasonRefused'],
      gas: 80_000,
      doc: 'A validator proposes to stop all minting at once, without a time lock, and votes for it; redemption goes on.',
    },
    proposeFreeze: {
      args: freezeFields,
      fails: [
        ...PROPOSE_FAILS,
        'AccountRefused',
        'AssetMisplaced',
        'UnknownAsset',
        'EmptyHash',
        'ExpiryOutOfRange',
        'TooManyFreezes',
      ],
      gas: 90_000,
      doc: 'A validator proposes to freeze what an account gives up by its own doing, without a time lock, and votes for it.',
    },
    proposeUnfreeze: {
      args: { freeze: t.u64 },
      fails: [...PROPOSE_FAILS, 'UnknownFreeze'],
      gas: 80_000,
      doc: 'A validator proposes to lift a freeze, without a time lock, and votes for it.',
    },
    proposePause: {
      args: pauseFields,
      fails: [...PROPOSE_FAILS, 'EmptyHash', 'ExpiryOutOfRange'],
      gas: 80_000,
      doc: 'A validator proposes to pause all transfers and orders, without a time lock, and votes for it; redemption goes on.',
    },
    proposeUnpause: {
      args: {},
      fails: [...PROPOSE_FAILS, 'TransfersNotPaused'],
      gas: 80_000,
      doc: 'A validator proposes to end the pause of transfers, without a time lock, and votes for it.',
    },
    proposeAttestors: {
      args: attestorChangeFields,
      fails: [
        ...PROPOSE_FAILS,
        'NoChanges',
        'UnknownAttestor',
        'AccountRefused',
        'AttestorNameRefused',
        'CredentialRefused',
        'TooManyAttestors',
      ],
      gas: 120_000,
      doc: 'A validator proposes whom to appoint and dismiss as attestors of credentials, and votes for it.',
    },
    proposeAsset: {
      args: assetFields,
      fails: [...PROPOSE_FAILS, 'AssetRefused', 'SymbolTaken', 'TooManyAssets'],
      gas: 120_000,
      doc: 'A validator proposes to register an asset, and votes for it; a price makes it one that bonds and sales may use.',
    },
    proposeRequirement: {
      args: requirementFields,
      fails: [...PROPOSE_FAILS, 'UnknownAsset', 'UnknownCredential'],
      gas: 90_000,
      doc: 'A validator proposes which credential recipients of an asset need (none: an empty schema), and votes for it.',
    },
    proposeUpgrade: {
      args: upgradeFields,
      fails: [...PROPOSE_FAILS, 'VersionNotNewer', 'HeightTooSoon', 'TooFewSignals'],
      gas: 80_000,
      doc: 'A validator proposes the version that the rules get at a height, which more than two thirds have signalled, and votes for it.',
    },
    attachText: {
      args: { proposal: t.u64, ...textFields },
      fails: ['UnknownProposal', 'NotProposer', 'TextFixed', 'EmptyHash', 'LinkRefused'],
      gas: 60_000,
      doc: 'The proposer attaches the hash of a text and a link to it, once, before anybody else votes; proposal 0 is its newest.',
    },
    signalVersion: {
      args: { version: t.u32 },
      fails: ['NotValidator', 'SignalUnchanged'],
      gas: 40_000,
      doc: 'A validator signals the newest version of the rules that its nodes execute.',
    },
    openMotion: {
      args: { kind: t.oneOf(MOTION_KINDS), proposal: t.u64, amountBase: t.amount },
      fails: ['MotionOpen', 'AnchorRests', 'NotVetoable', 'BelowMinimum', 'InsufficientCoins'],
      gas: 90_000,
      doc: 'A holder opens a motion, to hold the anchor or to veto a change of reporters, and locks coins for it.',
    },
    supportMotion: {
      args: { motion: t.u64, amountBase: t.amount },
      fails: ['UnknownMotion', 'MotionOver', 'AnchorRests', 'BelowMinimum', 'InsufficientCoins'],
      gas: 70_000,
      doc: 'A holder locks coins for an open motion; they count once, and stay locked until it is over.',
    },
    reclaimCoins: {
      args: { motion: t.u64, holder: t.address },
      fails: ['UnknownMotion', 'MotionNotOver', 'NothingLocked'],
      gas: 60_000,
      doc: 'Returns the coins that a holder locked for a motion that is over; anybody may call it.',
    },
    vote: {
      args: { proposal: t.u64, approve: t.bool },
      fails: ['NotValidator', 'UnknownProposal'],
      gas: 60_000,
      doc: 'A validator votes, or changes its vote, until the proposal is concluded.',
    },
    withdrawProposal: {
      args: { proposal: t.u64 },
      fails: ['NotProposer', 'UnknownProposal'],
      gas: 40_000,
      doc: 'The member that opened a proposal withdraws it.',
    },
  },
  queries: {
    proposals: {
      args: {},
      returns: t.list(proposalInfo, OPEN_PROPOSALS_MAX),
      doc: 'All open proposals by id, with their votes.',
    },
    proposal: { args: { id: t.u64 }, returns: t.optional(proposalInfo), doc: 'An open proposal, or null.' },
    admission: {
      args: { id: t.u64 },
      returns: t.optional(message('Admission', admissionFields)),
      doc: 'The candidate of an open admission proposal, or null.',
    },
    changes: {
      args: { id: t.u64 },
      returns: t.list(parameterChange, CHANGES_MAX),
      doc: 'What an open proposal would change of the parameters; empty when it is none of that kind.',
    },
    spending: {
      args: { id: t.u64 },
      returns: t.optional(message('Spending', spendingFields)),
      doc: 'What an open proposal would pay from the guarantee fund; null if it is none of that kind.',
    },
    attestation: {
      args: { id: t.u64 },
      returns: t.optional(message('Attestation', { lastWindow: t.u64, lot: lotInfo })),
      doc: 'The lot that an open proposal would attest, and until when; null if it is none of that kind or the lot has ended.',
    },
    reporterChange: {
      args: { id: t.u64 },
      returns: t.optional(reporterChangeInfo),
      doc: 'Whom an open proposal would appoint and dismiss as reporters; null if it is none of that kind.',
    },
    class: {
      args: { id: t.u64 },
      returns: t.optional(message('NewClass', classFields)),
      doc: 'The hardware class that an open proposal would add; null if it is none of that kind.',
    },
    rerating: {
      args: { id: t.u64 },
      returns: t.optional(message('Rerating', reratingFields)),
      doc: 'The class that an open proposal would rate anew, and how; null if it is none of that kind.',
    },
    differences: {
      args: { id: t.u64 },
      returns: t.list(
        message('ParameterDifference', {
          ...parameterPath,
          doc: t.text(256),
          nowValue: t.amount,
          proposedValue: t.amount,
        }),
        CHANGES_MAX,
      ),
      doc: 'What an open proposal would change of the parameters, beside what is in force; empty when it is none of that kind.',
    },
    freeze: {
      args: { id: t.u64 },
      returns: t.optional(message('FreezeOrder', freezeFields)),
      doc: 'The freeze that an open proposal would place; null if it is none of that kind.',
    },
    freezeEnd: {
      args: { id: t.u64 },
      returns: t.optional(t.u64),
      doc: 'The freeze that an open proposal would lift; null if it is none of that kind.',
    },
    pause: {
      args: { id: t.u64 },
      returns: t.optional(message('PauseOrder', pauseFields)),
      doc: 'The pause that an open proposal would begin; null if it is none of that kind.',
    },
    attestorChange: {
      args: { id: t.u64 },
      returns: t.optional(message('AttestorChange', attestorChangeFields)),
      doc: 'Whom an open proposal would appoint and dismiss as attestors; null if it is none of that kind.',
    },
    asset: {
      args: { id: t.u64 },
      returns: t.optional(message('NewAsset', assetFields)),
      doc: 'The asset that an open proposal would register; null if it is none of that kind.',
    },
    requirement: {
      args: { id: t.u64 },
      returns: t.optional(message('NewRequirement', requirementFields)),
      doc: 'The credential that an open proposal would require; null if it is none of that kind.',
    },
    stop: {
      args: { id: t.u64 },
      returns: t.optional(t.text(64)),
      doc: 'Why an open proposal would stop minting; null if it is none of that kind.',
    },
    upgrade: {
      args: { id: t.u64 },
      returns: t.optional(message('Upgrade', upgradeFields)),
      doc: 'The version that an open proposal would give the rules; null if it is none of that kind.',
    },
    versions: {
      args: {},
      returns: message('Versions', {
        current: t.u32,
        scheduled: t.optional(message('ScheduledUpgrade', upgradeFields)),
        /** Voters that must signal a version before it can be proposed. */
        needed: t.u32,
        signals: t.list(message('Signal', { provider: t.u64, ...signalFields }), PROVIDERS_MAX),
      }),
      doc: 'The version of the rules, the next one if it is agreed on, and what each validator has signalled.',
    },
    motion: { args: { id: t.u64 }, returns: t.optional(motionInfo), doc: 'A motion of holders, or null.' },
    motions: {
      args: { from: t.u64 },
      returns: t.list(motionInfo, MOTIONS_PAGE_MAX),
      doc: 'Motions of holders whose coins are not all taken back, among the 32 ids from this one on.',
    },
    support: {
      args: { motion: t.u64, holder: t.address },
      returns: t.amount,
      doc: 'Coins that a holder has locked for a motion.',
    },
  },
})

type Records = (typeof governanceSchema)['records']
type Subjects = typeof subjectRecords
/** What a proposal is about, by the name of the record. */
export type Subject = { readonly [S in keyof Subjects]?: InferFields<Subjects[S]['value']> }
export type Proposal = InferFields<Records['proposal']['value']>
export type Votes = InferFields<Records['votes']['value']>
export type ParameterChange = ReturnType<typeof parameterChange.decode>
export type Rerating = InferFields<Records['rerating']['value']>
export type Admission = InferFields<Records['admission']['value']>
export type NewAsset = InferFields<Records['asset']['value']>
export type Upgrade = InferFields<Records['upgrade']['value']>
export type Motion = InferFields<Records['motion']['value']>
export type GovernanceParams = Params<typeof governanceSchema>
