// The genesis document of the replay: main's parameters, eight providers with what they own on the first day.
// Owns: the document and its price. Not: how fleets grow afterwards (fleets.ts).
import { utf8 } from '../../base/bytes.ts'
import { bls } from '../../base/crypto/bls.ts'
import { sha256 } from '../../base/crypto/hash.ts'
import { COIN } from '../../base/units.ts'
import { genesisClasses } from '../../genesis/catalogue.ts'
import { DEVNET_TIMING } from '../../genesis/devnet.ts'
import { MAIN_PARAMETERS } from '../../genesis/parameters.ts'
import type { Genesis } from '../../genesis/schema.ts'
import { peerIdBytesFromSeed } from '../../p2p/identity.ts'
import { DAY_MS, START_MS } from './calendar.ts'
import { firstFleet } from './fleetPlan.ts'
import { genesisReporters } from './reports.ts'
import type { WorldStock } from './stock.ts'
import { auditor, clients, issuer, operators, reporters, savers, type Wallet } from './wallets.ts'

/** The settlement asset: one unit is a dollar. */
export const ASSET = 1
export const ASSET_DECIMALS = 6
const CHAIN_ID = 83_840
/** Enough for the coins of genesis; more is posted before more is minted. */
const BOND_UNITS = 1_000n
const OPERATOR_COINS = 100n
/** For fees. */
const SERVICE_COINS = 50n

export interface Beginning {
  /** Day of the replay at which the chain begins. */
  readonly day: number
  readonly anchorPpm: bigint
  /** Price of an SCU-hour, base units of the asset. */
  readonly priceBase: bigint
  readonly stock: WorldStock
}

const seedOf = (what: string): Uint8Array => sha256(utf8(`suanli replay ${what}`))

function providersOf({ day, stock }: Beginning): Genesis['providers'] {
  return operators.map((operator) => ({
    operator: operator.address,
    consensusKey: bls.publicKey(bls.keygen(seedOf(`key of ${operator.name}`))),
    // Nobody signs with these keys.
    possessionProof: new Uint8Array(96),
    peerId: peerIdBytesFromSeed(seedOf(`peer ${operator.name}`)),
    profile: {
      legalName: operator.name,
      legalGroup: operator.name,
      jurisdiction: 'ZZ',
      url: `https://${operator.name}.example`,
      termsHash: sha256(utf8(`terms of ${operator.name}`)),
    },
    bonds: [{ assetId: ASSET, amountBase: BOND_UNITS * 10n ** BigInt(ASSET_DECIMALS) }],
    lots: firstFleet({ stock, day, share: operator.share }).map(({ classId, devices }) => ({
      class: classId,
      devices,
      deviceRoot: seedOf(`${classId} of ${operator.name} in genesis`),
      region: operator.region,
    })),
  }))
}

/** Coins for fees, each provider backing some. */
function balancesOf(): Genesis['balances'] {
  const served: readonly Wallet[] = [...clients, ...savers, ...reporters, issuer, auditor]
  return [
    ...operators.map(({ address }, backedBy) => ({
      account: address,
      amountBase: OPERATOR_COINS * COIN,
      backedBy,
    })),
    ...served.map(({ address }, i) => ({
      account: address,
      amountBase: SERVICE_COINS * COIN,
      backedBy: i % operators.length,
    })),
  ]
}

/** Coins that genesis issues, base units. */
export function genesisCoins(): bigint {
  return balancesOf().reduce((sum, { amountBase }) => sum + amountBase, 0n)
}

/** Units of the asset that genesis issues, base units: the bonds. */
export function genesisUnits(): bigint {
  return BigInt(operators.length) * BOND_UNITS * 10n ** BigInt(ASSET_DECIMALS)
}

export function replayGenesis(beginning: Beginning): Genesis {
  return {
    name: 'Suanli replay',
    chainId: CHAIN_ID,
    timestampMs: START_MS + beginning.day * DAY_MS,
    baseFeePerGas: 1_000_000_000n,
    anchor: beginning.anchorPpm,
    consensus: DEVNET_TIMING,
    params: MAIN_PARAMETERS,
    assets: [
      {
        id: ASSET,
        name: 'Replay dollar',
        symbol: 'rUSD',
        decimals: ASSET_DECIMALS,
        issuer: issuer.address,
        coinPriceBase: beginning.priceBase,
      },
    ],
    classes: genesisClasses(),
    providers: providersOf(beginning),
    balances: balancesOf(),
    assetBalances: [],
    oracle: genesisReporters,
  }
}
