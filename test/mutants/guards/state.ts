// Guards of the economy's rules in state/, each deleted: capacity, mint limits, locks, the queue, lanes, parameters, faults.
// The tests named here must find each; neither the simulator nor the tests of consensus know any of them.
import { type Edit, editsOf } from '../edit.ts'

type Rows = Parameters<typeof editsOf>[1]

/** Edits of one file that these tests, named without folder and ending, must find. */
function found(file: string, tests: readonly string[], rows: Rows): readonly Edit[] {
  const specs = tests.map((test) => `dist/test/state/${test}.test.js`)
  return editsOf(`state/${file}`, rows).map((edit) => ({ ...edit, specs }))
}

const capacity = [
  ...found(
    'modules/capacity/book.ts',
    ['issuance/mintLimits', 'capacity/capacityBookings'],
    [
      [
        'state.bookedBehindRecount',
        '    next !== undefined &&\n    isCounted(state, next, { key: capacityTables.group.key({ id: at.group }), group })',
        '    false',
        'what is booked behind the recount is missing in its sums',
      ],
      [
        'state.bookedTwice',
        'isCounted(state, next, { key: capacityTables.group.key({ id: at.group }), group })',
        'true',
        'the recount counts again what was booked before it came',
      ],
      [
        'state.overbooking',
        'hours > 0n && hours <= freeHours(ctx.state, booking)',
        'hours > 0n',
        'a group books hours that its devices do not have',
      ],
    ],
  ),
  ...found(
    'modules/capacity/measures.ts',
    ['capacity/capacity', 'capacity/capacityModel', 'issuance/issuanceTable'],
    [
      [
        'state.nearWindows',
        'first: 2 + coverN,',
        'first: 1,',
        'windows count that a silent group can let pass',
      ],
      [
        'state.oneServiceCounts',
        'if (!offersAll(group)) return { countsTo: -1, lasts: false }',
        '',
        'a lot of one service backs coins',
      ],
      [
        'state.oldClassCounts',
        'while (countsTo >= 0 && !classCounts({ ...limits, growthPpm: growth[countsTo]! })) countsTo--',
        '',
        'a class counts in windows in which it will be below the least',
      ],
      [
        'state.fadingClassLasts',
        'lasts: classLasts({ ...limits, growthPpm: growth[horizon]! })',
        'lasts: true',
        'minting relies on a class that is about to drop out',
      ],
    ],
  ),
  ...found(
    'modules/capacity/attestations.ts',
    ['capacity/attestation', 'governance/attestation'],
    [
      [
        'state.attestedInJail',
        "if (!isServing(state, provider)) return { code: 'ProviderNotServing', provider }",
        '',
        'a vote lets the hardware of a member in jail count',
      ],
      [
        'state.attestationOfEvergreen',
        "if (status === 'attested' && lastWindow === undefined) return { code: 'LotAttested' }",
        '',
        'a vote gives a lot of genesis an end',
      ],
      [
        'state.renewalAfterNotice',
        '(!renewable || lastWindow < now)',
        'lastWindow < now',
        'a vote takes back the notice of a provider',
      ],
      [
        'state.renewalAfterEnd',
        '(!renewable || lastWindow < now)',
        '!renewable',
        'a lot whose last window has ended is renewed',
      ],
      [
        'state.attestationBeyondHorizon',
        'Math.min(attestation.lastWindow, latest)',
        'attestation.lastWindow',
        'an attestation holds longer than K windows',
      ],
    ],
  ),
  ...found(
    'modules/capacity/recount.ts',
    ['capacity/attestation'],
    [
      [
        'state.newLotInLosses',
        'if (lot.countsFrom >= known.countedBefore) continue',
        '',
        'a lot attested in the window of a cut adds to what the cut took',
      ],
    ],
  ),
  ...found(
    'modules/capacity/blockEnd.ts',
    ['issuance/mintLimits'],
    [
      [
        'state.windowDuringRecount',
        'isRecounting(ctx.state) ? undefined : endWindow(ctx)',
        'endWindow(ctx)',
        'a window ends while the one before is being counted',
      ],
    ],
  ),
]

const limit = (name: string, line: string, why: string): Rows[number] => [`state.${name}`, line, '', why]

