// The options of a devnet: their bounds, and what it begins with. Not: the document (genesisOptions.ts).
import { OperatorError } from '../base/errors.ts'
import { isWholeNumber } from '../base/integers.ts'
import { DEVNET_VALIDATORS, DEVNET_WINDOW_MS } from '../genesis/devnet.ts'
import type { Genesis } from '../genesis/schema.ts'
import { LOG_LEVELS } from '../node/config.ts'
import type { StateEdits } from '../node/stateFile.ts'
import type { LinkChange } from '../rpc/dev/linkTypes.ts'
import type { DevnetOptions } from './devnetTypes.ts'
import { readFork } from './fork.ts'
import { forkLinesOf } from './forkSource.ts'
import { ACCOUNTS_MAX, developmentGenesis, readDevelopmentGenesis } from './genesisOptions.ts'
import { NO_LINKS_ALONE } from './links.ts'
import { readLoadableState, type StateLines, stateLinesOf } from './loadState.ts'

const DEFAULT_BLOCK_TIME_MS = 50
const DELAY_MS_MAX = 60_000
const LOSS_PERCENT_MAX = 99
const BALANCE_COINS_MAX = 1_000_000_000
/** Clients compute with it, and with twice as much (EIP-2294). */
const CHAIN_ID_MAX = 2 ** 52

/** What a devnet begins with. */
export interface Beginning {
  readonly genesis: Genesis
  readonly validators: number
  /** A state in the place of block 0's; `edits` make it that of a forked chain. */
  readonly state?: { readonly lines: StateLines; readonly timestampMs: number; readonly edits?: StateEdits }
}

/** What the options make or name. Throws OperatorError naming what a rule forbids. */
export async function beginningOf(options: DevnetOptions): Promise<Beginning> {
  const { stateFile, fork } = options
  if (fork !== undefined) {
    const lines = await forkLinesOf(fork)
    const { chainId } = options
    const { genesis, validators, edits } = await readFork(lines, {
      name: fork,
      ...(chainId === undefined ? {} : { chainId }),
    })
    return { genesis, validators, state: { lines, timestampMs: edits.head.head.timestampMs, edits } }
  }
  if (stateFile !== undefined) {
    const lines = stateLinesOf(stateFile)
    const { head, validators } = await readLoadableState(lines, stateFile)
    return { genesis: head.genesis, validators, state: { lines, timestampMs: head.head.timestampMs } }
  }
  const genesis = genesisOf(options)
  return { genesis, validators: genesis.providers.length }
}

function genesisOf(options: DevnetOptions): Genesis {
  if (options.genesisFile !== undefined) return readDevelopmentGenesis(options.genesisFile)
  return developmentGenesis({
    ...options,
    validators: options.validators ?? DEVNET_VALIDATORS.usual,
    blockTimeMs: options.blockTimeMs ?? DEFAULT_BLOCK_TIME_MS,
    windowMs: options.windowMs ?? DEVNET_WINDOW_MS,
  })
}

/** What a genesis document decides. */
const CHAIN_OPTIONS = [
  ...['validators', 'chainId', 'accounts', 'balanceCoins', 'params', 'blockTimeMs', 'windowMs'],
] as const satisfies readonly (keyof DevnetOptions)[]

/** Throws OperatorError naming the option that cannot be used. */
export function checkOptions(options: DevnetOptions): void {
  const { validators, port, p2pPort, dataDir, blockTimeMs, windowMs, logLevel } = options
  const { chainId, accounts, balanceCoins } = options
  const { min, max } = DEVNET_VALIDATORS
  const given = CHAIN_OPTIONS.find((name) => options[name] !== undefined)
  checkFork(options)
  if (options.genesisFile !== undefined && given !== undefined)
    throw new OperatorError(`${given}: the genesis document decides it`)
  if (options.stateFile !== undefined && (options.genesisFile !== undefined || given !== undefined))
    throw new OperatorError(`${given ?? 'genesisFile'}: the state file decides it`)
  const isCount = (value: unknown, least: number, most: number): boolean =>
    value === undefined || isWholeNumber(value, least, most)
  const checks: readonly Check[] = [
    ['validators', isCount(validators, min, max), `${min} to ${max}`],
    ['chainId', isCount(chainId, 1, CHAIN_ID_MAX), `1 to ${CHAIN_ID_MAX}`],
    ['accounts', isCount(accounts, 1, ACCOUNTS_MAX), `1 to ${ACCOUNTS_MAX}`],
    ['balanceCoins', isCount(balanceCoins, 1, BALANCE_COINS_MAX), `1 to ${BALANCE_COINS_MAX}`],
    ['p2pPort', isCount(p2pPort, 1, 65_000), 'a port, 1 to 65000'],
    ['port', port === undefined || isWholeNumber(port, 1, 64_000), 'a port, 1 to 64000'],
    ['dataDir', dataDir === undefined || (typeof dataDir === 'string' && dataDir !== ''), 'a folder'],
    ['blockTimeMs', blockTimeMs === undefined || isWholeNumber(blockTimeMs, 0, 60_000), '0 to 60000'],
    ['windowMs', windowMs === undefined || isWholeNumber(windowMs, 1_000, 86_400_000), '1000 to 86400000'],
    ['logLevel', logLevel === undefined || LOG_LEVELS.includes(logLevel), `one of ${LOG_LEVELS.join(', ')}`],
  ]
  for (const [name, isGood, expected] of [...checks, ...linkChecks(options)]) {
    if (!isGood) throw new OperatorError(`${name}: expected ${expected}`)
  }
}

/** The state decides what the options of a chain do, but for the id: no two chains should have one. */
function checkFork(options: DevnetOptions): void {
  if (options.fork === undefined) return
  const others = [...CHAIN_OPTIONS, 'genesisFile', 'stateFile'] as const
  const given = others.find((name) => name !== 'chainId' && options[name] !== undefined)
  if (given !== undefined) throw new OperatorError(`${given}: the forked state decides it`)
  if (options.isInProcess !== false) return
  throw new OperatorError(
    'fork: a forked chain runs in one process, which sends for accounts whose keys nobody here has',
  )
}

type Check = readonly [name: string, isGood: boolean, expected: string]

function linkChecks({ latencyMs, jitterMs, lossPercent, controlPort }: DevnetOptions): readonly Check[] {
  const isWithin = (value: number | undefined, max: number): boolean =>
    value === undefined || (Number.isFinite(value) && value >= 0 && value <= max)
  return [
    ['latencyMs', isWithin(latencyMs, DELAY_MS_MAX), `0 to ${DELAY_MS_MAX}`],
    ['jitterMs', isWithin(jitterMs, DELAY_MS_MAX), `0 to ${DELAY_MS_MAX}`],
    ['controlPort', controlPort === undefined || isWholeNumber(controlPort, 0, 65_535), 'a port'],
    ['lossPercent', isWithin(lossPercent, LOSS_PERCENT_MAX), `0 to ${LOSS_PERCENT_MAX}`],
  ]
}

/** The links that are asked for; undefined when none are. Throws OperatorError for a validator alone. */
export function linkOptions(options: DevnetOptions, validators: number): LinkChange | undefined {
  const { hasLinks = false, latencyMs, jitterMs, lossPercent } = options
  const isAsked = hasLinks || [latencyMs, jitterMs, lossPercent].some((value) => value !== undefined)
  if (!isAsked) return undefined
  if (validators === 1) throw new OperatorError(NO_LINKS_ALONE)
  return { latencyMs: latencyMs ?? 0, jitterMs: jitterMs ?? 0, lossPercent: lossPercent ?? 0 }
}
