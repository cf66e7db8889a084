// Rules of a genesis document that need no state: what a chain could not run, or be trusted, with.
// Owns: bounds of the fields. Not: parameters (module definitions), what the modules refuse (build.ts).
import { bytesKey } from '../base/bytes.ts'
import type { Address } from '../base/ids.ts'
import { ZERO_ADDRESS } from '../base/ids.ts'
import { isSystemAddress } from '../base/moduleDefinition.ts'
import { foldedName, nameFault } from '../base/names.ts'
import { PRICES_MAX } from '../base/protocol/oracleReport.ts'
import { isPeerIdBytes } from '../base/protocol/validators.ts'
import { isSlug, MEMORY_GB_MAX } from '../state/modules/catalogue/classes.ts'
import { PUBLISHED_RATING_MAX, referencesFault } from '../state/modules/catalogue/schema.ts'
import { ANCHOR_MIN } from '../state/modules/oracle/drift.ts'
import { REPORTERS_MAX, REPORTERS_MIN } from '../state/modules/oracle/schema.ts'
import { profileFault } from '../state/modules/providers/profile.ts'
import { checkParameters } from '../state/parameters.ts'
import { MODULES } from '../state/registry.ts'
import { GenesisError } from './error.ts'
import { type Genesis, genesisSchema } from './schema.ts'

/** Wallets cannot represent larger ids (EIP-2294). */
const CHAIN_ID_MAX = 4_503_599_627_370_476
/** Public networks of Ethereum's kind: a transaction for one of them must not be valid here. */
const PUBLIC_CHAIN_IDS: readonly number[] = [
  ...[1, 3, 4, 5, 10, 25, 30, 40, 50, 56, 61, 97, 100, 137, 146, 169, 196, 204, 250, 252, 255, 288, 324],
  ...[
    480, 592, 1_030, 1_088, 1_101, 1_116, 1_284, 1_285, 1_329, 1_868, 2_222, 5_000, 7_777_777, 8_217, 8_453,
  ],
  ...[17_000, 34_443, 42_161, 42_170, 42_220, 43_113, 43_114, 48_900, 59_144, 80_002, 80_094, 81_457, 84_532],
  ...[421_614, 534_352, 560_048, 11_155_111, 11_155_420],
]
const EARLIEST_MS = Date.UTC(2020, 0, 1)
const LATEST_MS = Date.UTC(2100, 0, 1)
/** How far ahead of the clock a chain may be dated: a launch announced in advance. */
const AHEAD_MS_MAX = 30 * 86_400_000
/** A transfer at this base fee costs 21 coins. */
const BASE_FEE_MAX = 10n ** 15n
const ANCHOR_MAX = 10n ** 12n
const PRICE_MAX = 10n ** 30n
const DECIMALS_MAX = 36
/** Longest budget or delay of consensus. */
const DELAY_MS_MAX = 600_000
const SYMBOL = /^[A-Za-z][A-Za-z0-9.-]{0,15}$/
const COIN_SYMBOL = 'acpc'
/** More legal groups than any cover asks for. */
const GROUPS_MAX = 256

/** How many members and legal groups the parameters must fit. */
interface Members {
  readonly providerCount: number
  readonly groupCount: number
}

function refuseUnless(holds: boolean, path: string, reason: string): void {
  if (!holds) throw new GenesisError(path, reason)
}

function within<T extends number | bigint>(path: string, value: T, least: T, most: T): void {
  refuseUnless(value >= least && value <= most, path, `${value}, expected ${least} to ${most}`)
}

function checkName(path: string, name: string): void {
  const reason = nameFault(name)
  if (reason !== undefined) throw new GenesisError(path, `${JSON.stringify(name)}, ${reason}`)
}

/** Only a key's owner can move what an account receives. */
function checkAccount(path: string, account: Address): void {
  const isOwned = !isSystemAddress(account) && bytesKey(account) !== bytesKey(ZERO_ADDRESS)
  refuseUnless(isOwned, path, 'expected an account, not a reserved address')
}

function refuseRepeats(path: string, keys: readonly string[], what: string): void {
  const seen = new Map<string, number>()
  keys.forEach((key, i) => {
    const first = seen.get(key)
    if (first !== undefined) throw new GenesisError(`${path}[${i}]`, `the same ${what} as ${path}[${first}]`)
    seen.set(key, i)
  })
}

/** Checks every rule that needs no state; throws GenesisError naming path, value and what was expected. */
export function checkDocument(genesis: Genesis): void {
  const { providers } = genesis
  checkFields(genesis, {
    providerCount: providers.length,
    groupCount: new Set(providers.map(({ profile }) => profile.legalGroup)).size,
  })
  checkProviders(genesis)
  genesis.balances.forEach(({ account, amountBase }, i) => {
    checkAccount(`balances[${i}].account`, account)
    refuseUnless(amountBase > 0n, `balances[${i}].amountBase`, '0, expected at least 1')
  })
  genesis.assetBalances.forEach(({ account }, i) => {
    checkAccount(`assetBalances[${i}].account`, account)
  })
}

