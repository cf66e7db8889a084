// Guards on proposals, including the boundary rule, and on leaders, each deleted.
import { type Edit, editsOf } from '../edit.ts'

const rules = editsOf('consensus/proposalRules.ts', [
  [
    'proposal.late',
    "? 'late' : 'timely'",
    "? 'timely' : 'timely'",
    'a leader withholds a block and chooses its timestamp freely',
  ],
  [
    'proposal.parentBelowFinalized',
    "if (parentView < state.finalizedView) return invalid('parentBelowFinalized')",
    '',
    'waits for a proposal on a parent that can never be extended',
  ],
  ['proposal.body', "if (block === undefined) return { kind: 'body', digest }", '', 'judges without a body'],
  [
    'proposal.parentCertificate',
    'if (parent === undefined || !state.certificates.skipsAll(parentView, view)) {',
    'if (parent === undefined) {',
    'skips a view without U: two branches can be final',
  ],
  [
    'proposal.reproposal',
    'if (equalBytes(parent.digest, digest)) return judgeReproposal(state, proposal, block)',
    '',
    'a boundary is never proposed again',
  ],
  [
    'proposal.parentBody',
    "if (parentBlock === undefined) return { kind: 'body', digest: parent.digest }",
    '',
    'judges a header without its parent',
  ],
  [
    'proposal.notOnBoundary',
    "if (state.isBoundary(parentBlock)) return invalid('notOnBoundary')",
    '',
    'a child of a boundary in the same epoch',
  ],
  ['proposal.header', 'if (reason !== undefined) return invalid(reason)', '', 'headers are not judged'],
  [
    'reproposal.onlyBoundary',
    "if (!state.isBoundary(block)) return invalid('boundaryReproposedWrongly')",
    '',
    'a plain block is proposed again and again',
  ],
  [
    'reproposal.unverified',
    "if (verdict === undefined) return { kind: 'unverified', digest: block.hash }\n  if (verdict !== 'valid') return invalid('execution')\n  return { kind: 'ready'",
    "if (verdict !== undefined && verdict !== 'valid') return invalid('execution')\n  return { kind: 'ready'",
    'notarizes a boundary that it did not execute',
  ],
  [
    'reproposal.invalid',
    "if (verdict !== 'valid') return invalid('execution')\n  return { kind: 'ready'",
    "return { kind: 'ready'",
    'notarizes a boundary that failed execution',
  ],
  [
    'header.wrongParent',
    "if (!equalBytes(header.parentHash, parent.hash)) return 'wrongParent'",
    '',
    'the block has another parent than its certificate says',
  ],
  ['header.wrongEpoch', "if (header.epoch !== state.epoch) return 'wrongEpoch'", '', 'another epoch’s block'],
  ['header.wrongView', "if (header.view !== view) return 'wrongView'", '', 'an old block as a fresh one'],
  [
    'header.wrongProposer',
    "if (!equalBytes(header.proposer, leader.operator)) return 'wrongProposer'",
    '',
    'a leader credits its block to someone else',
  ],
  [
    'header.wrongHeight',
    "if (header.height !== parent.header.height + 1) return 'wrongHeight'",
    '',
    'heights skip or repeat',
  ],
  [
    'header.tooSoon',
    "if (header.timestampMs < soonest || header.timestampMs <= parent.header.timestampMs) return 'tooSoon'",
    "if (header.timestampMs <= parent.header.timestampMs) return 'tooSoon'",
    'blocks come faster than the interval',
  ],
  [
    'header.timeMoves',
    ' || header.timestampMs <= parent.header.timestampMs)',
    ')',
    'time stands still at interval 0',
  ],
  ['header.badReveal', "if (proposal.reveal === 'invalid') return 'badReveal'", '', 'a made-up reveal'],
  ['execution.late', "if (proposal.timely === 'late') return { kind: 'late' }", '', 'votes for late blocks'],
  [
    'execution.early',
    "if (nowMs < atMs) return { kind: 'early', atMs }",
    '',
    'votes for blocks from the future',
  ],
  [
    'execution.parentUnverified',
    "if (!state.blocks.isVerified(parent.hash)) return { kind: 'unverified', digest: parent.hash }",
    '',
    'votes before the parent was executed',
  ],
  [
    'execution.unverified',
    "if (verdict === undefined) return { kind: 'unverified', digest: block.hash }\n  if (verdict !== 'valid') return invalid('execution')\n  if (proposal",
    "if (verdict !== undefined && verdict !== 'valid') return invalid('execution')\n  if (proposal",
    'votes before execution',
  ],
  [
    'execution.invalid',
    "if (verdict !== 'valid') return invalid('execution')\n  if (proposal",
    'if (proposal',
    'votes for a block that failed execution',
  ],
  [
    'execution.reveal',
    "if (proposal.reveal !== 'valid') return { kind: 'reveal' }",
    '',
    'votes before the reveal was checked',
  ],
])

