// ECONOMY §9: faults and what they cost, who defaults, the beginning of the waterfall; docs/decisions/paths-to-default.md
// and docs/decisions/absence-by-turns.md. Not: what must be cured (cures.ts), what follows (auction.ts).
import { ceilDiv, least, P, sum } from './arithmetic.ts'
import { actOn } from './auction.ts'
import { burnBacking } from './backing.ts'
import { counts } from './capacity.ts'
import { overdueCause } from './cures.ts'
import { closeSeriesOf } from './deliveries.ts'
import { refundNovation, trackTail } from './exits.ts'
import { voters } from './governance.ts'
import { type Case, STAGES } from './institutions.ts'
import { burnLiability } from './issuance.ts'
import { hasLeft, stopServing } from './leaving.ts'
import {
  bondEscrow,
  coinsOf,
  compensationEscrow,
  estateEscrow,
  FUND,
  lockEscrow,
  move,
  moveCoins,
} from './ledger.ts'
import { unitsWorth, worthOf } from './prices.ts'
import type { Provider, World } from './world.ts'

/** How far the chain's step limits have let a default come. */
export interface Progress {
  readonly provider: number
  readonly stage: Case['stage']
  readonly cursor: number
}

/** In the first block after a window's end has been handled every member is looked at; then defaults go on. */
export function beginFailures(world: World, progress: readonly Progress[]): void {
  if (world.failures.isWatchDue) watch(world)
  // One default is finished before the next begins: each counts the room that the one before has left.
  for (;;) {
    const known = nextCase(world)
    const at = progress.find(({ provider }) => provider === known?.provider)
    if (known === undefined || at === undefined || !isBefore(known, at)) return
    actOn(world, known)
  }
}

const isBefore = (known: Case, at: Progress): boolean => {
  const [stage, target] = [STAGES.indexOf(known.stage), STAGES.indexOf(at.stage)]
  return stage < target || (stage === target && known.cursor < at.cursor)
}

/** The default that goes on: the one under way, or the first whose auction is over. */
export function nextCase(world: World): Case | undefined {
  const open = [...world.failures.cases.values()].filter(({ stage }) => stage !== 'closed')
  const underWay = open.find(({ stage }) => stage !== 'auction')
  const handled = world.counted.window - 1
  return underWay ?? open.find(({ auctionWindow }) => auctionWindow <= handled)
}

function watch(world: World): void {
  world.failures.isWatchDue = false
  const ended = world.counted.window - 1
  const { horizonWindows } = world.parameters
  for (const provider of [...world.providers.values()].sort((a, b) => a.id - b.id)) {
    const isSuspended = provider.suspendedSince !== undefined && provider.suspendedSince <= ended
    provider.suspendedWindows = [
      ...provider.suspendedWindows.filter((window) => window > ended - horizonWindows),
      ...(isSuspended ? [ended] : []),
    ]
    const cause = causeToDefault(world, provider)
    if (cause !== undefined) declare(world, provider, cause)
    trackTail(world, provider)
    if (hasLeft(world, provider) && counts(provider)) stopServing(world, provider, 'left')
  }
}

/** Whoever owes nothing has nothing to default on. */
function causeToDefault(world: World, provider: Provider): Case['cause'] | undefined {
  if (provider.liabilityBase === 0n || provider.status === 'defaulted') return undefined
  if (provider.suspendedWindows.length > world.parameters.cureWindows) return 'suspension'
  const cause = overdueCause(world, provider)
  return cause === undefined || cause === 'bond' || cause === 'jail' ? cause : 'shortfall'
}

/** Step 1: the lock burns, and bond, locked proceeds and compensation are the estate. */
function declare(world: World, provider: Provider, cause: Case['cause']): void {
  const { id, liabilityBase: declaredBase } = provider
  provider.isFrozen = false
  takeUnpaid(world, provider)
  stopServing(world, provider, 'defaulted')
  delete provider.cure
  refundNovation(world, provider)
  closeSeriesOf(world, id)
  const locked = coinsOf(world, lockEscrow(id))
  const burnedBase = least(locked, declaredBase)
  burnLiability(world, provider, lockEscrow(id), burnedBase)
  moveCoins(world, lockEscrow(id), FUND, locked - burnedBase)
  const backingBurnedBase = burnBacking(world, provider)
  const sums = new Map<number, bigint>()
  const give = (asset: number, from: string, amountBase: bigint): void => {
    move(world, asset, from, estateEscrow(id), amountBase)
    sums.set(asset, (sums.get(asset) ?? 0n) + amountBase)
  }
  for (const [asset, amountBase] of provider.bonds) give(asset, bondEscrow(id), amountBase)
  for (const asset of provider.bonds.keys()) provider.bonds.set(asset, 0n)
  for (const lock of world.locks)
    if (lock.provider === id && lock.asset !== 0) give(lock.asset, lockEscrow(id), lock.restBase)
  for (const { provider: owner, asset, floorBase, freedBase } of world.floors)
    if (owner === id && asset !== 0) give(asset, lockEscrow(id), floorBase + freedBase)
  for (const [asset, amountBase] of provider.compensation.assets)
    give(asset, compensationEscrow(id), amountBase)
  world.locks = world.locks.filter((lock) => lock.provider !== id)
  for (const floor of world.floors.filter((each) => each.provider === id)) {
    floor.floorBase = 0n
    floor.freedBase = 0n
  }
  provider.compensation = { forBase: 0n, assets: new Map() }
  provider.assumedBase = 0n
  provider.exemptBase = 0n
  const estate = [...sums]
    .filter(([, amountBase]) => amountBase > 0n)
    .sort(([a], [b]) => a - b)
    .map(([asset, amountBase]) => ({ asset, totalBase: amountBase, leftBase: amountBase }))
  world.failures.cases.set(id, {
    provider: id,
    cause,
    declaredWindow: world.window,
    auctionWindow: world.window + 1,
    // Without anything owed there is nothing to bid for.
    stage: provider.liabilityBase === 0n ? 'closing' : 'auction',
    cursor: 0,
    declaredBase,
    burnedBase,
    backingBurnedBase,
    liabilityBase: provider.liabilityBase,
    estate,
    pool: [],
    aid: [],
    bids: [],
    sharePpm: 0n,
    chosenBase: 0n,
    rooms: [],
    sharedBase: 0n,
    paidBase: 0n,
    novatedBase: 0n,
    assumedBase: 0n,
    orphanedBase: 0n,
  })
}

