// A draft: a genesis document that has no members yet. Owns: making it from a preset, its rules, what a document adds to it.
// Not: members' parts (parts.ts), the rules of a whole document (check.ts).
import type { Address } from '../base/ids.ts'
import type { Preset } from '../base/parameters.ts'
import { genesisClasses } from './catalogue.ts'
import { checkDraftFields } from './check.ts'
import { DEVNET_CHAIN_ID, DEVNET_TIMING } from './devnet.ts'
import { GenesisError } from './error.ts'
import { DEV_PARAMETERS, MAIN_PARAMETERS, type Parameters, TEST_PARAMETERS } from './parameters.ts'
import { type ConsensusTiming, type Genesis, genesisSchema } from './schema.ts'

/** Validators in several regions of the world: the delay bound is the one that the scale simulation uses. */
const WIDE_AREA_TIMING: ConsensusTiming = {
  networkDelayMs: 250,
  heartbeatMs: 30_000,
  precisionMs: 500,
  messageDelayMs: 2_000,
  buildMs: 400,
  verifyMs: 600,
}

/** Of chains on developers' machines: geth's, then anvil's and hardhat's, then our own. */
const DEVELOPMENT_CHAIN_IDS: readonly number[] = [1_337, 31_337, DEVNET_CHAIN_ID]

interface PresetContent {
  readonly params: Parameters
  readonly consensus: ConsensusTiming
}

/** A block ends a window, so the heartbeat is at most a quarter of it (ECONOMY §1). */
function heartbeatWithin(timing: ConsensusTiming, { capacity }: Parameters): ConsensusTiming {
  return { ...timing, heartbeatMs: Math.min(timing.heartbeatMs, Math.floor(capacity.windowMs / 4)) }
}

/** Parameters and timing of a preset: `main` across regions, `dev` and `test` in one place with short windows. */
export function presetContent(preset: Preset): PresetContent {
  if (preset === 'main') return { params: MAIN_PARAMETERS, consensus: WIDE_AREA_TIMING }
  const params = preset === 'dev' ? DEV_PARAMETERS : TEST_PARAMETERS
  return { params, consensus: heartbeatWithin(DEVNET_TIMING, params) }
}

export interface DraftOptions {
  readonly preset: Preset
  readonly name: string
  readonly chainId: number
  readonly timestampMs: number
  /** The settlement asset, in which bonds are posted and coins are priced. */
  readonly asset: {
    readonly name: string
    readonly symbol: string
    readonly decimals: number
    readonly issuer: Address
    /** Price of one coin, base units of the asset. */
    readonly coinPriceBase: bigint
  }
}

/** Makes a draft: the whole hardware catalogue, one asset, no members. Throws GenesisError. */
export function newDraft(options: DraftOptions): Genesis {
  const { preset, name, chainId, timestampMs, asset } = options
  if (DEVELOPMENT_CHAIN_IDS.includes(chainId)) {
    throw new GenesisError('chainId', `${chainId} is that of every devnet, expected an id of its own`)
  }
  const draft: Genesis = {
    name,
    chainId,
    timestampMs,
    baseFeePerGas: 1_000_000_000n,
    anchor: 1_000_000n,
    ...presetContent(preset),
    assets: [{ id: 1, ...asset }],
    classes: genesisClasses(),
    providers: [],
    balances: [],
    assetBalances: [],
  }
  checkDraft(draft)
  return draft
}

/** Checks what can be checked before there are members. Throws GenesisError. */
export function checkDraft(draft: Genesis): void {
  for (const field of ['providers', 'balances'] as const) {
    if (draft[field].length > 0) {
      throw new GenesisError(
        field,
        `${draft[field].length}, expected none in a draft: members add their parts`,
      )
    }
  }
  checkDraftFields(draft)
}

/** The first field in which a document is not what the draft says, or undefined; members and their coins may differ. */
export function differenceFromDraft(genesis: Genesis, draft: Genesis): string | undefined {
  const bare = { ...genesis, providers: [], balances: [] }
  return firstDifference(genesisSchema.toJson(bare), genesisSchema.toJson(draft), '')
}

/** The path of the first value that differs between two JSON values, or undefined. */
export function firstDifference(a: unknown, b: unknown, path: string): string | undefined {
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) {
    return a === b ? undefined : path
  }
  const isList = Array.isArray(a)
  if (isList !== Array.isArray(b)) return path
  const [left, right] = [a as Readonly<Record<string, unknown>>, b as Readonly<Record<string, unknown>>]
  for (const name of new Set([...Object.keys(left), ...Object.keys(right)])) {
    const inner = isList ? `${path}[${name}]` : path === '' ? name : `${path}.${name}`
    const found = firstDifference(left[name], right[name], inner)
    if (found !== undefined) return found
  }
  return undefined
}