const issuance = [
  ...found(
    'modules/issuance/limits.ts',
    ['issuance/issuance', 'issuance/mintLimits'],
    [
      limit(
        'quota',
        'if (amountBase > quotaBase) return fail.QuotaExceeded(over(quotaBase))',
        'one group takes the room of others',
      ),
      limit(
        'joint',
        'if (amountBase > jointBase) return fail.JointLimitExceeded(over(jointBase))',
        'all together owe more than is left when the largest fall silent',
      ),
      limit(
        'ownBacking',
        'if (amountBase > ownBackingBase) return fail.OwnBackingExceeded(over(ownBackingBase))',
        'a provider owes more than it will deliver',
      ),
      limit(
        'frontLoad',
        'if (amountBase > frontLoadBase) return fail.FrontLoadExceeded(over(frontLoadBase))',
        'all that backs a coin may lie in the last windows',
      ),
      limit(
        'bond',
        'if (amountBase > bondBase) return fail.BondTooSmall({ ...over(bondBase), bondValueBase })',
        'a provider mints without a bond',
      ),
      limit(
        'suspendedMints',
        'if (isSuspendedMember(state, provider)) return fail.ProviderSuspended({ provider })',
        'a suspended provider mints',
      ),
      limit(
        'stoppedMints',
        'if (stop !== undefined) return refusalOf(state, stop, shortfallBase)',
        'minting goes on during a stop, a shortfall or a recount',
      ),
      [
        'state.noticeMints',
        'if (noticeUntil !== undefined && noticeUntil >= runningWindow(state))',
        'if (false)',
        'a provider mints on lots that it is about to withdraw',
      ],
      [
        'state.stalePriceMints',
        'return stale === undefined ? undefined : fail.OracleStale(stale)',
        'return undefined',
        'mints rest on a price of long ago',
      ],
    ],
  ),
  ...found(
    'modules/issuance/coverage.ts',
    ['issuance/coverage', 'issuance/mintLimits'],
    [
      [
        'state.suspendedExposure',
        'exposureBase: group.suspended ? 0n : group.capacityBase + held',
        'exposureBase: group.capacityBase + held',
        'a suspended group is left out of coverage twice',
      ],
      [
        'state.suspendedAmongSilent',
        'Math.max(0, coverN - sums.suspendedGroups)',
        'coverN',
        'a suspended group is not one of those that may fall silent',
      ],
    ],
  ),
  ...found(
    'modules/issuance/cover.ts',
    ['issuance/mintLimits'],
    [
      [
        'state.countedAhead',
        'if (!later.has(id)) this.#count(backerOf(state, id, pass))',
        'this.#count(backerOf(state, id, pass))',
        'a member that changed is in the next coverage before the recount has counted it',
      ],
      [
        'state.changedBehind',
        'for (const id of this.#changed()) if (!later.has(id))',
        'for (const id of this.#isInForce ? this.#changed() : []) if (!later.has(id))',
        'the next coverage does not follow a member that it has taken in',
      ],
    ],
  ),
  ...found(
    'modules/issuance/locks.ts',
    ['issuance/locks'],
    [
      ['state.lockInBadWindows', 'if (!isGood) {', 'if (false) {', 'windows without service release a lock'],
      [
        'state.lockFloor',
        'const timedBase = lockedBase - floorBase',
        'const timedBase = lockedBase',
        'time releases what only burning liability may',
      ],
    ],
  ),
]

const queue = [
  ...found(
    'modules/redemption/limits.ts',
    ['redemption/redemptionLimits', 'redemption/redemption'],
    [
      [
        'state.minimum',
        'if (amountBase >= maxBigint(1n, minimumBase)) return undefined',
        'if (amountBase >= 1n) return undefined',
        'requests of a wei fill the table',
      ],
      [
        'state.doubling',
        'return minimumBase << BigInt(Math.max(0, beyond))',
        'return minimumBase',
        'filling the table to its end costs no more than beginning it',
      ],
      [
        'state.crumbs',
        'if (isWhole && amountBase * SMALL_PART >= minimumBase) return undefined',
        'if (isWhole) return undefined',
        'fresh accounts with a wei each fill the table',
      ],
      [
        'state.halfForConstrained',
        'if (isConstrained(args) && constrainedCount * 2 >= openRequestsMax)',
        'if (false)',
        'requests that nothing can serve fill the whole table',
      ],
      [
        'state.finishTooFar',
        'isConstrained(args) && finishBy > latest ?',
        'false ?',
        'a constrained request keeps its seat for ever',
      ],
    ],
  ),
  ...found(
    'drawnOrder.ts',
    ['drawnOrder'],
    [
      [
        'state.drawnByOther',
        'queue.drawn === queue.tail || !isOtherGroup(ctx, queue.proposer)',
        'queue.drawn === queue.tail',
        'whoever ordered a block knows the mix that orders its requests',
      ],
    ],
  ),
  ...found(
    'modules/redemption/windowEnds.ts',
    ['redemption/redemptionDelivery', 'redemption/redemptionQueue'],
    [
      [
        'state.tail',
        "{ to: 'tail', charged: true }",
        "{ to: 'place' }",
        'who never signs keeps its place and starves everybody behind',
      ],
      [
        'state.noShow',
        "{ to: 'tail', charged: true }",
        "{ to: 'tail', charged: false }",
        'booking and leaving costs nothing',
      ],
    ],
  ),
  ...found(
    'modules/redemption/rejects.ts',
    ['redemption/redemptionDelivery', 'redemption/redemptionFaults', 'redemption/redemptionQueue'],
    [
      [
        'state.rejectTwice',
        'redemption.excluded.includes(group) ? fail.AlreadyRejected({ id, group }) : undefined',
        'undefined',
        'a client rejects the same group again and again',
      ],
      [
        'state.rejectKeepsPlace',
        'return worse.length < coverOf(state)',
        'return true',
        'whoever rejects everything keeps its place for ever',
      ],
    ],
  ),
]

