// Definition of compliance: freezes of accounts, a pause of transfers, credentials, and transfers with a memo (ECONOMY §10).
import type { InferFields } from '../../../base/field.ts'
import { defineModule } from '../../../base/moduleDefinition.ts'
import { between, param } from '../../../base/parameters.ts'
import { indexed, message, t } from '../../../base/schema.ts'

/** Freezes in force at once; the status lists them all. */
export const FREEZES_MAX = 1024
/** Freezes of one account. */
export const FREEZES_PER_ACCOUNT_MAX = 8
export const ATTESTORS_MAX = 32
/** Kinds of credential that one attestor may attest. */
export const SCHEMAS_PER_ATTESTOR_MAX = 8
/** Credentials of one subject, over all attestors. */
export const CREDENTIALS_MAX = 16
/** Appointments, and dismissals, of one proposal. */
export const ATTESTOR_CHANGES_MAX = 8
/** Bytes of a memo that travels as a ciphertext. */
export const CIPHERTEXT_BYTES_MAX = 1024
/** Freezes of one answer. */
export const FREEZES_PAGE_MAX = 64

const DAY_MS = 86_400_000

/** What a freeze stops, of the debits that the account itself makes. Fees and what an escrow owes are never stopped. */
export const FREEZE_SCOPES = [
  /** Every debit, of every asset. */
  'all',
  /** Every debit of one asset. */
  'asset',
  /** Transfers of the coin and of assets. */
  'transfers',
  /** Orders. */
  'market',
  /** Requests of redemption. */
  'redemption',
  /** Purchases from providers and of series. */
  'purchases',
  /** Backing of providers. */
  'backing',
] as const
export type FreezeScope = (typeof FREEZE_SCOPES)[number]

/** A freeze as it is proposed. */
export const freezeFields = {
  account: t.address,
  scope: t.oneOf(FREEZE_SCOPES),
  /** Of the scope `asset`; 0 is the coin, and also where the scope is another one. */
  asset: t.u64,
  /** SHA-256 of the order of a court or an authority, or of the decision. */
  caseHash: t.hash,
  /** Unix seconds. */
  expires: t.u64,
}
export const pauseFields = {
  caseHash: t.hash,
  /** Unix seconds. */
  expires: t.u64,
}
const schemaName = t.text(32)
const schemaNames = t.list(schemaName, SCHEMAS_PER_ATTESTOR_MAX)
const attestor = message('Attestor', { account: t.address, name: t.text(64), schemas: schemaNames })
/** Whom a proposal appoints and dismisses; one that is appointed again gets these schemas. */
export const attestorChangeFields = {
  appoint: t.list(attestor, ATTESTOR_CHANGES_MAX),
  dismiss: t.list(t.address, ATTESTOR_CHANGES_MAX),
}
/** The credential that recipients of an asset need; an empty schema ends the requirement. */
export const requirementFields = { asset: t.u64, schema: schemaName, level: t.u8 }

const freezeRecord = {
  account: t.address,
  scope: t.oneOf(FREEZE_SCOPES),
  asset: t.u64,
  caseHash: t.hash,
  sinceMs: t.u64,
  expiresMs: t.u64,
  /** SHA-256 of the appeal; zero bytes while there is none. */
  appealHash: t.hash,
  /** 0 while there is no appeal. */
  appealedMs: t.u64,
}
const credential = message('Credential', {
  schema: schemaName,
  attestor: t.address,
  level: t.u8,
  issuedMs: t.u64,
  expiresMs: t.u64,
})
const freezeInfo = message('Freeze', { id: t.u64, ...freezeRecord })
const pauseRecord = { caseHash: t.hash, sinceMs: t.u64, expiresMs: t.u64 }

