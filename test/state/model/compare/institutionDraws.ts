// Random operations of the oracle, of defaults and of exits that mostly make sense. Owns: their amounts and times. Not: the mixture
// of all operations (generator.ts).
import type { Random } from '../../../support/random.ts'
import { COIN, P } from '../arithmetic.ts'
import { counts, whileUnchanged } from '../capacity.ts'
import { brokenTakeoverLimits } from '../coverage.ts'
import { voters } from '../governance.ts'
import type { Case, Novation } from '../institutions.ts'
import { hasLeft } from '../leaving.ts'
import { coinsOf, FUND, unitsOf } from '../ledger.ts'
import { type Phase, phaseOf, reportOf, seatOf } from '../oracle.ts'
import { bondPriceOf } from '../prices.ts'
import type { Provider, World } from '../world.ts'
import type { InstitutionOperation } from './institutionOperations.ts'
import type { Sent } from './operations.ts'
import { hasFeed } from './saleGenerator.ts'
import { ASSET, ASSETS } from './scenario.ts'
import { holders, nameOf, reporterWallets } from './wallets.ts'

/** How often what is due is done on a chain. */
export interface Manners {
  /** Grants. */
  readonly diligence: number
  /** Reports, in each block. */
  readonly candour: number
  /** Operations of a block at most. */
  readonly bustle: number
  /** Resuming, and the next step of whoever leaves, in each block. */
  readonly resolve: number
}

type Kind = InstitutionOperation['kind']
type Commitment = Extract<InstitutionOperation, { readonly kind: 'commit' }>
type SealedBid = Extract<InstitutionOperation, { readonly kind: 'commitBid' }>

/** How much of a liability another may take over, found by halving; all that is wanted when it may take nothing. */
const mostTaken = (
  world: World,
  { from, to, wanted }: { readonly from: Provider; readonly to: Provider; readonly wanted: bigint },
): bigint =>
  whileUnchanged(() => {
    let low = 0n
    let high = wanted
    for (let i = 0; i < 12 && low < high; i++) {
      const middle = (low + high + 1n) / 2n
      if (brokenTakeoverLimits(world, to.id, middle, from.id).size === 0) low = middle
      else high = middle - 1n
    }
    return low > 0n ? low : wanted
  })

const withoutTarget = ({ amountBase, asset, paymentBase }: Novation) => ({ amountBase, asset, paymentBase })

export class InstitutionDraws {
  readonly #random: Random
  /** What each wallet committed to last, so that it can reveal it. */
  readonly #reports = new Map<number, Commitment>()
  /** `default/bidder` → what it committed to. */
  readonly #bids = new Map<string, SealedBid>()
  #salt = 0

  constructor(random: Random) {
    this.#random = random
  }

  /** What is due and not done. */
  due(
    world: World,
    { candour, resolve, timestampMs }: Manners & { readonly timestampMs: number },
  ): readonly Sent[] {
    const phase = phaseOf(world, timestampMs)
    return [
      ...this.#dueReports(world, phase, candour),
      ...this.#dueBids(world, phase),
      ...this.#dueSteps(world, resolve),
      ...this.#dueVotes(world, resolve / 4),
    ]
  }

