// Limits on what one peer may send and cost, each deleted.
import { type Edit, editsOf } from '../edit.ts'

const allowances = editsOf('p2p/frameLimits.ts', [
  [
    'allowance.frames',
    'Math.max(framesWaitMs, bytesWaitMs)',
    'bytesWaitMs',
    'a peer sends any number of small frames',
  ],
  [
    'allowance.bytes',
    'Math.max(framesWaitMs, bytesWaitMs)',
    'framesWaitMs',
    'a peer sends any number of bytes',
  ],
  [
    'allowance.pause',
    'earned.framesAtMs = Math.max(nowMs, earned.framesAtMs) + frameMs',
    'earned.framesAtMs += frameMs',
    'a pause earns an endless burst',
  ],
  [
    'allowance.unknown',
    'kind === undefined ? UNKNOWN : ALLOWANCES[kind]',
    "ALLOWANCES[kind ?? 'certificate']",
    'frames of an unknown kind have the allowance of votes',
  ],
  [
    'allowance.peersMax',
    'this.#peers.delete(this.#peers.keys().next().value!)',
    'this.#peers.clear()',
    'a thousand peers renew everybody\u2019s allowance',
  ],
])

const requests = editsOf('consensus/state.ts', [
  [
    'requests.oldestFirst',
    'this.peerLimits.delete(this.peerLimits.keys().next().value!)',
    'this.peerLimits.clear()',
    'one peer ends the rate limits of all',
  ],
])

const penalties = editsOf('p2p/penalties.ts', [
  [
    'penalty.whileRefused',
    'if (nowMs < record.refusedUntilMs) return 0',
    '',
    'late results of one offence refuse a peer again and again',
  ],
])

const threads = editsOf('node/verifierPool.ts', [
  [
    'inline.budget',
    'return this.#earnedAtMs - this.#nowMs() < INLINE_AT_ONCE_MS / INLINE_SHARE',
    'return true',
    'a flood of checks holds up the main thread',
  ],
  [
    'inline.earned',
    'Math.max(this.#earnedAtMs, startedMs)',
    'Number(startedMs)',
    'the main thread never counts what it spent',
  ],
  [
    'turn.short',
    ' && this.#nowMs() < endMs) {',
    ') {',
    'without a worker a crowd of checks is one long turn',
  ],
  [
    'pool.closed',
    '    if (this.#isClosed) return\n    const isIdle',
    '    const isIdle',
    'answers after the end',
  ],
  ['pool.lost', 'this.#queue.unshift(...current)', '', 'checks of a lost worker are never answered'],
  [
    'pool.sets',
    "for (const [epoch, set] of this.#sets) this.#post({ kind: 'validators', epoch, set })",
    '',
    'a late worker knows no validator',
  ],
])

export const SENDER_GUARDS: readonly Edit[] = [...allowances, ...requests, ...penalties, ...threads]
