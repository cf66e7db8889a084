// Checks on votes and certificates of others, each deleted.
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
    'old certificates cost a pairing and count as new',
  ],
  [
    'wanted.oldConflict',
    'return state.certificates.conflictOf(certificate) !== undefined',
    'return false',
    'a node with F never learns of a conflicting U',
  ],
  [
    'wanted.held',
    'return held === undefined || !sameBlock(held.subject, certificate.subject)',
    'return true',
    'every copy of a certificate costs a pairing and is relayed',
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
    ' || !isWanted(state, certificate)) return true\n',
    ') return true\n',
    'known certificates are checked',
  ],
  [
    'offer.structure',
    "    state.emit({ kind: 'penalise', peer, reason: 'malformed certificate' })\n    return false\n",
    '',
    'malformed certificates reach the verifier without a penalty',
  ],
  [
    'offer.waitingMax',
    'else if (job.waiting.size < state.validatorCount && load',
    'else if (load',
    'any number of peers may queue candidates',
  ],
  [
    'offer.peerWaitingMax',
    ' && load.waiting < PEER_WAITING_MAX) {',
    ') {',
    'one peer queues any number of certificates',
  ],
  [
    'offer.once',
    'return certificates.every((certificate) => offerCertificate(state, certificate, peer))',
    'for (const certificate of certificates) offerCertificate(state, certificate, peer)\n  return true',
    'one message of malformed certificates costs a hundred penalties',
  ],
  [
    'job.peerChecksMax',
    'if (isDue && load.inFlight >= PEER_CHECKS_MAX) continue',
    '',
    'one message of false certificates occupies the verifier for a second',
  ],
  [
    'job.waits',
    'if (job.waiting.size === 0) state.jobs.delete(key)\n}',
    'state.jobs.delete(key)\n}',
    'certificates beyond the first few of an answer are lost',
  ],
  [
    'job.resumes',
    '  runWaiting(state, peer)\n',
    '',
    'certificates beyond the first few of an answer are never checked',
  ],
  [
    'blame.forgiven',
    "check.kind === 'certificate' && check.peer === peer) check.isForgiven = true",
    'false) return',
    'certificates of one message are penalised one by one',
  ],
  [
    'blame.waiting',
    'if (!job.waiting.delete(peer)) continue',
    'continue',
    'all certificates of a message are checked although the first was false',
  ],
  [
    'job.oneAtATime',
    'if (job === undefined || job.inFlight) return',
    'if (job === undefined) return',
    'parallel checks',
  ],
  [
    'job.stillWanted',
    'const isDue = signers !== undefined && isWanted(state, certificate)',
    'const isDue = signers !== undefined',
    'candidates are checked although one was accepted',
  ],
  [
    'checked.valid',
    'if (valid) acceptCertificate(state, nowMs, certificate)',
    'acceptCertificate(state, nowMs, certificate)\n  if (valid) return',
    'an invalid signature is accepted',
  ],
  ['checked.penalise', 'else if (!isForgiven) blame(state, peer)', '', 'forgers stay connected'],
  [
    'checked.next',
    '  finishJob(state, subjectKey(certificate.subject))\n',
    '',
    'one forgery blocks a subject forever',
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
  [
    'votes.penalise',
    "state.emit({ kind: 'penalise', peer, reason: 'vote with an invalid signature' })",
    '',
    'invalid votes cost nothing',
  ],
  [
    'votes.penaliseOnce',
    'state.voteSenders.delete(vote)',
    '',
    'one invalid vote counts as often as it is checked',
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
    'cancelling shares become evidence against innocent validators',
  ],
  [
    'votes.quorum',
    'if (signature !== undefined && signers.length >= state.quorum) {',
    'if (signature !== undefined) {',
    'a certificate from the votes left after invalid ones',
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
    'certificates are sent again and again',
  ],
  [
    'keep.conflict',
    'state.halt(`conflicting certificates in view',
    'void (`conflicting certificates in view',
    'continues although safety is lost',
  ],
  ['final.floor', 'state.own.raiseFloor(finalizedView)', '', 'flags of final views are kept forever'],
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
    'continues with a state that differs from q others',
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
    'anyone fills the slots of others with garbage',
  ],
  ['vote.self', ' || signer === state.self) return', ') return', 'accepts its own votes from peers'],
  [
    'vote.future',
    'if (subject.view > state.view + FUTURE_VIEWS_MAX) return',
    '',
    'votes for any view take memory',
  ],
  ['vote.old', 'if (vote.subject.view + 16 < state.finalizedView) return', '', 'pools useless votes'],
  [
    'evidence.proven',
    'checkVotes(state, [open])\n      return',
    'checkVotes(state, [open])',
    'accuses without proof',
  ],
  [
    'evidence.disproven',
    "if (proofs.includes('disproven')) continue",
    '',
    'accuses by a vote that only passed among others',
  ],
  [
    'evidence.oneAtATime',
    "if (proofs.includes('checking')) return",
    '',
    'both votes of a conflicting pair are checked each time',
  ],
  ['evidence.once', 'if (isReported) continue', '', 'the same evidence with every check'],
  [
    'evidence.enough',
    'if (isReported && (!twoProposals || state.equivocated.has(view))) continue',
    '',
    'further proofs against a convicted signer cost checks',
  ],
  [
    'evidence.leader',
    'if (twoProposals) state.equivocated.add(view)',
    '',
    'canSign does not see a leader’s two proposals',
  ],
  [
    'evidence.leaderOnly',
    'if (isReported && (!twoProposals || state',
    'if (isReported && (true || state',
    'a leader hides its two proposals behind an earlier fault',
  ],
  [
    'matter.suspects',
    'const joined = nullifies.filter((vote) => mayJoin(state, vote))',
    'const joined = nullifies',
    'one bad signer spoils every check of the nullifies',
  ],
  [
    'matter.oneAtATime',
    ' || pool.isChecking(view)) return',
    ') return',
    'every vote is checked alone while the first check runs',
  ],
  ['vote.sender', 'state.voteSenders.set(vote, from.peer)', '', 'nobody is to blame for an invalid vote'],
  [
    'inactive.askFirst',
    'if (latest === undefined || latest.subject.view < state.view - 2 * state.validatorCount) return true',
    'return true',
    'a slow validator whose votes miss every certificate counts as inactive',
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
  ['pool.freesSlot', 'slots.delete(vote.signer)', '', 'an invalid vote keeps its slot forever'],
  [
    'pool.secondMovesUp',
    'slots.set(vote.signer, second)\n      this.#seconds',
    'this.#seconds',
    'a forged first vote suppresses the real one',
  ],
  ['pool.nullifyAndFinalize', '[u, f],', '', 'a double voter is not noticed'],
  ['pool.notarizeAndFinalize', '[n, f],', '', 'a vote for two blocks of two kinds is not noticed'],
  ['pool.prune', 'this.#views.delete(held)', '', 'votes are kept forever'],
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
    'a validator that notarizes and finalizes one block is accused',
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
