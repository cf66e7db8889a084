// Need (a) to (f) and the nullify triggers, each deleted.
import { type Edit, editsOf } from '../edit.ts'

const need = editsOf('consensus/need.ts', [
  [
    'need.enteredByNullify',
    "if (state.enteredBy === 'nullify') return yes('enteredByNullify')",
    '',
    'a view entered by U waits for work that others may hold',
  ],
  [
    'need.heardProposal',
    'state.proposals.has(state.view) || ',
    '',
    'a follower does not time out a proposal that it cannot vote for',
  ],
  [
    'need.heardVote',
    ' || state.pool.hasVerified(state.view)',
    '',
    "another validator's vote does not wake the view",
  ],
  ['need.work', "if (state.hasWork(parent)) return yes('work')", '', 'transactions wait for the heartbeat'],
  [
    'need.boundary',
    "if (block !== undefined && state.isBoundary(block)) return yes('boundary')",
    '',
    'a notarized boundary waits for work to be proposed again',
  ],
  [
    'need.parentNotFinal',
    "if (nowMs >= atMs) return yes('parentNotFinal')",
    '',
    'a notarized block without F waits for work',
  ],
  ['need.parentNotFinalAt', 'nextAtMs = atMs\n  }', '}', 'no wake-up when the parent is overdue'],
  ['need.heartbeat', "if (nowMs >= atMs) return yes('heartbeat')", '', 'an idle chain never makes a block'],
  [
    'need.heartbeatAt',
    'nextAtMs = nextAtMs === undefined ? atMs : Math.min(nextAtMs, atMs)',
    '',
    'no wake-up for the heartbeat',
  ],
])

const nullify = editsOf('consensus/nullifyRules.ts', [
  [
    'nullify.enough',
    "if (pool.verifiedCount(view, 'nullify') >= state.faultyMax + 1) return 'enoughNullified'",
    '',
    'f+1 nullify votes and n−2f other validators wait for each other',
  ],
  [
    'nullify.leader',
    "if (pool.isVerified(view, 'nullify', state.leaderOf(view))) return 'leaderNullified'",
    '',
    'waits for a leader that has given up',
  ],
  [
    'nullify.invalid',
    "if (judgeProposal(state, nowMs, view).kind === 'invalid') return 'invalidProposal'",
    '',
    'an invalid proposal costs the whole time-out',
  ],
  [
    'nullify.buildFailed',
    "if (state.buildFailed) return 'buildFailed'",
    '',
    'a leader that cannot build makes all others wait',
  ],
  [
    'nullify.advanceTimer',
    "if (nowMs >= times.advanceAtMs) return 'advanceTimer'",
    '',
    'a proposal without N is never abandoned',
  ],
  [
    'nullify.leaderTimer',
    "if (nowMs >= times.leaderAtMs && !leaderHasProposed(state, nowMs)) return 'leaderTimer'",
    '',
    'a silent leader costs the advance time-out',
  ],
  [
    'nullify.leaderUnable',
    "if (nowMs >= times.halfAtMs && isUnableToPropose(state)) return 'leaderUnable'",
    '',
    'a leader without its parent makes all others wait',
  ],
  [
    'nullify.leaderInactive',
    "if (!leaderHasProposed(state, nowMs) && isLeaderInactive(state)) return 'leaderInactive'",
    '',
    'an inactive leader costs its time-out in every turn',
  ],
  [
    'nullify.inactiveThoughProposed',
    '!leaderHasProposed(state, nowMs) && isLeaderInactive(state)',
    'isLeaderInactive(state)',
    'a returned leader is skipped although it proposed',
  ],
  [
    'nullify.proposalStopsTimer',
    'nowMs >= times.leaderAtMs && !leaderHasProposed(state, nowMs)',
    'nowMs >= times.leaderAtMs',
    'a timely proposal is abandoned at the leader time-out',
  ],
  [
    'nullify.lateStopsTimer',
    " && kind !== 'late'",
    '',
    'a late proposal gets no votes but stops the leader’s timer',
  ],
  [
    'nullify.earlyStopsTimer',
    " && kind !== 'early'",
    '',
    'a proposal from the future stops the leader’s timer',
  ],
  [
    'nullify.unableOnlyLeader',
    'if (!state.isLeader(state.view) || state.own.of(state.view).notarized !== undefined) return false',
    'if (state.own.of(state.view).notarized !== undefined) return false',
    'a follower without the parent nullifies at half of the leader time-out',
  ],
  [
    'nullify.whileSyncing',
    'if (state.syncing) return false',
    '',
    'a node far behind nullifies views that it knows nothing of',
  ],
  [
    'nullify.gate',
    'if (canSign(state, nowMs, subject) !== undefined) return false',
    '',
    'a nullify past the gate',
  ],
])

