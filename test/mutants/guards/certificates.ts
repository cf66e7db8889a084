// Votes and certificates of others: what must hold before they count. Each check deleted.
import { type Edit, editsOf } from '../edit.ts'

const structure = editsOf('base/protocol/vote.ts', [
  [
    'subject.nullifyBare',
    'return hasNothing && subject.view >= 1',
    'return subject.view >= 1',
    'a nullify of a block',
  ],
  ['subject.viewZero', ' && subject.view >= 1', '', 'a nullify of the floor'],
  [
    'subject.complete',
    'return hasBlock && subject.parentView! < subject.view',
    'return subject.parentView! < subject.view',
    'half a subject',
  ],
  ['subject.parentBelow', ' && subject.parentView! < subject.view', '', 'a block that is its own ancestor'],
  [
    'bitmap.length',
    'if (bitmap.length !== Math.ceil(validatorCount / 8)) return undefined',
    '',
    'a short or long bitmap',
  ],
  ['bitmap.padding', 'if (i >= validatorCount) return undefined', '', 'signers outside the set'],
  [
    'certificate.subject',
    'if (!isWellFormedSubject(certificate.subject)) return undefined',
    '',
    'a certificate about nothing',
  ],
  [
    'certificate.quorum',
    ' || signers.length < quorum(validatorCount)) return undefined',
    ') return undefined',
    'fewer than q signers',
  ],
])

const intake = editsOf('consensus/certificateIntake.ts', [
  [
    'wanted.old',
    'if (view <= state.finalizedView) return state.certificates.conflictOf(certificate) !== undefined',
    '',
    'old certificates cost a pairing and come back as news',
  ],
  [
    'wanted.oldConflict',
    'return state.certificates.conflictOf(certificate) !== undefined',
    'return false',
    'who holds F already never learns of the U beside it',
  ],
  [
    'wanted.held',
    'return held === undefined || !sameBlock(held.subject, certificate.subject)',
    'return true',
    'every copy of a certificate costs a pairing and is sent on',
  ],
  [
    'wanted.conflict',
    'return held === undefined || !sameBlock(held.subject, certificate.subject)',
    'return held === undefined',
    'a conflicting certificate goes unnoticed',
  ],
  [
    'offer.epoch',
    'certificate.subject.epoch !== state.epoch || ',
    '',
    'a certificate of another epoch counts in this one',
  ],
  [
    'offer.wanted',
    ' || !isWanted(state, certificate)) return\n',
    ') return\n',
    'known certificates are checked',
  ],
  [
    'offer.structure',
    "    state.emit({ kind: 'penalise', peer, reason: 'malformed certificate' })\n    return\n",
    '',
    'malformed certificates reach the verifier without a penalty',
  ],
  [
    'offer.waitingMax',
    'if (job.waiting.size < state.validatorCount) job.waiting.set(peer, certificate)',
    'job.waiting.set(peer, certificate)',
    'any number of strangers may queue candidates',
  ],
  [
    'job.oneAtATime',
    'if (job === undefined || job.inFlight) return',
    'if (job === undefined) return',
    'parallel checks',
  ],
  [
    'job.stillWanted',
    ' || !isWanted(state, certificate)) continue',
    ') continue',
    'candidates are checked though one was accepted',
  ],
  [
    'checked.valid',
    'if (valid) acceptCertificate(state, nowMs, certificate)',
    'acceptCertificate(state, nowMs, certificate)\n  if (valid) return',
    'an invalid signature is accepted',
  ],
  [
    'checked.penalise',
    "else state.emit({ kind: 'penalise', peer, reason: 'certificate with an invalid signature' })",
    '',
    'forgers stay connected',
  ],
  [
    'checked.next',
    '  finishJob(state, subjectKey(certificate.subject))\n',
    '',
    'one forgery blocks a subject for ever',
  ],
  ['aggregate.old', 'if (view <= state.finalizedView) continue', '', 'aggregates what is final'],
  [
    'aggregate.held',
    'if (state.certificates.get(kind, view) !== undefined) continue',
    '',
    'aggregates again with every further vote',
  ],
  ['aggregate.inFlight', 'if (state.jobs.get(key)?.inFlight === true) continue', '', 'the same check twice'],
  [
    'aggregate.suspects',
    'const joined = group.filter((vote) => mayJoin(state, vote))',
    'const joined = group',
    'one bad signer spoils every aggregate',
  ],
  [
    'aggregate.quorum',
    'if (joined.length < state.quorum) continue',
    '',
    'checks that cannot make a certificate',
  ],
  ['votes.suspect', 'state.suspects.add(vote.signer)', '', 'a bad signer is never remembered'],
  ['votes.settle', 'state.pool.settle(vote, isValid)', '', 'an invalid vote keeps its slot'],
  [
    'votes.proof',
    "if (votes.length === 1) state.proofs.set(vote, isValid ? 'proven' : 'disproven')",
    '',
    'evidence is never proven',
  ],
  [
    'votes.aggregateProof',
    'if (votes.length === 1) state.proofs',
    'state.proofs',
    'shares that cancel each other become evidence against the innocent',
  ],
  [
    'votes.quorum',
    'if (signature !== undefined && signers.length >= state.quorum) {',
    'if (signature !== undefined) {',
    'a certificate of what is left after invalid votes',
  ],
  [
    'votes.finish',
    'if (job) finishJob(state, subjectKey(subject))',
    '',
    'a failed aggregate blocks its subject',
  ],
  [
    'keep.wanted',
    'if (!isWanted(state, certificate)) return false\n  const conflict',
    'const conflict',
    'certificates are told again and again',
  ],
  [
    'keep.conflict',
    'state.halt(`conflicting certificates in view',
    'void (`conflicting certificates in view',
    'goes on though safety is lost',
  ],
  ['final.floor', 'state.own.raiseFloor(finalizedView)', '', 'flags of final views are kept for ever'],
  [
    'refused.valid',
    "if (held?.verdict === undefined || held.verdict === 'valid') return",
    'if (held?.verdict === undefined) return',
    'halts on its own valid blocks',
  ],
  [
    'refused.halt',
    'state.halt(`a certified block at height',
    'void (`a certified block at height',
    'goes on with another state than q others',
  ],
  [
    'refused.contending',
    'if (!state.certificates.isContending(digest)) return',
    '',
    'halts over a fork that has lost',
  ],
])

