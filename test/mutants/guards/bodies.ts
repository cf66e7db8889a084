// Bodies, where they are filed, and what is sent again: each guard deleted.
import { type Edit, editsOf } from '../edit.ts'

const header = editsOf('base/protocol/header.ts', [
  ['body.own', 'if (!hasOwnBody(block)) throw', 'if (false) throw', 'another body opens under a true header'],
])

const intake = editsOf('consensus/proposalIntake.ts', [
  ['intake.ownBody', 'if (hasOwnBody(block)) return block', 'return block', 'a proposal brings another body'],
  [
    'intake.signed',
    'if (isValid) admitProposal(state, offered)',
    'if (true) admitProposal(state, offered)',
    'a proposal that its leader did not sign is kept and passed on',
  ],
  [
    'intake.ownChecks',
    'if (from.validator === signer) return ofPeer < OWN_CHECKS_MAX',
    'if (from.validator === signer) return true',
    'a leader queues any number of bodies',
  ],
  [
    'intake.relayedOnce',
    'ofPeer > 0 || relayed >= RELAYED_CHECKS_MAX',
    'relayed >= RELAYED_CHECKS_MAX',
    'one peer takes all places of those who relay',
  ],
  [
    'intake.relayedChecks',
    'ofPeer > 0 || relayed >= RELAYED_CHECKS_MAX',
    'ofPeer > 0',
    'peers queue any number of bodies',
  ],
])

const fetched = editsOf('consensus/fetching.ts', [
  [
    'wantBody.voters',
    'const known = preferred === undefined ? voters : [...voters, preferred]',
    'const known = preferred === undefined ? [] : [preferred]',
    'a body is asked of two that do not answer while one that voted for it would',
  ],
  [
    'wantBody.anybody',
    'attempt === 0 ? known : known.slice(0, 1)',
    'known',
    'two hostile voters are asked for a body for ever',
  ],
  ['wantProposal.grace', '}`, graceMs)', '}`)', 'a proposal on its way is sent twice'],
  [
    'wantProposal.leader',
    'signer !== self && signer !== leader',
    'signer !== self',
    'the leader that keeps its proposal back is asked for it',
  ],
  [
    'wantProposal.nullified',
    'self === leader || state.own.of(view).nullified !== undefined',
    'self === leader',
    'a proposal is fetched that can no longer be voted for',
  ],
  [
    'wantProposal.rotation',
    'rotated(others, self + attempt)',
    'rotated(others, 0)',
    'the same two are asked again and again',
  ],
  ['fetch.ownBody', 'if (!hasOwnBody(block)) {', 'if (false) {', 'a fetch answer brings another body'],
  [
    'fetch.again',
    'askAgain(state, nowMs, wantKey(block.hash))',
    '',
    'a false answer delays the next question',
  ],
  [
    'fetch.asked',
    '!equalBytes(block.hash, next) : !isAsked',
    '!equalBytes(block.hash, next) : false',
    'unasked bodies are kept',
  ],
])

const filed = editsOf('consensus/state.ts', [
  [
    'file.view',
    'view: held.filedView, block',
    'view: held.block.header.view, block',
    'a header decides how long the journal is kept',
  ],
])

const pool = editsOf('consensus/blockPool.ts', [
  [
    'blocks.oldest',
    'entry.filedView < drop.filedView',
    'entry.block.header.view < drop.block.header.view',
    'junk is never dropped',
  ],
  ['blocks.bytes', ' || this.#bytes + moreBytes > BLOCKS_HELD_BYTES_MAX', '', 'bodies of any size are held'],
  ['blocks.past', ' || entry.filedView <= finalizedView', '', 'junk above the tip is held for ever'],
  [
    'blocks.refiled',
    'held.filedView = Math.max(held.filedView, view)',
    '',
    'a body that is asked for again counts as old',
  ],
])

const again = editsOf('consensus/retransmit.ts', [
  [
    'request.view',
    'view === state.view ? proposalVote(state) : undefined',
    'proposalVote(state)',
    'answers a request for another view',
  ],
  ['request.limit', 'nowMs, PROPOSAL_AGAIN_MS)', 'nowMs, 0)', 'one peer gets block after block'],
  [
    'request.nullified',
    'state.own.of(view).nullified !== undefined || proposalVote',
    'proposalVote',
    'asks for what it can no longer vote for',
  ],
])

const importer = editsOf('node/chain/importer.ts', [
  [
    'importer.running',
    'const key = bytesKey(sha256(block.bytes))',
    'const key = bytesKey(block.hash)',
    'a wrong and a right body share an execution',
  ],
  [
    'importer.executed',
    'isSame(executed.block.bytes, block) ? VALID : WRONG_BODY',
    'VALID',
    'a wrong body is valid once the right one is',
  ],
  [
    'importer.stored',
    'stored === undefined || isSame(stored, block)',
    'true',
    'a wrong body of a final block is valid',
  ],
  [
    'importer.rejected',
    'equalBytes(rejected.whole, sha256(block.bytes))',
    'true',
    "a verdict is taken for another body's",
  ],
])

const segments = editsOf('storage/segmentExtents.ts', [
  [
    'segments.waiting',
    'this.#extents.push({ segment, epoch, view })',
    'this.#extents.push({ segment, epoch: 0, view: 0 })',
    'records that waited for a rotation are dropped too early',
  ],
  ['segments.current', 'e !== current && ', '', 'the segment that is written to is dropped'],
  [
    'segments.restored',
    'for (const record of records) this.#widen(record)',
    '',
    'what was read is dropped at once',
  ],
])

const followed = editsOf('consensus/rules.ts', [
  [
    'wantProposal.missing',
    'wantProposal(state, nowMs)',
    '',
    'a leader that shows its proposal to a few costs a second in each turn',
  ],
])

export const BODY_GUARDS: readonly Edit[] = [
  ...header,
  ...intake,
  ...fetched,
  ...followed,
  ...filed,
  ...pool,
  ...again,
  ...importer,
  ...segments,
]
