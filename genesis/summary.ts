// What a genesis document founds, for people: members, supply, quotas, and what would surprise them. Not: printing (cli/).
import { bytesKey } from '../base/bytes.ts'
import type { Address } from '../base/ids.ts'
import { PRESETS } from '../base/parameters.ts'
import { PPM } from '../base/units.ts'
import { getSummary } from '../state/modules/capacity/sums.ts'
import { judgeMint, leastLimit } from '../state/modules/issuance/limits.ts'
import { buildGenesis, type GenesisBlock } from './build.ts'
import { checkDate } from './check.ts'
import { developmentAccounts, developmentValidator } from './devKeys.ts'
import { DEVNET_CHAIN_ID, DEVNET_VALIDATORS } from './devnet.ts'
import { checkDraft, firstDifference, presetContent } from './draft.ts'
import { GenesisError } from './error.ts'
import type { Genesis } from './schema.ts'

const DAY_MS = 86_400_000
/** A member above this share of capacity, or a legal group above it in votes, can stop what the others need. */
const LARGE_PPM = 333_333n
/** With fewer validators none may fail. */
const VALIDATORS_SAFE_MIN = 4

type Provider = Genesis['providers'][number]

export interface MemberSummary {
  /** Its provider id on the chain. */
  readonly id: number
  readonly provider: Provider
  /** Coins in the genesis balances that it backs, base units. */
  readonly mintedBase: bigint
  /** C, and what it may mint beyond `mintedBase`; absent for a document that breaks a rule. */
  readonly capacityBase?: bigint
  readonly mintableBase?: bigint
}

export interface GenesisSummary {
  readonly members: readonly MemberSummary[]
  readonly supplyBase: bigint
  /** The presets whose parameters the document has; none if somebody has changed any. */
  readonly presets: readonly string[]
  /** The first rule that the document breaks: path and reason. */
  readonly broken?: string
  readonly warnings: readonly string[]
}

/** Of a document, or of a draft. Never throws GenesisError: a broken rule is part of the answer. */
export function summariseGenesis(genesis: Genesis, nowMs: number): GenesisSummary {
  const built = tryBuild(genesis, nowMs)
  const members = genesis.providers.map((provider, i) =>
    summariseMember(genesis, built.block, { provider, i }),
  )
  built.block?.tree.release()
  const summary = {
    members,
    supplyBase: genesis.balances.reduce((sum, { amountBase }) => sum + amountBase, 0n),
    presets: PRESETS.filter((preset) => {
      return firstDifference(genesis.params, presetContent(preset).params, '') === undefined
    }),
  }
  const warnings = [
    ...chainWarnings(genesis, nowMs),
    ...memberWarnings(genesis, members),
    ...groupWarnings(genesis, members),
    ...publicKeyWarnings(genesis),
  ]
  return built.broken === undefined
    ? { ...summary, warnings }
    : { ...summary, broken: built.broken, warnings }
}

function tryBuild(
  genesis: Genesis,
  nowMs: number,
): { readonly block?: GenesisBlock; readonly broken?: string } {
  try {
    checkDate(genesis, nowMs)
    if (genesis.providers.length > 0) return { block: buildGenesis(genesis) }
    checkDraft(genesis)
    return {}
  } catch (error) {
    if (error instanceof GenesisError) return { broken: `${error.path}: ${error.reason}` }
    throw error
  }
}

function summariseMember(
  genesis: Genesis,
  block: GenesisBlock | undefined,
  member: { readonly provider: Provider; readonly i: number },
): MemberSummary {
  const { provider, i } = member
  const mintedBase = genesis.balances
    .filter(({ backedBy }) => backedBy === i)
    .reduce((sum, { amountBase }) => sum + amountBase, 0n)
  const known = { id: i + 1, provider, mintedBase }
  if (block === undefined) return known
  const { blocked, limits } = judgeMint(block.state, known.id)
  return {
    ...known,
    capacityBase: getSummary(block.state, known.id).capacityBase,
    mintableBase: blocked === undefined ? leastLimit(limits) : 0n,
  }
}

