// Random operations that mostly make sense: it looks at the model to find ids, windows and amounts. Owns: the mixture.
import type { Random } from '../../../support/random.ts'
import { COIN, P } from '../arithmetic.ts'
import { whileUnchanged } from '../capacity.ts'
import { brokenMintLimits } from '../coverage.ts'
import { coinsOf, lockEscrow, unitsOf } from '../ledger.ts'
import { openRequests } from '../queue.ts'
import { type Parameters, SERVICES, type World } from '../world.ts'
import { isBacking, nextBacking } from './backingFacts.ts'
import { InstitutionDraws, type Manners } from './institutionDraws.ts'
import { exists, type Operation, type Sent } from './operations.ts'
import { isOrder, nextOrder, type OrderOperation } from './orderOperations.ts'
import { anyToken, nextSale, owingMember, SALE_WEIGHTS } from './saleGenerator.ts'
import { isSale, type SaleOperation } from './saleOperations.ts'
import { ASSET, ASSETS, REGIONS, UNIT } from './scenario.ts'
import { FIRST_HOLDER, holders, ISSUER, nameOf } from './wallets.ts'

/** How often each is drawn, of all. */
const WEIGHTS: readonly (readonly [Kind, number])[] = [
  ['convict', 1],
  ['price', 2],
  ['pay', 8],
  ['transfer', 5],
  ['approve', 3],
  ['transferFrom', 3],
  ['issue', 2],
  ['redeem', 2],
  ['postBond', 2],
  ['pledge', 2],
  ['giveNotice', 1],
  ['attest', 3],
  ['mint', 8],
  ['retire', 3],
  ['retireLocked', 2],
  ['back', 8],
  ['unback', 3],
  ['claimBacking', 3],
  ['placeOrder', 12],
  ['cancelOrder', 3],
  ['list', 5],
  ['unlist', 1],
  ['request', 14],
  ['cancel', 3],
  ['grant', 14],
  ['settle', 14],
  ['reject', 3],
  ['resume', 3],
  ['report', 6],
  ['proposeJail', 1],
  ['proposeUnjail', 1],
  ['proposeRemoval', 1],
  ['proposeParameter', 2],
  ['vote', 10],
  ['withdrawProposal', 1],
  ['batch', 6],
  ['commit', 1],
  ['reveal', 1],
  ['proposeReporters', 2],
  ['proposeSpending', 1],
  ['proposeClass', 2],
  ['commitBid', 1],
  ['offerNovation', 3],
  ['withdrawNovation', 1],
  ['acceptNovation', 3],
  ['beginExit', 1],
  ['completeExit', 2],
  ['withdrawBond', 2],
  ...SALE_WEIGHTS,
]
/** Parameters that proposals change, and their modules. */
const CHANGEABLE = [
  ['oracle', 'driftPpm'],
  ['issuance', 'marginPpm'],
  ['issuance', 'bondPpm'],
  ['issuance', 'bondMaintenancePpm'],
  ['issuance', 'frontLoadPpm'],
  ['issuance', 'retainPpm'],
  ['capacity', 'coverN'],
  ['capacity', 'minClassPpm'],
  ['redemption', 'assignAhead'],
  ['redemption', 'noShowPpm'],
  ['redemption', 'faultPenaltyPpm'],
  ['redemption', 'tailWindows'],
  ['series', 'seriesPenaltyPpm'],
] as const satisfies readonly (readonly [string, keyof Parameters])[]
const REASONS = ['unreachable', 'wrongHardware', 'other'] as const
type Kind = Operation['kind']

export class Generator {
  readonly #random: Random
  readonly #institutions: InstitutionDraws
  #root = 0

  readonly #without: ReadonlySet<string>
  readonly #isGreedy: boolean

  /** `isGreedy`: members mint whatever they may. */
  constructor(random: Random, without: ReadonlySet<string> = new Set(), isGreedy = false) {
    this.#random = random
    this.#institutions = new InstitutionDraws(random)
    this.#isGreedy = isGreedy
    this.#without = without
  }

  /** One transaction for the world as it is. */
  next(world: World): Sent {
    return this.#send(world, this.#kind())
  }