/** Checks what needs neither members nor state, as if there were enough of them. Throws GenesisError. */
export function checkDraftFields(draft: Genesis): void {
  const { validatorsMin } = draft.params.providers
  checkFields(draft, { providerCount: validatorsMin, groupCount: GROUPS_MAX })
}

function checkFields(genesis: Genesis, members: Members): void {
  const reason = genesisSchema.check(genesis)
  if (reason !== undefined) {
    const [path, ...rest] = reason.split(': ')
    throw new GenesisError(path ?? '', rest.join(': '))
  }
  checkChain(genesis)
  checkParams(genesis, members)
  checkTiming(genesis)
  checkClasses(genesis)
  checkAssets(genesis)
  checkReporters(genesis)
}

/** A chain dated later than its launch can be waits until then; without a clock only the calendar is checked. */
export function checkDate(genesis: Pick<Genesis, 'timestampMs'>, nowMs: number): void {
  const aheadMs = genesis.timestampMs - nowMs
  refuseUnless(
    aheadMs <= AHEAD_MS_MAX,
    'timestampMs',
    `${genesis.timestampMs} is ${Math.ceil(aheadMs / 86_400_000)} days ahead of the clock, expected at most 30`,
  )
}

function checkChain(genesis: Genesis): void {
  checkName('name', genesis.name)
  within('chainId', genesis.chainId, 1, CHAIN_ID_MAX)
  refuseUnless(
    !PUBLIC_CHAIN_IDS.includes(genesis.chainId),
    'chainId',
    `${genesis.chainId} is a public network's, expected an id of its own`,
  )
  within('timestampMs', genesis.timestampMs, EARLIEST_MS, LATEST_MS)
  const { minBaseFeePerGas } = genesis.params.accounts
  within('baseFeePerGas', genesis.baseFeePerGas, minBaseFeePerGas > 1n ? minBaseFeePerGas : 1n, BASE_FEE_MAX)
  within('anchor', genesis.anchor, ANCHOR_MIN, ANCHOR_MAX)
}

function checkParams({ params }: Genesis, members: Members): void {
  const { protocolVersion } = params.accounts
  const fault = checkParameters(MODULES, params, { protocolVersion, ...members })
  if (fault !== undefined) {
    const value = valueAt(params, fault.path)
    throw new GenesisError(
      `params.${fault.path}`,
      value === undefined ? fault.reason : `${value}, ${fault.reason}`,
    )
  }
}

/** A number at `module.parameter`, as text. */
function valueAt(params: object, path: string): string | undefined {
  let value: unknown = params
  for (const name of path.split('.')) value = (value as Record<string, unknown> | undefined)?.[name]
  return typeof value === 'number' || typeof value === 'bigint' ? String(value) : undefined
}

function checkTiming({ consensus, params }: Genesis): void {
  const { heartbeatMs, networkDelayMs, messageDelayMs, buildMs, verifyMs, precisionMs } = consensus
  const budgets = { networkDelayMs, buildMs, verifyMs, precisionMs, messageDelayMs, heartbeatMs }
  for (const [name, value] of Object.entries(budgets))
    within(`consensus.${name}`, value, 1, params.capacity.windowMs)
  for (const name of ['networkDelayMs', 'buildMs', 'verifyMs', 'precisionMs', 'messageDelayMs'] as const) {
    within(`consensus.${name}`, consensus[name], 1, DELAY_MS_MAX)
  }
  refuseUnless(
    heartbeatMs * 4 <= params.capacity.windowMs,
    'consensus.heartbeatMs',
    `${heartbeatMs}, expected at most a quarter of a capacity window of ${params.capacity.windowMs} ms`,
  )
  const { minBlockIntervalMs } = params.providers
  refuseUnless(
    heartbeatMs >= minBlockIntervalMs,
    'consensus.heartbeatMs',
    `${heartbeatMs}, expected at least the block interval of ${minBlockIntervalMs} ms`,
  )
  const arrivalMs = buildMs + 2 * networkDelayMs
  refuseUnless(
    messageDelayMs >= arrivalMs,
    'consensus.messageDelayMs',
    `${messageDelayMs}, expected at least buildMs + 2 networkDelayMs = ${arrivalMs}`,
  )
}