export const complianceSchema = defineModule({
  name: 'compliance',
  id: 14,
  doc: 'Freezes of accounts, a pause of transfers, credentials, and transfers with a memo.',
  params: {
    freezeMaxMs: param({
      field: t.u64,
      doc: 'Longest freeze, milliseconds; another vote renews it.',
      main: 180 * DAY_MS,
      dev: DAY_MS,
      test: DAY_MS,
      check: between(60_000, 366 * DAY_MS, 'ms'),
    }),
    pauseMaxMs: param({
      field: t.u64,
      doc: 'Longest pause of transfers, milliseconds.',
      main: 7 * DAY_MS,
      dev: 3_600_000,
      test: 3_600_000,
      check: between(60_000, 30 * DAY_MS, 'ms'),
    }),
    credentialMaxMs: param({
      field: t.u64,
      doc: 'Longest validity of a credential, milliseconds.',
      main: 732 * DAY_MS,
      check: between(DAY_MS, 3_660 * DAY_MS, 'ms'),
    }),
  },
  records: {
    status: {
      id: 1,
      key: {},
      value: {
        nextId: t.u64,
        /** 0 while transfers are not paused. */
        pausedUntilMs: t.u64,
        freezes: t.list(message('FreezeEntry', { id: t.u64, expiresMs: t.u64 }), FREEZES_MAX),
      },
      doc: 'The freezes by id and when each expires, and until when transfers are paused; absent while there was none.',
    },
    freeze: { id: 2, key: { id: t.u64 }, value: freezeRecord, doc: 'A freeze in force.' },
    frozen: {
      id: 3,
      key: { account: t.address },
      value: { freezes: t.list(t.u64, FREEZES_PER_ACCOUNT_MAX) },
      doc: 'The freezes of an account, ascending.',
    },
    pause: { id: 4, key: {}, value: pauseRecord, doc: 'The pause of transfers.' },
    attestors: {
      id: 5,
      key: {},
      value: { attestors: t.list(attestor, ATTESTORS_MAX) },
      doc: 'Who may attest which credentials, in order of appointment.',
    },
    credentials: {
      id: 6,
      key: { subject: t.address },
      value: { credentials: t.list(credential, CREDENTIALS_MAX) },
      doc: 'Credentials of an account; those of a dismissed attestor no longer count.',
    },
    requirement: {
      id: 7,
      key: { asset: t.u64 },
      value: { schema: schemaName, level: t.u8, issuer: t.address },
      doc: 'The credential that recipients of transfers of an asset need; its issuer needs none.',
    },
  },
  errors: {
    UnknownFreeze: { freeze: t.u64 },
    /** Only the frozen account appeals. */
    NotFrozenAccount: { freeze: t.u64 },
    /** One appeal for each freeze. */
    AlreadyAppealed: { freeze: t.u64 },
    EmptyHash: {},
    NotAttestor: { sender: t.address },
    /** The attestor was appointed for others. */
    SchemaNotAllowed: { schema: t.text(32) },
    /** Nobody could use a credential of a system address. */
    SubjectRefused: { subject: t.address },
    /** Unix seconds. */
    ExpiryOutOfRange: { expires: t.u64, earliest: t.u64, latest: t.u64 },
    TooManyCredentials: { maximum: t.u32 },
    UnknownCredential: { subject: t.address, schema: t.text(32) },
    /** Without a memo and a travel-rule hash a plain transfer does the same. */
    NoMemo: {},
    RecipientRefused: { recipient: t.address },
    UnknownAsset: { asset: t.u64 },
    InsufficientUnits: { asset: t.u64, balanceBase: t.amount, neededBase: t.amount },
  },
  events: {
    AccountFrozen: {
      freeze: indexed(t.u64),
      account: indexed(t.address),
      scope: t.oneOf(FREEZE_SCOPES),
      asset: t.u64,
      caseHash: t.hash,
      expires: t.u64,
    },
    FreezeAppealed: { freeze: indexed(t.u64), account: indexed(t.address), appealHash: t.hash },
    FreezeEnded: {
      freeze: indexed(t.u64),
      account: indexed(t.address),
      reason: t.oneOf(['lifted', 'expired']),
    },
    TransfersPaused: { caseHash: t.hash, expires: t.u64 },
    TransfersResumed: { reason: t.oneOf(['lifted', 'expired']) },
    AttestorAppointed: { attestor: indexed(t.address), name: t.text(64), schemas: schemaNames },
    AttestorDismissed: { attestor: indexed(t.address) },
    CredentialIssued: {
      subject: indexed(t.address),
      attestor: indexed(t.address),
      schema: schemaName,
      level: t.u8,
      expires: t.u64,
    },
    CredentialRevoked: { subject: indexed(t.address), attestor: indexed(t.address), schema: schemaName },
    /** An empty schema: recipients need no credential. */
    RequirementSet: { asset: indexed(t.u64), schema: schemaName, level: t.u8 },
    MemoTransfer: {
      from: indexed(t.address),
      to: indexed(t.address),
      asset: indexed(t.u64),
      amountBase: t.amount,
      memoHash: t.hash,
      ciphertext: t.bytes(CIPHERTEXT_BYTES_MAX),
      travelRuleHash: t.hash,
    },
  },
  actions: {
    appeal: {
      args: { freeze: t.u64, appealHash: t.hash },
      fails: ['UnknownFreeze', 'NotFrozenAccount', 'AlreadyAppealed', 'EmptyHash'],
      gas: 40_000,
      signed: true,
      doc: 'The frozen account appeals against a freeze, once, with the SHA-256 of its reasons; the members lift it by vote, or it expires.',
    },
    attest: {
      args: { subject: t.address, schema: schemaName, level: t.u8, expires: t.u64 },
      fails: ['NotAttestor', 'SchemaNotAllowed', 'SubjectRefused', 'ExpiryOutOfRange', 'TooManyCredentials'],
      gas: 50_000,
      doc: 'An attestor issues a credential to an account, or issues it anew; it expires at a time in Unix seconds.',
    },
    revoke: {
      args: { subject: t.address, schema: schemaName },
      fails: ['NotAttestor', 'UnknownCredential'],
      gas: 40_000,
      doc: 'An attestor revokes a credential that it issued.',
    },
    transferWithMemo: {
      args: {
        to: t.address,
        asset: t.u64,
        amountBase: t.amount,
        memoHash: t.hash,
        ciphertext: t.bytes(CIPHERTEXT_BYTES_MAX),
        travelRuleHash: t.hash,
      },
      fails: ['NoMemo', 'RecipientRefused', 'UnknownAsset', 'InsufficientUnits'],
      gas: 40_000,
      signed: true,
      doc: 'Moves coins (asset 0) or units of an asset with a memo (its hash, or sealed to the recipient) and the hash of the travel-rule data.',
    },
  },
  queries: {
    freezes: {
      args: { from: t.u64 },
      returns: t.list(freezeInfo, FREEZES_PAGE_MAX),
      doc: 'Freezes in force by id, from this one on, at most 64.',
    },
    freeze: { args: { id: t.u64 }, returns: t.optional(freezeInfo), doc: 'A freeze in force, or null.' },
    freezesOf: {
      args: { account: t.address },
      returns: t.list(freezeInfo, FREEZES_PER_ACCOUNT_MAX),
      doc: 'Freezes of an account that are in force.',
    },
    pause: {
      args: {},
      returns: t.optional(message('Pause', pauseRecord)),
      doc: 'The pause of transfers, or null.',
    },
    attestors: {
      args: {},
      returns: t.list(attestor, ATTESTORS_MAX),
      doc: 'Who may attest which credentials.',
    },
    credentials: {
      args: { subject: t.address },
      returns: t.list(credential, CREDENTIALS_MAX),
      doc: 'Credentials of an account that count now.',
    },
    requirement: {
      args: { asset: t.u64 },
      returns: t.optional(message('Requirement', { schema: schemaName, level: t.u8, issuer: t.address })),
      doc: 'The credential that recipients of transfers of an asset need, or null.',
    },
    transferRefusal: {
      args: { from: t.address, to: t.address, asset: t.u64 },
      returns: t.optional(t.text(64)),
      doc: 'Why a transfer would be refused now, whatever the balance; null if it would not.',
    },
  },
})

type Records = (typeof complianceSchema)['records']
export type Freeze = InferFields<Records['freeze']['value']>
export type Credential = ReturnType<typeof credential.decode>
export type Attestor = ReturnType<typeof attestor.decode>
export type Requirement = InferFields<Records['requirement']['value']>
export type FreezeOrder = InferFields<typeof freezeFields>
export type PauseOrder = InferFields<typeof pauseFields>
export type AttestorChange = InferFields<typeof attestorChangeFields>
export type RequirementChange = InferFields<typeof requirementFields>
