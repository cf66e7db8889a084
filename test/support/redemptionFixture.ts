// An in-memory chain of native modules for redemption tests: blocks with begin and end, wallets that sign vouchers.
import assert from 'node:assert/strict'
import { secretKeyAddress } from '../../base/address.ts'
import { EMPTY_BYTES, u32be, u64be, utf8 } from '../../base/bytes.ts'
import { sha256 } from '../../base/crypto/hash.ts'
import { signHash } from '../../base/crypto/secp256k1.ts'
import { type Address, ZERO_ADDRESS, ZERO_HASH } from '../../base/ids.ts'
import type { Failure } from '../../base/moduleDefinition.ts'
import { selectorOf, signatureOf } from '../../base/selector.ts'
import { COIN, PPM } from '../../base/units.ts'
import { type Parameters as ChainParameters, TEST_PARAMETERS } from '../../genesis/parameters.ts'
import { newBlockWork } from '../../state/blockWork.ts'
import type { ActionContext, BlockContext, Log, WriteContext } from '../../state/context.ts'
import { beginBlock, endBlock } from '../../state/hooks.ts'
import { getAccount, getSupply } from '../../state/modules/accounts/ledger.ts'
import { issueAsset, registerAsset } from '../../state/modules/assets/ledger.ts'
import { nextLotId } from '../../state/modules/capacity/lots.ts'
import { capacityModule } from '../../state/modules/capacity/module.ts'
import { attestLot, pledgeLot } from '../../state/modules/capacity/pledges.ts'
import { countAll } from '../../state/modules/capacity/recount.ts'
import { ALL_SERVICES } from '../../state/modules/capacity/schema.ts'
import { currentWindow, getClock, openWindows } from '../../state/modules/capacity/windows.ts'
import { addClass } from '../../state/modules/catalogue/classes.ts'
import { getLiability, issueCoins } from '../../state/modules/issuance/ledger.ts'
import { checkMint } from '../../state/modules/issuance/limits.ts'
import { mintAtGenesis } from '../../state/modules/issuance/minting.ts'
import { openOracle } from '../../state/modules/oracle/anchor.ts'
import { setPrice } from '../../state/modules/oracle/prices.ts'
import { addBond } from '../../state/modules/providers/bonds.ts'
import { GUARANTEE_FUND } from '../../state/modules/providers/external.ts'
import { addProvider } from '../../state/modules/providers/members.ts'
import { redemptionModule } from '../../state/modules/redemption/module.ts'
import { CLOSE_REASONS, type CloseReason } from '../../state/modules/redemption/shapes.ts'
import { type redemptionParams, redemptionTables } from '../../state/modules/redemption/tables.ts'
import { digestOf } from '../../state/modules/redemption/vouchers.ts'
import { MemoryState, Overlay } from '../../state/overlay.ts'
import { writeParameters } from '../../state/parameters.ts'
import { recountNow } from '../../state/recount.ts'
import type { Module } from '../../state/rules.ts'
import { modulesThrough } from './modules.ts'

export const ASSET = 1
export const GENESIS_MS = 1_700_000_000_000
export const WINDOW_MS = 2_000
export const REGION = 'tw-north'

/** What a listing says, where a test says otherwise. */
type Listing = Partial<Record<'service' | 'region' | 'endpoint', string>> & {
  bonusPpm?: bigint
  classId?: number
}

export const coins = (amount: number): bigint => (BigInt(Math.round(amount * 1_000)) * COIN) / 1_000n

/** Secret key of wallet n; operators of providers are wallets 1, 2, 3 … */
export function keyOf(n: number): Uint8Array {
  return sha256(utf8(`wallet ${n}`))
}

const addresses = new Map<number, Address>()
export function walletOf(n: number): Address {
  const known = addresses.get(n) ?? secretKeyAddress(keyOf(n))
  addresses.set(n, known)
  return known
}

export type RedemptionParams = ReturnType<typeof redemptionParams.get>
export const PARAMS: RedemptionParams = TEST_PARAMETERS.redemption

