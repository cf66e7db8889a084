// ECONOMY §5: two chambers, commitments and reveals, what a window's end makes of them; docs/decisions/chambers-of-the-oracle.md.
// Not: prices in force (prices.ts), votes on reporters (governance.ts).
import { ceilDiv, floorDiv, least, most, P } from './arithmetic.ts'
import { counts } from './capacity.ts'
import { groupOf } from './coverage.ts'
import type { Chamber, OracleDecision, Report, Reporter, ReporterChange } from './institutions.ts'
import { bondPriceOf, lockPriceOf } from './prices.ts'
import type { World } from './world.ts'

const REPORTERS_MIN = 3
const REPORTERS_MAX = 32
const ANCHOR_MAX = 10n ** 15n
const PRICE_MAX = 10n ** 30n

interface Seat {
  readonly chamber: Chamber
  /** Id of a reporter, or the lowest member of a legal group. */
  readonly member: number
}

const seatKey = ({ chamber, member }: Seat): string => `${chamber}/${member}`

/** The lowest id of a member's legal group. */
function lowestOf(world: World, id: number): number {
  const group = groupOf(world.providers.get(id)!)
  return Math.min(
    ...[...world.providers.values()].filter((other) => groupOf(other) === group).map((other) => other.id),
  )
}

/** Legal groups with a member that validates and serves. */
const votingGroups = (world: World): readonly number[] => [
  ...new Set(
    [...world.providers.values()]
      .filter((member) => counts(member) && !member.removed)
      .map(({ id }) => lowestOf(world, id)),
  ),
]

/** Whose report an account's is: a reporter's, or that of the legal group of a member that validates and serves. */
export function seatOf(world: World, account: string): Seat | undefined {
  const reporter = [...world.oracle.reporters.values()].find((each) => each.account === account)
  if (reporter !== undefined) return { chamber: 'reporters', member: reporter.id }
  const member = [...world.providers.values()].find(({ operator }) => operator === account)
  if (member === undefined || member.removed || !counts(member)) return undefined
  return { chamber: 'providers', member: lowestOf(world, member.id) }
}

export type Phase = 'commit' | 'reveal' | 'closed'

/** Commitments in the first half of a window, by block time, reveals in the second; the block that ends it is past both. */
export function phaseOf(world: World, timestampMs = world.timestampMs): Phase {
  if (timestampMs >= world.windowEndsMs) return 'closed'
  const half = Math.floor((world.windowEndsMs - world.windowStartedMs) / 2)
  return timestampMs < world.windowStartedMs + half ? 'commit' : 'reveal'
}

function openSeat(
  world: World,
  sender: string,
  at: { readonly window: number; readonly phase: Phase },
): Seat | string {
  const seat = seatOf(world, sender)
  if (seat === undefined) return 'NotReporter'
  if (at.window !== world.window) return 'WrongWindow'
  const isEarly =
    seat.chamber === 'reporters' && world.oracle.reporters.get(seat.member)!.sinceWindow > world.window
  if (isEarly) return 'NotReporterYet'
  return phaseOf(world) === at.phase ? seat : 'WrongPhase'
}

export const reportOf = (world: World, seat: Seat, window: number): Report | undefined =>
  world.oracle.reports.get(seatKey(seat))?.find((report) => report.window === window)

/** A commitment; another one replaces it. What it hides is text here. */
export function commit(
  world: World,
  sender: string,
  args: { readonly window: number; readonly commitment: string },
): string | undefined {
  const seat = openSeat(world, sender, { ...args, phase: 'commit' })
  if (typeof seat === 'string') return seat
  const { reports, sinceOf } = world.oracle
  if (!sinceOf.has(seatKey(seat))) sinceOf.set(seatKey(seat), world.window)
  const others = (reports.get(seatKey(seat)) ?? []).filter((report) => report.window !== args.window)
  const made: Report = { ...args, account: sender, outcome: 'committed', rating: 0n, prices: [] }
  reports.set(seatKey(seat), [...others, made])
  return undefined
}

