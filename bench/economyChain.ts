// A chain of any number of providers, lots and open requests in memory, for measurements of what a block costs.
// Owns: its genesis. Not: its queue (economyQueue.ts), the blocks that are measured (economyBlocks.ts).
import { utf8 } from '../base/bytes.ts'
import { bls } from '../base/crypto/bls.ts'
import { sha256 } from '../base/crypto/hash.ts'
import { ZERO_ADDRESS, ZERO_HASH } from '../base/ids.ts'
import { sealBlock } from '../base/protocol/header.ts'
import { COIN } from '../base/units.ts'
import { buildGenesis, type GenesisBlock } from '../genesis/build.ts'
import { DEVNET_TIMING } from '../genesis/devnet.ts'
import { MAIN_PARAMETERS } from '../genesis/parameters.ts'
import type { Genesis } from '../genesis/schema.ts'
import { peerIdBytesFromSeed } from '../p2p/identity.ts'
import type { BlockContext } from '../state/context.ts'
import type { ParentView } from '../state/execute.ts'
import { BOND_ASSETS_MAX } from '../state/modules/providers/schema.ts'
import type { MemoryState } from '../state/overlay.ts'
import { type LoadAccount, loadAccounts } from './accounts.ts'
import { checkQueue, fillQueue, REQUESTS_EACH } from './economyQueue.ts'
import { treeOf } from './manyAccounts.ts'

export interface EconomySize {
  readonly providers: number
  /** Each is a lot group of its own, the dearest case; over all providers. */
  readonly lots: number
  /** Without constraints, waiting in the queue. */
  readonly openRequests: number
  /** Settlement assets, over which the bonds are spread; default one. */
  readonly assets?: number
  /** Independent reporters; default none, then the chambers report nothing. */
  readonly reporters?: number
}

export const ASSET = 1
const ASSET_PRICE = 3_028_200n
const BOND = 10n ** 15n
const DEVICES = 1_000
/** Coins of each account that the measured blocks use: for as many requests as it has seats, and their fees. */
const WORKER_COINS = 1_100n
const CLASS = {
  slug: 'reference',
  vendor: 'vendor',
  model: 'reference',
  memoryGb: 80,
  specOnly: false,
  references: [],
}

/** Enough for the requests of a recount of 60,000 lot groups, which takes thousands of blocks. */
export const WORKERS: readonly LoadAccount[] = loadAccounts(140, 'economy worker')

/** The i-th reporter. */
export const REPORTERS: readonly LoadAccount[] = loadAccounts(32, 'economy reporter')

/** Bonds of the i-th provider: in as many assets as one may hold, of another part of all assets than the next one's. */
function bondsOf(i: number, assets: number): Genesis['providers'][number]['bonds'] {
  const count = Math.min(assets, BOND_ASSETS_MAX)
  const first = (i * count) % assets
  return Array.from({ length: count }, (_, a) => ({
    assetId: ASSET + ((first + a) % assets),
    amountBase: BOND,
  })).sort((a, b) => a.assetId - b.assetId)
}

/** Operator of the i-th provider. */
export function operatorAccount(i: number): LoadAccount {
  return operators[i]!
}
const operators = loadAccounts(256, 'economy operator')
const secretOf = (i: number): Uint8Array => bls.keygen(sha256(utf8(`suanli bench economy ${i}`)))

/** Devices of the only lot that somebody lists: few, so that its hours are soon taken. */
const LISTED_DEVICES = 4
export const LISTED_REGION = 'listed'

/** Requests of a whole coin, among the first in the queue: together they take what is listed. */
const FIRST = 1_024

/** Amount of the n-th open request, base units: the least, which doubles with each sixteenth of the table above half. */
function amountOf(n: number): bigint {
  const { minimumBase, openRequestsMax } = MAIN_PARAMETERS.redemption
  if (n < FIRST) return COIN
  return minimumBase << BigInt(Math.max(0, Math.floor((16 * n) / openRequestsMax) - 8))
}

