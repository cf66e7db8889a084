// Definition of evidence: proofs of double votes, submitted by anyone, judged in the state machine (CONSENSUS §6).
import { defineModule } from '../../../base/moduleDefinition.ts'
import { EQUIVOCATION_KINDS, EVIDENCE_BYTES_MAX } from '../../../base/protocol/evidence.ts'
import { indexed, t } from '../../../base/schema.ts'

/** Epochs kept per member; evidence from older ones is too old. */
export const CONVICTIONS_MAX = 64

export const evidenceSchema = defineModule({
  name: 'evidence',
  id: 15,
  lane: 'proof',
  doc: 'Proofs of double votes: whoever signed both sides is convicted and jailed, and its bond frozen.',
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
      doc: 'Epochs in which a member was convicted, each once.',
    },
  },
  errors: {
    /** Not the canonical bytes of evidence. */
    MalformedEvidence: {},
    /** The two statements do not contradict each other. */
    NotAFault: {},
    /** No validator is named on both sides, or a bitmap does not fit the set of the epoch. */
    NobodyConvicted: {},
    /** A side is not signed by those it names. */
    BadEvidenceSignature: {},
    /** The epoch has not begun. */
    UnknownEpoch: { epoch: t.u64 },
    /** The epoch ended too long ago. */
    EvidenceTooOld: { epoch: t.u64 },
    /** All culprits have already been convicted in that epoch. */
    AlreadyConvicted: { epoch: t.u64 },
    /** Too many faults wait to be dealt with; send it again later. */
    FaultQueueFull: {},
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
        'FaultQueueFull',
      ],
      // Two pairings, and 256 keys that nobody has decoded yet.
      gas: 4_500_000,
      doc: 'Anyone submits a proof of a double vote; whoever signed both sides is convicted and jailed.',
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
