// A scenario as a genesis document for the chain and as a world for the model. Owns: that both say the same.
import { concatBytes, utf8 } from '../../../../base/bytes.ts'
import { sha256 } from '../../../../base/crypto/hash.ts'
import { ZERO_HASH } from '../../../../base/ids.ts'
import { DEVNET_TIMING, devnetGenesis } from '../../../../genesis/devnet.ts'
import type { Genesis } from '../../../../genesis/schema.ts'
import { peerIdBytesFromSeed } from '../../../../p2p/identity.ts'
import { COIN } from '../arithmetic.ts'
import { brokenMintLimits } from '../coverage.ts'
import { mintAtGenesis } from '../issuance.ts'
import { issueUnits } from '../ledger.ts'
import { addBond, addLot, addProvider, begin, emptyWorld } from '../newWorld.ts'
import { appoint } from '../oracle.ts'
import type { World } from '../world.ts'
import { ASSET, ASSETS, PRICE_BASE, type Scenario, UNIT } from './scenario.ts'
import { holders, ISSUER, nameOf, reporterWallets, walletOf } from './wallets.ts'

/** Base fee of block 0. */
const BASE_FEE = 1_000_000n
/** Coins of an operator, or of whoever may report: fees, and something to retire. */
const OPERATOR_BASE = COIN / 2n
const GIFT_UNITS = 10_000n

export interface Balance {
  readonly wallet: number
  readonly amountBase: bigint
  /** Index of the member. */
  readonly backedBy: number
}

/** Balances that the mint rules allow, found with the model. */
export interface Built {
  readonly document: Genesis
  readonly world: World
}

/** The model's world of a scenario, without coins. */
function worldOf(scenario: Scenario): World {
  const world = emptyWorld(scenario.parameters, scenario.genesisMs, 1_000_000n)
  for (const asset of ASSETS) {
    world.assets.set(asset, { issuer: nameOf(ISSUER), supplyBase: 0n })
    world.prices.set(asset, PRICE_BASE)
  }
  scenario.classes.forEach((entry, i) => {
    world.classes.set(i + 1, { id: i + 1, ...entry })
  })
  for (const lane of ['general', 'redemption', 'service', 'proof'] as const) world.baseFees[lane] = BASE_FEE
  scenario.members.forEach((member, i) => {
    const id = i + 1
    const provider = addProvider(world, { id, operator: nameOf(id), legalGroup: member.legalGroup })
    addBond(world, provider, ASSET, member.bondUnits * UNIT)
    for (const lot of member.lots) addLot(world, { provider: id, ...lot, countsFrom: 0 })
  })
  return world
}

/** Holders' coins backed by the members in turn, each as far as its limits go. */
function mintBalances(scenario: Scenario, world: World): readonly Balance[] {
  const wanted: readonly { wallet: number; amountBase: bigint }[] = [
    ...scenario.members.map((_, i) => ({ wallet: i + 1, amountBase: OPERATOR_BASE })),
    ...holders.map((wallet) => ({ wallet, amountBase: scenario.holderBase })),
    { wallet: ISSUER, amountBase: OPERATOR_BASE },
    ...reporterWallets.map((wallet) => ({ wallet, amountBase: OPERATOR_BASE })),
  ]
  const made: Balance[] = []
  wanted.forEach(({ wallet, amountBase }, i) => {
    for (let turn = 0; turn < scenario.members.length; turn++) {
      const backedBy = (i + turn) % scenario.members.length
      if (brokenMintLimits(world, backedBy + 1, amountBase).size > 0) continue
      mintAtGenesis(world, backedBy + 1, nameOf(wallet), amountBase)
      made.push({ wallet, amountBase, backedBy })
      break
    }
  })
  return made
}

/** Short enough for votes to run out within a test. */
export const VOTING_MS = 20_000

