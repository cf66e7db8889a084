// Configuration of one simulated run: sizes, rates, durations, faults. Not: the named scenarios (scenarios.ts).
import type { Bls } from '../../base/crypto/types.ts'
import type { ConsensusParameters } from '../../consensus/types.ts'
import { PARAMETERS } from '../support/coreParameters.ts'
import { standInBls } from '../support/standInBls.ts'
import type { MakeBehaviour } from './behaviours/behaviour.ts'
import type { SimModel } from './simModel.ts'

/** True start time of every run; node clocks differ from it by their skew. */
export const START_MS = 1_700_000_000_000

/** Upper bounds of a node's disk and processing times; each time is drawn below them. */
export interface Speed {
  readonly diskMs: number
  readonly signMs: number
  readonly buildMs: number
  readonly verifyMs: number
  /** Added to each message to or from the node. */
  readonly linkMs: number
}

export const NORMAL_SPEED: Speed = { diskMs: 3, signMs: 3, buildMs: 5, verifyMs: 5, linkMs: 0 }

/** A Byzantine host with one of a node's keys, which it keeps when the node goes on to the next. */
export interface Thief {
  readonly node: number
  readonly key: number
  /** It has the node's peer key too, so that its connections count as the node's. */
  readonly hasPeerKey: boolean
  readonly behaviour: MakeBehaviour
}

/** `World` is the type that scenarios act on, unknown here. */
export interface SimConfig<World> {
  readonly seed: number
  /** Validators and followers, each with its own key. */
  readonly nodes: number
  /** Node indexes of an epoch's set; default: all. */
  readonly membersOf?: (epoch: number) => readonly number[]
  /** Each entry adds a host with that node's key; such nodes count as Byzantine. */
  readonly twins?: readonly number[]
  /** Which of its keys, counted from 0, a node uses in an epoch; default: always the first. */
  readonly keyOf?: (node: number, epoch: number) => number
  /** Each entry adds a host that holds a node's key. That node is honest, but its key is not: it is faulty in epochs of this key. */
  readonly thieves?: readonly Thief[]
  readonly lossRate: number
  readonly duplicateRate: number
  /** Share of messages delayed up to tenfold, so that later ones overtake them. */
  readonly reorderRate: number
  readonly delayMs: readonly [number, number]
  /** Probability of a crash at each write of a node's disk or signer. */
  readonly crashPointRate: number
  /** Crashes `node` (or all at once) exactly at its `point`-th such write. */
  readonly crashAt?: { readonly node: number | 'all'; readonly point: number }
  /** Mean time between random crashes; 0 = none. */
  readonly crashEveryMs: number
  /** Byzantine nodes by index; at most f of them. */
  readonly byzantine?: ReadonlyMap<number, MakeBehaviour>
  /** Points are counted, but no peer is refused: the attack goes on at full strength. Default false. */
  readonly toleratesOffences?: boolean
  /** Never started. */
  readonly silent: readonly number[]
  /** Clock skews are drawn from ± this. */
  readonly skewMs: number
  /** Exact clock skews instead. */
  readonly skewOf?: (node: number) => number
  readonly speedOf?: (node: number) => Speed
  readonly txEveryMs: number
  readonly epochBlocks: number
  /** From this height on execution results differ, except on nodes of the old version. */
  readonly activation?: { readonly height: number; readonly old: ReadonlySet<number> }
  /** Faults stop here; every stopped node restarts. */
  readonly faultsUntilMs: number
  /** Synced journals of more than f validators may be lost: then no progress is required beyond recovery (CONSENSUS §5). */
  readonly mayLoseJournals?: boolean
  /** L: this many more blocks on every node within `limitMs` of healing. */
  readonly goalBlocks: number
  readonly limitMs: number
  readonly parameters: ConsensusParameters
  /** Models links and machines; by default delays are uniform and signature checks take no time. */
  readonly model?: SimModel
  readonly bls: Bls
  /** Schedules the scenario's own faults; called once all nodes have started. */
  readonly course?: (world: World) => void
  /** Replaces the default course (faults, healing, progress). Throws Violation. */
  readonly play?: (world: World) => void
  /** Further checks at the end. Throws Violation. */
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