export interface ChainOptions {
  /** Rating and device count of each provider's lot; a device serves 22.8 coins per window at rating 1,000,000. */
  readonly providers: readonly {
    readonly ratingPpm?: bigint
    readonly devices: number
    readonly legalGroup?: string
    /** Bond in the settlement asset, base units; default: ample. */
    readonly bondBase?: bigint
  }[]
  /** The last module of the chain; default: redemption. */
  readonly through?: 'redemption' | 'default'
  readonly params?: Partial<RedemptionParams>
  readonly economy?: Pick<ChainParameters, 'oracle' | 'capacity' | 'issuance'>
}

export interface RequestOptions {
  readonly service?: 'train' | 'finetune' | 'infer'
  readonly provider?: number
  readonly ratingMin?: bigint
  readonly region?: string
  readonly startBy?: number
  readonly finishBy?: number
  readonly voucherKey?: Address
}

/** Counts what is read through it. */
class CountingState extends MemoryState {
  reads = 0

  override get(key: string): Uint8Array | undefined {
    this.reads++
    return super.get(key)
  }
}

export class RedemptionChain {
  readonly modules: readonly Module[]
  readonly committed: MemoryState = new CountingState()
  readonly logs: Log[] = []
  #overlay = new Overlay(this.committed)
  #height = 0
  #timeMs = GENESIS_MS
  #parentMs = GENESIS_MS
  #tx = 0
  #providers = 1
  /** False in long simulations, which recount per window instead of per block. */
  recountEveryBlock = true
  /** Gas that the service lane has left at the end of each block. */
  serviceRoom = 1_000_000
  /** What the walks of the last block have used. */
  work = newBlockWork()