/** The chain's parameters: the test preset with the scenario's values wherever a module has one of that name. */
function paramsOf(scenario: Scenario, base: Genesis['params']): Genesis['params'] {
  const sections = Object.entries(base).map(([module, section]) => {
    const values = Object.entries(section as Record<string, unknown>).map(([name, value]) => {
      const wanted = (scenario.parameters as unknown as Record<string, unknown>)[name]
      return [name, wanted ?? value] as const
    })
    return [module, Object.fromEntries(values)] as const
  })
  const params = Object.fromEntries(sections) as unknown as Genesis['params']
  return {
    ...params,
    providers: {
      ...params.providers,
      minBlockIntervalMs: scenario.minBlockIntervalMs,
      validatorsMin: scenario.validatorsMin,
    },
    ...(scenario.recountStepsMax === undefined
      ? {}
      : { capacity: { ...params.capacity, recountStepsMax: scenario.recountStepsMax } }),
    governance: { ...params.governance, votingMs: VOTING_MS },
    series: {
      ...params.series,
      tailWindows: scenario.parameters.seriesTailWindows,
      stepsPerBlockMax: scenario.parameters.salesStepsMax,
    },
  }
}

function providersOf(scenario: Scenario): Genesis['providers'] {
  return scenario.members.map((member, i) => ({
    operator: walletOf(i + 1),
    // Nobody signs with these keys: blocks are executed, not voted on.
    consensusKey: concatBytes(sha256(utf8(`key ${i}`)), new Uint8Array(16)),
    possessionProof: new Uint8Array(96),
    peerId: peerIdBytesFromSeed(sha256(utf8(`peer ${i}`))),
    profile: {
      legalName: `member ${i + 1}`,
      legalGroup: member.legalGroup,
      jurisdiction: 'ZZ',
      url: 'https://member.example',
      termsHash: ZERO_HASH,
    },
    bonds: [{ assetId: ASSET, amountBase: member.bondUnits * UNIT }],
    lots: member.lots.map(({ classId, devices, region }, l) => ({
      class: `class-${classId}`,
      devices,
      deviceRoot: sha256(utf8(`lot ${i}/${l}`)),
      region,
    })),
  }))
}

/** Both sides' beginning; `mint` decides who holds coins, under the model's mint rules. */
export function build(scenario: Scenario, mint = mintBalances): Built {
  const world = worldOf(scenario)
  const minted = mint(scenario, world)
  const providers = providersOf(scenario)
  const base = devnetGenesis({
    members: providers,
    accounts: [],
    assetIssuer: walletOf(ISSUER),
    minBlockIntervalMs: scenario.minBlockIntervalMs,
  })
  const gifted = [...scenario.members.map((_, i) => i + 1), ...holders]
  const gifts = ASSETS.flatMap((asset) => gifted.map((wallet) => ({ asset, wallet })))
  for (const { asset, wallet } of gifts)
    issueUnits(world, nameOf(ISSUER), { asset, to: nameOf(wallet), amountBase: GIFT_UNITS * UNIT })
  const reporters = reporterWallets
    .slice(0, scenario.reporters)
    .map((wallet) => ({ wallet, name: `reporter ${wallet}` }))
  appoint(
    world,
    reporters.map(({ wallet, name }) => ({ account: nameOf(wallet), name })),
    0,
  )
  begin(world)
  const document: Genesis = {
    ...base,
    timestampMs: scenario.genesisMs,
    baseFeePerGas: BASE_FEE,
    consensus: { ...DEVNET_TIMING, heartbeatMs: Math.floor(scenario.parameters.windowMs / 4) },
    params: paramsOf(scenario, base.params),
    assets: base.assets.flatMap((asset) =>
      ASSETS.map((id) => ({ ...asset, id, symbol: `${asset.symbol}${id}`, coinPriceBase: PRICE_BASE })),
    ),
    classes: scenario.classes.map(({ ratingsPpm, specOnly }, i) => ({
      slug: `class-${i + 1}`,
      vendor: 'vendor',
      model: `model ${i + 1}`,
      memoryGb: 80,
      trainPpm: ratingsPpm.train,
      finetunePpm: ratingsPpm.finetune,
      inferPpm: ratingsPpm.infer,
      specOnly,
      evidenceHash: ZERO_HASH,
      references: [],
    })),
    ...(reporters.length === 0
      ? {}
      : {
          oracle: { reporters: reporters.map(({ wallet, name }) => ({ account: walletOf(wallet), name })) },
        }),
    providers,
    balances: minted.map(({ wallet, amountBase, backedBy }) => ({
      account: walletOf(wallet),
      amountBase,
      backedBy,
    })),
    assetBalances: gifts.map(({ asset, wallet }) => ({
      assetId: asset,
      account: walletOf(wallet),
      amountBase: GIFT_UNITS * UNIT,
    })),
  }
  return { document, world }
}
