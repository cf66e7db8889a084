// A chain with reporters for tests of the oracle: whole windows of commitments and reveals in a few calls.
import { strict as assert } from 'node:assert'
import { u64be } from '../../base/bytes.ts'
import { sha256 } from '../../base/crypto/hash.ts'
import type { Address } from '../../base/ids.ts'
import { type OracleReport, reportCommitment } from '../../base/protocol/oracleReport.ts'
import { DEVNET_ASSET_ID } from '../../genesis/devnet.ts'
import type { Genesis } from '../../genesis/schema.ts'
import { failureReader } from '../../state/call.ts'
import { getAnchor } from '../../state/modules/oracle/anchor.ts'
import { getClock, revealsFromMs } from '../../state/modules/oracle/clock.ts'
import { oracleModule } from '../../state/modules/oracle/module.ts'
import { getPrice } from '../../state/modules/oracle/prices.ts'
import { oracleSchema, type Result } from '../../state/modules/oracle/schema.ts'
import { resultOf } from '../../state/modules/oracle/tally.ts'
import { MODULES } from '../../state/registry.ts'
import { type Call, MemberChain, operatorOf } from './memberChain.ts'

/** The price of a coin in genesis. */
export const PRICE_BASE = 3_028_200n
const SALT = sha256(u64be(1))

/** What one account reports in a window. */
export interface Voice {
  readonly from: Address
  readonly rating: bigint
  /** Of the settlement asset; default: that of genesis. Undefined in the report: `null`. */
  readonly priceBase?: bigint | null
  /** It commits and never reveals. */
  readonly isSilent?: true
}

export const reportOf = ({ rating, priceBase = PRICE_BASE }: Voice): OracleReport => ({
  rating,
  prices: priceBase === null ? [] : [{ asset: DEVNET_ASSET_ID, priceBase }],
})

export class OracleChain extends MemberChain {
  readonly #members: number

  constructor(
    options: {
      readonly reporters?: number
      readonly members?: number
      readonly params?: Partial<Genesis['params']>
    } = {},
  ) {
    const { reporters = 5, members = 4, params = {} } = options
    const named = Array.from({ length: reporters }, (_, i) => ({
      account: operatorOf(members + 1 + i),
      name: `Reporter ${i + 1}`,
    }))
    super(members, params, reporters === 0 ? {} : { oracle: { reporters: named } })
    this.#members = members
  }

  /** Account of the n-th reporter, from 1; those beyond genesis are funded too. */
  reporter(n: number): Address {
    return operatorOf(this.#members + n)
  }

  get window(): number {
    return getClock(this.full)!.windowIndex
  }

  get anchor(): bigint {
    return getAnchor(this.full)
  }

  get price() {
    return getPrice(this.full, DEVNET_ASSET_ID)!
  }

  commitment(voice: Voice, over: { readonly window?: number; readonly salt?: Uint8Array } = {}): Uint8Array {
    const { window = this.window, salt = SALT } = over
    const genesisHash = this.genesis.hash
    return reportCommitment({ genesisHash, window, account: voice.from, salt, report: reportOf(voice) })
  }

  commitCall(voice: Voice): Call {
    const args = { window: this.window, commitment: this.commitment(voice) }
    return { from: voice.from, module: oracleSchema, action: 'commit', args }
  }

  revealCall(voice: Voice, over: object = {}): Call {
    const args = { window: this.window, salt: SALT, ...reportOf(voice), ...over }
    return { from: voice.from, module: oracleSchema, action: 'reveal', args }
  }

  /** One block of these calls; every one succeeds. */
  do(calls: readonly Call[], pauseMs?: number): void {
    for (const receipt of this.next(calls, pauseMs))
      assert.ok(receipt.succeeded, failureReader(MODULES).describe(receipt.failure))
  }

  /** Makes a block at a time, with these calls. */
  blockAt(timeMs: number, calls: readonly Call[] = []): void {
    this.do(calls, timeMs - this.parent.header.timestampMs)
  }

  /** Goes to the first block that may hold reveals. */
  toReveals(calls: readonly Call[] = []): void {
    this.blockAt(revealsFromMs(getClock(this.full)!), calls)
  }

  /** Ends the running window by an empty block. */
  endWindow(): void {
    this.blockAt(getClock(this.full)!.endsAtMs)
  }

  /** A whole window: all commit, those who are not silent reveal, the window ends. Returns what it decided. */
  play(voices: readonly Voice[]): Result | undefined {
    const { window } = this
    this.do(voices.map((voice) => this.commitCall(voice)))
    this.toReveals(voices.filter(({ isSilent }) => isSilent !== true).map((voice) => this.revealCall(voice)))
    this.endWindow()
    return resultOf(this.full, window)
  }

  /** The same report of the first so many reporters and members. */
  voices(
    counts: { readonly reporters: number; readonly members: number },
    said: Omit<Voice, 'from'>,
  ): Voice[] {
    const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 1)
    return [
      ...range(counts.reporters).map((n) => ({ from: this.reporter(n), ...said })),
      ...range(counts.members).map((n) => ({ from: operatorOf(n), ...said })),
    ]
  }

  query<T>(name: string, args: object = {}): T {
    const field = oracleModule.definition.queries[name]!.returns
    const value = oracleModule.rules.queries[name]!(this.context(), args as never)
    assert.equal(field.check(value), undefined, `${name} answers outside its schema`)
    return value as T
  }
}
