// Guards on own votes, of consensus/canSign.ts and the flags of consensus/ownVotes.ts, each deleted.
import { type Edit, editsOf } from '../edit.ts'

const canSign = editsOf('consensus/canSign.ts', [
  [
    'canSign.observer',
    "if (state.self === undefined) return 'observer'",
    '',
    'a node outside the set asks its signer to vote',
  ],
  ['canSign.halted', 'state.halted || state.isEnding', 'state.isEnding', 'a halted node keeps voting'],
  ['canSign.ending', 'state.halted || state.isEnding', 'state.halted', 'votes in an epoch that is over'],
  [
    'canSign.wrongEpoch',
    "if (subject.epoch !== state.epoch) return 'wrongEpoch'",
    '',
    'signs for another epoch',
  ],
  ['canSign.flags', 'if (flags !== undefined) return flags', '', 'own earlier votes do not bind'],
  [
    'canSign.alreadyVoted',
    'if (state.own.has(subject))',
    'if (false)',
    'casts the same vote again at every evaluation',
  ],
  [
    'canSign.nullifyNotCurrent',
    "subject.view === state.view ? undefined : 'notCurrent'",
    'undefined',
    'nullifies views that it has left or not entered',
  ],
  [
    'canSign.notarizeNotCurrent',
    "if (subject.view !== state.view) return 'notCurrent'",
    '',
    'notarizes in another view',
  ],
  [
    'canSign.equivocation',
    "if (state.equivocated.has(subject.view)) return 'equivocation'",
    '',
    'notarizes a block of a leader that provably signed two',
  ],
  [
    'canSign.notTheProposal',
    '|| !sameBlock(proposal.subject, subject)',
    '',
    'notarizes another block than the first proposal',
  ],
  [
    'canSign.notReady',
    "judgeProposal(state, nowMs, subject.view).kind === 'ready' ? undefined : 'notReady'",
    'undefined',
    'notarizes what was not judged valid',
  ],
  [
    'canSign.notCertified',
    'if (certified === undefined || !sameBlock(certified, subject))',
    'if (certified === undefined)',
    'finalizes a block without its N',
  ],
  [
    'canSign.notVerified',
    "state.blocks.isVerified(certified.digest) ? undefined : 'notVerified'",
    'undefined',
    'finalizes what it did not execute',
  ],
])

const ownVotes = editsOf('consensus/ownVotes.ts', [
  [
    'ownVotes.belowFloor',
    "if (view <= this.#floor) return 'belowFloor'",
    '',
    'votes where the flags were forgotten',
  ],
  [
    'ownVotes.sameAgain',
    'if (this.has(subject)) return undefined',
    '',
    'cannot sign the identical bytes again after a crash',
  ],
  ['ownVotes.full', "return 'full'", 'return undefined', 'forgets instead of refusing when full'],
  [
    'ownVotes.nullifyAfterFinalize',
    "return flags.finalized !== undefined ? 'finalized' : undefined\n    if (flags.nullified",
    'return undefined\n    if (flags.nullified',
    'nullifies what it finalized: F and U in one view',
  ],
  [
    'ownVotes.afterNullify',
    "if (flags.nullified !== undefined) return 'nullified'",
    '',
    'finalizes what it nullified: F and U in one view',
  ],
  [
    'ownVotes.notarizeTwice',
    "if (flags.notarized !== undefined) return 'notarized'",
    '',
    'two N in one view',
  ],
  [
    'ownVotes.notarizeAfterFinalize',
    "return flags.finalized !== undefined ? 'finalized' : undefined\n    }",
    'return undefined\n    }',
    'notarizes another block than it finalized',
  ],
  [
    'ownVotes.finalizeTwice',
    "if (flags.finalized !== undefined) return 'finalized'\n    if (flags.notarized",
    'if (flags.notarized',
    'two F in one view',
  ],
  [
    'ownVotes.otherDigest',
    "if (flags.notarized !== undefined && !sameBlock(flags.notarized, subject)) return 'otherDigest'",
    '',
    'finalizes another block than it notarized',
  ],
  [
    'ownVotes.adoptBelowFloor',
    'if (subject.view <= this.#floor) return\n',
    '\n',
    'flags below the floor come back and fill the signer',
  ],
  [
    'ownVotes.floorFalls',
    'if (view <= this.#floor) return\n    this.#floor = view',
    'this.#floor = view',
    'a floor that falls opens views whose flags are gone',
  ],
])

export const VOTING_GUARDS: readonly Edit[] = [...canSign, ...ownVotes]
