// What "100 % backed" promises (ECONOMY §3), on the real state machine: everyone redeems at once at the largest drift
// while coverN groups fall silent. Owns: the players. Not: the chain under it, seeds and counts (main.ts).
import assert from 'node:assert/strict'
import { toHex } from '../../../../base/bytes.ts'
import type { Genesis } from '../../../../genesis/schema.ts'
import { recountStepsOf } from '../../../../state/modules/capacity/recountSteps.ts'
import { Random } from '../../../support/random.ts'
import { COIN, least, sum } from '../arithmetic.ts'
import { whileUnchanged } from '../capacity.ts'
import { type Balance, build } from '../compare/document.ts'
import type { Sent } from '../compare/operations.ts'
import { RealChain } from '../compare/realChain.ts'
import { randomScenario, type Scenario } from '../compare/scenario.ts'
import { holders, nameOf } from '../compare/wallets.ts'
import {
  brokenMintLimits,
  frontLoadLimit,
  groupOf,
  jointLimit,
  ownBackingLimit,
  quota,
  totalLiabilities,
} from '../coverage.ts'
import { mintAtGenesis } from '../issuance.ts'
import type { World } from '../world.ts'

/** How the rush is disturbed besides silent groups; each kind has a tenth of all coins. */
export const DISTURBANCES = ['none', 'hoarders', 'rejecters', 'spam', 'junk'] as const
export type Disturbance = (typeof DISTURBANCES)[number]

export interface RushResult {
  readonly seed: number
  /** K of the chain. */
  readonly horizonWindows: number
  /** Windows until every honest coin was served. */
  readonly windows: number
  readonly honestBase: bigint
  readonly unservedBase: bigint
}

/** Coins that every account keeps for fees: what a transaction may cost at most is held until it has run. */
const FEES_BASE = COIN
/** Coins of an operator for the fees of its grants and settlements. */
const OPERATOR_BASE = COIN / 2n
const BLOCKS_PER_WINDOW = 6
const DRAWS_MAX = 20
/** The last holder disturbs. */
const DISTURBER = holders.at(-1)!
/** Wallets of the honest. */
const HONEST = holders.slice(0, -1)

/** The most that a member may mint: the least that a limit leaves. Bonds of the rush never bind. */
function mostMintable(world: World, member: number): bigint {
  const provider = world.providers.get(member)!
  const group = groupOf(provider)
  const ofGroup = [...world.providers.values()].filter((each) => groupOf(each) === group)
  return whileUnchanged(() => {
    if (brokenMintLimits(world, member, 0n).size > 0) return 0n
    const own = provider.liabilityBase
    const frontLoad = frontLoadLimit(world, member)
    const rooms = [
      quota(world, group) - sum(ofGroup.map(({ liabilityBase }) => liabilityBase)),
      jointLimit(world) - totalLiabilities(world),
      ownBackingLimit(world, member) - own,
      ...(frontLoad === undefined ? [] : [frontLoad - own]),
    ]
    const most = rooms.reduce(least)
    assert.equal(brokenMintLimits(world, member, most).size, 0, 'the limits leave it')
    assert.notEqual(brokenMintLimits(world, member, most + 1n).size, 0, 'and nothing more')
    return most
  })
}

/**
 * Every member mints to its limit, for one holder after the other; the disturber gets a tenth. First every operator gets
 * what it pays fees from, backed by whoever can: one that cannot mint itself must still be able to post its grants. Nothing
 * when nobody can.
 */
function mintToTheLimit(scenario: Scenario, world: World): readonly Balance[] {
  const made: Balance[] = []
  const give = (wallet: number, backedBy: number, amountBase: bigint): void => {
    if (amountBase === 0n) return
    mintAtGenesis(world, backedBy + 1, nameOf(wallet), amountBase)
    made.push({ wallet, amountBase, backedBy })
  }
  const { members } = scenario
  for (const i of members.keys()) {
    const backers = members.map((__, turn) => (i + turn) % members.length)
    const backedBy = backers.find((k) => brokenMintLimits(world, k + 1, OPERATOR_BASE).size === 0)
    if (backedBy === undefined) return []
    give(i + 1, backedBy, OPERATOR_BASE)
  }
  members.forEach((_, i) => {
    const limit = mostMintable(world, i + 1)
    if (limit < COIN) return
    const tenth = limit / 10n
    give(DISTURBER, i, tenth)
    give(HONEST[i % HONEST.length]!, i, limit - tenth)
  })
  return made
}

/**
 * A recount that takes several blocks takes at most half of a window's here. A chain has hundreds of blocks in a window, of
 * which genesis lets a recount take all only when every provider has as many lots as it may.
 */
function recountStepsOfRush({ members, parameters, recountStepsMax }: Scenario): number | undefined {
  if (recountStepsMax === undefined) return undefined
  const lotsPerProvider = Math.max(...members.map(({ lots }) => lots.length))
  const horizon = parameters.horizonWindows
  const steps = recountStepsOf({ providers: members.length, lotsPerProvider, horizon })
  return Math.max(recountStepsMax, Math.ceil((2 * steps) / BLOCKS_PER_WINDOW))
}