const store = editsOf('consensus/certificateStore.ts', [
  ['store.nullifyAndFinal', '[u, n, f].find', '[u, n].find', 'U beside F'],
  ['store.finalAndNullify', '[u, n, f].find', '[n, f].find', 'F beside U'],
  ['store.otherBlock', 'held !== undefined && excludes(held)', 'false', 'two blocks certified in one view'],
  [
    'store.highestFinal',
    ' && view > this.finalizedView) this.#highestFinal',
    ') this.#highestFinal',
    'lastFinalized falls back to an older F',
  ],
])

const votes = editsOf('consensus/voteIntake.ts', [
  [
    'vote.malformed',
    '    return\n  }\n  if (from.validator',
    '  }\n  if (from.validator',
    'half a subject is pooled',
  ],
  [
    'vote.ownConnection',
    'from.validator !== signer || ',
    '',
    'anyone fills the slots of others with rubbish',
  ],
  ['vote.self', ' || signer === state.self) return', ') return', 'own votes come back from outside'],
  [
    'vote.future',
    'if (subject.view > state.view + FUTURE_VIEWS_MAX) return',
    '',
    'votes for any view take memory',
  ],
  ['vote.old', 'if (vote.subject.view + 16 < state.finalizedView) return', '', 'pools what nothing can use'],
  [
    'evidence.proven',
    "if (!pair.every((vote) => state.proofs.get(vote) === 'proven')) continue",
    '',
    'accuses on the word of a stranger',
  ],
  [
    'evidence.once',
    'if (state.reportedMisbehaviour.has(key)) continue',
    '',
    'the same evidence with every check',
  ],
  [
    'evidence.leader',
    'if (twoProposals && state.leaderOf(view) === signer) state.equivocated.add(view)',
    '',
    'a leader’s two proposals are not noticed by the gate',
  ],
  [
    'inactive.askFirst',
    'if (latest === undefined || latest.subject.view < state.view - 2 * state.validatorCount) return true',
    'return true',
    'a slow validator whose votes miss every certificate is called dead',
  ],
])

const pool = editsOf('consensus/votePool.ts', [
  [
    'pool.verifiedStays',
    "if (trust !== 'verified' || held.trust === 'verified') return false",
    '',
    'an unverified copy replaces a verified vote',
  ],
  [
    'pool.oneSecond',
    "if (second !== undefined && (second.trust === 'verified' || trust !== 'verified')) return false",
    '',
    'a stream of third votes hides the second',
  ],
  ['pool.quorate', 'group.length >= quorum)', 'group.length > 0)', 'small groups are aggregated'],
  [
    'pool.settled',
    "if (slot === undefined || slot.trust === 'verified') return",
    'if (slot === undefined) return',
    'a late failed check frees the slot of a verified vote',
  ],
  ['pool.freesSlot', 'slots.delete(vote.signer)', '', 'an invalid vote keeps its slot for ever'],
  [
    'pool.secondMovesUp',
    'slots.set(vote.signer, second)\n      this.#seconds',
    'this.#seconds',
    'a forged first vote silences the real one',
  ],
  ['pool.nullifyAndFinalize', '[u, f],', '', 'a double voter is not noticed'],
  ['pool.notarizeAndFinalize', '[n, f],', '', 'a vote for two blocks of two kinds is not noticed'],
  ['pool.prune', 'this.#views.delete(held)', '', 'votes are kept for ever'],
])

const rule = editsOf('base/protocol/evidence.ts', [
  [
    'doubleVote.nullifyAndFinalize',
    "kinds.has('finalize') ? 'nullifyAndFinalize' : undefined",
    'undefined',
    'nullify and finalize of one view pass for honest',
  ],
  [
    'doubleVote.sameBlock',
    'if (sameBlock(a, b)) return undefined',
    '',
    'whoever notarizes and finalizes one block is accused',
  ],
  [
    'doubleVote.notarizeAndFinalize',
    "if (kinds.size === 2) return 'notarizeAndFinalize'",
    'if (kinds.size === 2) return undefined',
    'notarize and finalize of two blocks pass for honest',
  ],
])

export const CERTIFICATE_GUARDS: readonly Edit[] = [
  ...structure,
  ...intake,
  ...store,
  ...votes,
  ...pool,
  ...rule,
]