function checkClasses({ classes }: Genesis): void {
  classes.forEach((entry, i) => {
    const path = `classes[${i}]`
    refuseUnless(isSlug(entry.slug), `${path}.slug`, `${entry.slug}, expected a-z, 0-9 and hyphens`)
    checkName(`${path}.vendor`, entry.vendor)
    checkName(`${path}.model`, entry.model)
    within(`${path}.memoryGb`, entry.memoryGb, 1, MEMORY_GB_MAX)
    for (const name of ['trainPpm', 'finetunePpm', 'inferPpm'] as const) {
      within(`${path}.${name}`, entry[name], 0n, PUBLISHED_RATING_MAX)
    }
    const fault = referencesFault(entry.references)
    refuseUnless(fault === undefined, `${path}.references`, `${fault}`)
  })
  refuseRepeats(
    'classes',
    classes.map((c) => c.slug),
    'slug',
  )
}

function checkAssets({ assets }: Genesis): void {
  assets.forEach((asset, i) => {
    const path = `assets[${i}]`
    refuseUnless(asset.id >= 1, `${path}.id`, '0, expected at least 1')
    checkName(`${path}.name`, asset.name)
    const isSymbol = SYMBOL.test(asset.symbol) && asset.symbol.toLowerCase() !== COIN_SYMBOL
    refuseUnless(
      isSymbol,
      `${path}.symbol`,
      `${JSON.stringify(asset.symbol)}, expected letters and digits, not ACPC`,
    )
    within(`${path}.decimals`, asset.decimals, 0, DECIMALS_MAX)
    within(`${path}.coinPriceBase`, asset.coinPriceBase, 1n, PRICE_MAX)
    checkAccount(`${path}.issuer`, asset.issuer)
  })
  refuseRepeats(
    'assets',
    assets.map((a) => String(a.id)),
    'id',
  )
  refuseRepeats(
    'assets',
    assets.map((a) => a.symbol.toLowerCase()),
    'symbol',
  )
}

function checkReporters({ oracle, providers, assets }: Genesis): void {
  if (oracle === undefined) return
  const { reporters } = oracle
  const path = 'oracle.reporters'
  refuseUnless(
    reporters.length >= REPORTERS_MIN,
    path,
    `${reporters.length}, expected ${REPORTERS_MIN} to ${REPORTERS_MAX}, or no oracle section`,
  )
  refuseUnless(
    assets.length <= PRICES_MAX,
    'assets',
    `${assets.length}, expected at most ${PRICES_MAX} where reporters report their prices`,
  )
  const operators = new Set(providers.map(({ operator }) => bytesKey(operator)))
  reporters.forEach(({ account, name }, i) => {
    checkAccount(`${path}[${i}].account`, account)
    checkName(`${path}[${i}].name`, name)
    const isMember = operators.has(bytesKey(account))
    refuseUnless(
      !isMember,
      `${path}[${i}].account`,
      'the operator of a member, expected an independent account',
    )
  })
  refuseRepeats(
    path,
    reporters.map(({ account }) => bytesKey(account)),
    'account',
  )
  refuseRepeats(
    path,
    reporters.map(({ name }) => foldedName(name)),
    'name',
  )
}

/** What a member says of itself, alone: also of one that is not in a document yet. Throws GenesisError. */
export function checkProfile(path: string, profile: Genesis['providers'][number]['profile']): void {
  const { legalName, legalGroup } = profile
  checkName(`${path}.legalName`, legalName)
  checkName(`${path}.legalGroup`, legalGroup)
  const field = profileFault(profile)
  if (field === undefined) return
  const expected = { jurisdiction: 'two letters (ISO 3166-1)', url: 'an http or https address in ASCII' }[
    field
  ]
  throw new GenesisError(`${path}.${field}`, `${profile[field]}, expected ${expected}`)
}

function checkProviders({ providers, params }: Genesis): void {
  const { validatorsMin } = params.providers
  refuseUnless(
    providers.length >= validatorsMin,
    'providers',
    `${providers.length}, expected at least ${validatorsMin} providers (validatorsMin)`,
  )
  const spelling = new Map<string, { readonly group: string; readonly i: number }>()
  providers.forEach(({ operator, peerId, profile }, i) => {
    const path = `providers[${i}]`
    checkAccount(`${path}.operator`, operator)
    refuseUnless(isPeerIdBytes(peerId), `${path}.peerId`, 'expected an ed25519 peer id')
    checkProfile(`${path}.profile`, profile)
    // Coverage counts a group once: under two spellings it would count twice.
    const folded = foldedName(profile.legalGroup)
    const known = spelling.get(folded)
    if (known !== undefined && known.group !== profile.legalGroup) {
      throw new GenesisError(
        `${path}.profile.legalGroup`,
        `${JSON.stringify(profile.legalGroup)}, expected the spelling of providers[${known.i}], ${JSON.stringify(known.group)}`,
      )
    }
    spelling.set(folded, known ?? { group: profile.legalGroup, i })
  })
  for (const field of ['operator', 'consensusKey', 'peerId'] as const) {
    refuseRepeats(
      'providers',
      providers.map((p) => bytesKey(p[field])),
      field,
    )
  }
  refuseRepeats(
    'providers',
    providers.map((p) => foldedName(p.profile.legalName)),
    'legal name',
  )
}
