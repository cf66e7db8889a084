// The devnet's genesis (ECONOMY §14): real hardware classes, public keys, every coin backed.
// Owns: pledges and balances. Not: the secret keys (devKeys.ts), the rules (build.ts).
import { utf8 } from '../base/bytes.ts'
import { sha256 } from '../base/crypto/hash.ts'
import type { Address } from '../base/ids.ts'
import { COIN } from '../base/units.ts'
import { blocksPerWindow } from '../state/modules/capacity/windows.ts'
import { tableSteps } from '../state/modules/redemption/parameters.ts'
import { genesisClasses } from './catalogue.ts'
import { DEV_PARAMETERS } from './parameters.ts'
import type { ConsensusTiming, Genesis } from './schema.ts'

/** Chain id of every devnet; no public chain uses it. */
export const DEVNET_CHAIN_ID = 83_838
/** Block 0 is dated 2026-01-01: the same genesis on every run. */
export const DEVNET_TIMESTAMP_MS = Date.UTC(2026, 0, 1)
/** The dev settlement asset, 6 decimals. */
export const DEVNET_ASSET_ID = 1
const ASSET_UNIT = 1_000_000n
/** 3.028200 per coin. */
const COIN_PRICE_BASE = 3_028_200n
const BOND_UNITS = 30_000n
/** Settlement assets given to each development account and operator. */
const ASSET_GIFT_UNITS = 100_000n

/** The four of ECONOMY §14, then the same hardware under more names. */
const PLEDGES = [
  { class: 'h100-sxm', devices: 256 },
  { class: 'h200-sxm', devices: 240 },
  { class: 'b200-sxm', devices: 128 },
  { class: 'mi300x', devices: 256 },
] as const
const NAMES = [
  ...['aurora', 'borealis', 'cumulus', 'dunes', 'ember', 'fjord', 'glacier', 'harbor'],
  ...['iris', 'juniper', 'kelp', 'lagoon', 'meadow', 'nimbus', 'oasis', 'prairie'],
] as const

/** Fewer than four bear no fault and cover no loss of a provider (ECONOMY §10); at most what one machine can run. */
export const DEVNET_VALIDATORS = { min: 1, usual: 4, max: NAMES.length } as const

/** Default length of a capacity window, ms (ECONOMY §13, dev). */
export const DEVNET_WINDOW_MS = DEV_PARAMETERS.capacity.windowMs

/** All validators on one machine. */
export const DEVNET_TIMING: ConsensusTiming = {
  // Validators share one machine's cores: delays come from waiting for a core, not for the network.
  networkDelayMs: 100,
  heartbeatMs: 15_000,
  precisionMs: 500,
  messageDelayMs: 2_000,
  buildMs: 400,
  verifyMs: 600,
}

/** Genesis balance of each development account. */
export const DEVNET_ACCOUNT_COINS = 10_000n
/** Genesis balance of each operator, backed by itself. */
export const DEVNET_OPERATOR_COINS = 250n

/** Short windows have fewer blocks, so fewer requests may be open (ECONOMY §12, 16). */
function redemptionFor(windowMs: number, minBlockIntervalMs: number): Genesis['params']['redemption'] {
  const { redemption, capacity } = DEV_PARAMETERS
  const lots = DEVNET_VALIDATORS.max * capacity.lotsPerProviderMax
  const blocks = blocksPerWindow(windowMs, minBlockIntervalMs)
  const byLooks = redemption.stepsPerBlockMax * blocks - lots
  const byWork =
    (capacity.blockStepsMax * blocks - tableSteps({ requests: 0, lots })) /
    tableSteps({ requests: 1, lots: 0 })
  const requests = Math.floor(Math.min(redemption.openRequestsMax, byLooks, byWork))
  return { ...redemption, openRequestsMax: Math.max(1, requests) }
}

export interface DevnetMember {
  readonly operator: Address
  readonly consensusKey: Uint8Array
  readonly possessionProof: Uint8Array
  readonly peerId: Uint8Array
}

/** Assigns the accounts' coins to providers in order: provider 0 backs the first accounts, and so on. */
function backedBalances(
  accounts: readonly Address[],
  { providerCount, accountCoins }: { readonly providerCount: number; readonly accountCoins: bigint },
): Genesis['balances'] {
  const perAccount = accountCoins * COIN
  const total = perAccount * BigInt(accounts.length)
  const balances: { account: Address; amountBase: bigint; backedBy: number }[] = []
  let provider = 0
  let room = total / BigInt(providerCount)
  for (const account of accounts) {
    let missing = perAccount
    while (missing > 0n) {
      // The last provider takes the remainder.
      const last = provider === providerCount - 1
      const part = last || missing < room ? missing : room
      if (part > 0n) balances.push({ account, amountBase: part, backedBy: provider })
      missing -= part
      room -= part
      if (room <= 0n && !last) {
        provider++
        room = total / BigInt(providerCount)
      }
    }
  }
  return balances
}

