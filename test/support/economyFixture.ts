// A small chain for economy tests: providers, classes, bonds and lots in memory, and blocks of two modules.
import assert from 'node:assert/strict'
import { EMPTY_BYTES, u64be } from '../../base/bytes.ts'
import { sha256 } from '../../base/crypto/hash.ts'
import { type Address, ZERO_HASH } from '../../base/ids.ts'
import type { Failure } from '../../base/moduleDefinition.ts'
import { COIN, PPM } from '../../base/units.ts'
import { DEV_PARAMETERS, type Parameters } from '../../genesis/parameters.ts'
import type { ActionContext, BlockContext, Log, ReadContext, WriteContext } from '../../state/context.ts'
import { endBlock } from '../../state/hooks.ts'
import { mintCoins } from '../../state/modules/accounts/ledger.ts'
import { issueAsset, registerAsset } from '../../state/modules/assets/ledger.ts'
import { nextLotId } from '../../state/modules/capacity/lots.ts'
import { attestLot, pledgeLot } from '../../state/modules/capacity/pledges.ts'
import { countAll } from '../../state/modules/capacity/recount.ts'
import { ALL_SERVICES } from '../../state/modules/capacity/schema.ts'
import { isRecounting } from '../../state/modules/capacity/sums.ts'
import { currentWindow, getClock, openWindows } from '../../state/modules/capacity/windows.ts'
import { addClass } from '../../state/modules/catalogue/classes.ts'
import { issuanceModule } from '../../state/modules/issuance/module.ts'
import { openOracle } from '../../state/modules/oracle/anchor.ts'
import { setPrice } from '../../state/modules/oracle/prices.ts'
import { addBond } from '../../state/modules/providers/bonds.ts'
import { addProvider } from '../../state/modules/providers/members.ts'
import { providersTables } from '../../state/modules/providers/tables.ts'
import { MemoryState, Overlay } from '../../state/overlay.ts'
import { writeParameters } from '../../state/parameters.ts'
import { recountNow } from '../../state/recount.ts'
import type { Module } from '../../state/rules.ts'
import { modulesThrough } from './modules.ts'

export const SETTLEMENT_ASSET = 1
/** 3.028200 units of a six-decimal asset per coin. */
export const PRICE_BASE = 3_028_200n
export const GENESIS_MS = 1_700_000_000_000
/** Of the providers' hooks and invariants only the count of faults: members come and go here without epochs. */
const MODULES: readonly Module[] = modulesThrough('issuance').map((module) => {
  if (module.definition.name !== 'providers') return module
  const { actions, queries, onFault } = module.rules
  return { ...module, rules: { actions, queries, onFault: onFault! } }
})

export const coins = (amount: number): bigint => (BigInt(Math.round(amount * 1_000)) * COIN) / 1_000n

/** The address of a number. */
export function accountOf(n: number): Address {
  return sha256(u64be(n)).slice(0, 20)
}

export interface Setup {
  readonly name?: string
  readonly group?: string
  readonly ratingPpm: bigint
  readonly devices: number
  /** Bond in the settlement asset, base units; default: ample. */
  readonly bondBase?: bigint
}

export class EconomyChain {
  readonly committed = new MemoryState()
  readonly #parameters: Parameters
  #overlay = new Overlay(this.committed)
  #height = 0
  #timeMs = GENESIS_MS
  readonly logs: Log[] = []

  constructor(parameters: Parameters = DEV_PARAMETERS) {
    this.#parameters = parameters
    const state = this.#overlay
    writeParameters(state, modulesThrough('issuance'), parameters)
    openOracle(state, PPM)
    setPrice(state, { asset: SETTLEMENT_ASSET, priceBase: PRICE_BASE })
    openWindows(state, GENESIS_MS)
    const ctx = this.ctx()
    registerAsset(ctx, {
      id: SETTLEMENT_ASSET,
      issuer: accountOf(999),
      name: 'Development dollar',
      symbol: 'dUSD',
      decimals: 6,
    })
  }

  get state(): Overlay {
    return this.#overlay
  }

  get block(): BlockContext {
    return {
      chainId: 1,
      genesisHash: ZERO_HASH,
      protocolVersion: 1,
      epoch: 0,
      view: this.#height,
      height: this.#height,
      timestampMs: this.#timeMs,
      parentTimestampMs: this.#timeMs,
      proposer: accountOf(1),
      mix: ZERO_HASH,
      baseFeePerGas: 1n,
      modules: MODULES,
    }
  }