  constructor(options: ChainOptions) {
    this.modules = modulesThrough(options.through ?? 'redemption')
    const economy = options.economy ?? {
      ...TEST_PARAMETERS,
      issuance: { ...TEST_PARAMETERS.issuance, retainPpm: 0n, lockFloorPpm: 0n },
    }
    const state = this.#overlay
    const redemption = { ...PARAMS, ...options.params }
    writeParameters(state, this.modules, { ...TEST_PARAMETERS, ...economy, redemption })
    openOracle(state, PPM)
    setPrice(state, { asset: ASSET, priceBase: 3_000_000n })
    openWindows(state, GENESIS_MS)
    const facts = { id: ASSET, name: 'Development dollar', symbol: 'dUSD', decimals: 6 }
    registerAsset(this.ctx(), { ...facts, issuer: walletOf(999) })
    this.#providers = options.providers.length
    options.providers.forEach(({ ratingPpm, devices, legalGroup, bondBase }, i) => {
      this.#addProvider(i + 1, {
        ratingPpm: ratingPpm ?? PPM,
        devices,
        legalGroup: legalGroup ?? '',
        bondBase: bondBase ?? 10n ** 15n,
      })
    })
    this.#commit()
    // The end of the first window takes the snapshot used for assignment.
    this.checkInvariants()
  }

  #addProvider(
    id: number,
    options: {
      readonly ratingPpm: bigint
      readonly devices: number
      readonly legalGroup: string
      readonly bondBase: bigint
    },
  ): void {
    const { ratingPpm, devices, legalGroup, bondBase: amountBase } = options
    const ctx = this.ctx()
    const ratings = { trainPpm: ratingPpm, finetunePpm: ratingPpm, inferPpm: ratingPpm }
    const names = { slug: `class-${id}`, vendor: 'vendor', model: `model ${id}`, memoryGb: 80 }
    addClass(ctx, id, { ...names, ...ratings, specOnly: false, evidenceHash: ZERO_HASH })
    const consensusKey = new Uint8Array(48)
    consensusKey.set(u64be(id))
    const profile = { legalName: `${id}`, legalGroup, jurisdiction: 'TW', url: '', termsHash: ZERO_HASH }
    addProvider(ctx, { id, operator: walletOf(id), consensusKey, peerId: EMPTY_BYTES, profile })
    if (amountBase > 0n) issueAsset(ctx, { asset: ASSET, to: walletOf(id), amountBase })
    assert.ok(addBond(ctx, { provider: id, asset: ASSET, from: walletOf(id), amountBase }))
    if (devices > 0) this.addLot(id, { classId: id, devices })
  }

  /** An attested lot that counts from the current window on. */
  addLot(
    provider: number,
    lot: {
      readonly classId: number
      readonly devices: number
      readonly region?: string
      readonly services?: number
    },
  ): number {
    const deviceRoot = sha256(u64be(nextLotId(this.state)))
    const { classId, devices, region = REGION, services = ALL_SERVICES } = lot
    const firstWindow = currentWindow(this.state) + (this.#height === 0 ? 0 : 1)
    const outcome = pledgeLot(this.ctx(), {
      provider,
      classId,
      devices,
      deviceRoot,
      region,
      services,
      firstWindow,
    })
    assert.ok(outcome.lot !== undefined, outcome.refusal?.code)
    attestLot(this.ctx(), { lot: outcome.lot, auditPpm: PPM, countsFrom: firstWindow })
    // In genesis it counts at once, later from the running window's end on.
    if (this.#height === 0) countAll(this.ctx())
    return outcome.lot
  }

  /** Records read from the committed state so far, by rules and invariants. */
  get reads(): number {
    return (this.committed as CountingState).reads
  }

  /** Pledges a lot that waits for its audit; returns its id. */
  pledgePending(provider: number): number {
    const lot = nextLotId(this.state)
    const failure = this.act(
      'pledge',
      walletOf(provider),
      {
        classId: provider,
        devices: 1,
        deviceRoot: sha256(u64be(1_000_000 + this.#height)),
        region: REGION,
        services: ALL_SERVICES,
        firstWindow: this.window + 1,
      },
      capacityModule,
    )
    assert.equal(failure, undefined)
    return lot
  }

  get state(): Overlay {
    return this.#overlay
  }

  get window(): number {
    return currentWindow(this.#overlay)
  }

  get block(): BlockContext {
    return {
      chainId: 7357,
      genesisHash: sha256(utf8('genesis of the tests')),
      protocolVersion: 1,
      epoch: 0,
      view: this.#height,
      height: this.#height,
      timestampMs: this.#timeMs,
      parentTimestampMs: this.#parentMs,
      // Each block is another group's, so that requests are drawn in the next block.
      proposer: walletOf(1 + (this.#height % this.#providers)),
      mix: sha256(u64be(this.#height)),
      baseFeePerGas: 1n,
      modules: this.modules,
    }
  }

  ctx(): WriteContext {
    return {
      state: this.#overlay,
      block: this.block,
      emit: (log) => void this.logs.push(log),
      laneRoom: () => this.serviceRoom,
      work: this.work,
    }
  }

  /** Runs one block: begin, `transactions`, end, invariants. */
  run(transactions: () => void = () => {}, afterMs = 100): void {
    this.#height++
    this.#parentMs = this.#timeMs
    this.#timeMs += afterMs
    this.work = newBlockWork()
    beginBlock(this.ctx(), this.modules)
    transactions()
    endBlock(this.ctx(), this.modules)
    this.checkInvariants()
    this.#commit()
  }

  /** Runs a block that ends the current window; `transactions` still belong to that window. */
  endWindow(transactions?: () => void): void {
    const recount = this.recountEveryBlock
    this.recountEveryBlock = true
    this.run(transactions, Math.max(1, getClock(this.#overlay).endsAtMs - this.#timeMs))
    this.recountEveryBlock = recount
  }

  /** Ends the current window and runs the first block of the next, in which missing grants return and matching goes on. */
  turn(transactions?: () => void): void {
    this.endWindow(transactions)
    this.run()
  }

  /** Makes what was written outside of blocks part of the last one. */
  commitState(): void {
    this.#commit()
  }

  #commit(): void {
    this.committed.apply(this.#overlay.changes())
    this.#overlay = new Overlay(this.committed)
  }

  /** Runs one action; asserts that a failure is declared and has written nothing. */
  act(action: string, sender: Address, args: object, module: Module = redemptionModule): Failure | undefined {
    const mark = this.#overlay.savepoint()
    const txId: Uint8Array = sha256(u32be(++this.#tx))
    const ctx: ActionContext = { ...this.ctx(), sender, valueBase: 0n, txId, txIndex: 0 }
    const failure = module.rules.actions[action]!(ctx, args as never)
    if (failure === undefined) return undefined
    assert.equal(this.#overlay.touchedSince(mark), false, `${action} failed after writing`)
    assert.ok(module.definition.actions[action]!.fails.includes(failure.code), `undeclared ${failure.code}`)
    for (const [name, field] of Object.entries(module.definition.errors[failure.code]!))
      assert.equal(field.check(failure.fields[name]), undefined, `${failure.code}.${name}`)
    return failure
  }

  /** Mints coins of a provider to a wallet without a lock, under the mint rules. Only genesis takes them into the snapshot. */
  mint(wallet: number, provider: number, amountBase: bigint): Failure | undefined {
    const mint = { provider, to: walletOf(wallet), amountBase }
    if (this.#height === 0) return mintAtGenesis(this.ctx(), mint)
    const refusal = checkMint(this.state, mint)
    if (refusal === undefined) issueCoins(this.ctx(), { ...mint, lockedBase: 0n, floorBase: 0n })
    return refusal
  }

  /** Like `mint`, and must succeed. */
  fund(wallet: number, provider: number, amountBase: bigint): void {
    assert.equal(this.mint(wallet, provider, amountBase)?.code, undefined)
  }

  request(wallet: number, amountBase: bigint, options: RequestOptions = {}): Failure | undefined {
    return this.act('request', walletOf(wallet), {
      amountBase,
      service: options.service ?? 'infer',
      provider: options.provider ?? 0,
      ratingMin: options.ratingMin ?? 0n,
      region: options.region ?? '',
      startBy: options.startBy ?? 0,
      finishBy: options.finishBy ?? 0,
      jobHash: ZERO_HASH,
      clientKey: new Uint8Array(32),
      voucherKey: options.voucherKey ?? ZERO_ADDRESS,
    })
  }

  list(provider: number, options: Listing = {}, tariffHash = ZERO_HASH) {
    return this.act('list', walletOf(provider), {
      service: options.service ?? 'infer',
      classId: options.classId ?? provider,
      region: options.region ?? REGION,
      endpoint: options.endpoint ?? `https://provider-${provider}.example`,
      bonusPpm: options.bonusPpm ?? 0n,
      runtimeHash: ZERO_HASH,
      tariffHash,
    })
  }

  grant(id: number, assignment: number): Failure | undefined {
    const { provider } = redemptionTables.assignment.mustGet(this.state, { id, assignment })
    return this.act('grant', walletOf(provider), { id, assignment, ciphertext: utf8('sealed') })
  }

  reject(wallet: number, id: number, assignment: number, reason = 'unreachable'): Failure | undefined {
    return this.act('reject', walletOf(wallet), { id, assignment, reason })
  }

  /** A voucher signed by wallet `signer`. */
  voucher(at: { id: number; assignment: number; deliveredBase: bigint; provider: number; signer: number }) {
    const provider = walletOf(at.provider)
    return signHash(digestOf(this.block, { ...at, provider }), keyOf(at.signer))
  }

  settle(at: { id: number; assignment: number; deliveredBase: bigint; signer: number; sender?: number }) {
    const provider = redemptionTables.assignment.get(this.state, at)?.provider ?? 1
    const signature = this.voucher({ ...at, provider })
    const { id, assignment, deliveredBase } = at
    return this.act('settle', walletOf(at.sender ?? provider), { id, assignment, deliveredBase, signature })
  }

  query<T>(name: string, args: object = {}, module: Module = redemptionModule): T {
    const field = module.definition.queries[name]!.returns
    const value = module.rules.queries[name]!({ state: this.state, block: this.block }, args as never)
    // A query's answer must match its schema.
    assert.equal(field.check(value), undefined, `${name} answers outside its schema`)
    return value as T
  }

  /** Coins of the guarantee fund. */
  guarantee(): bigint {
    return getAccount(this.state, GUARANTEE_FUND).balanceBase
  }

  balance(wallet: number): bigint {
    return getAccount(this.state, walletOf(wallet)).balanceBase
  }

  liability(provider: number): bigint {
    return getLiability(this.state, provider).liabilityBase
  }

  get supply(): bigint {
    return getSupply(this.state)
  }

  /** Names of all redemption events so far, oldest first. */
  eventNames(): string[] {
    const names = new Map(
      Object.entries(redemptionModule.definition.events).map(([name, fields]) => [
        signatureOf(name, fields),
        name,
      ]),
    )
    const bySelector = new Map(
      Object.entries(redemptionModule.definition.events).map(([name, fields]) => [
        selectorOf(name, fields).join(),
        names.get(signatureOf(name, fields))!,
      ]),
    )
    return this.logs.flatMap((log) => bySelector.get(log.topics[0]?.slice(0, 4).join() ?? '') ?? [])
  }

  /** Why assignments closed so far, oldest first. */
  closeReasons(): CloseReason[] {
    const { Closed } = redemptionModule.definition.events
    const selector = selectorOf('Closed', Closed!).join()
    const reason = Object.keys(Closed!)
      .filter((name) => Closed![name]!.indexed !== true)
      .indexOf('reason')
    return this.logs
      .filter((log) => log.topics[0]?.slice(0, 4).join() === selector)
      .map((log) => CLOSE_REASONS[log.data[32 * reason + 31]!]!)
  }

  /** Ids and numbers of all open assignments, as of the last block. */
  openAssignments(): readonly (readonly [id: number, assignment: number])[] {
    const { prefix } = redemptionTables.assignment
    return [...redemptionTables.assignment.entries(this.committed)].map(([key]) => {
      const bytes = [...key.slice(prefix.length)].map((x) => x.charCodeAt(0))
      const number = (from: number, to: number) => bytes.slice(from, to).reduce((n, x) => n * 256 + x, 0)
      return [number(0, 8), number(8, 12)] as const
    })
  }

  checkInvariants(): void {
    const full = new MemoryState()
    if (this.recountEveryBlock) {
      full.apply(new Map(this.committed.entries('')))
      full.apply(this.#overlay.changes())
    }
    const ctx = { state: this.#overlay, block: this.block }
    for (const { rules } of this.modules) {
      for (const invariant of rules.invariants ?? []) {
        const broken =
          invariant.check?.(ctx) ??
          invariant.checkChanges?.(this.#overlay.changes(), this.committed, ctx) ??
          (this.recountEveryBlock ? recountNow(invariant, full, ctx) : undefined)
        assert.equal(broken, undefined, `invariant ${invariant.id}: ${broken}`)
      }
    }
  }
}

/** The parameters of tests, with a horizon long enough to assign two windows ahead. */
export function longEconomy(): Pick<ChainParameters, 'oracle' | 'capacity' | 'issuance'> {
  return {
    ...TEST_PARAMETERS,
    capacity: { ...TEST_PARAMETERS.capacity, horizonWindows: 16 },
    oracle: { ...TEST_PARAMETERS.oracle, driftPpm: 30_000n },
    issuance: { ...TEST_PARAMETERS.issuance, retainPpm: 0n },
  }
}

/** Two wallets. */
export const ALICE = 20
export const BOB = 21

/** Four providers with 228 coins per window; Alice and Bob hold 300 coins issued by providers 1 and 2. */
export function fundedChain(options: Partial<ChainOptions> = {}): RedemptionChain {
  const made = new RedemptionChain({
    providers: [{ devices: 10 }, { devices: 10 }, { devices: 10 }, { devices: 10 }],
    ...options,
  })
  made.run(() => {
    made.fund(ALICE, 1, coins(300))
    made.fund(BOB, 2, coins(300))
  })
  return made
}

/** Alice's redemption 1 of 10 coins, assigned to provider 1 in the current window. */
export function activeChain(options?: Parameters<RedemptionChain['request']>[2]): RedemptionChain {
  const made = fundedChain()
  made.run(() => {
    assert.equal(made.list(1), undefined)
    assert.equal(made.request(ALICE, coins(10), options), undefined)
  })
  made.run()
  assert.equal(redemptionTables.assignment.mustGet(made.state, { id: 1, assignment: 1 }).provider, 1)
  made.endWindow(() => assert.equal(made.grant(1, 1), undefined))
  return made
}