/** A proven double vote: the bond is frozen until its half is taken, and whoever serves goes to jail. */
export function convict(world: World, id: number): void {
  const provider = world.providers.get(id)
  if (provider === undefined) return
  provider.isFrozen = true
  world.failures.faults.push({ provider: id, cause: 'equivocation', amountBase: 0n })
  if (!counts(provider)) return
  provider.statusBeforeJail = provider.status
  provider.status = 'jailed'
}

/** Takes units of a bond for the fund. */
function slash(world: World, provider: Provider, asset: number, amountBase: bigint): void {
  provider.bonds.set(asset, provider.bonds.get(asset)! - amountBase)
  move(world, asset, bondEscrow(provider.id), FUND, amountBase)
}

const slashShare = (world: World, provider: Provider, sharePpm: bigint): void => {
  for (const [asset, amountBase] of provider.bonds)
    slash(world, provider, asset, ceilDiv(amountBase * sharePpm, P))
}

/** Takes what is worth so many coins, of each asset in proportion to its value; no more than there is. */
function slashValue(world: World, provider: Provider, valueBase: bigint): void {
  const bonds = [...provider.bonds].map(
    ([asset, amount]) => [asset, amount, worthOf(world, asset, amount)] as const,
  )
  const total = sum(bonds.map(([, , worth]) => worth))
  if (total === 0n || valueBase === 0n) return
  for (const [asset, amount, worth] of bonds) {
    if (worth === 0n) continue
    const part = unitsWorth(world, asset, ceilDiv(least(valueBase, total) * worth, total))!
    slash(world, provider, asset, valueBase >= total ? amount : least(amount, part))
  }
}

function takeUnpaid(world: World, provider: Provider): void {
  slashValue(world, provider, provider.unpaidBase)
  provider.unpaidBase = 0n
}

/** At a block's end the penalties of its faults are taken, one after another. */
export function deliverFaults(world: World): void {
  const { lostCoveragePpm, equivocationPpm, absencePpm } = world.parameters
  for (const { provider: id, cause, amountBase } of world.failures.faults) {
    const provider = world.providers.get(id)!
    // An absence is no open fault: its penalty is taken at once.
    if (cause !== 'absence') provider.faultHeight = world.height
    // What falls due while a conviction waits is owed until its part is taken: that is of all that was bonded.
    if (cause === 'equivocation') {
      provider.isFrozen = false
      slashShare(world, provider, equivocationPpm)
      takeUnpaid(world, provider)
    } else if (cause === 'coverage') {
      const valueBase = ceilDiv(amountBase * lostCoveragePpm, P)
      if (provider.isFrozen) provider.unpaidBase += valueBase
      else slashValue(world, provider, valueBase)
    } else if (provider.isFrozen) {
      for (const [asset, amount] of provider.bonds)
        provider.unpaidBase += worthOf(world, asset, ceilDiv(amount * absencePpm, P))
    } else slashShare(world, provider, absencePpm)
  }
  world.failures.faults = []
}

/** Where a block stands in the rounds of the validators. */
export interface Turn {
  readonly epoch: number
  readonly view: number
  /** View of the block before; undefined when that was in another epoch. */
  readonly parentView: number | undefined
  readonly proposer: string
}

/** Counts who has made a block; more views without one than there are validators, or a new epoch, begin the count anew. */
export function attend(world: World, { epoch, view, parentView, proposer }: Turn): void {
  if (parentView === undefined) return
  const known = world.failures.attendance
  if (known?.epoch === epoch && view - parentView <= world.validators.length) known.seen.add(proposer)
  else
    world.failures.attendance = {
      epoch,
      sinceView: view,
      sinceWindow: world.window + 1,
      seen: new Set([proposer]),
    }
}

/** At a window's end: absent is who has made no block although every validator had at least two turns, in whole windows. */
export function judgeAttendance(world: World, { epoch, view }: Turn, ended: number): void {
  const known = world.failures.attendance
  if (known === undefined || known.epoch !== epoch || known.sinceWindow > ended) return
  if (view - known.sinceView < 2 * world.validators.length) return
  const { absencesFree, horizonWindows } = world.parameters
  for (const provider of voters(world)) {
    if (known.seen.has(provider.operator)) continue
    const recent = provider.absences.filter((window) => window > ended - horizonWindows)
    if (recent.length >= absencesFree)
      world.failures.faults.push({ provider: provider.id, cause: 'absence', amountBase: 0n })
    provider.absences = [...recent, ended]
  }
  world.failures.attendance = { epoch, sinceView: view, sinceWindow: ended + 1, seen: new Set() }
}
