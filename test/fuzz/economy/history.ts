// One fuzzed history: moods, blocks of all actors' calls in random order, time that jumps; then everything is wound up.
// Owns: the loop and what is judged after each block. Not: single calls (actors/), the end (drain.ts).
import { hasWork } from '../../../state/hooks.ts'
import { MODULES } from '../../../state/registry.ts'
import { Random } from '../../support/random.ts'
import type { Act } from './act.ts'
import { backerActs } from './actors/backers.ts'
import { bidderActs } from './actors/bidders.ts'
import { holderActs } from './actors/holders.ts'
import { issuerActs } from './actors/issuers.ts'
import { memberActs } from './actors/members.ts'
import { mistakesOf } from './actors/mistakes.ts'
import { reporterActs } from './actors/reporters.ts'
import { traderActs } from './actors/traders.ts'
import { voterActs } from './actors/voters.ts'
import { witnessActs } from './actors/witnesses.ts'
import { EconomyChain, type Played } from './chain.ts'
import { ask } from './questions.ts'
import { Scene } from './scene.ts'
import { OPERATORS_MAX, REPORTERS } from './wallets.ts'
import { genesisOf, worldOf } from './world.ts'

const RECOUNT_EVERY = 8
const MOODS_EVERY = 25
/** How likely a chain with work is to be halted for a while. */
const HALTED = 0.1

/** One block as it was made, to be made again. */
export interface Block {
  readonly acts: readonly Act[]
  readonly pauseMs: number
  readonly proposer: number
}

export class History {
  readonly random: Random
  readonly scene: Scene
  readonly chain: EconomyChain
  readonly blocks: Block[] = []
  /** How often each action ended in which way: `name` or `name: failure`. */
  readonly outcomes = new Map<string, number>()

  constructor(seed: number) {
    this.random = new Random(seed)
    const { document } = worldOf(this.random)
    this.chain = new EconomyChain(genesisOf(document))
    this.scene = new Scene(this.chain, this.random)
  }

  #moods(): void {
    const { random, scene } = this
    const all = [...REPORTERS, ...Array.from({ length: OPERATORS_MAX }, (_, i) => i + 1)]
    const isBad = random.chance(0.3)
    for (const number of all) {
      const moods = ['silent', 'lazy', 'liar'] as const
      scene.moods.set(number, random.chance(isBad ? 0.5 : 0.12) ? random.pick(moods) : 'honest')
    }
  }

  #pause(): number {
    const { random, chain } = this
    const { startedAtMs, endsAtMs } = chain.clock
    const windowMs = endsAtMs - startedAtMs
    // A chain that has work makes blocks; now and then it is halted all the same.
    const { height, endsEpoch } = chain.parent.header
    const isBusy = hasWork(MODULES, chain.full, { height: height + 1, parentEndsEpoch: endsEpoch })
    const roll = isBusy && !random.chance(HALTED) ? 1 : random.next()
    if (roll < 0.04) return windowMs * random.between(1, 3)
    if (roll < 0.09) return Math.max(100, endsAtMs - chain.nowMs - random.pick([0, 1, 100]))
    if (roll < 0.14) return Math.max(100, startedAtMs + Math.floor(windowMs / 2) - chain.nowMs)
    return random.pick([100, 100, 200, 400, 700])
  }

  /** Chooses and makes one block. */
  step(): void {
    const { random, scene, chain } = this
    if (this.blocks.length % MOODS_EVERY === 0) this.#moods()
    const pauseMs = this.#pause()
    const acts = [
      ...memberActs(scene),
      ...holderActs(scene),
      ...issuerActs(scene),
      ...reporterActs(scene, pauseMs, 0.4),
      ...bidderActs(scene),
      ...backerActs(scene),
      ...traderActs(scene),
      ...voterActs(scene),
      ...witnessActs(scene),
    ]
    const all = random.shuffled([...acts, ...mistakesOf(scene, acts)])
    this.play({ acts: all, pauseMs, proposer: random.between(0, 15) })
    if (this.blocks.length % RECOUNT_EVERY === 0) chain.recount()
    ask(scene)
  }

  close(): void {
    this.chain.close()
  }

  play(block: Block): readonly Played[] {
    this.blocks.push(block)
    const played = this.chain.next(block.acts, block.pauseMs, block.proposer)
    for (const { act, failure } of played) {
      const name = failure === undefined ? act.name : `${act.name}: ${failure}`
      this.outcomes.set(name, (this.outcomes.get(name) ?? 0) + 1)
    }
    return played
  }
}