  ctx(): WriteContext {
    return { state: this.#overlay, block: this.block, emit: (log) => void this.logs.push(log) }
  }

  read(): ReadContext {
    return { state: this.#overlay, block: this.block }
  }

  /** Adds a class with one rating for all services and returns its id. */
  addClass(id: number, ratingPpm: bigint, slug = `class-${id}`): number {
    const rated = { trainPpm: ratingPpm, finetunePpm: ratingPpm, inferPpm: ratingPpm }
    const names = { slug, vendor: 'vendor', model: slug, memoryGb: 80 }
    addClass(this.ctx(), id, { ...names, ...rated, specOnly: false, evidenceHash: ZERO_HASH })
    return id
  }

  /** Admits provider `id` with a bond; its operator is `accountOf(id)`. */
  addProvider(id: number, options: { readonly group?: string; readonly bondBase?: bigint } = {}): void {
    const ctx = this.ctx()
    const operator = accountOf(id)
    const profile = {
      legalName: `provider ${id}`,
      legalGroup: options.group ?? '',
      jurisdiction: 'TW',
      url: '',
      termsHash: ZERO_HASH,
    }
    const consensusKey = new Uint8Array(48)
    consensusKey.set(u64be(id))
    addProvider(ctx, { id, operator, consensusKey, peerId: EMPTY_BYTES, profile })
    const amountBase = options.bondBase ?? 10n ** 15n
    if (amountBase === 0n) return
    issueAsset(ctx, { asset: SETTLEMENT_ASSET, to: operator, amountBase })
    assert.ok(addBond(ctx, { provider: id, asset: SETTLEMENT_ASSET, from: operator, amountBase }))
  }

  /** A lot that counts from its first window on; default: the current one, as in genesis. */
  addLot(
    provider: number,
    lot: {
      readonly classId: number
      readonly devices: number
      readonly firstWindow?: number
      readonly region?: string
      readonly services?: number
    },
  ): number {
    const { classId, devices, region = 'tw-north', services = ALL_SERVICES } = lot
    const firstWindow = lot.firstWindow ?? currentWindow(this.#overlay)
    const deviceRoot = sha256(u64be(nextLotId(this.#overlay)))
    const terms = { deviceRoot, region, services, firstWindow }
    const outcome = pledgeLot(this.ctx(), { provider, classId, devices, ...terms })
    assert.ok(outcome.lot !== undefined, JSON.stringify(outcome.refusal?.code))
    attestLot(this.ctx(), { lot: outcome.lot, auditPpm: PPM, countsFrom: firstWindow })
    countAll(this.ctx())
    return outcome.lot
  }

  /** Providers 1, 2, 3 … with one class and one lot each. */
  addProviders(setups: readonly Setup[]): this {
    setups.forEach((setup, i) => {
      const id = i + 1
      this.addClass(id, setup.ratingPpm, setup.name)
      this.addProvider(id, setup)
      if (setup.devices > 0) this.addLot(id, { classId: id, devices: setup.devices })
    })
    return this
  }

  /** Runs one action atomically; returns its failure. */
  act(module: Module, action: string, sender: Address, args: object): Failure | undefined {
    const mark = this.#overlay.savepoint()
    const ctx: ActionContext = { ...this.ctx(), sender, valueBase: 0n, txId: new Uint8Array(32), txIndex: 0 }
    const failure = module.rules.actions[action]!(ctx, args as never)
    if (failure !== undefined) {
      assert.equal(this.#overlay.touchedSince(mark), false, `${action} failed after writing`)
      assert.ok(module.definition.actions[action]!.fails.includes(failure.code), `undeclared ${failure.code}`)
    }
    return failure
  }

  mint(provider: number, amountBase: bigint, to: Address = accountOf(provider)): Failure | undefined {
    return this.act(issuanceModule, 'mint', accountOf(provider), { to, amountBase })
  }

  query<T>(module: Module, name: string, args: object = {}): T {
    const field = module.definition.queries[name]!.returns
    const value = module.rules.queries[name]!(this.read(), args as never)
    // A query's answer must match its schema.
    assert.equal(field.check(value), undefined, `${name} answers outside its schema`)
    return value as T
  }

  /** Ends a block after `afterMs`, checks every invariant, and commits it. */
  endBlock(afterMs = 100): void {
    this.#height++
    this.#timeMs += afterMs
    const ctx = this.ctx()
    endBlock(ctx, MODULES)
    this.checkInvariants()
    this.committed.apply(this.#overlay.changes())
    this.#overlay = new Overlay(this.committed)
  }

  /** Replaces a provider's bond in the settlement asset; the units need not be held. */
  setBond(provider: number, amountBase: bigint): void {
    providersTables.bond.set(this.#overlay, { provider, asset: SETTLEMENT_ASSET }, { amountBase })
  }

  /** Creates coins beside the ledger of liabilities, for tests that write liabilities themselves. */
  giveCoins(amountBase: bigint): void {
    mintCoins(this.ctx(), { to: accountOf(998), amountBase })
  }

  get isRecounting(): boolean {
    return isRecounting(this.#overlay)
  }

  /** Ends blocks until the current window ends. */
  endWindow(): void {
    const { endsAtMs } = getClock(this.#overlay)
    this.endBlock(endsAtMs - this.#timeMs)
  }

  checkInvariants(): void {
    const full = new MemoryState()
    full.apply(new Map(this.committed.entries('')))
    full.apply(this.#overlay.changes())
    const ctx = this.read()
    for (const { rules } of MODULES) {
      for (const invariant of rules.invariants ?? []) {
        const broken =
          invariant.check?.(ctx) ??
          invariant.checkChanges?.(this.#overlay.changes(), this.committed, ctx) ??
          recountNow(invariant, full, ctx)
        assert.equal(broken, undefined, `invariant ${invariant.id}: ${broken}`)
      }
    }
  }

  get parameters(): Parameters {
    return this.#parameters
  }
}

/** The parts of `issuance.quota` that tests check. */
export interface Limits {
  readonly mintableBase: bigint
  readonly blocked: string
  readonly quotaBase: bigint
  readonly jointBase: bigint
  readonly ownBackingBase: bigint
  readonly frontLoadBase: bigint
  readonly bondBase: bigint
}

export const quotaQuery = (chain: EconomyChain, provider: number): Limits =>
  chain.query<Limits>(issuanceModule, 'quota', { provider })

/** The devnet's parameters without a lock: what is minted can be spent. */
export const UNLOCKED: Parameters = {
  ...DEV_PARAMETERS,
  issuance: { ...DEV_PARAMETERS.issuance, retainPpm: 0n, lockFloorPpm: 0n },
}

/** Four identical members, so that the quota binds. */
export function fourEqual(parameters: Parameters = UNLOCKED): EconomyChain {
  return new EconomyChain(parameters).addProviders(
    [0, 1, 2, 3].map(() => ({ ratingPpm: 2_000_000n, devices: 100 })),
  )
}

export const code = (failure: Failure | undefined): string | undefined => failure?.code
