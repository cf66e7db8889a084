// Winding everything up: sales end, redemptions are served or cancelled, defaults close, coins are burned against what is
// owed, members leave. Owns: who does what for that. Not: what must be empty in the end (remains.ts).
import { utf8 } from '../../../base/bytes.ts'
import { ledger } from '../../../state/ledger.ts'
import { receiptAsset } from '../../../state/modules/assets/ledger.ts'
import { hasLeft } from '../../../state/modules/default/exits.ts'
import { spendable } from '../../../state/modules/default/fund.ts'
import { novationOf } from '../../../state/modules/default/novation.ts'
import { openProposals } from '../../../state/modules/governance/proposals.ts'
import { governanceTables } from '../../../state/modules/governance/tables.ts'
import { getLiability } from '../../../state/modules/issuance/ledger.ts'
import { judgeMint, leastLimit } from '../../../state/modules/issuance/limits.ts'
import { getBonds } from '../../../state/modules/providers/bonds.ts'
import { suspendedSince } from '../../../state/modules/providers/suspension.ts'
import { liveOf } from '../../../state/modules/series/books.ts'
import { type Act, act, transfer } from './act.ts'
import { leavingBackers } from './actors/backers.ts'
import { settle } from './actors/holders.ts'
import { reporterActs } from './actors/reporters.ts'
import { leavingTraders } from './actors/traders.ts'
import type { History } from './history.ts'
import { remainsOf } from './remains.ts'
import type { Scene } from './scene.ts'
import { addressOf, HOLDERS, ISSUER, numberOf, OPERATORS_MAX, REPORTERS } from './wallets.ts'
import { COIN } from './world.ts'

/** Windows after which whatever is left will stay. K is 12: an overdue series, a cure, an auction, a lock and a tail fit. */
const WINDOWS_MAX = 110
/** Windows for which requests may still be served; then their owners cancel them. */
const SERVED_WINDOWS = 6
/** What a wallet keeps for fees. */
const FEES_KEPT = COIN
const EVERYBODY: readonly number[] = [
  ...Array.from({ length: OPERATORS_MAX }, (_, i) => i + 1),
  ...REPORTERS,
  ...HOLDERS,
  ISSUER,
]

/** The member that stays to the end: one that may mint if there is any, else one that is leaving. */
function treasurerOf(scene: Scene): number | undefined {
  const stays = (id: number): boolean => ['active', 'amortizing', 'curing'].includes(scene.member(id).status)
  return (
    scene.ids.find((id) => stays(id) && !scene.member(id).removed) ??
    scene.ids.find((id) => scene.member(id).status === 'retiring' || stays(id))
  )
}

function redemptionActs(scene: Scene, windows: number): Act[] {
  const { window } = scene
  const deliveries = scene.assignments().flatMap((at): Act[] => {
    const { id, assignment } = at
    const operator = scene.operator(at.provider)
    if (!at.isGranted)
      return at.window > window
        ? [act(operator, 'redemption.grant', { id, assignment, ciphertext: utf8('x') })]
        : []
    if (at.window !== window || at.voucheredBase === at.amountBase) return []
    return [settle(scene, at, { deliveredBase: at.amountBase, signer: numberOf(at.owner)!, from: operator })]
  })
  const cancelled = scene.redemptions().flatMap(([id, { queuedBase, owner }]): Act[] => {
    const isOver = windows > SERVED_WINDOWS || id % 3 === 0
    return queuedBase > 0n && isOver ? [act(numberOf(owner)!, 'redemption.cancel', { id })] : []
  })
  return [...deliveries, ...cancelled]
}

