// Definition of evidence: proofs of double votes, handed in by anyone, judged in the state machine (CONSENSUS §6).
import { defineModule } from '../../../base/moduleDefinition.ts'
import { EQUIVOCATION_KINDS, EVIDENCE_BYTES_MAX } from '../../../base/protocol/evidence.ts'
import { indexed, t } from '../../../base/schema.ts'

/** Epochs that are remembered per member; older ones are too old for evidence as well. */
export const CONVICTIONS_MAX = 64

export const evidenceSchema = defineModule({
  name: 'evidence',
  id: 15,
  doc: 'Proofs of double votes: they convict, jail and freeze the bond of whoever signed both sides.',
  params: {},
  records: {
    convictions: {
      id: 1,
      key: { provider: t.u64 },
      value: {
        /** Evidence from epochs before this one is too old for this member. */
        fromEpoch: t.u64,
        /** Ascending. */
        epochs: t.list(t.u64, CONVICTIONS_MAX),
      },
      doc: 'Epochs in which a member was convicted; once an epoch is enough.',
    },
  },
  errors: {
    /** Not the canonical bytes of evidence. */
    MalformedEvidence: {},
    /** The two statements do not contradict each other. */
    NotAFault: {},
    /** Nobody is named on both sides, or a bitmap does not fit the set of the epoch. */
    NobodyConvicted: {},
    /** A side is not signed by those it names. */
    BadEvidenceSignature: {},
    /** The epoch has not begun. */
    UnknownEpoch: { epoch: t.u64 },
    /** The epoch ended too long ago. */
    EvidenceTooOld: { epoch: t.u64 },
    /** Everybody it names was convicted in that epoch before. */
    AlreadyConvicted: { epoch: t.u64 },
  },
  events: {
    Convicted: {
      provider: indexed(t.u64),
      epoch: t.u64,
      view: t.u64,
      fault: t.oneOf(EQUIVOCATION_KINDS),
    },
  },
  actions: {
    submitEvidence: {
      args: { evidence: t.bytes(EVIDENCE_BYTES_MAX) },
      fails: [
        'MalformedEvidence',
        'NotAFault',
        'NobodyConvicted',
        'BadEvidenceSignature',
        'UnknownEpoch',
        'EvidenceTooOld',
        'AlreadyConvicted',
      ],
      gas: 2_000_000,
      doc: 'Anybody hands in a proof of a double vote; whoever signed both sides is convicted and jailed.',
    },
  },
  queries: {
    convictions: {
      args: { provider: t.u64 },
      returns: t.list(t.u64, CONVICTIONS_MAX),
      doc: 'Epochs in which a member was convicted of a double vote, ascending.',
    },
  },
})