/** A reveal that does not match, or is malformed, succeeds and is recorded; it may be mended while the window runs. */
export function reveal(
  world: World,
  sender: string,
  args: {
    readonly window: number
    /** The commitment that the report would have. */
    readonly opened: string
    readonly rating: bigint
    readonly prices: Report['prices']
  },
): string | undefined {
  const seat = openSeat(world, sender, { window: args.window, phase: 'reveal' })
  if (typeof seat === 'string') return seat
  const report = reportOf(world, seat, args.window)
  if (report === undefined || report.account !== sender) return 'NoCommitment'
  if (report.outcome === 'revealed') return 'AlreadyRevealed'
  if (args.opened !== report.commitment) report.outcome = 'mismatched'
  else if (!isWellFormed(world, args)) report.outcome = 'malformed'
  else {
    report.outcome = 'revealed'
    report.rating = args.rating
    report.prices = args.prices
    if (seat.chamber === 'reporters') notePresence(world, seat.member)
  }
  return undefined
}

/** A rating that an anchor can have; positive prices, ascending by asset, of assets that have one. */
const isWellFormed = (world: World, { rating, prices }: Pick<Report, 'rating' | 'prices'>): boolean =>
  rating > 0n &&
  rating <= ANCHOR_MAX &&
  prices.every(
    ({ asset, priceBase }, i) =>
      (i === 0 || asset > prices[i - 1]!.asset) &&
      world.prices.has(asset) &&
      priceBase > 0n &&
      priceBase <= PRICE_MAX,
  )

/** Whoever reports in a run of windows without a quorum is not absent. */
function notePresence(world: World, id: number): void {
  const reporter = world.oracle.reporters.get(id)!
  const { sinceWindow } = world.oracle.silence
  reporter.runReports = reporter.runSince === sinceWindow ? reporter.runReports + 1 : 1
  reporter.runSince = sinceWindow
}

/** What a seat has reported and missed in the windows that have ended. */
export function recordOf(world: World, seat: Seat) {
  const sinceWindow = world.oracle.sinceOf.get(seatKey(seat))
  if (sinceWindow === undefined) return undefined
  const windows = Math.max(0, world.window - sinceWindow)
  const ended = (world.oracle.reports.get(seatKey(seat)) ?? []).filter(({ window }) => window < world.window)
  const count = (outcome: Report['outcome']): number =>
    ended.filter((report) => report.outcome === outcome).length
  return {
    windows,
    revealed: count('revealed'),
    notCommitted: windows - ended.length,
    notRevealed: count('committed'),
    mismatched: count('mismatched'),
    malformed: count('malformed'),
    running: reportOf(world, seat, world.window)?.outcome,
  }
}

/** All seats that ever had something to report. */
export const seats = (world: World): readonly Seat[] => [
  ...[...world.oracle.reporters.keys()].map((member) => ({ chamber: 'reporters' as const, member })),
  ...votingGroups(world).map((member) => ({ chamber: 'providers' as const, member })),
]

interface Side {
  readonly members: number
  readonly values: readonly bigint[]
}

const hasQuorum = ({ members, values }: Side): boolean => 2 * values.length > members

/** What a chamber has revealed in a window of the rating, or of a price. */
export function sideOf(world: World, chamber: Chamber, window: number, asset?: number): Side {
  const revealed = [...world.oracle.reports]
    .filter(([key]) => key.startsWith(`${chamber}/`))
    .flatMap(([, reports]) => reports.filter((r) => r.window === window && r.outcome === 'revealed'))
  const values = revealed.flatMap(({ rating, prices }) =>
    asset === undefined ? [rating] : prices.filter((p) => p.asset === asset).map((p) => p.priceBase),
  )
  const due = [...world.oracle.reporters.values()].filter(({ sinceWindow }) => sinceWindow <= window)
  const members = chamber === 'reporters' ? due.length : votingGroups(world).length
  return { members, values: [...values].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0)) }
}

/** The middle one; of an even number the mean of the two in the middle, rounded down. */
function median(values: readonly bigint[]): bigint {
  const half = Math.floor(values.length / 2)
  return values.length % 2 === 1 ? values[half]! : floorDiv(values[half - 1]! + values[half]!, 2n)
}