const boundary = [
  ...editsOf('consensus/state.ts', [
    [
      'boundary.ofThisEpoch',
      'return block.header.endsEpoch && block.header.epoch === this.epoch',
      'return block.header.endsEpoch',
      'the floor counts as a boundary of the epoch that it began',
    ],
  ]),
  ...editsOf('consensus/rules.ts', [
    [
      'boundary.endsEpoch',
      'if (certificate === undefined || !state.isBoundary(tip)) return false',
      'if (certificate === undefined) return false',
      'any final block ends the epoch',
    ],
    ['boundary.ended', 'if (state.ended) return false\n', '\n', 'an epoch that is over is ended again'],
    [
      'boundary.enterNext',
      'if (state.isEnding) return deliverFinal(state, nowMs)',
      '',
      'a view follows F of the boundary',
    ],
    [
      'boundary.quiet',
      '  if (!state.isEnding) {\n    watchParent(state)',
      '  {\n    watchParent(state)',
      'watches parents and asks for views of an epoch that is over',
    ],
  ]),
]

const proposing = editsOf('consensus/proposing.ts', [
  ['propose.leader', '!state.isLeader(view) || ', '', 'everyone proposes'],
  ['propose.building', 'state.building || ', '', 'orders a block at every evaluation'],
  ['propose.buildFailed', 'state.buildFailed || ', '', 'orders again after a failure instead of nullifying'],
  ['propose.syncing', ' || state.syncing) return false', ') return false', 'proposes while far behind'],
  [
    'propose.notarized',
    'flags.notarized !== undefined || ',
    '',
    'builds a second block in a view after a restart',
  ],
  ['propose.nullified', 'flags.nullified !== undefined || ', '', 'builds in a view that it nullified'],
  ['propose.finalized', ' || flags.finalized !== undefined) {', ') {', 'builds in a view that it finalized'],
  [
    'propose.parentVerified',
    'if (!state.blocks.isVerified(parent.digest)) return false',
    '',
    'builds on a parent that it did not execute',
  ],
  [
    'propose.boundary',
    'if (state.isBoundary(block)) return proposeOwn(state, nowMs, { parent, block })',
    '',
    'builds a child of a boundary',
  ],
  ['propose.need', 'if (state.armedAtMs === undefined) return false', '', 'an idle chain makes blocks'],
  ['propose.interval', 'if (nowMs < soonestMs) {', 'if (false) {', 'proposes sooner than the interval'],
  [
    'propose.halvings',
    'halvings,\n      emptyOnly',
    'halvings: 0,\n      emptyOnly',
    'blocks too slow for the network are built again at full size',
  ],
  ['propose.emptyOnly', 'halvings > HALVINGS_MAX,', 'false,', 'never proposes an empty block'],
  [
    'built.otherView',
    'built.epoch !== state.epoch || built.view !== state.view || !state.building',
    'built.epoch !== state.epoch || !state.building',
    'a block built for an old view is proposed in a new one',
  ],
  [
    'built.otherEpoch',
    'built.epoch !== state.epoch || built.view',
    'built.view',
    'a block built for an old epoch is proposed in a new one',
  ],
  ['built.notAsked', ' || !state.building) return', ') return', 'the application proposes unasked'],
  [
    'built.failed',
    'state.buildFailed = true\n    return\n  }\n  if (parent',
    'return\n  }\n  if (parent',
    'waits for a failed build',
  ],
  [
    'built.otherParent',
    'if (parent === undefined || !equalBytes(block.header.parentHash, parent.digest)) return',
    'if (parent === undefined) return',
    'proposes a block of a parent that is no longer the highest',
  ],
])

const intake = editsOf('consensus/proposalIntake.ts', [
  ['intake.leader', '||\n    signer !== state.leaderOf(subject.view)\n  ) {', ') {', 'anyone proposes'],
  ['intake.kind', "subject.kind !== 'notarize' ||\n", '\n', 'a finalize vote counts as a proposal'],
  [
    'intake.body',
    'if (digest !== undefined && equalBytes(block.hash, digest)) {',
    'if (digest !== undefined) {',
    'a proposal carries another block than it names',
  ],
  [
    'intake.own',
    'if (signer === state.self || subject.view <= state.finalizedView) return',
    'if (subject.view <= state.finalizedView) return',
    'a second host with the same key proposes for this one',
  ],
  [
    'intake.first',
    'if (held === undefined) {\n    const timestampMs',
    'if (true) {\n    const timestampMs',
    'a later proposal replaces the first',
  ],
  ['intake.far', '    state.farProposal = offered\n    return\n', '', 'bodies of any later view are kept'],
  [
    'intake.journaled',
    'if (state.blocks.block(block.hash) !== undefined) state.journalBlock(block.hash)',
    '',
    'the first proposal is forgotten in a crash',
  ],
])

export const PROPOSAL_GUARDS: readonly Edit[] = [...rules, ...boundary, ...proposing, ...intake]
