// A node that tells of one redemption: what the holder's library asks, answered from fields that a test sets.
// Owns: JSON of those methods. Not: rules (the real chain has them).
import { toHex } from '../../base/bytes.ts'
import type { Infer, Json } from '../../base/field.ts'
import { type Address, type Hash32, ZERO_ADDRESS, ZERO_HASH } from '../../base/ids.ts'
import { ClientError } from '../../client/clientError.ts'
import type { Transport } from '../../client/transports/transport.ts'
import { capacitySchema } from '../../state/modules/capacity/schema.ts'
import { providersSchema } from '../../state/modules/providers/schema.ts'
import { redemptionSchema } from '../../state/modules/redemption/schema.ts'

type Info = NonNullable<Infer<(typeof redemptionSchema)['queries']['redemption']['returns']>>
type Assignment = Info['assignments'][number]

export const CHAIN_ID = 83_838
export const GENESIS = new Uint8Array(32).fill(9) as Hash32
const COIN = 10n ** 18n

const REDEMPTION: Info = {
  id: 5,
  state: 'queued',
  owner: new Uint8Array(20).fill(1),
  service: 'infer',
  amountBase: 5n * COIN,
  provider: 0,
  ratingMin: 0n,
  region: '',
  startBy: 0,
  finishBy: 0,
  jobHash: ZERO_HASH,
  clientKey: new Uint8Array(32),
  voucherKey: ZERO_ADDRESS,
  sequence: 3,
  requestedAtMs: 1,
  queuedBase: 5n * COIN,
  assignedBase: 0n,
  burnedBase: 0n,
  transferredBase: 0n,
  refundedBase: 0n,
  feesBase: 0n,
  rejectedBase: 0n,
  refundReason: 'none',
  endReason: 'none',
  places: [],
  excluded: [],
  deviceMicroHours: 5_000_000n,
  className: 'h100-sxm',
  assignments: [],
}

const PROFILE = { legalName: 'One', legalGroup: 'one', jurisdiction: 'TW', url: '', termsHash: ZERO_HASH }
const PROVIDER: NonNullable<Infer<(typeof providersSchema)['queries']['provider']['returns']>> = {
  id: 1,
  operator: ZERO_ADDRESS,
  consensusKey: new Uint8Array(48),
  peerId: new Uint8Array(0),
  status: 'active',
  profile: PROFILE,
  removed: false,
}

export class FakeRedemptionChain implements Transport {
  readonly name = 'fake chain'
  info: Info = REDEMPTION
  window = 7
  nowMs = 1_000
  operator: Address = ZERO_ADDRESS
  tariffHash: Hash32 | undefined
  references: { classId: number; model: string; tokensPerHour: number; source: string }[] = []
  isDown = false
  /** Calldata of what was sent. */
  readonly sent: string[] = []

  /** Adds an assignment. */
  assign(part: Partial<Assignment> & Pick<Assignment, 'assignment' | 'window'>): void {
    const assignment: Assignment = {
      redemptionId: this.info.id,
      state: 'assigned',
      provider: 1,
      group: 1,
      sequence: 3,
      amountBase: 5n * COIN,
      voucheredBase: 0n,
      settledBase: 0n,
      anchor: 1_000_000n,
      classId: 20,
      rating: 1_000_000n,
      bonusPpm: 0n,
      bookedHours: 5n * COIN,
      grantedAtMs: part.grant === undefined ? 0 : 1,
      deviceMicroHours: 5_000_000n,
      className: 'h100-sxm',
      ...part,
    }
    const others = this.info.assignments.filter((one) => one.assignment !== part.assignment)
    this.info = { ...this.info, assignments: [...others, assignment] }
  }

  request(method: string, params: readonly Json[] | { readonly [name: string]: Json }): Promise<Json> {
    if (this.isDown) return Promise.reject(new ClientError('transport', `${method}: the node is down`))
    return Promise.resolve(this.#answer(method, params))
  }

  #answer(method: string, params: readonly Json[] | { readonly [name: string]: Json }): Json {
    switch (method) {
      case 'eth_chainId':
        return `0x${CHAIN_ID.toString(16)}`
      case 'chain_info':
        return { genesisHash: toHex(GENESIS) }
      case 'eth_getBlockByNumber':
        return { timestamp: `0x${Math.floor(this.nowMs / 1_000).toString(16)}` }
      case 'capacity_clock': {
        const [startedAtMs, endsAtMs] = [this.window * 60_000, (this.window + 1) * 60_000]
        const clock = { windowIndex: this.window, startedAtMs, endsAtMs, startedAtHeight: 1 }
        return capacitySchema.queries.clock.returns.toJson(clock)
      }
      case 'catalogue_references':
        return this.references
      case 'providers_provider':
        return providersSchema.queries.provider.returns.toJson({ ...PROVIDER, operator: this.operator })
      case 'redemption_redemption':
        return redemptionSchema.queries.redemption.returns.toJson(this.info)
      case 'redemption_queue':
        return this.#queue()
      case 'redemption_listing':
        return this.#listing()
      default:
        return this.#sending(method, params)
    }
  }

  #queue(): Json {
    const none = { openCount: 1, queuedCount: 1, queuedBase: 0n, matchableBase: 0n, assignedBase: 0n }
    const queue = { ...none, minimumBase: 1n, freeBase: 0n, expectedWindows: 2 }
    return redemptionSchema.queries.queue.returns.toJson(queue)
  }

  #listing(): Json {
    if (this.tariffHash === undefined) return null
    return redemptionSchema.queries.listing.returns.toJson({
      provider: 1,
      service: 'infer',
      classId: 20,
      region: 'local',
      endpoint: '',
      bonusPpm: 0n,
      nextBonusPpm: 0n,
      nextBonusWindow: 0,
      runtimeHash: ZERO_HASH,
      suspended: false,
      bonusIgnored: false,
      tariffHash: this.tariffHash,
    })
  }

  #sending(method: string, params: readonly Json[] | { readonly [name: string]: Json }): Json {
    if (method === 'eth_sendTransaction') {
      this.sent.push(((params as readonly Json[])[0] as { data: string }).data)
      return `0x${'11'.repeat(32)}`
    }
    if (method === 'tx_status') {
      const place = { height: 1, blockHash: `0x${'22'.repeat(32)}`, index: 0 }
      return {
        status: 'included',
        sentence: 'included',
        succeeded: true,
        ...place,
        action: 'redemption.reject',
        gasUsed: 1,
        feeBase: '1',
      }
    }
    if (method === 'eth_getTransactionReceipt') return { logs: [] }
    throw new Error(`the library asks for ${method}`)
  }
}