/** Within `tolerance` of each other, a share of the lower one. */
const agree = (world: World, a: bigint, b: bigint): boolean =>
  (most(a, b) - least(a, b)) * P <= world.parameters.tolerancePpm * least(a, b)

/** A' = min(max(target, A), floor(A·(P + bound)/P)). */
const stepTo = (anchor: bigint, target: bigint, boundPpm: bigint): bigint =>
  least(most(target, anchor), most(anchor, least(floorDiv(anchor * (P + boundPpm), P), ANCHOR_MAX)))

/** Whether anybody was to report in a window. */
export const isReported = (world: World, window: number): boolean =>
  world.oracle.sinceWindow !== undefined && world.oracle.sinceWindow <= window

/** The anchor and the prices that the reports of an ended window make; before the anchor moves. */
export function tally(world: World, window: number): void {
  if (!isReported(world, window)) return
  const reporters = sideOf(world, 'reporters', window)
  const providers = sideOf(world, 'providers', window)
  const decided = decide(world, { reporters, providers })
  world.reportedAnchorPpm = decided.anchorPpm
  world.oracle.decisions.set(window, decided.decision)
  // Before the prices: those of the window that has ended are reported whatever the run is.
  const { silence } = world.oracle
  world.oracle.silence = hasQuorum(reporters)
    ? { sinceWindow: window + 1, windows: 0 }
    : { ...silence, windows: silence.windows + 1 }
  for (const asset of world.prices.keys()) renew(world, asset, window)
}

function decide(
  world: World,
  { reporters, providers }: Readonly<Record<Chamber, Side>>,
): { readonly decision: OracleDecision; readonly anchorPpm: bigint } {
  const { driftPpm, disputedDriftPpm, graceWindows } = world.parameters
  const { anchorPpm } = world
  if (!hasQuorum(reporters)) {
    // After the grace it rises by gDisputed although nobody says so.
    return world.oracle.silence.windows + 1 > graceWindows
      ? { decision: 'trend', anchorPpm: stepTo(anchorPpm, ANCHOR_MAX, disputedDriftPpm) }
      : { decision: 'held', anchorPpm }
  }
  const theirs = median(reporters.values)
  const disputed = stepTo(anchorPpm, theirs, disputedDriftPpm)
  if (!hasQuorum(providers)) return { decision: 'providersSilent', anchorPpm: disputed }
  const others = median(providers.values)
  if (!agree(world, theirs, others)) return { decision: 'disputed', anchorPpm: disputed }
  const mean = floorDiv(theirs + others, 2n)
  return { decision: 'agreed', anchorPpm: stepTo(anchorPpm, mean, driftPpm) }
}

/** A price moves by at most `priceMove` a window, rounded outward, and only with a quorum of reporters. */
function renew(world: World, asset: number, window: number): void {
  const reporters = sideOf(world, 'reporters', window, asset)
  const providers = sideOf(world, 'providers', window, asset)
  if (!hasQuorum(reporters)) return
  const theirs = median(reporters.values)
  const others = hasQuorum(providers) ? median(providers.values) : theirs
  const isAgreed = agree(world, theirs, others)
  const mean = floorDiv(theirs + others, 2n)
  const { priceMovePpm } = world.parameters
  const step = (from: bigint, target: bigint): bigint =>
    least(
      most(target, most(1n, floorDiv(from * (P - priceMovePpm), P))),
      least(PRICE_MAX, ceilDiv(from * (P + priceMovePpm), P)),
    )
  const bond = step(bondPriceOf(world, asset)!, isAgreed ? mean : theirs)
  const lock = step(lockPriceOf(world, asset)!, isAgreed ? mean : most(theirs, others))
  world.prices.set(asset, step(world.prices.get(asset)!, isAgreed ? mean : theirs))
  world.oracle.bondPrices.set(asset, bond)
  world.oracle.lockPrices.set(asset, lock)
  world.oracle.renewed.set(asset, window)
}

