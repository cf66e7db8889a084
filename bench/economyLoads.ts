// What else a chain may be full of when its blocks are measured: series, receipts, purchases, reports, auctions, compensations.
// Each is written by the rules themselves. Owns: these loads and their sizes. Not: the chain (economyChain.ts), the blocks.
import { u64be, utf8 } from '../base/bytes.ts'
import { sha256 } from '../base/crypto/hash.ts'
import type { Address, Hash32, TxId } from '../base/ids.ts'
import type { Failure } from '../base/moduleDefinition.ts'
import { type OracleReport, reportCommitment } from '../base/protocol/oracleReport.ts'
import { bidCommitment } from '../base/protocol/sealedBid.ts'
import { COIN } from '../base/units.ts'
import type { ActionContext, WriteContext } from '../state/context.ts'
import { ledger } from '../state/ledger.ts'
import { issueAsset, receiptAsset } from '../state/modules/assets/ledger.ts'
import { commitBid, revealBid } from '../state/modules/default/auction.ts'
import { openCases } from '../state/modules/default/cases.ts'
import { declareDefault } from '../state/modules/default/declare.ts'
import { runningWindow } from '../state/modules/default/external.ts'
import { retire } from '../state/modules/issuance/minting.ts'
import { settleCoverage } from '../state/modules/issuance/settle.ts'
import { commit, reveal } from '../state/modules/oracle/reports.ts'
import { open } from '../state/modules/series/offerings.ts'
import { buy } from '../state/modules/series/purchases.ts'
import type { EconomyBlocks } from './economyBlocks.ts'
import { ASSET, type EconomySize, operatorAccount, REPORTERS } from './economyChain.ts'

export interface Load {
  /** Sizes to compare, the last near the bound of its table. */
  readonly counts: readonly number[]
  readonly size?: (count: number) => Partial<EconomySize>
  /** Before the blocks at rest. */
  begin(blocks: EconomyBlocks, count: number): void
  /** In the second half of the window, before its end is measured. */
  late?(blocks: EconomyBlocks, count: number): void
  /** Windows whose ends are measured; default one. */
  readonly windows?: number
  /** Before the end of each further window. */
  between?(blocks: EconomyBlocks, count: number): void
}

export const LOADED_PROVIDERS = 256
const PRICE = 3_100_000n
/** Units of the settlement asset for whoever pays, more than all calls of a load need. */
const FUNDS = 10n ** 16n
const CAP = 1_000n * COIN

const accountOf = (n: number): Address => sha256(utf8(`suanli bench economy holder ${n}`)).slice(0, 20)
const saltOf = (n: number): Hash32 => sha256(utf8(`suanli bench economy salt ${n}`))

function by(ctx: WriteContext, sender: Uint8Array, n: number): ActionContext {
  return {
    ...ctx,
    sender: sender as Address,
    valueBase: 0n,
    txId: sha256(u64be(n)) as Uint8Array as TxId,
    txIndex: n,
  }
}

function accepted(failure: Failure | undefined): void {
  if (failure !== undefined) throw new Error(`refused: ${failure.code}`)
}

/** Opens forward series of all providers in turn, each sold through the next window and due long after it. */
function openSeries(ctx: WriteContext, count: number): void {
  const opensAt = runningWindow(ctx.state)
  for (let n = 0; n < count; n++) {
    const issuer = operatorAccount(n % LOADED_PROVIDERS).address as Address
    issueAsset(ctx, { asset: ASSET, to: issuer, amountBase: FUNDS })
    const terms = {
      kind: 'forward',
      asset: ASSET,
      capBase: CAP,
      startPriceBase: PRICE,
      endPriceBase: 0n,
    } as const
    accepted(open(by(ctx, issuer, n), { ...terms, opensAt, closesAt: opensAt, dueAt: opensAt + 60 }))
  }
}

/** Purchases that fit into one block by their gas. */
const PURCHASES_A_BLOCK = 50

/** Buys coins of the n-th series in turn, one purchase a buyer, as if in blocks of one proposer. */
function buyFrom(given: WriteContext, count: number, series: (n: number) => number): void {
  for (let n = 0; n < count; n++) {
    const height = given.block.height + Math.floor(n / PURCHASES_A_BLOCK)
    const ctx = { ...given, block: { ...given.block, height } }
    const buyer = accountOf(n)
    issueAsset(ctx, { asset: ASSET, to: buyer, amountBase: FUNDS })
    accepted(buy(by(ctx, buyer, n), { series: series(n), amountBase: COIN / 10n, payMaxBase: FUNDS }))
  }
}

const series: Load = {
  counts: [128, 512, 2_048],
  begin(blocks, count) {
    blocks.fill((ctx) => {
      openSeries(ctx, count)
      buyFrom(ctx, Math.min(count, 1_024), (n) => n + 1)
    })
    blocks.settle()
  },
}