/** A chain on which there are coins to redeem: where no class lasts nobody may mint, and another chain is drawn. */
function drawRush(seed: number, random: Random): { readonly scenario: Scenario; readonly document: Genesis } {
  for (let draw = 0; draw < DRAWS_MAX; draw++) {
    const drawn = randomScenario(seed, random)
    // Long windows cost nothing here, and many requests must fit the table.
    // Everyone's requests fit into one block.
    const large = { openRequestsMax: 256, openRequestsPerAccountMax: 64, blockGasLimit: 1_000_000_000 }
    const parameters = { ...drawn.parameters, ...large }
    const members = drawn.members.map((member) => ({ ...member, bondUnits: 1_000_000_000n }))
    const scenario = { ...drawn, parameters, members, recountStepsMax: recountStepsOfRush(drawn) }
    const { document } = build(scenario, mintToTheLimit)
    if (document.balances.length > 0) return { scenario, document }
  }
  throw new Error(`seed ${seed}: nobody may mint on any chain that it draws`)
}

interface Player {
  readonly id: number
  readonly wallet: number
}

interface Open {
  readonly assignment: number
  readonly provider: number
  readonly window: number
  readonly amountBase: bigint
  readonly grantedAtMs: number
}

interface Info {
  readonly state: string
  readonly owner: Uint8Array
  readonly queuedBase: bigint
  readonly assignments: readonly Open[]
}

/** Coins of a request that wait or are reserved. */
const openBase = (info: Info | undefined): bigint =>
  info === undefined
    ? 0n
    : info.assignments.reduce((total, { amountBase }) => total + amountBase, info.queuedBase)

class Rush {
  readonly #real: RealChain
  readonly #scenario: Scenario
  readonly #random: Random
  readonly #disturbance: Disturbance
  readonly #silent: ReadonlySet<number>
  /** Window in which each silent member stops. */
  readonly #silentFrom: number
  /** Members that post grants without serving. */
  readonly #junk: ReadonlySet<number>
  /** Requests with coins that are not served. */
  #requests: Player[] = []
  /** What was asked since the last block. */
  readonly #infos = new Map<number, Info | undefined>()

  constructor(seed: number, disturbance: Disturbance) {
    this.#random = new Random(seed)
    const { scenario, document } = drawRush(seed, this.#random)
    this.#scenario = scenario
    const { members, parameters } = scenario
    this.#disturbance = disturbance
    const groups = [...new Set(members.map(({ legalGroup }) => legalGroup))]
    const out = new Set(this.#random.shuffled(groups).slice(0, parameters.coverN))
    const lost = members.flatMap(({ legalGroup }, i) => (out.has(legalGroup) ? [i + 1] : []))
    this.#silent = new Set(disturbance === 'junk' ? [] : lost)
    this.#junk = new Set(disturbance === 'junk' ? lost : [])
    this.#silentFrom = this.#random.between(0, parameters.horizonWindows)
    this.#real = new RealChain(document)
  }

  get window(): number {
    return this.#real.query<{ readonly windowIndex: number }>('capacity', 'clock').windowIndex
  }

  #info(id: number): Info | undefined {
    if (!this.#infos.has(id))
      this.#infos.set(id, this.#real.query<Info | undefined>('redemption', 'redemption', { id }))
    return this.#infos.get(id)
  }

  #isSilent(member: number): boolean {
    return this.#silent.has(member) && this.window >= this.#silentFrom
  }

  /**
   * Those who take turns in making blocks. Where the silent are a third of the validators or more, as two groups of four are,
   * there would be no block without them: they serve nothing, but vote and propose.
   */
  #proposers(): readonly number[] {
    const all = this.#real.validatorIds
    const awake = all.filter((id) => !this.#isSilent(id))
    return 3 * awake.length > 2 * all.length ? awake : all
  }

  /** Runs a block a share of a window after the last, or the one that ends the window. */
  #block(sent: readonly Sent[], endsWindow: boolean): void {
    const clock = this.#real.query<{ readonly endsAtMs: number }>('capacity', 'clock')
    const { timestampMs } = this.#real.parent.header
    const { windowMs } = this.#scenario.parameters
    const next = endsWindow ? clock.endsAtMs : timestampMs + Math.floor(windowMs / BLOCKS_PER_WINDOW)
    // Proposers of different groups follow each other, so that requests are drawn at once.
    const proposers = this.#proposers()
    const proposer = proposers[this.#real.parent.header.height % proposers.length]!
    const later = Math.max(next, timestampMs + this.#scenario.minBlockIntervalMs)
    const block = { sent, timestampMs: later, proposer, reveal: this.#random.between(0, 255) }
    const { transactions } = this.#real.next(block)
    this.#infos.clear()
    // Who cannot pay for what it sends does not do what this disturbance is about.
    assert.equal(transactions.length, sent.length, 'every transaction is in its block')
  }

  /** The largest rise that the oracle can report; sent by an operator, who has coins on every chain. */
  #drift(): Sent {
    const { anchor } = this.#real.query<{ readonly anchor: bigint }>('oracle', 'anchor')
    return { from: 1, operation: { kind: 'report', anchor: anchor * 2n } }
  }

  #request(wallet: number, amountBase: bigint, region = ''): Sent {
    const terms = { service: 'infer', provider: 0, ratingMin: 0n, region, startBy: 0, finishBy: 0 } as const
    return { from: wallet, operation: { kind: 'request', amountBase, voucherKey: 0, ...terms } }
  }

  #balance(wallet: number): bigint {
    return this.#real.balanceOf(wallet)
  }

