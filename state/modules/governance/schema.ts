// Definition of governance: who joins, leaves or is jailed, parameters, the catalogue, attestations of lots, the end of a stop of minting,
// spending of the guarantee fund (ECONOMY §10).
import type { InferFields } from '../../../base/field.ts'
import { defineModule, type Params } from '../../../base/moduleDefinition.ts'
import { between, type ParamDef, param } from '../../../base/parameters.ts'
import { VALIDATORS_MAX } from '../../../base/protocol/limits.ts'
import { indexed, message, t } from '../../../base/schema.ts'
import { PPM } from '../../../base/units.ts'
import { lotInfo } from '../capacity/schema.ts'
import { classFields, ratedFields } from '../catalogue/schema.ts'
import { reporterChangeFields, reporterChangeInfo } from '../oracle/schema.ts'
import { PROVIDERS_MAX, profileFields } from '../providers/schema.ts'

/** Most open proposals per member that the parameters may allow. */
export const OPEN_PER_MEMBER_MAX = 4
/** Most open proposals at once: every member has its own share, so that none can crowd out the others. */
export const OPEN_PROPOSALS_MAX = OPEN_PER_MEMBER_MAX * PROVIDERS_MAX

const DAY_MS = 86_400_000
const YEAR_MS = 366 * DAY_MS
/** The least share that is more than two thirds for every number of voters up to 256. */
const APPROVAL_PPM_MIN = 666_667n

/** A time lock, the same in dev and test. */
function lock(what: string, lengths: { readonly main: number; readonly dev: number }): ParamDef<number> {
  const check = between(0, 120, 'windows')
  return param({ field: t.u32, doc: `${what}, capacity windows.`, ...lengths, test: lengths.dev, check })
}

/** Parameters that one proposal may change together. */
export const CHANGES_MAX = 16
const parameterPath = { module: t.text(32), parameter: t.text(48) }
const parameterChange = message('ParameterChange', { ...parameterPath, value: t.amount })
const changes = t.list(parameterChange, CHANGES_MAX)

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
] as const
export type ProposalKind = (typeof PROPOSAL_KINDS)[number]
export const PROPOSAL_OUTCOMES = ['executed', 'rejected', 'expired', 'withdrawn', 'impossible'] as const
export type ProposalOutcome = (typeof PROPOSAL_OUTCOMES)[number]

const proposalFields = {
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
const voteFields = {
  /** Member ids, ascending. */
  approve: t.list(t.u64, VALIDATORS_MAX),
  reject: t.list(t.u64, VALIDATORS_MAX),
}
const admissionFields = {
  operator: t.address,
  /** BLS12-381 G1. */
  consensusKey: t.fixed(48),
  /** ed25519 peer id, its multihash bytes. */
  peerId: t.bytes(64),
  ...profileFields,
}
const attestationFields = {
  lot: t.u64,
  /** The lot ends after this window, unless it is attested again or audited. */
  lastWindow: t.u64,
}
const spendingFields = { asset: t.u64, to: t.address, amountBase: t.amount }
const reratingFields = { classId: t.u32, ...ratedFields }
export const proposalInfo = message('Proposal', { id: t.u64, ...proposalFields, ...voteFields })

const PROPOSE_FAILS = ['NotValidator', 'TooManyProposals'] as const

export const governanceSchema = defineModule({
  name: 'governance',
  id: 13,
  doc: 'Decisions of the validators, one vote each, more than two thirds, after a time lock.',
  params: {
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
  },
  errors: {
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
  },
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
  },
})

type Records = (typeof governanceSchema)['records']
export type Spending = InferFields<Records['spending']['value']>
export type Proposal = InferFields<Records['proposal']['value']>
export type Votes = InferFields<Records['votes']['value']>
export type ParameterChange = ReturnType<typeof parameterChange.decode>
export type Attestation = InferFields<Records['attestation']['value']>
export type Rerating = InferFields<Records['rerating']['value']>
export type Admission = InferFields<Records['admission']['value']>
export type GovernanceParams = Params<typeof governanceSchema>
