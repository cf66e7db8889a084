// What one simulated run is made of: sizes, rates, durations, faults. Not: the named scenarios (scenarios.ts).
import type { Bls } from '../../base/crypto/types.ts'
import type { ConsensusParameters } from '../../consensus/types.ts'
import { PARAMETERS } from '../support/coreParameters.ts'
import { standInBls } from '../support/standInBls.ts'
import type { MakeBehaviour } from './behaviours/behaviour.ts'
import type { SimModel } from './simModel.ts'

/** True time of every run's start; clocks of nodes differ from it by their skew. */
export const START_MS = 1_700_000_000_000

/** Upper bounds of what one node's disk and processor take; the time taken is drawn below them. */
export interface Speed {
  readonly diskMs: number
  readonly signMs: number
  readonly buildMs: number
  readonly verifyMs: number
  /** Added to each message from and to it. */
  readonly linkMs: number
}

export const NORMAL_SPEED: Speed = { diskMs: 3, signMs: 3, buildMs: 5, verifyMs: 5, linkMs: 0 }

/** `World` is what scenarios act on; this file does not know it. */
export interface SimConfig<World> {
  readonly seed: number
  /** Validators and followers, each with its own key. */
  readonly nodes: number
  /** Node indexes of an epoch's set; all by default. */
  readonly membersOf?: (epoch: number) => readonly number[]
  /** Each entry makes one more host, with the key of that node; such nodes count as Byzantine. */
  readonly twins?: readonly number[]
  readonly lossRate: number
  readonly duplicateRate: number
  /** Share of messages that take up to ten times as long, so that later ones overtake them. */
  readonly reorderRate: number
  readonly delayMs: readonly [number, number]
  /** Chance of a crash at each point where a node's disk or signer is written. */
  readonly crashPointRate: number
  /** A crash of `node` (or of all at once) exactly at its `point`-th such point. */
  readonly crashAt?: { readonly node: number | 'all'; readonly point: number }
  /** Mean time between crashes at random moments; 0 = none. */
  readonly crashEveryMs: number
  /** Byzantine nodes by index; at most f of them. */
  readonly byzantine?: ReadonlyMap<number, MakeBehaviour>
  /** Never started at all. */
  readonly silent: readonly number[]
  /** Clock differences are drawn from ± this. */
  readonly skewMs: number
  /** Exact clock differences instead. */
  readonly skewOf?: (node: number) => number
  readonly speedOf?: (node: number) => Speed
  readonly txEveryMs: number
  readonly epochBlocks: number
  /** From this height on execution has other results, except on nodes of the old version. */
  readonly activation?: { readonly height: number; readonly old: ReadonlySet<number> }
  /** Faults stop here; everything down is started again. */
  readonly faultsUntilMs: number
  /** Synced journals get lost, of more than f validators in time: then progress is not demanded beyond recovery (CONSENSUS §5). */
  readonly mayLoseJournals?: boolean
  /** L: this many blocks on every node within `limitMs` of healing. */
  readonly goalBlocks: number
  readonly limitMs: number
  readonly parameters: ConsensusParameters
  /** Links and machines with costs; by default delays are uniform draws and signature checks take no time. */
  readonly model?: SimModel
  readonly bls: Bls
  /** Schedules the scenario's own faults; called once everything has been started. */
  readonly course?: (world: World) => void
  /** Replaces the usual play (faults, healing, progress). Throws Violation. */
  readonly play?: (world: World) => void
  /** More checks after the play. Throws Violation. */
  readonly afterwards?: (world: World) => void
}

export const CALM: SimConfig<unknown> = {
  seed: 1,
  nodes: 4,
  lossRate: 0,
  duplicateRate: 0,
  reorderRate: 0,
  delayMs: [1, 20],
  crashPointRate: 0,
  crashEveryMs: 0,
  silent: [],
  skewMs: 0,
  txEveryMs: 200,
  epochBlocks: 1_000_000,
  faultsUntilMs: 3_000,
  goalBlocks: 5,
  limitMs: 120_000,
  parameters: PARAMETERS,
  bls: standInBls,
}