function chainWarnings(genesis: Genesis, nowMs: number): string[] {
  const { timestampMs, params, providers } = genesis
  const out: string[] = []
  const aheadMs = timestampMs - nowMs
  const date = new Date(timestampMs).toISOString()
  if (aheadMs > 0) out.push(`dated ${date}, in the future: no block is made before`)
  if (aheadMs < -DAY_MS) out.push(`dated ${date}: ${Math.floor(-aheadMs / DAY_MS)} days ago`)
  if (params.capacity.coverN === 0) out.push('coverN is 0: coverage holds only while every member delivers')
  if (providers.length === 0) return out
  if (providers.length < VALIDATORS_SAFE_MIN)
    out.push(
      `${providers.length} validators: the chain stops when one of them does; four survive the loss of one`,
    )
  const { validatorsMin } = params.providers
  if (providers.length === validatorsMin)
    out.push(`as many members as validatorsMin (${validatorsMin}): none can leave before another has joined`)
  if (genesis.balances.length === 0) out.push('no coins: nobody can pay for a transaction, not even to mint')
  return out
}

function memberWarnings(genesis: Genesis, members: readonly MemberSummary[]): string[] {
  const funded = new Set(genesis.balances.map(({ account }) => bytesKey(account)))
  return members.flatMap(({ provider }) => {
    const { profile, operator, lots, bonds } = provider
    const name = profile.legalName
    const out: string[] = []
    if (!funded.has(bytesKey(operator)))
      out.push(`${name}: its operator account has no coins, so it cannot pay for a vote or a grant`)
    if (lots.length === 0) out.push(`${name}: no hardware, so it cannot mint or serve`)
    if (bonds.every(({ amountBase }) => amountBase === 0n)) out.push(`${name}: no bond, so it cannot mint`)
    return out
  })
}

/** Members, and legal groups of several, that hold more than a third of something. */
function groupWarnings(genesis: Genesis, members: readonly MemberSummary[]): string[] {
  const groups = new Map<string, { seats: number; capacityBase: bigint }>()
  let capacityBase = 0n
  for (const member of members) {
    const { legalGroup } = member.provider.profile
    const known = groups.get(legalGroup) ?? { seats: 0, capacityBase: 0n }
    const own = member.capacityBase ?? 0n
    groups.set(legalGroup, { seats: known.seats + 1, capacityBase: known.capacityBase + own })
    capacityBase += own
  }
  const out: string[] = []
  const percent = (part: bigint, whole: bigint): string => `${(part * 100n) / whole} %`
  const isLarge = (part: bigint, whole: bigint): boolean => part * PPM > whole * LARGE_PPM
  for (const [name, group] of groups) {
    if (capacityBase > 0n && isLarge(group.capacityBase, capacityBase))
      out.push(
        `group ${name} has ${percent(group.capacityBase, capacityBase)} of all capacity, above a third`,
      )
    const [seats, all] = [BigInt(group.seats), BigInt(members.length)]
    if (group.seats > 1 && isLarge(seats, all))
      out.push(`group ${name} has ${group.seats} of ${members.length} votes: it alone can stop the chain`)
  }
  if (groups.size === genesis.params.capacity.coverN + 1)
    out.push(
      `${groups.size} legal groups, and coverN is ${genesis.params.capacity.coverN}: one group carries all minting`,
    )
  return out
}

/** Accounts whose secret everybody knows. */
function publicKeyWarnings(genesis: Genesis): string[] {
  if (genesis.chainId === DEVNET_CHAIN_ID) return []
  const known = new Set(developmentAccounts().map(({ address }) => bytesKey(address)))
  for (let i = 0; i < DEVNET_VALIDATORS.max; i++)
    known.add(bytesKey(developmentValidator(i).operator.address))
  const isPublic = (account: Address): boolean => known.has(bytesKey(account))
  const out: string[] = []
  for (const { operator, profile } of genesis.providers)
    if (isPublic(operator))
      out.push(`${profile.legalName}: the operator is a development account: anybody has its key`)
  for (const { symbol, issuer } of genesis.assets)
    if (isPublic(issuer)) out.push(`${symbol}: the issuer is a development account: anybody has its key`)
  const operators = new Set(genesis.providers.map(({ operator }) => bytesKey(operator)))
  genesis.balances.forEach(({ account }, i) => {
    if (isPublic(account) && !operators.has(bytesKey(account)))
      out.push(`balances[${i}]: a development account: anybody has its key`)
  })
  return out
}