const faults = found(
  'modules/redemption/faults.ts',
  ['redemption/redemptionFaults', 'redemption/redemption'],
  [
    [
      'state.penaltyFloor',
      'minBigint(maxBigint(cost, floor), mulDivFloor',
      'minBigint(cost, mulDivFloor',
      'a fault of a few coins costs nothing',
    ],
    [
      'state.penaltyCap',
      'return minBigint(maxBigint(cost, floor), mulDivFloor(amountBase, penaltyCapPpm, PPM))',
      'return maxBigint(cost, floor)',
      'one window of faults takes the whole bond',
    ],
    [
      'state.firstFault',
      'if (noteFault(state, { provider, window })) return',
      'noteFault(state, { provider, window })',
      'a single missing grant suspends a provider',
    ],
    [
      'state.frozenBond',
      'if (!isSlashable(state, provider)) {',
      'if (false) {',
      'a penalty comes out of a bond that is kept whole for others',
    ],
  ],
)

const blocks = [
  ...found(
    'engine.ts',
    ['lanes', 'execute'],
    [
      [
        'state.laneGas',
        'if (this.#laneGas[lane] + gas > laneGasMax(lane, blockGasLimit)) {',
        'if (false) {',
        'one lane fills the whole block',
      ],
      [
        'state.laneBytes',
        'if (this.#laneBytes[lane] + sizeBytes > laneBytesMax(lane)) {',
        'if (false) {',
        'cheap bytes of one lane fill the whole block',
      ],
    ],
  ),
  ...found(
    'fees.ts',
    ['lanes', 'fees'],
    [
      [
        'state.mixedLanes',
        "if (cost.lane === undefined) return 'MixedLanes'",
        "if (cost.lane === undefined) return 'FeeCapTooLow'",
        'the refusal of a mixed batch blames its fee',
      ],
    ],
  ),
]

const parameters = [
  ...found(
    'modules/issuance/parameters.ts',
    ['parameters'],
    [
      [
        'state.marginBelowDrift',
        'if (own.marginPpm < growthPpm) {',
        'if (false) {',
        'whoever mints at its limit falls short by drift alone',
      ],
      [
        'state.floorAboveRetained',
        'if (own.lockFloorPpm > own.retainPpm) {',
        'if (false) {',
        'a lock has a floor larger than itself',
      ],
    ],
  ),
  ...found(
    'modules/capacity/parameters.ts',
    ['parameters'],
    [
      [
        'state.coverBeyondQuarter',
        'if (2 + coverN > quarter) {',
        'if (false) {',
        'the front-load rule looks at windows that do not count',
      ],
      [
        'state.coverAllGroups',
        'if (coverN >= all.groupCount) {',
        'if (false) {',
        'nobody is left to deliver when coverN groups fall silent',
      ],
      [
        'state.endlessRecount',
        'if (blocks * recountStepsMax < steps) {',
        'if (false) {',
        'windows do not end because their recounts do not',
      ],
    ],
  ),
  ...found(
    'modules/redemption/parameters.ts',
    ['parameters'],
    [
      [
        'state.sweepBeyondWindow',
        'if (own.stepsPerBlockMax * blocks < own.openRequestsMax + lotsMax) {',
        'if (false) {',
        'the work of a window’s end does not fit into a window',
      ],
    ],
  ),
]

export const STATE_GUARDS: readonly Edit[] = [
  ...capacity,
  ...issuance,
  ...queue,
  ...faults,
  ...blocks,
  ...parameters,
]