function seriesActs(scene: Scene): Act[] {
  const { full } = scene.chain
  return scene.series().flatMap(([id, series]): Act[] => {
    const from = scene.operator(series.provider)
    const acts: Act[] =
      series.state === 'selling' && !series.stopped ? [act(from, 'series.stop', { series: id })] : []
    if (series.kind === 'immediate') return acts
    for (const number of EVERYBODY) {
      const asset = receiptAsset(id)
      const amountBase = ledger.balanceOf(full, { asset, owner: addressOf(number) })
      const position = scene.chain.query<{ handedInBase: bigint } | undefined>('series', 'holding', {
        series: id,
        owner: addressOf(number),
      })
      const handedInBase = position?.handedInBase ?? 0n
      if (amountBase + handedInBase === 0n) continue
      acts.push(
        act(number, series.state === 'blocked' && amountBase > 0n ? 'series.refund' : 'series.claim', {
          series: id,
          amountBase,
        }),
      )
    }
    return acts
  })
}

function governanceActs(scene: Scene): Act[] {
  const { chain } = scene
  const { full } = chain
  const acts: Act[] = []
  const open = openProposals(full).proposals.map(({ id }) => ({
    id,
    ...governanceTables.proposal.mustGet(full, { id }),
  }))
  const wanted = ['unjail', 'spend', 'resumeMinting']
  for (const { id, kind } of open) {
    const votes = governanceTables.votes.mustGet(full, { id })
    const approve = wanted.includes(kind)
    for (const voter of scene.ids)
      if (!(approve ? votes.approve : votes.reject).includes(voter))
        acts.push(act(scene.operator(voter), 'governance.vote', { proposal: id, approve }))
  }
  for (const id of scene.ids)
    if (
      scene.member(id).status === 'jailed' &&
      !open.some(({ kind, provider }) => kind === 'unjail' && provider === id)
    )
      acts.push(
        ...scene.ids.map((from) => act(scene.operator(from), 'governance.proposeUnjail', { provider: id })),
      )
  const treasurer = treasurerOf(scene)
  const fundBase = spendable(full, 0)
  if (treasurer !== undefined && fundBase > 50n * COIN && !open.some(({ kind }) => kind === 'spend'))
    acts.push(
      act(scene.operator(treasurer), 'governance.proposeSpending', {
        asset: 0,
        to: addressOf(scene.operator(treasurer)),
        amountBase: fundBase - 10n * COIN,
      }),
    )
  return acts
}

/** Whoever has nothing left for fees gets a little from whoever has most. */
function feeActs(scene: Scene): Act[] {
  const { chain } = scene
  const poor = EVERYBODY.filter((number) => chain.balanceOf(number) < FEES_KEPT / 2n)
  const rich = EVERYBODY.reduce((a, b) => (chain.balanceOf(b) > chain.balanceOf(a) ? b : a))
  const isEnough = chain.balanceOf(rich) > 2n * FEES_KEPT * BigInt(poor.length)
  return isEnough ? poor.map((number) => transfer(rich, addressOf(number), FEES_KEPT)) : []
}

/** Everybody's coins go to members that owe more than they hold, the treasurer last; who holds any burns them. */
function coinActs(scene: Scene, treasurer: number): Act[] {
  const { chain } = scene
  const { full } = chain
  const acts: Act[] = []
  const owing = [...scene.ids.filter((id) => id !== treasurer), treasurer]
    .map((id) => ({ id, number: scene.operator(id), liabilityBase: getLiability(full, id).liabilityBase }))
    .filter(({ liabilityBase }) => liabilityBase > 0n)
  const missing = new Map(owing.map(({ number, liabilityBase }) => [number, liabilityBase]))
  for (const { number, liabilityBase } of owing) {
    const spareBase = chain.balanceOf(number) - FEES_KEPT
    if (spareBase <= 0n) continue
    const amountBase = spareBase < liabilityBase ? spareBase : liabilityBase
    acts.push(act(number, 'issuance.retire', { amountBase }))
    missing.set(number, liabilityBase - amountBase)
  }
  for (const number of EVERYBODY) {
    let spareBase =
      chain.balanceOf(number) -
      2n * FEES_KEPT -
      (missing.has(number) ? getLiability(full, idOf(scene, number)).liabilityBase : 0n)
    for (const [to, wantedBase] of missing) {
      if (spareBase <= 0n) break
      if (to === number || wantedBase === 0n) continue
      const amountBase = spareBase < wantedBase + FEES_KEPT ? spareBase : wantedBase + FEES_KEPT
      acts.push(transfer(number, addressOf(to), amountBase))
      missing.set(to, wantedBase > amountBase ? wantedBase - amountBase : 0n)
      spareBase -= amountBase
    }
  }
  // What is left of a leaver's coins may be in its own lock.
  for (const { id, number, liabilityBase } of owing) {
    const { lockedBase } = getLiability(full, id)
    if (acts.length > 0 || id === treasurer || lockedBase === 0n) continue
    const amountBase = lockedBase < liabilityBase ? lockedBase : liabilityBase
    return [act(number, 'issuance.retireLocked', { amountBase })]
  }
  // Others mint what a leaver needs that nobody can give it.
  const lacking = [...missing].find(
    ([number, wantedBase]) => wantedBase > 0n && number !== scene.operator(treasurer),
  )
  const roomBase = leastLimit(judgeMint(full, treasurer).limits)
  if (lacking !== undefined && acts.length === 0 && roomBase > 0n) {
    const [number, wantedBase] = lacking
    const amountBase = wantedBase * 6n < roomBase ? wantedBase * 6n : roomBase
    acts.push(act(scene.operator(treasurer), 'issuance.mint', { to: addressOf(number), amountBase }))
  }
  return acts
}