  /** Everyone hands in all coins in one block. */
  begin(): bigint {
    const sent: Sent[] = [this.#drift()]
    let honestBase = 0n
    for (const wallet of HONEST) {
      const amountBase = this.#balance(wallet) - FEES_BASE
      if (amountBase < this.#scenario.parameters.minimumBase) continue
      honestBase += amountBase
      sent.push(this.#request(wallet, amountBase))
    }
    const before = this.#real.lastRequest
    const spread = this.#disturbance === 'spam' ? 40n : 1n
    const each = (this.#balance(DISTURBER) - FEES_BASE) / spread
    if (this.#disturbance !== 'none' && each >= this.#scenario.parameters.minimumBase) {
      for (let i = 0n; i < spread; i++) sent.push(this.#request(DISTURBER, each, spread > 1n ? 'tw' : ''))
    }
    this.#block(this.#random.shuffled(sent), false)
    for (let id = before + 1; id <= this.#real.lastRequest; id++) {
      const owner = this.#info(id)?.owner
      const wallet = holders.find((each) => owner !== undefined && nameOf(each) === toHex(owner))
      if (wallet !== undefined) this.#requests.push({ id, wallet })
    }
    return honestBase
  }

  /** Grants of all members that respond. */
  #grants(): readonly Sent[] {
    return this.#requests.flatMap(({ id }) =>
      (this.#info(id)?.assignments ?? [])
        .filter(({ grantedAtMs, provider }) => grantedAtMs === 0 && !this.#isSilent(provider))
        .map(({ assignment, provider }) => ({
          from: provider,
          operation: { kind: 'grant', id, assignment } as const,
        })),
    )
  }

  /** Full vouchers of the honest for what is delivered; the others do what they do. */
  #answers(): readonly Sent[] {
    const { window } = this
    return this.#requests.flatMap(({ id, wallet }) =>
      (this.#info(id)?.assignments ?? [])
        .filter((open) => open.window === window && open.grantedAtMs > 0)
        .flatMap(({ assignment, provider, amountBase }): readonly Sent[] => {
          const isDisturber = wallet === DISTURBER && this.#disturbance !== 'spam'
          if (isDisturber && this.#disturbance === 'hoarders') return []
          const isJunk = this.#junk.has(provider) || this.#isSilent(provider)
          if (isJunk || (isDisturber && this.#disturbance !== 'none'))
            return [{ from: wallet, operation: { kind: 'reject', id, assignment, reason: 'other' } }]
          const voucher = { id, assignment, operator: provider, deliveredBase: amountBase, signer: wallet }
          return [{ from: provider, operation: { kind: 'settle', ...voucher } }]
        }),
    )
  }

  /** One window: matching has several blocks, grants come before the next one begins. */
  runWindow(): void {
    for (let i = 1; i < BLOCKS_PER_WINDOW; i++) {
      const vouchers = i === 1 ? this.#answers() : []
      this.#block([...vouchers, ...this.#grants(), ...(i === 2 ? [this.#drift()] : [])], false)
    }
    this.#block(this.#grants(), true)
    this.#requests = this.#requests.filter(({ id }) => openBase(this.#info(id)) > 0n)
  }

  /** Coins of the honest that are not served. */
  unservedBase(): bigint {
    let total = 0n
    for (const { id, wallet } of this.#requests) {
      if (wallet === DISTURBER) continue
      total += openBase(this.#info(id))
    }
    return total
  }

  get horizonWindows(): number {
    return this.#scenario.parameters.horizonWindows
  }
}

/** Runs a rush for at most `windowsMax` times K windows. */
export function runRush(seed: number, disturbance: Disturbance, horizons: number): RushResult {
  const rush = new Rush(seed, disturbance)
  const honestBase = rush.begin()
  const from = rush.window
  const last = from + horizons * rush.horizonWindows
  while (rush.window < last && rush.unservedBase() > 0n) rush.runWindow()
  return {
    seed,
    horizonWindows: rush.horizonWindows,
    windows: rush.window - from,
    honestBase,
    unservedBase: rush.unservedBase(),
  }
}

/** Whether every honest coin was served. */
export const isServed = (result: RushResult): boolean => result.unservedBase === 0n