  /** Grants that are due and not posted: without them every assignment would be a fault. */
  dueGrants(world: World, chance: number): readonly Sent[] {
    return world.assignments
      .filter((a) => a.isOpen && !a.granted && this.#random.chance(chance))
      .map((a) => ({
        from: a.provider,
        operation: { kind: 'grant', id: a.request, assignment: a.number } as const,
      }))
  }

  /** What else is due: reports and bids, resuming, the next step of whoever leaves. */
  dueActs(world: World, at: Manners & { readonly timestampMs: number }): readonly Sent[] {
    return this.#institutions.due(world, at).filter(({ operation }) => !this.#without.has(operation.kind))
  }

  #kind(): Kind {
    const usable = WEIGHTS.filter(([kind]) => exists(kind) && !this.#without.has(kind))
    let left = this.#random.between(
      1,
      usable.reduce((total, [, weight]) => total + weight, 0),
    )
    for (const [kind, weight] of usable) {
      left -= weight
      if (left <= 0) return kind
    }
    return 'pay'
  }

  #send(world: World, kind: Kind): Sent {
    const random = this.#random
    if (isBacking(kind)) return nextBacking(random, world, kind)
    if (isOrder({ kind })) return nextOrder(random, world, kind as OrderOperation['kind'])
    if (isSale({ kind })) return nextSale(random, world, kind as SaleOperation['kind'])
    const member = random.pick([...world.providers.keys()])
    const holder = random.pick(holders)
    switch (kind) {
      case 'pay':
      case 'transfer':
      case 'approve':
      case 'transferFrom':
      case 'issue':
      case 'redeem':
        return this.#ledger(world, kind, random.chance(0.2) ? member : holder)
      case 'request':
        return { from: holder, operation: this.#request(world, holder) }
      case 'cancel': {
        const request = this.#anyRequest(world)
        return { from: this.#ownerOf(world, request), operation: { kind, id: request } }
      }
      case 'grant':
      case 'settle':
      case 'reject':
        return this.#delivery(world, kind)
      case 'report':
        return { from: ISSUER, operation: { kind, anchor: this.#anchor(world) } }
      case 'attest': {
        const pending = [...world.lots.values()].filter((lot) => lot.countsFrom === undefined)
        // The driver asserts that the lot is pending, as an audit does.
        if (pending.length === 0) return this.#ledger(world, 'pay', holder)
        return { from: ISSUER, operation: { kind, lot: random.pick(pending).id } }
      }
      case 'batch':
        return this.#batch(world)
      case 'retireLocked':
        return this.#retireLocked(world, member)
      case 'convict':
        // Rare: half of a bond, and a vote.
        return random.chance(0.3)
          ? this.#institutions.draw(world, kind, member)
          : this.#ledger(world, 'pay', holder)
      case 'price':
        // Once there are reporters they alone set it.
        return world.oracle.sinceWindow === undefined
          ? this.#institutions.draw(world, kind, member)
          : this.#ledger(world, 'pay', holder)
      case 'commit':
      case 'reveal':
      case 'proposeReporters':
      case 'proposeSpending':
      case 'proposeClass':
      case 'commitBid':
      case 'revealBid':
      case 'offerNovation':
      case 'withdrawNovation':
      case 'acceptNovation':
      case 'beginExit':
      case 'completeExit':
      case 'withdrawBond':
        return this.#institutions.draw(world, kind, member)
      case 'giveNotice':
        // Notice ends all minting of its provider for K windows: not too often.
        return random.chance(0.6)
          ? this.#send(world, 'mint')
          : { from: random.chance(0.05) ? holder : member, operation: this.#member(world, kind, member) }
      case 'pledge':
      case 'postBond': {
        const owing = random.chance(0.5) ? owingMember(random, world) : undefined
        if (owing !== undefined) return { from: owing, operation: this.#member(world, kind, owing, 6) }
        return { from: random.chance(0.05) ? holder : member, operation: this.#member(world, kind, member) }
      }
      default:
        return { from: random.chance(0.05) ? holder : member, operation: this.#member(world, kind, member) }
    }
  }

  /** Of whoever has a lock, if anybody does. */
  #retireLocked(world: World, member: number): Sent {
    const locked = [...world.providers.keys()].filter((id) => coinsOf(world, lockEscrow(id)) > 0n)
    const from = locked.length > 0 ? this.#random.pick(locked) : member
    return {
      from,
      operation: { kind: 'retireLocked', amountBase: this.#amount(coinsOf(world, lockEscrow(from))) },
    }
  }

  /** An amount up to `most`: often round, sometimes an edge. */
  #amount(most: bigint): bigint {
    const random = this.#random
    if (random.chance(0.05)) return random.pick([0n, 1n, most, most + 1n])
    return (most * BigInt(random.between(1, 1_000))) / 1_000n
  }

  #anchor(world: World): bigint {
    const random = this.#random
    const { driftPpm } = world.parameters
    const step = (world.anchorPpm * driftPpm * BigInt(random.between(0, 15))) / (P * 10n)
    return random.chance(0.1) ? world.anchorPpm - 1n : world.anchorPpm + step
  }

  #ledger(
    world: World,
    kind: 'pay' | 'transfer' | 'approve' | 'transferFrom' | 'issue' | 'redeem',
    from: number,
  ): Sent {
    const random = this.#random
    const to = random.pick(holders)
    const asset = kind === 'issue' ? ASSET : anyToken(random, world)
    const units = (wallet: number): bigint => this.#amount(unitsOf(world, asset, nameOf(wallet)) / 4n)
    switch (kind) {
      case 'pay':
        return { from, operation: { kind, to, valueBase: this.#amount(coinsOf(world, nameOf(from)) / 4n) } }
      case 'transfer':
        return { from, operation: { kind, asset, to, value: units(from) } }
      case 'approve':
        return {
          from,
          operation: {
            kind,
            asset,
            spender: to,
            value: random.chance(0.2) ? 2n ** 256n - 1n : units(from),
          },
        }
      case 'transferFrom':
        return {
          from,
          operation: { kind, asset, owner: to, to: random.pick(holders), value: units(to) },
        }
      case 'issue':
        return {
          from: random.chance(0.8) ? ISSUER : from,
          operation: { kind, asset: ASSET, to, amountBase: this.#amount(100n * UNIT) },
        }
      case 'redeem':
        return { from, operation: { kind, asset, amountBase: units(from) } }
    }
  }

  /** `size`: times the usual. */
  #member(world: World, kind: Kind, member: number, size = 1): Operation {
    const random = this.#random
    const classId = random.between(1, world.classes.size)
    switch (kind) {
      case 'postBond':
        return {
          kind,
          asset: random.chance(0.8) ? ASSET : ASSETS[1],
          amountBase: this.#amount(BigInt(200 * size) * UNIT),
        }
      case 'pledge':
        return {
          kind,
          classId,
          devices: random.between(1, 10 * size),
          root: random.chance(0.1) ? this.#root : ++this.#root,
          region: random.pick(REGIONS),
          services: random.chance(0.8) ? SERVICES : [random.pick(SERVICES)],
          firstWindow: world.window + random.between(0, 4),
        }
      case 'giveNotice': {
        const lots = [...world.lots.values()].filter((lot) => lot.provider === member)
        return { kind, lot: lots.length === 0 ? 999 : random.pick(lots).id }
      }
      case 'mint':
        return {
          kind,
          to: random.chance(0.5) ? member : random.pick(holders),
          amountBase: this.#mintable(world, member),
        }
      case 'retire':
        return { kind, amountBase: this.#amount(coinsOf(world, nameOf(member)) / 2n) }
      case 'list': {
        const lots = [...world.lots.values()].filter((lot) => lot.provider === member)
        const lot = lots.length === 0 || random.chance(0.1) ? undefined : random.pick(lots)
        return {
          kind,
          service: random.pick(SERVICES),
          classId: lot?.classId ?? classId,
          region: lot?.region ?? random.pick(REGIONS),
          bonusPpm: BigInt(random.pick([0, 0, 10_000, 50_000, 100_000, 20_000_000])),
        }
      }
      case 'unlist':
        return { kind, service: random.pick(SERVICES) }
      case 'proposeJail':
      case 'proposeUnjail':
      case 'proposeRemoval':
        return { kind, provider: random.between(1, world.providers.size + (random.chance(0.1) ? 1 : 0)) }
      case 'proposeParameter':
        return { kind, ...this.#parameter(world) }
      case 'vote':
        return { kind, proposal: this.#proposal(world), approve: random.chance(0.85) }
      case 'withdrawProposal':
        return { kind, proposal: this.#proposal(world) }
      default:
        return { kind: 'resume' }
    }
  }

  /** A value near the one in force: some go together with the others, some do not. */
  #parameter(world: World): {
    readonly module: string
    readonly parameter: keyof Parameters
    readonly value: bigint
  } {
    const random = this.#random
    const [module, parameter] = random.pick(CHANGEABLE)
    const now = BigInt(world.parameters[parameter])
    if (!parameter.endsWith('Ppm'))
      return { module, parameter, value: BigInt(Math.max(1, Number(now) + random.between(-1, 1))) }
    return { module, parameter, value: (now * BigInt(random.between(80, 120))) / 100n }
  }

  #proposal(world: World): number {
    const open = [...world.proposals.keys()]
    return open.length === 0 ? 999 : this.#random.pick(open)
  }

  /** Amounts around a provider's limit: found by halving. */
  #mintable(world: World, member: number): bigint {
    const random = this.#random
    if (random.chance(this.#isGreedy ? 0.1 : 0.5)) return this.#amount(COIN)
    const limit = whileUnchanged(() => {
      let low = 0n
      let high = 10_000n * COIN
      for (let i = 0; i < 16 && low < high; i++) {
        const middle = (low + high + 1n) / 2n
        if (brokenMintLimits(world, member, middle).size === 0) low = middle
        else high = middle - 1n
      }
      return low
    })
    const parts = this.#isGreedy ? [990, 1_000, 1_000, 1_010] : [100, 500, 990, 1_010]
    return (limit * BigInt(random.pick(parts))) / 1_000n
  }

  #request(world: World, holder: number): Operation {
    const random = this.#random
    const balance = coinsOf(world, nameOf(holder))
    const isConstrained = random.chance(0.3)
    const ahead = (): number => (random.chance(0.5) ? world.window + random.between(0, 6) : 0)
    return {
      kind: 'request',
      amountBase: random.chance(0.05) ? COIN / 200n : this.#amount(balance / 3n),
      service: random.pick(SERVICES),
      provider: isConstrained && random.chance(0.4) ? random.between(1, world.providers.size) : 0,
      ratingMin: isConstrained && random.chance(0.4) ? BigInt(random.between(1, 30)) * 100_000n : 0n,
      region: isConstrained && random.chance(0.4) ? random.pick(REGIONS) : '',
      startBy: isConstrained && random.chance(0.3) ? ahead() : 0,
      finishBy: isConstrained && random.chance(0.5) ? ahead() : 0,
      voucherKey: random.chance(0.2) ? random.pick(holders) : 0,
    }
  }

  #anyRequest(world: World): number {
    const open = openRequests(world)
    return open.length === 0 || this.#random.chance(0.05) ? 9_999 : this.#random.pick(open).id
  }

  #ownerOf(world: World, id: number): number {
    const owner = world.requests.get(id)?.owner
    const wallet = holders.find((each) => nameOf(each) === owner)
    return wallet === undefined || this.#random.chance(0.05) ? this.#random.pick(holders) : wallet
  }

  #delivery(world: World, kind: 'grant' | 'settle' | 'reject'): Sent {
    const random = this.#random
    const open = world.assignments.filter(
      (a) => a.isOpen && (kind === 'grant' ? !a.granted : a.granted && a.window === world.window),
    )
    const any = world.assignments.filter((a) => a.isOpen)
    const pool = open.length > 0 && random.chance(0.95) ? open : any
    if (pool.length === 0) return { from: FIRST_HOLDER, operation: { kind: 'cancel', id: 9_998 } }
    const { request: id, number: assignment, provider, amountBase, voucheredBase } = random.pick(pool)
    const owner = this.#ownerOf(world, id)
    if (kind === 'grant')
      return { from: random.chance(0.95) ? provider : owner, operation: { kind, id, assignment } }
    if (kind === 'reject')
      return { from: owner, operation: { kind, id, assignment, reason: random.pick(REASONS) } }
    const left = amountBase - voucheredBase
    const step = random.chance(0.5) ? left : this.#amount(left)
    const deliveredBase = voucheredBase + step
    const operator = random.chance(0.97) ? provider : 1
    return {
      from: random.chance(0.8) ? provider : owner,
      operation: { kind, id, assignment, operator, deliveredBase, signer: owner },
    }
  }

  /** Calls of one lane, since mixed batches are invalid. */
  #batch(world: World): Sent {
    const random = this.#random
    const from = random.pick(holders)
    const count = random.between(1, 4)
    const isRedemption = random.chance(0.3) && !this.#without.has('request')
    const calls = Array.from({ length: count }, (): Operation => {
      if (isRedemption) return this.#request(world, from)
      const kind = random.pick(['pay', 'transfer', 'approve', 'transferFrom', 'redeem'] as const)
      return this.#ledger(world, kind, from).operation
    })
    return { from, operation: { kind: 'batch', calls } }
  }
}