/** What the wall clock must not delay. */
const clocks = [
  ...editsOf('consensus/state.ts', [
    [
      'clock.limits',
      'this.peerLimits.set(key, nowMs + everyMs)',
      'this.peerLimits.set(key, this.wallMs(nowMs) + everyMs)',
      'a peer answered with a clock an hour ahead is not answered for an hour',
    ],
  ]),
  ...editsOf('consensus/timers.ts', [
    [
      'clock.wait',
      'Math.min(Math.max(0, waitMs), minBlockIntervalMs + 2 * precisionMs)',
      'Math.max(0, waitMs)',
      'a clock that is an hour behind waits an hour for a leader',
    ],
  ]),
]

/** How long others wait for a leader that votes and fails. */
const leaders = [
  ...editsOf('consensus/leaderRecord.ts', [
    [
      'leaders.tooMany',
      'if (this.#scores.filter((other) => other >= score).length > this.#faultyMax) return 1',
      '',
      'a slow network shortens the time of all its leaders',
    ],
    [
      'leaders.wholeTurn',
      'if (shifted % WHOLE_EVERY_TURNS === 0) return 1',
      '',
      'a mended leader in a slow network never has time enough again',
    ],
    [
      'leaders.longerTurn',
      'score >= SHORT.from && shifted % SHORT.butEveryTurns !== 0',
      'score >= SHORT.from',
      'a mended leader waits for a thousand turns',
    ],
    [
      'leaders.shortFrom',
      'score >= SHORT.from && shifted',
      'shifted',
      'one failure costs a leader in a slow network its next turns',
    ],
    [
      'leaders.staggered',
      'const shifted = turn + leader',
      'const shifted = turn',
      'all failing leaders hold up the same round',
    ],
    [
      'leaders.scoreMax',
      'Math.min(SCORE_MAX, this.#scores[leader]! + FAILURE_COST)',
      'this.#scores[leader]! + FAILURE_COST',
      'a mended leader is mistrusted for as long as it failed',
    ],
    [
      'leaders.scoreMin',
      'Math.max(0, this.#scores[leader]! - 1)',
      'this.#scores[leader]! - 1',
      'a leader saves successes up and then fails for long',
    ],
    [
      'leaders.slowest',
      'others[this.#faultyMax]',
      'others[0]',
      'a slow member gives a failing one its time back',
    ],
    [
      'leaders.fade',
      'Math.max(tookMs, held - Math.ceil(held / FADE_DIVISOR))',
      'Math.max(tookMs, held)',
      'one slow view gives every failing leader its whole time for the rest of the epoch',
    ],
  ]),
  ...editsOf('consensus/leaderRecord.ts', [
    [
      'leaders.newMember',
      'if (index === undefined) continue',
      '',
      'a new member begins with a record that nobody has',
    ],
    [
      'leaders.timesKept',
      'this.#tookMs[leader] = before.#tookMs[index]!',
      '',
      'in a new epoch one failure keeps an honest leader out that is as fast as the others',
    ],
  ]),
  ...editsOf('consensus/state.ts', [
    [
      'leaders.kept',
      'if (before !== undefined)\n      this.leaders.takeOver',
      'if (false) this.leaders.takeOver',
      'a member that fails costs a whole time-out again in each epoch',
    ],
    [
      'leaders.member',
      'sameMembers(validators, before.validators)',
      'validators.map((_, index) => index)',
      'a member that moves in the set leaves its failures to another',
    ],
    [
      'leaders.turns',
      'Math.floor((this.floor.header.height + view) / this.validatorCount)',
      'Math.floor(view / this.validatorCount)',
      'in short epochs a failing leader never has its longer turn, or always',
    ],
  ]),
  ...editsOf('consensus/timers.ts', [
    [
      'leaders.least',
      'Math.max(leastMs, Math.floor(beyond / divisor))',
      'Math.floor(beyond / divisor)',
      'one failure keeps an honest leader out that is as fast as the others',
    ],
  ]),
  ...editsOf('consensus/nullifyRules.ts', [
    [
      'leaders.self',
      'state.isLeader(view) ? 1 : leaders.timeDivisor',
      'leaders.timeDivisor',
      'a leader gives itself up before its block is built',
    ],
    ['leaders.divisor', 'time: leaderTime(state),', '', 'a leader that fails costs a time-out in each turn'],
  ]),
  ...editsOf('consensus/certificateIntake.ts', [
    [
      'leaders.silent',
      'if (!state.activity.isInactive(leader, view)) state.leaders.noteFailure(leader)',
      'state.leaders.noteFailure(leader)',
      'a validator that was down is mistrusted when it returns',
    ],
    [
      'leaders.success',
      'state.leaders.noteSuccess(leader)',
      '',
      'a leader that was mended is mistrusted for the rest of the epoch',
    ],
    [
      'leaders.oncePerView',
      "kind === 'notarize' || state.certificates.get('notarize', view) === undefined",
      'true',
      'a view counts twice for its leader',
    ],
  ]),
]

export const NEED_GUARDS: readonly Edit[] = [...need, ...nullify, ...clocks, ...leaders]