const idOf = (scene: Scene, number: number): number => scene.ids.find((id) => scene.operator(id) === number)!

function exitActs(scene: Scene, treasurer: number | undefined): Act[] {
  const { full } = scene.chain
  return scene.ids.flatMap((id): Act[] => {
    const from = scene.operator(id)
    const acts: Act[] = novationOf(full, id) === undefined ? [] : [act(from, 'default.withdrawNovation')]
    if (suspendedSince(full, id) !== undefined) acts.push(act(from, 'redemption.resume'))
    if (hasLeft(full, id))
      acts.push(
        ...getBonds(full, id)
          .filter(({ amountBase }) => amountBase > 0n)
          .map(({ asset, amountBase }) => act(from, 'default.withdrawBond', { asset, amountBase })),
      )
    if (id === treasurer) return acts
    const { status, removed } = scene.member(id)
    const isClear = getLiability(full, id).liabilityBase === 0n && liveOf(full, id).length === 0
    if (isClear && ['active', 'amortizing', 'curing'].includes(status))
      acts.push(act(from, 'default.beginExit'))
    if (isClear && status === 'retiring' && !removed) acts.push(act(from, 'default.completeExit'))
    return acts
  })
}

/** Winds a history up; returns what is left where nothing should be. */
export function drain(history: History): readonly string[] {
  const { scene, chain } = history
  for (const number of EVERYBODY) scene.moods.set(number, 'honest')
  let left: readonly string[] = ['nothing was wound up']
  for (let windows = 0; windows < WINDOWS_MAX && left.length > 0; windows++) {
    playWindow(history, windows)
    if (windows % 4 === 3) left = remainsOf(scene, treasurerOf(scene))
  }
  chain.recount()
  return left
}

function playWindow(history: History, windows: number): void {
  const { scene, chain } = history
  const { startedAtMs, endsAtMs } = chain.clock
  const lengthMs = endsAtMs - startedAtMs
  const times = [100, lengthMs / 4 + 100, lengthMs / 2 + 100, (3 * lengthMs) / 4, lengthMs].map(
    (at) => startedAtMs + Math.floor(at),
  )
  for (const [i, atMs] of times.entries()) {
    const pauseMs = Math.max(100, atMs - chain.nowMs)
    const treasurer = treasurerOf(scene)
    const acts = [
      ...reporterActs(scene, pauseMs, 1),
      ...redemptionActs(scene, windows),
      ...leavingBackers(scene),
      ...leavingTraders(scene),
      ...(i === 0 ? [...feeActs(scene), ...seriesActs(scene), ...governanceActs(scene)] : []),
      ...(treasurer === undefined || i !== 1 ? [] : coinActs(scene, treasurer)),
      ...(i % 2 === 1 ? exitActs(scene, treasurer) : []),
    ]
    history.play({ acts, pauseMs, proposer: windows * times.length + i })
  }
}