  #dueReports(world: World, phase: Phase, chance: number): readonly Sent[] {
    const random = this.#random
    const sent: Sent[] = []
    if (world.oracle.reporters.size > 0 && phase !== 'closed')
      for (const wallet of [...reporterWallets, ...world.providers.keys()])
        if (this.#isDue(world, wallet, phase) && random.chance(chance))
          sent.push({ from: wallet, operation: this.#report(world, wallet, phase) })
    return sent
  }

  #dueBids(world: World, phase: Phase): readonly Sent[] {
    const random = this.#random
    const sent: Sent[] = []
    for (const known of world.failures.cases.values()) {
      if (known.stage !== 'auction' || known.auctionWindow !== world.window) continue
      for (const member of world.providers.values()) {
        const bid = known.bids.find(({ bidder }) => bidder === member.id)
        const isDue = phase === 'commit' ? bid === undefined : bid?.isRevealed === false
        if (isDue && random.chance(phase === 'commit' ? 0.4 : 0.7))
          sent.push({ from: member.id, operation: this.#bid(known, member) })
      }
    }
    return sent
  }

  /** Whoever is suspended resumes; whoever leaves hands over what it owes, gives up its vote, and takes its bond. */
  #dueSteps(world: World, chance: number): readonly Sent[] {
    const random = this.#random
    const sent: Sent[] = []
    const send = (from: number, operation: Sent['operation']): void => {
      if (random.chance(chance)) sent.push({ from, operation })
    }
    for (const provider of world.providers.values()) {
      const { id, suspendedSince, status, removed, liabilityBase } = provider
      const { suspensionWindows } = world.parameters
      if (suspendedSince !== undefined && world.window >= suspendedSince + suspensionWindows)
        send(id, { kind: 'resume' })
      const offer = world.failures.novations.get(id)
      if (offer !== undefined) send(offer.to, { kind: 'acceptNovation', from: id, ...withoutTarget(offer) })
      if (status === 'retiring' && liabilityBase > 0n && offer === undefined)
        send(id, this.#offer(world, provider))
      if (offer !== undefined && random.chance(0.2)) send(id, { kind: 'withdrawNovation' })
      if (status === 'retiring' && liabilityBase === 0n && !removed) send(id, { kind: 'completeExit' })
      if (hasLeft(world, provider))
        for (const [asset, bond] of provider.bonds)
          if (bond > 0n) send(id, { kind: 'withdrawBond', asset, amountBase: bond })
    }
    return sent
  }

  /** Votes for what takes no vote from anybody: by chance alone little of it passes. */
  #dueVotes(world: World, chance: number): readonly Sent[] {
    const random = this.#random
    return [...world.proposals.values()]
      .filter(({ kind }) => !['jail', 'remove'].includes(kind))
      .flatMap(({ id, approve, reject }) =>
        voters(world)
          .filter((member) => !approve.has(member.id) && !reject.has(member.id) && random.chance(chance))
          .map((member) => ({
            from: member.id,
            operation: { kind: 'vote', proposal: id, approve: true } as const,
          })),
      )
  }

  #isDue(world: World, wallet: number, phase: 'commit' | 'reveal'): boolean {
    const seat = seatOf(world, nameOf(wallet))
    if (seat === undefined) return false
    const report = reportOf(world, seat, world.window)
    return phase === 'commit'
      ? report === undefined
      : report !== undefined && report.outcome !== 'revealed' && report.account === nameOf(wallet)
  }

  #report(world: World, wallet: number, phase: 'commit' | 'reveal'): InstitutionOperation {
    const random = this.#random
    const known = this.#reports.get(wallet)
    if (phase === 'commit' || known === undefined) {
      const made = this.#commitment(world, wallet)
      this.#reports.set(wallet, made)
      return made
    }
    const { window, salt, rating, prices } = known
    if (random.chance(0.04)) return { kind: 'reveal', window, salt: salt + 1, rating, prices }
    return { kind: 'reveal', window, salt, rating, prices }
  }

  /** In most windows both chambers see about the same; in some the providers see another rating, or another price. */
  #commitment(world: World, wallet: number): Commitment {
    const random = this.#random
    const isMember = !reporterWallets.includes(wallet)
    const mood = (world.window * 7 + world.providers.size) % 5
    const drift = world.anchorPpm * world.parameters.driftPpm
    const truth = world.anchorPpm + (drift * BigInt((world.window % 4) - 1)) / (2n * P)
    const jitter = (base: bigint): bigint => (base * BigInt(random.between(995, 1_005))) / 1_000n
    const price = bondPriceOf(world, ASSET) ?? 1n
    const rating = random.chance(0.03)
      ? random.pick([0n, 1n, 2n ** 60n])
      : jitter(isMember && mood === 0 ? truth * 2n : truth)
    const shown = jitter(
      isMember && mood === 1 ? price / 2n : (price * BigInt(95 + ((world.window * 3) % 11))) / 100n,
    )
    const second = bondPriceOf(world, ASSETS[1])
    const also =
      second === undefined || !hasFeed(world)
        ? []
        : [{ asset: ASSETS[1], priceBase: jitter(isMember && mood === 2 ? (second * 3n) / 2n : second) }]
    const prices = random.chance(0.1)
      ? random.pick([[], [{ asset: ASSET + 1, priceBase: shown }], [{ asset: ASSET, priceBase: 0n }]])
      : [{ asset: ASSET, priceBase: shown }, ...also]
    const account = random.chance(0.02) ? random.pick(reporterWallets) : wallet
    return { kind: 'commit', window: world.window, account, salt: ++this.#salt, rating, prices }
  }