function providersOf({ providers, lots, assets = 1 }: EconomySize): Genesis['providers'] {
  return Array.from({ length: providers }, (_, i) => {
    const own = Math.floor(lots / providers) + (i < lots % providers ? 1 : 0)
    return {
      operator: operators[i]!.address,
      consensusKey: bls.publicKey(secretOf(i)),
      possessionProof: new Uint8Array(96),
      peerId: peerIdBytesFromSeed(sha256(utf8(`suanli bench economy peer ${i}`))),
      profile: {
        legalName: `Provider ${i}`,
        legalGroup: `group${i}`,
        jurisdiction: 'ZZ',
        url: '',
        termsHash: ZERO_HASH,
      },
      bonds: bondsOf(i, assets),
      lots: Array.from({ length: own }, (_, l) => ({
        class: CLASS.slug,
        devices: i === 0 && l === 0 ? LISTED_DEVICES : DEVICES,
        deviceRoot: sha256(utf8(`suanli bench economy lot ${i} ${l}`)),
        region: i === 0 && l === 0 ? LISTED_REGION : `r${l}`,
      })),
    }
  })
}

const reportersOf = (count: number) =>
  REPORTERS.slice(0, count).map(({ address: account }, i) => ({ account, name: `Reporter ${i}` }))

function genesisOf(size: EconomySize, requesters: readonly LoadAccount[]): Genesis {
  const balances = [...requesters, ...WORKERS, ...operators.slice(0, size.providers)].map((account, i) => {
    let amountBase = WORKER_COINS * COIN
    if (i < requesters.length) {
      amountBase = COIN
      for (let n = i * REQUESTS_EACH; n < Math.min(size.openRequests, (i + 1) * REQUESTS_EACH); n++)
        amountBase += amountOf(n)
    }
    return { account: account.address, amountBase, backedBy: i % size.providers }
  })
  return {
    name: 'Suanli economy bench',
    chainId: 83_839,
    timestampMs: Date.UTC(2026, 0, 1),
    baseFeePerGas: 1_000_000_000n,
    anchor: 1_000_000n,
    consensus: DEVNET_TIMING,
    params: MAIN_PARAMETERS,
    assets: Array.from({ length: size.assets ?? 1 }, (_, i) => ({
      id: ASSET + i,
      name: `Dollar ${i}`,
      symbol: `dUSD${i}`,
      decimals: 6,
      issuer: WORKERS[0]!.address,
      coinPriceBase: ASSET_PRICE,
    })),
    classes: [
      {
        ...CLASS,
        trainPpm: 1_000_000n,
        finetunePpm: 1_000_000n,
        inferPpm: 1_000_000n,
        evidenceHash: ZERO_HASH,
      },
    ],
    providers: providersOf(size),
    balances,
    assetBalances: [],
    ...(size.reporters === undefined ? {} : { oracle: { reporters: reportersOf(size.reporters) } }),
  }
}

export interface EconomyStart {
  readonly genesis: GenesisBlock
  readonly parent: ParentView & { readonly state: MemoryState }
}

/** A chain of this size, whose first block is the next to execute; with `isChecked` all its invariants are recounted. */
export function makeEconomy(size: EconomySize, options: { readonly isChecked?: boolean } = {}): EconomyStart {
  const requesters = loadAccounts(Math.ceil(size.openRequests / REQUESTS_EACH), 'economy requester')
  const document = genesisOf(size, requesters)
  // Proofs of possession are not what is measured.
  const genesis = buildGenesis(document, { areProofsChecked: true })
  genesis.tree.release()
  const { state } = genesis
  const block: BlockContext = {
    chainId: document.chainId,
    genesisHash: genesis.chain.genesisHash,
    protocolVersion: document.params.accounts.protocolVersion,
    epoch: 0,
    view: 0,
    height: 0,
    timestampMs: document.timestampMs,
    parentTimestampMs: document.timestampMs,
    proposer: ZERO_ADDRESS,
    mix: genesis.chain.genesisHash,
    baseFeePerGas: document.baseFeePerGas,
    modules: genesis.chain.modules,
  }
  const { openRequests } = size
  fillQueue(
    state,
    { openRequests, amountOf },
    { block, requesters, proposers: [operatorAccount(0), operatorAccount(1)] },
  )
  if (options.isChecked === true) checkQueue(state, block, genesis.chain.modules)
  const tree = treeOf(state.entries(''))
  const sealed = sealBlock({
    header: { ...genesis.block.header, stateRoot: tree.rootHash },
    transactions: [],
  })
  return { genesis, parent: { header: sealed.header, hash: sealed.hash, state, tree } }
}