/** Absent: the quorum has been missing for the grace, and it has reported in less than half of that time. */
export function isAbsent(world: World, reporter: Reporter): boolean {
  const { silence } = world.oracle
  const expected = Math.min(silence.windows, Math.max(0, world.window - reporter.sinceWindow))
  const reported = reporter.runSince === silence.sinceWindow ? reporter.runReports : 0
  return expected >= world.parameters.graceWindows && 2 * reported < expected
}

/** How many of a change count towards the third: those dismissed who were present, or those who come beyond the absent ones. */
function weightOf(world: World, { appoint, dismiss }: ReporterChange): number {
  const absent = dismiss.filter((id) => isAbsent(world, world.oracle.reporters.get(id)!)).length
  return Math.max(dismiss.length - absent, appoint.length - absent)
}

/** Whether a possible change replaces absent reporters only: then it has no time lock. */
export const isUrgent = (world: World, change: ReporterChange): boolean =>
  change.dismiss.length > 0 && weightOf(world, change) <= 0

/** Why reporters cannot be changed so in `lockWindows` from now. */
export function refuseReporters(
  world: World,
  change: ReporterChange,
  lockWindows: number,
): string | undefined {
  const { appoint, dismiss } = change
  const { reporters, replaced } = world.oracle
  if (appoint.length + dismiss.length === 0) return 'NoChanges'
  if (dismiss.some((id) => !reporters.has(id)) || new Set(dismiss).size < dismiss.length)
    return 'UnknownReporter'
  const count = reporters.size - dismiss.length + appoint.length
  if (count < REPORTERS_MIN || count > REPORTERS_MAX) return 'ReportersOutOfRange'
  const kept = [...reporters.values()].filter(({ id }) => !dismiss.includes(id))
  for (const [i, { account, name }] of appoint.entries()) {
    const isOperator = [...world.providers.values()].some(({ operator }) => operator === account)
    const before = appoint.slice(0, i)
    if (isOperator || before.some((other) => other.account === account)) return 'ReporterAccountRefused'
    // Also one that this very change dismisses.
    if ([...reporters.values()].some((other) => other.account === account)) return 'AlreadyReporter'
    if ([...kept, ...before].some((other) => other.name === name)) return 'ReporterNameRefused'
  }
  // The first reporters replace nobody.
  if (reporters.size === 0) return undefined
  const oldest = world.window + lockWindows - world.parameters.horizonWindows
  const recent = replaced.filter(({ window }) => window > oldest).reduce((sum, each) => sum + each.count, 0)
  const weight = Math.max(0, weightOf(world, change))
  return recent + weight > Math.floor(reporters.size / 3) ? 'TooManyReplaced' : undefined
}

/** Makes a change; those appointed report from the next window on, and of those dismissed nothing counts any more. */
export function changeReporters(world: World, change: ReporterChange): void {
  const { oracle } = world
  const weight = Math.max(0, weightOf(world, change))
  const isFirst = oracle.reporters.size === 0
  for (const id of change.dismiss) {
    oracle.reporters.delete(id)
    oracle.reports.delete(seatKey({ chamber: 'reporters', member: id }))
    oracle.sinceOf.delete(seatKey({ chamber: 'reporters', member: id }))
  }
  appoint(world, change.appoint, world.window + 1)
  if (!isFirst && weight > 0) oracle.replaced.push({ window: world.window, count: weight })
}

/** Appoints reporters; those of genesis report from the first window on. */
export function appoint(world: World, appointed: ReporterChange['appoint'], sinceWindow: number): void {
  const { oracle } = world
  for (const { account, name } of appointed) {
    const id = oracle.nextReporter++
    if (oracle.reporters.size === 0) oracle.silence = { ...oracle.silence, sinceWindow }
    oracle.sinceWindow ??= sinceWindow
    oracle.reporters.set(id, { id, account, name, sinceWindow, runSince: 0, runReports: 0 })
    oracle.sinceOf.set(seatKey({ chamber: 'reporters', member: id }), sinceWindow)
  }
}
