// What both sides are asked after every block, as named facts, so that a difference is a line. Owns: the questions.
import { toHex } from '../../../../base/bytes.ts'
import { getAccount } from '../../../../state/modules/accounts/ledger.ts'
import { getAssetBalance } from '../../../../state/modules/assets/ledger.ts'
import { atLeastZero, sum } from '../arithmetic.ts'
import { reserveOf } from '../block.ts'
import { capacityC, capacityCStar, reservedR, whileUnchanged } from '../capacity.ts'
import {
  frontLoadLimit,
  groupOf,
  isSuspended,
  jointLimit,
  ownBackingLimit,
  quota,
  totalLiabilities,
} from '../coverage.ts'
import { coinsOf, lockEscrow, unitsOf } from '../ledger.ts'
import { openRequests, queuedOf } from '../queue.ts'
import type { Request, World } from '../world.ts'
import { addPools, addRealPools } from './backingFacts.ts'
import { addModelInstitutions, addRealInstitutions } from './institutionFacts.ts'
import { addOrders, addRealOrders } from './orderFacts.ts'
import type { RealChain } from './realChain.ts'
import { addRealSaleFacts, addSaleFacts } from './saleFacts.ts'
import { ASSET, ASSETS } from './scenario.ts'
import { holders, ISSUER, nameOf, walletOf } from './wallets.ts'

export type Facts = Map<string, string>

const walletsOf = (members: number): readonly number[] => [
  ...Array.from({ length: members }, (_, i) => i + 1),
  ...holders,
  ISSUER,
]

/** Differences as lines. */
export function differences(real: Facts, model: Facts): readonly string[] {
  const lines: string[] = []
  for (const name of new Set([...real.keys(), ...model.keys()])) {
    const [a, b] = [real.get(name), model.get(name)]
    if (a !== b) lines.push(`${name}: chain ${a ?? 'nothing'}, model ${b ?? 'nothing'}`)
  }
  return lines
}

/** The state of a request by the state of its parts (§6). */
function stateOf(world: World, request: Request): string {
  if (request.closed !== undefined)
    return request.closed.reason === 'displaced' ? 'cancelled' : request.closed.reason
  const open = world.assignments.filter((a) => a.isOpen && a.request === request.id)
  if (open.some((a) => a.window === world.window)) return 'active'
  return open.length > 0 ? 'assigned' : 'queued'
}

function addLedger(
  facts: Facts,
  members: number,
  of: (wallet: number) => readonly [bigint, bigint, number],
): void {
  for (const wallet of walletsOf(members)) {
    const [coins, units, nonce] = of(wallet)
    facts.set(`coins of wallet ${wallet}`, `${coins}`)
    facts.set(`units of wallet ${wallet}`, `${units}`)
    facts.set(`nonce of wallet ${wallet}`, `${nonce}`)
  }
}

export const modelFacts = (world: World, isThorough: boolean): Facts =>
  whileUnchanged(() => settled(world, gatherFacts(world, isThorough)))

/** While a recount is under way these are neither the old ones nor the new. */
const BETWEEN_RECOUNTS = /shortfall| R$| joint$|^lot /

/** Facts that both sides can be asked for now. */
const settled = (world: World, facts: Facts): Facts =>
  world.recounting === undefined
    ? facts
    : new Map([...facts].filter(([name]) => !BETWEEN_RECOUNTS.test(name)))