/** A block ends a window, so the heartbeat is at most a quarter of it (ECONOMY §1). */
function timingFor(windowMs: number): ConsensusTiming {
  return { ...DEVNET_TIMING, heartbeatMs: Math.min(DEVNET_TIMING.heartbeatMs, Math.floor(windowMs / 4)) }
}

/** How many times its usual pledge and bond each of fewer providers than four has: together they back the same coins. */
const sharesOf = (count: number): number => Math.ceil(DEVNET_VALIDATORS.usual / count)

/** What fewer validators than four cannot promise. */
function boundsFor(count: number): { readonly validatorsMin: number; readonly coverN: number } {
  const { validatorsMin } = DEV_PARAMETERS.providers
  const { coverN } = DEV_PARAMETERS.capacity
  return count < validatorsMin ? { validatorsMin: count, coverN: 0 } : { validatorsMin, coverN }
}

/** Builds the document. `members` are 1 to 16; `accounts` the funded development accounts. */
export function devnetGenesis(options: {
  readonly members: readonly DevnetMember[]
  readonly accounts: readonly Address[]
  readonly assetIssuer: Address
  readonly minBlockIntervalMs: number
  /** Length of a capacity window, milliseconds. */
  readonly windowMs?: number
  readonly timing?: ConsensusTiming
  readonly timestampMs?: number
  readonly chainId?: number
  /** Whole coins of each account. */
  readonly accountCoins?: bigint
}): Genesis {
  const { members, accounts } = options
  const windowMs = options.windowMs ?? DEVNET_WINDOW_MS
  const { validatorsMin, coverN } = boundsFor(members.length)
  const shares = sharesOf(members.length)
  const providers = members.map((member, i): Genesis['providers'][number] => {
    const name = NAMES[i]!
    const pledge = PLEDGES[i % PLEDGES.length]!
    const devices = pledge.devices * shares
    return {
      ...member,
      profile: {
        legalName: `${name} (development)`,
        legalGroup: name,
        jurisdiction: 'ZZ',
        url: `https://${name}.example`,
        termsHash: sha256(utf8(`terms of ${name}`)),
      },
      bonds: [{ assetId: DEVNET_ASSET_ID, amountBase: BigInt(shares) * BOND_UNITS * ASSET_UNIT }],
      lots: [{ ...pledge, devices, deviceRoot: sha256(utf8(`devices of ${name}`)), region: 'local' }],
    }
  })
  const holders = [...accounts, ...members.map((member) => member.operator)]
  return {
    name: 'Suanli devnet',
    chainId: options.chainId ?? DEVNET_CHAIN_ID,
    timestampMs: options.timestampMs ?? DEVNET_TIMESTAMP_MS,
    baseFeePerGas: 1_000_000_000n,
    anchor: 1_000_000n,
    consensus: options.timing ?? timingFor(windowMs),
    params: {
      ...DEV_PARAMETERS,
      providers: {
        ...DEV_PARAMETERS.providers,
        validatorsMin,
        minBlockIntervalMs: options.minBlockIntervalMs,
      },
      capacity: { ...DEV_PARAMETERS.capacity, coverN, windowMs },
      redemption: redemptionFor(windowMs, options.minBlockIntervalMs),
    },
    assets: [
      {
        id: DEVNET_ASSET_ID,
        name: 'Development dollar',
        symbol: 'devUSD',
        decimals: 6,
        issuer: options.assetIssuer,
        coinPriceBase: COIN_PRICE_BASE,
      },
    ],
    classes: genesisClasses(),
    providers,
    balances: [
      ...backedBalances(accounts, {
        providerCount: members.length,
        accountCoins: options.accountCoins ?? DEVNET_ACCOUNT_COINS,
      }),
      ...members.map((member, i) => ({
        account: member.operator,
        amountBase: DEVNET_OPERATOR_COINS * COIN,
        backedBy: i,
      })),
    ],
    assetBalances: holders.map((account) => ({
      assetId: DEVNET_ASSET_ID,
      account,
      amountBase: ASSET_GIFT_UNITS * ASSET_UNIT,
    })),
  }
}
