// A chain of all modules up to default, with few and short windows: for tests of faults, defaults, auctions and leaving.
import assert from 'node:assert/strict'
import { utf8 } from '../../base/bytes.ts'
import { sha256 } from '../../base/crypto/hash.ts'
import type { Failure } from '../../base/moduleDefinition.ts'
import { bidCommitment } from '../../base/protocol/sealedBid.ts'
import { type Parameters, TEST_PARAMETERS } from '../../genesis/parameters.ts'
import { type Escrow, ledger } from '../../state/ledger.ts'
import { getAccount, getSupply } from '../../state/modules/accounts/ledger.ts'
import { getAsset, getAssetBalance, issueAsset, registerAsset } from '../../state/modules/assets/ledger.ts'
import { attestLot } from '../../state/modules/capacity/pledges.ts'
import { isRecounting } from '../../state/modules/capacity/sums.ts'
import { getClock } from '../../state/modules/capacity/windows.ts'
import { defaultModule } from '../../state/modules/default/module.ts'
import type { Case } from '../../state/modules/default/schema.ts'
import { defaultTables } from '../../state/modules/default/tables.ts'
import { getLiability, getTotals, issueCoins } from '../../state/modules/issuance/ledger.ts'
import { lockOf } from '../../state/modules/issuance/locks.ts'
import { addBond, getBond } from '../../state/modules/providers/bonds.ts'
import { GUARANTEE_FUND } from '../../state/modules/providers/external.ts'
import { getProvider } from '../../state/modules/providers/members.ts'
import { slashedOf } from '../../state/modules/providers/penalties.ts'
import { MemoryState } from '../../state/overlay.ts'
import { recountNow } from '../../state/recount.ts'
import { ASSET, type ChainOptions, coins, RedemptionChain, WINDOW_MS, walletOf } from './redemptionFixture.ts'

/** Units of the settlement asset that a coin costs. */
export const PRICE = 3_000_000n
/** The tests' parameters with minted coins that can be spent. */
export const UNLOCKED: Parameters = {
  ...TEST_PARAMETERS,
  issuance: { ...TEST_PARAMETERS.issuance, retainPpm: 0n, lockFloorPpm: 0n },
}
export const { cureWindows } = TEST_PARAMETERS.issuance
export const TAIL = TEST_PARAMETERS.redemption.tailWindows
export const K = TEST_PARAMETERS.capacity.horizonWindows
/** An account that holds what providers mint. */
export const HOLDER = 30

export class DefaultChain extends RedemptionChain {
  constructor(options: Partial<ChainOptions> = {}) {
    super({
      providers: Array.from({ length: 5 }, () => ({ devices: 100 })),
      economy: UNLOCKED,
      through: 'default',
      ...options,
    })
  }

  /** Makes a provider owe so many coins, which the holder gets; the mint rule is not asked. */
  owe(
    provider: number,
    amountBase: bigint,
    options: { readonly locked?: boolean; readonly to?: number } = {},
  ): void {
    const { locked = false, to = HOLDER } = options
    const lock = locked ? lockOf(this.state, amountBase) : { lockedBase: 0n, floorBase: 0n }
    issueCoins(this.ctx(), { provider, to: walletOf(to), amountBase, ...lock })
  }

  status(provider: number): string {
    return getProvider(this.state, provider)!.status
  }

  bond(provider: number): bigint {
    return getBond(this.state, { provider, asset: ASSET })
  }

  units(wallet: number): bigint {
    return getAssetBalance(this.state, { asset: ASSET, owner: walletOf(wallet) })
  }

  give(wallet: number, amountBase: bigint): void {
    issueAsset(this.ctx(), { asset: ASSET, to: walletOf(wallet), amountBase })
  }

  /** Moves units of a wallet into the guarantee fund. */
  toFund(wallet: number, amountBase: bigint): void {
    const moved = { asset: ASSET, from: walletOf(wallet), to: GUARANTEE_FUND, amountBase }
    assert.equal(ledger.move(this.ctx(), moved), undefined)
  }

  /** Registers another settlement asset. */
  register(id: number): void {
    const facts = { id, name: `Asset ${id}`, symbol: `A${id}`, decimals: 6 }
    registerAsset(this.ctx(), { ...facts, issuer: walletOf(999) })
  }

  /** Gives a provider a bond in an asset. */
  bondIn(provider: number, asset: number, amountBase: bigint): void {
    issueAsset(this.ctx(), { asset, to: walletOf(provider), amountBase })
    assert.ok(addBond(this.ctx(), { provider, asset, from: walletOf(provider), amountBase }))
  }