function gatherFacts(world: World, isThorough: boolean): Facts {
  const facts: Facts = new Map()
  for (const [name, value] of Object.entries(reserveOf(world))) facts.set(`reserve.${name}`, `${value}`)
  const members = world.providers.size
  addLedger(facts, members, (wallet) => {
    const name = nameOf(wallet)
    return [coinsOf(world, name), unitsOf(world, ASSET, name), world.nonces.get(name) ?? 0]
  })
  facts.set('window', `${world.window}`)
  for (const provider of world.providers.values()) {
    const at = `provider ${provider.id}`
    facts.set(`${at} liability`, `${provider.liabilityBase}`)
    for (const asset of ASSETS) facts.set(`${at} bond in ${asset}`, `${provider.bonds.get(asset) ?? 0n}`)
    facts.set(`${at} status`, provider.status)
    facts.set(`${at} suspended`, `${isSuspended(provider)}`)
    facts.set(`${at} locked`, `${coinsOf(world, lockEscrow(provider.id))}`)
    facts.set(`${at} C`, `${capacityC(world, provider.id)}`)
    facts.set(`${at} C*`, `${capacityCStar(world, provider.id)}`)
    facts.set(`${at} R`, `${reservedR(world, provider.id)}`)
    if (!isThorough) continue
    // What is left of each limit.
    const group = groupOf(provider)
    const ofGroup = [...world.providers.values()].filter((other) => groupOf(other) === group)
    const left = (limit: bigint, used: bigint): string => `${atLeastZero(limit - used)}`
    const own = provider.liabilityBase
    facts.set(`${at} quota`, left(quota(world, group), sum(ofGroup.map((other) => other.liabilityBase))))
    facts.set(`${at} joint`, left(jointLimit(world), totalLiabilities(world) + world.orphanBase))
    facts.set(`${at} own backing`, left(ownBackingLimit(world, provider.id), own))
    facts.set(`${at} front-load`, left(frontLoadLimit(world, provider.id)!, own))
  }
  for (let id = 1; id < world.nextLot; id++) {
    const lot = world.lots.get(id)
    const last = lot?.lastWindow ?? 'open'
    const status = lot?.countsFrom === undefined ? 'pending' : 'attested'
    facts.set(`lot ${id}`, lot === undefined ? 'gone' : `${lot.provider}, ${lot.devices}, ${status}, ${last}`)
  }
  if (isThorough) addModelInstitutions(facts, world)
  for (const request of openRequests(world)) addRequest(facts, world, request)
  facts.set('open requests', `${openRequests(world).length}`)
  addPools(facts, world)
  addOrders(facts, world)
  addSaleFacts(facts, world, { wallets: walletsOf(members), isThorough })
  for (const proposal of world.proposals.values()) {
    facts.set(
      `proposal ${proposal.id}`,
      `${proposal.kind} of ${proposal.provider}, +${[...proposal.approve].sort()} −${[...proposal.reject].sort()}, ` +
        `${proposal.executesMs}`,
    )
  }
  return facts
}

function addRequest(facts: Facts, world: World, request: Request): void {
  const at = `request ${request.id}`
  facts.set(`${at} state`, stateOf(world, request))
  const queued = request.isDrawn ? queuedOf(world, request.id) : request.lockedBase
  facts.set(`${at} queued`, `${queued}`)
  facts.set(`${at} burned`, `${request.burnedBase}`)
  facts.set(`${at} transferred`, `${request.transferredBase}`)
  facts.set(`${at} refunded`, `${request.refundedBase}`)
  facts.set(`${at} fees`, `${request.feesBase}`)
  facts.set(`${at} rejected`, `${request.rejectedBase}`)
  const places = world.places.filter((place) => place.request === request.id)
  facts.set(`${at} places`, places.map(({ sequence, amountBase }) => `${sequence}: ${amountBase}`).join(', '))
  for (const a of world.assignments) {
    if (!a.isOpen || a.request !== request.id) continue
    facts.set(
      `${at} assignment ${a.number}`,
      `provider ${a.provider}, window ${a.window}, ${a.amountBase} coins, ${a.reserved} hours, ` +
        `${a.voucheredBase} vouchered, ${a.settledBase} settled, ${a.granted ? 'granted' : 'no grant'}`,
    )
  }
}

interface Info {
  readonly [name: string]: unknown
}

const text = (value: unknown): string => (value instanceof Uint8Array ? toHex(value) : String(value))

export const realFacts = (real: RealChain, world: World, isThorough: boolean): Facts =>
  settled(world, gatherRealFacts(real, world, isThorough))