  #bid(known: Case, { id: bidder }: Pick<Provider, 'id'>): InstitutionOperation {
    const random = this.#random
    const provider = known.provider
    const key = `${provider}/${bidder}`
    const made = this.#bids.get(key)
    if (made !== undefined && random.chance(0.95)) {
      const { amountBase, sharePpm, salt } = made
      return {
        kind: 'revealBid',
        provider,
        amountBase,
        sharePpm,
        salt: random.chance(0.05) ? salt + 1 : salt,
      }
    }
    const share = random.pick([0n, 100_000n, 500_000n, 500_000n, 900_000n, P])
    const bid: SealedBid = {
      kind: 'commitBid',
      provider,
      bidder,
      amountBase: random.chance(0.05) ? 0n : (known.liabilityBase * BigInt(random.between(1, 12))) / 10n,
      sharePpm: random.chance(0.03) ? P + 1n : share,
      salt: ++this.#salt,
    }
    this.#bids.set(key, bid)
    return bid
  }

  /** One operation of a kind, of a member unless it is somebody else's. */
  draw(world: World, kind: Kind, member: number): Sent {
    const random = this.#random
    switch (kind) {
      case 'commit':
      case 'reveal': {
        const wallet = random.pick([...reporterWallets, ...world.providers.keys(), ...holders.slice(0, 1)])
        const at = random.chance(0.9) ? world.window : Math.max(0, world.window + random.pick([-1, 1]))
        const report = this.#report(world, wallet, kind)
        return { from: wallet, operation: { ...report, window: at } as InstitutionOperation }
      }
      case 'commitBid':
      case 'revealBid': {
        const open = [...world.failures.cases.values()].filter(({ stage }) => stage === 'auction')
        const known = open.length > 0 ? random.pick(open) : [...world.failures.cases.values()][0]
        if (known !== undefined) return { from: member, operation: this.#bid(known, { id: member }) }
        const nothing = { provider: 1, amountBase: 1n, sharePpm: 0n, salt: 0 }
        return { from: member, operation: { kind: 'revealBid', ...nothing } }
      }
      case 'proposeReporters':
        return { from: member, operation: this.#reporters(world) }
      case 'proposeSpending': {
        const asset = random.pick([0, ...ASSETS])
        const most = unitsOf(world, asset, FUND)
        const amountBase = (most * BigInt(random.pick([0, 1, 5, 9, 12]))) / 10n
        return { from: member, operation: { kind, asset, to: random.pick(holders), amountBase } }
      }
      case 'proposeClass': {
        const rated = (): bigint => BigInt(random.between(1, 30)) * 100_000n
        const number = world.classes.size + (random.chance(0.7) ? 1 : 0)
        const rated3 = { train: rated(), finetune: rated(), infer: rated(), specOnly: random.chance(0.3) }
        const slug = random.chance(0.9) ? `class-${number}` : ''
        return { from: member, operation: { kind, slug, ...rated3 } }
      }
      case 'convict':
        return { from: member, operation: { kind, provider: random.pick([...world.providers.keys()]) } }
      case 'price': {
        const price = world.prices.get(ASSET)!
        return {
          from: member,
          operation: { kind, asset: ASSET, priceBase: (price * BigInt(random.between(85, 125))) / 100n },
        }
      }
      default:
        return this.#exit(world, kind, member)
    }
  }

  #reporters(world: World): InstitutionOperation {
    const random = this.#random
    const { reporters } = world.oracle
    const known = [...reporters.values()]
    const free = reporterWallets.filter((wallet) => known.every(({ account }) => account !== nameOf(wallet)))
    const named = (wallet: number) => ({
      wallet,
      name: random.chance(0.05) && known.length > 0 ? random.pick(known).name : `reporter ${wallet}`,
    })
    const count = known.length === 0 ? random.between(2, 5) : random.between(0, 2)
    const appoint = free.slice(0, count).map(named)
    if (random.chance(0.05)) appoint.push(named(random.pick([1, reporterWallets[0]!])))
    const dismiss = known
      .filter(() => random.chance(0.25))
      .map(({ id }) => id)
      .slice(0, 2)
    return { kind: 'proposeReporters', appoint, dismiss: random.chance(0.05) ? [...dismiss, 99] : dismiss }
  }

  #exit(
    world: World,
    kind: Exclude<
      Kind,
      | 'commit'
      | 'reveal'
      | 'commitBid'
      | 'revealBid'
      | 'proposeReporters'
      | 'proposeSpending'
      | 'proposeClass'
      | 'convict'
      | 'price'
    >,
    member: number,
  ): Sent {
    const random = this.#random
    const provider = world.providers.get(member)!
    switch (kind) {
      case 'offerNovation':
        return { from: member, operation: this.#offer(world, provider) }
      case 'acceptNovation': {
        const open = [...world.failures.novations]
        if (open.length === 0)
          return { from: member, operation: { kind, from: 1, amountBase: 1n, asset: 0, paymentBase: 0n } }
        const [from, { to, amountBase, asset, paymentBase }] = random.pick(open)
        const terms = { amountBase: random.chance(0.95) ? amountBase : amountBase + 1n, asset, paymentBase }
        return { from: random.chance(0.95) ? to : member, operation: { kind, from, ...terms } }
      }
      case 'withdrawBond': {
        const gone = [...world.providers.values()].filter((other) => hasLeft(world, other))
        const by = gone.length > 0 && random.chance(0.8) ? random.pick(gone) : provider
        const bond = by.bonds.get(ASSET) ?? 0n
        const amountBase = random.pick([bond, bond / 2n, bond + 1n, 0n])
        return { from: by.id, operation: { kind, asset: ASSET, amountBase } }
      }
      case 'completeExit': {
        const leaving = [...world.providers.values()].filter(({ status }) => status === 'retiring')
        const by = leaving.length > 0 && random.chance(0.8) ? random.pick(leaving) : provider
        return { from: by.id, operation: { kind } }
      }
      default:
        return { from: random.chance(0.03) ? holders[0]! : member, operation: { kind } }
    }
  }

  /** Mostly what another has room for; of those who leave mostly all. */
  #offer(world: World, provider: Provider): InstitutionOperation {
    const random = this.#random
    const others = [...world.providers.values()].filter((other) => other.id !== provider.id && counts(other))
    const to = others.length > 0 && random.chance(0.95) ? random.pick(others) : provider
    const isLeaving = provider.status === 'retiring' || random.chance(0.3)
    const wanted = isLeaving
      ? provider.liabilityBase
      : (provider.liabilityBase * BigInt(random.between(0, 11))) / 10n
    const amountBase = random.chance(0.8) ? mostTaken(world, { from: provider, to, wanted }) : wanted
    const asset = random.pick([0, ASSET, ...ASSETS, ...(random.chance(0.1) ? [7] : [])])
    const held = unitsOf(world, asset, provider.operator)
    const paymentBase = random.chance(0.1)
      ? held + 1n
      : asset === 0
        ? (coinsOf(world, provider.operator) + COIN) / 100n
        : held / 10n
    const target = random.chance(0.02) ? 99 : to.id
    return { kind: 'offerNovation', to: target, amountBase, asset, paymentBase }
  }
}
