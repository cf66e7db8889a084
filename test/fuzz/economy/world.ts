// The genesis of a fuzzed economy: parameters, members, reporters and assets from one seed. Owns: what chains differ in.
import { utf8 } from '../../../base/bytes.ts'
import { sha256 } from '../../../base/crypto/hash.ts'
import { buildGenesis, type GenesisBlock } from '../../../genesis/build.ts'
import { devnetGenesis } from '../../../genesis/devnet.ts'
import { TEST_PARAMETERS } from '../../../genesis/parameters.ts'
import type { Genesis } from '../../../genesis/schema.ts'
import { recountStepsOf } from '../../../state/modules/capacity/recountSteps.ts'
import { tableSteps } from '../../../state/modules/redemption/parameters.ts'
import { genesisKeys } from '../../support/memberChain.ts'
import type { Random } from '../../support/random.ts'
import { addressOf, HOLDERS, ISSUER, OPERATORS_MAX, REPORTERS } from './wallets.ts'

export const COIN = 10n ** 18n
export const UNIT = 1_000_000n
/** Settlement assets: one that everybody has, one that few bonds are in, and one that a provider issues itself. */
export const ASSETS = [1, 2, 3] as const
export const PRICE_BASE = 3_028_200n
const MIN_BLOCK_INTERVAL_MS = 100
const HOLDER_COINS = 3_000n
const BOND_UNITS = [12_000n, 15_000n, 30_000n] as const

function parametersOf(base: Genesis['params'], random: Random, members: number): Genesis['params'] {
  const { windowMs } = base.capacity
  const capacity = { ...TEST_PARAMETERS.capacity, windowMs, lotsPerProviderMax: 4, coverN: 1 }
  const steps = recountStepsOf({
    providers: 16,
    lotsPerProvider: capacity.lotsPerProviderMax,
    horizon: capacity.horizonWindows,
  })
  const blocks = Math.floor(windowMs / MIN_BLOCK_INTERVAL_MS)
  const recountStepsMax = random.pick([capacity.recountStepsMax, Math.ceil((4 * steps) / blocks)])
  const openRequestsMax = random.pick([24, 60])
  // The least that a window's work needs, so that it takes many blocks; or the usual.
  const table = tableSteps({ requests: openRequestsMax, lots: 16 * capacity.lotsPerProviderMax })
  const blockStepsMax = random.pick([
    capacity.blockStepsMax,
    Math.ceil((1.5 * Math.max(2 * steps, table)) / blocks),
  ])
  const retainPpm = random.pick([0n, 500_000n, 800_000n])
  return {
    ...base,
    oracle: { ...TEST_PARAMETERS.oracle, priceFreshWindows: random.pick([2, 3]) },
    capacity: { ...capacity, recountStepsMax, blockStepsMax },
    issuance: {
      ...TEST_PARAMETERS.issuance,
      retainPpm,
      lockFloorPpm: retainPpm === 0n ? 0n : 200_000n,
      cureWindows: random.pick([2, 3]),
    },
    series: { ...TEST_PARAMETERS.series, waitingMax: 16 },
    redemption: {
      ...TEST_PARAMETERS.redemption,
      openRequestsMax,
      openRequestsPerAccountMax: 12,
      stepsPerBlockMax: random.pick([64, 512]),
      tailWindows: random.pick([2, 3]),
    },
    providers: {
      ...base.providers,
      epochBlocksMax: random.pick([40, 1_000]),
      minBlockIntervalMs: MIN_BLOCK_INTERVAL_MS,
      validatorsMin: members < 4 ? members : 4,
    },
    governance: { ...base.governance, votingMs: 4 * windowMs },
  }
}

/** The chain of a seed; equal seeds give equal chains. */
export function worldOf(random: Random): { readonly document: Genesis; readonly members: number } {
  const members = random.between(4, 6)
  const base = devnetGenesis({
    members: Array.from({ length: members }, (_, i) => {
      const { consensusKey, possessionProof, peerId } = genesisKeys(i)
      return { operator: addressOf(i + 1), consensusKey, possessionProof, peerId }
    }),
    accounts: HOLDERS.map(addressOf),
    assetIssuer: addressOf(ISSUER),
    minBlockIntervalMs: MIN_BLOCK_INTERVAL_MS,
    accountCoins: HOLDER_COINS,
    windowMs: random.pick([4_000, 8_000]),
  })
  const others = [
    ...Array.from({ length: OPERATORS_MAX - members }, (_, i) => members + 1 + i),
    ...REPORTERS,
    ISSUER,
  ]
  const mayPair = members > 4 && random.chance(0.4)
  const [first] = base.assets
  const more = ASSETS.slice(1).map((id) => ({
    ...first!,
    id,
    name: `Other dollar ${id}`,
    symbol: `OUSD${id}`,
    issuer: addressOf(id === 3 ? 1 : ISSUER),
  }))
  const document: Genesis = {
    ...base,
    name: 'Suanli fuzzed economy',
    params: parametersOf(base.params, random, members),
    assets: [...base.assets, ...more],
    providers: base.providers.map((provider, i) => ({
      ...provider,
      profile: {
        ...provider.profile,
        legalGroup: mayPair && i === 1 ? base.providers[0]!.profile.legalGroup : provider.profile.legalGroup,
      },
      bonds: [
        { assetId: 1, amountBase: random.pick(BOND_UNITS) * UNIT },
        ...(random.chance(0.5) ? [{ assetId: 2, amountBase: random.pick(BOND_UNITS) * UNIT }] : []),
      ],
      lots: [
        ...provider.lots,
        ...(random.chance(0.4)
          ? [{ class: 'a100-sxm-80', devices: 40, deviceRoot: sha256(utf8(`more of ${i}`)), region: 'far' }]
          : []),
      ],
    })),
    balances: [
      ...base.balances,
      ...others.map((number, i) => ({
        account: addressOf(number),
        amountBase: 50n * COIN,
        backedBy: i % members,
      })),
    ],
    assetBalances: [
      ...base.assetBalances,
      ...[...HOLDERS, ...Array.from({ length: OPERATORS_MAX }, (_, i) => i + 1)].flatMap((number) =>
        [1, 2].flatMap((assetId) =>
          assetId === 1 && (number >= HOLDERS[0] || number <= members)
            ? []
            : [{ assetId, account: addressOf(number), amountBase: 50_000n * UNIT }],
        ),
      ),
    ],
    ...(random.chance(0.85)
      ? {
          oracle: {
            reporters: REPORTERS.slice(0, 4).map((number) => ({
              account: addressOf(number),
              name: `Reporter ${number}`,
            })),
          },
        }
      : {}),
  }
  return { document, members }
}

export function genesisOf(document: Genesis): GenesisBlock {
  return buildGenesis(document)
}