const holders: Load = {
  counts: [100, 1_000, 10_000],
  begin(blocks, count) {
    blocks.fill((ctx) => {
      openSeries(ctx, 1)
      issueAsset(ctx, { asset: ASSET, to: accountOf(0), amountBase: FUNDS })
      accepted(buy(by(ctx, accountOf(0), 0), { series: 1, amountBase: CAP, payMaxBase: FUNDS }))
    })
    blocks.settle()
    blocks.fill((ctx) => {
      for (let n = 1; n < count; n++) {
        const move = { asset: receiptAsset(1), from: accountOf(0), to: accountOf(n), amountBase: COIN / 100n }
        if (ledger.move(ctx, move) !== undefined) throw new Error('the buyer has as many receipts')
      }
    })
  },
}

const purchases: Load = {
  counts: [100, 500, 2_000],
  begin(blocks, count) {
    blocks.fill((ctx) => {
      openSeries(ctx, 8)
      buyFrom(ctx, count, (n) => 1 + (n % 8))
    })
  },
}

/** The chambers' reports of the running window, with a price in each asset. */
function reportersOf(count: number): readonly Address[] {
  const members = Array.from({ length: count - REPORTERS.length }, (_, i) => operatorAccount(i))
  return [...REPORTERS, ...members].map(({ address }) => address as Address)
}

function reportOf(n: number, assets: number): OracleReport {
  const prices = Array.from({ length: assets }, (_, a) => ({
    asset: ASSET + a,
    priceBase: 3_028_200n + BigInt((n * 7_919) % 1_000),
  }))
  return { rating: 1_000_000n + BigInt((n * 7_919) % 1_000), prices }
}

const PRICED = 16
const reports: Load = {
  counts: [64, 128, 288],
  size: () => ({ assets: PRICED, reporters: REPORTERS.length }),
  begin(blocks, count) {
    blocks.fill((ctx) => {
      const window = runningWindow(ctx.state)
      const { genesisHash } = ctx.block
      reportersOf(count).forEach((account, n) => {
        const commitment = reportCommitment({
          ...{ genesisHash, window, account, salt: saltOf(n) },
          report: reportOf(n, PRICED),
        })
        accepted(commit(by(ctx, account, n), { window, commitment }))
      })
    })
  },
  late(blocks, count) {
    blocks.fill((ctx) => {
      const window = runningWindow(ctx.state)
      reportersOf(count).forEach((account, n) => {
        accepted(reveal(by(ctx, account, n), { window, salt: saltOf(n), ...reportOf(n, PRICED) }))
      })
    }, blocks.untilHalfMs)
  },
}

/** The last providers of the list default; then their auctions begin. */
function defaultLast(blocks: EconomyBlocks, count: number): void {
  blocks.fill((ctx) => {
    for (let n = 0; n < count; n++) declareDefault(ctx, LOADED_PROVIDERS - n, 'shortfall')
    settleCoverage(ctx)
  })
  blocks.passWindow()
}

/** Those who bid in each auction. */
const bidders = (count: number): number => Math.min(128, LOADED_PROVIDERS - count)

function bidAll(
  ctx: WriteContext,
  count: number,
  act: (
    bidder: ActionContext,
    bid: { readonly provider: number; readonly bidder: number },
  ) => Failure | undefined,
): void {
  for (const provider of openCases(ctx.state))
    for (let bidder = 1; bidder <= bidders(count); bidder++)
      accepted(act(by(ctx, operatorAccount(bidder - 1).address, bidder), { provider, bidder }))
}

const termsOf = (bidder: number) => ({
  amountBase: COIN,
  sharePpm: BigInt(1_000 * bidder),
  salt: saltOf(bidder),
})

const auctions: Load = {
  counts: [1, 10, 100],
  begin(blocks, count) {
    defaultLast(blocks, count)
    blocks.fill((ctx) =>
      bidAll(ctx, count, (own, { provider, bidder }) => {
        const { genesisHash } = ctx.block
        const commitment = bidCommitment(genesisHash, { provider, bidder, ...termsOf(bidder) })
        return commitBid(own, { provider, commitment })
      }),
    )
  },
  late(blocks, count) {
    blocks.fill(
      (ctx) =>
        bidAll(ctx, count, (own, { provider, bidder }) => revealBid(own, { provider, ...termsOf(bidder) })),
      blocks.untilHalfMs,
    )
  },
}

/** As many as have bonds in all assets together. */
const DEFAULTED = 4

/** Estates of so many assets, which all others have to take with the liability; then some of it burns. */
const compensations: Load = {
  counts: [1, 16, 64],
  size: (count) => ({ assets: count }),
  windows: 2,
  begin(blocks) {
    defaultLast(blocks, DEFAULTED)
  },
  between(blocks) {
    blocks.fill((ctx) => {
      for (let n = 0; n < LOADED_PROVIDERS - DEFAULTED; n++)
        accepted(retire(by(ctx, operatorAccount(n).address, n), { amountBase: COIN }))
      settleCoverage(ctx)
    })
  },
}

export const LOADS = { series, holders, purchases, reports, auctions, compensations } as const
export type LoadName = keyof typeof LOADS