  get fundUnits(): bigint {
    return getAssetBalance(this.state, { asset: ASSET, owner: GUARANTEE_FUND })
  }

  get fundCoins(): bigint {
    return getAccount(this.state, GUARANTEE_FUND).balanceBase
  }

  get orphans(): bigint {
    return getTotals(this.state).orphanBase
  }

  get slashed() {
    return slashedOf(this.state, ASSET)
  }

  /** Supplies of the coin and of the settlement asset, and all that is owed. */
  get sums(): { readonly coins: bigint; readonly units: bigint; readonly owed: bigint } {
    return {
      coins: getSupply(this.state),
      units: getAsset(this.state, ASSET)!.supplyBase,
      owed: getTotals(this.state).liabilitiesBase + this.orphans,
    }
  }

  case(provider: number): Case | undefined {
    return defaultTables.case.get(this.state, { provider })
  }

  assumed(provider: number) {
    const { assumedBase, exemptBase } = getLiability(this.state, provider)
    return { assumedBase, exemptBase }
  }

  do(provider: number, action: string, args: object = {}): Failure | undefined {
    return this.act(action, walletOf(provider), args, defaultModule)
  }

  ask<T>(name: string, args: object): T {
    return this.query<T>(name, args, defaultModule)
  }

  /** Ends the window and lets the chain do all that this brings. */
  pass(): void {
    this.endWindow()
    this.settleDown()
  }

  /** Whether the window's end, or a default, goes on in the next block. */
  get isBusy(): boolean {
    return isRecounting(this.state) || defaultModule.rules.hasWork!(this.state, NEXT)
  }

  /** Blocks until nothing of the window's end is left, and no default goes on. */
  settleDown(): void {
    for (let blocks = 0; ; blocks++) {
      assert.ok(blocks < 19, 'a window is long enough for what its beginning brings')
      this.run(() => {}, 50)
      if (!this.isBusy && blocks > 0) return
    }
  }

  /** A block in the second half of the running window. */
  toSecondHalf(): void {
    const { startedAtMs, endsAtMs } = getClock(this.state)
    const halfMs = startedAtMs + Math.ceil((endsAtMs - startedAtMs) / 2)
    if (this.block.timestampMs < halfMs) this.run(() => {}, halfMs - this.block.timestampMs)
  }

  commit(provider: number, bidder: number, bid: { readonly amountBase: bigint; readonly sharePpm: bigint }) {
    const commitment = bidCommitment(this.block.genesisHash, { provider, bidder, ...bid, salt: SALT })
    return this.do(bidder, 'commitBid', { provider, commitment })
  }

  reveal(provider: number, bidder: number, bid: { readonly amountBase: bigint; readonly sharePpm: bigint }) {
    return this.do(bidder, 'revealBid', { provider, ...bid, salt: SALT })
  }

  /** Moves a unit out of an escrow behind its module's back. */
  takeOne(from: Escrow, asset: number): void {
    ledger.release(this.ctx(), { asset, from, to: walletOf(60), amountBase: 1n })
  }

  /** Invariants that do not hold now, and how severe that is. */
  brokenInvariants(): readonly string[] {
    const full = new MemoryState()
    full.apply(new Map(this.committed.entries('')))
    full.apply(this.state.changes())
    const ctx = { state: this.state, block: this.block }
    return this.modules.flatMap(({ rules }) =>
      (rules.invariants ?? []).flatMap((invariant) => {
        const reason =
          invariant.check?.(ctx) ??
          invariant.checkChanges?.(this.state.changes(), this.committed, ctx) ??
          recountNow(invariant, full, ctx)
        return reason === undefined ? [] : [`${invariant.id} ${invariant.severity}`]
      }),
    )
  }

  /** An audit takes all of a provider's capacity: from the next window on it must cure. */
  loseCapacity(provider: number): void {
    attestLot(this.ctx(), { lot: provider, auditPpm: 0n })
  }

  /** Makes a provider default by lost capacity that it does not make good: it has when this returns. */
  fail(provider: number): void {
    this.run(() => this.loseCapacity(provider), 50)
    for (let windows = 0; this.status(provider) !== 'defaulted'; windows++) {
      assert.ok(windows <= cureWindows + 2, 'it defaults')
      this.pass()
    }
  }

  /** Lets the auction of a default go by and the default be handled. */
  close(provider: number): Case {
    while (this.case(provider)!.stage !== 'closed') this.pass()
    return this.case(provider)!
  }
}

const NEXT = { height: 1, parentEndsEpoch: false }
export const SALT = sha256(utf8('salt of the tests'))
export { ASSET, coins, WINDOW_MS, walletOf }