function gatherRealFacts(real: RealChain, world: World, isThorough: boolean): Facts {
  const facts: Facts = new Map()
  const { reserve } = real.parent.header
  for (const name of Object.keys(reserveOf(world)))
    facts.set(`reserve.${name}`, text((reserve as unknown as Info)[name]))
  addLedger(facts, world.providers.size, (wallet) => {
    const { balanceBase, nonce } = getAccount(real.full, walletOf(wallet))
    const units = getAssetBalance(real.full, { asset: ASSET, owner: walletOf(wallet) })
    return [balanceBase, units, nonce]
  })
  facts.set('window', text(real.query<Info>('capacity', 'clock').windowIndex))
  for (const id of world.providers.keys()) addProvider(facts, real, id, isThorough)
  for (let id = 1; id < world.nextLot; id++) {
    const lot = real.query<Info | undefined>('capacity', 'lot', { id })
    const shown = `${lot?.provider}, ${lot?.devices}, ${lot?.status}, ${lot?.lastWindow ?? 'open'}`
    facts.set(`lot ${id}`, lot === undefined ? 'gone' : shown)
  }
  if (isThorough) addRealInstitutions(facts, real, world)
  let open = 0
  for (let id = 1; id <= real.lastRequest; id++) open += addRealRequest(facts, real, id)
  facts.set('open requests', `${open}`)
  addRealPools(facts, real, world)
  addRealOrders(facts, real, world)
  addRealSaleFacts(facts, real, world, { wallets: walletsOf(world.providers.size), isThorough })
  for (const proposal of real.query<readonly Info[]>('governance', 'proposals')) {
    const sorted = (votes: unknown): string => [...(votes as readonly number[])].sort().join()
    facts.set(
      `proposal ${proposal.id}`,
      `${proposal.kind} of ${proposal.provider}, +${sorted(proposal.approve)} −${sorted(proposal.reject)}, ` +
        `${proposal.executesMs}`,
    )
  }
  return facts
}

function addProvider(facts: Facts, real: RealChain, id: number, isThorough: boolean): void {
  const at = `provider ${id}`
  const liability = real.query<Info>('issuance', 'liability', { provider: id })
  facts.set(`${at} liability`, text(liability.liabilityBase))
  const bonds = real.query<readonly { asset: number; amountBase: bigint }[]>('providers', 'bonds', { id })
  for (const asset of ASSETS)
    facts.set(`${at} bond in ${asset}`, text(bonds.find((bond) => bond.asset === asset)?.amountBase ?? 0n))
  facts.set(`${at} status`, text(real.query<Info>('providers', 'provider', { id }).status))
  const suspended = real.query<readonly { provider: number }[]>('providers', 'suspensions')
  facts.set(`${at} suspended`, `${suspended.some(({ provider }) => provider === id)}`)
  facts.set(`${at} locked`, text(liability.lockedBase))
  const summary = real.query<Info>('capacity', 'summary', { provider: id })
  facts.set(`${at} C`, text(summary.capacityBase))
  facts.set(`${at} C*`, text(summary.lastingBase))
  facts.set(`${at} R`, text(summary.reservedBase))
  if (!isThorough) return
  const limits = real.query<Info>('issuance', 'quota', { provider: id })
  facts.set(`${at} quota`, text(limits.quotaBase))
  facts.set(`${at} joint`, text(limits.jointBase))
  facts.set(`${at} own backing`, text(limits.ownBackingBase))
  facts.set(`${at} front-load`, text(limits.frontLoadBase))
}

/** Adds an open request; returns how many that are. */
function addRealRequest(facts: Facts, real: RealChain, id: number): number {
  const info = real.query<Info | undefined>('redemption', 'redemption', { id })
  if (info === undefined || ['settled', 'expired', 'cancelled'].includes(text(info.state))) return 0
  const at = `request ${id}`
  facts.set(`${at} state`, text(info.state))
  facts.set(`${at} queued`, text(info.queuedBase))
  facts.set(`${at} burned`, text(info.burnedBase))
  facts.set(`${at} transferred`, text(info.transferredBase))
  facts.set(`${at} refunded`, text(info.refundedBase))
  facts.set(`${at} fees`, text(info.feesBase))
  facts.set(`${at} rejected`, text(info.rejectedBase))
  const places = (info.places ?? []) as readonly { readonly sequence: number; readonly queuedBase: bigint }[]
  facts.set(`${at} places`, places.map(({ sequence, queuedBase }) => `${sequence}: ${queuedBase}`).join(', '))
  for (const a of info.assignments as readonly Info[]) {
    facts.set(
      `${at} assignment ${a.assignment}`,
      `provider ${a.provider}, window ${a.window}, ${a.amountBase} coins, ${a.bookedHours} hours, ` +
        `${a.voucheredBase} vouchered, ${a.settledBase} settled, ${a.grantedAtMs === 0 ? 'no grant' : 'granted'}`,
    )
  }
  return 1
}
