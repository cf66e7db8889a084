// The meters of all assignments, with what is written down of them. Owns: opening and closing a meter, charging a request,
// taking a voucher, and that each is on disk before anybody is told. Not: the arithmetic (assignmentMeter.ts), the disk (store/).

import { recoverAddress } from '../../base/address.ts'
import { withParity } from '../../base/eip712.ts'
import type { Address, Hash32 } from '../../base/ids.ts'
import { maxBigint, mulDivFloor, PPM } from '../../base/units.ts'
import { RedeemError } from '../../client/redemption/redeemError.ts'
import { nextHead, statementStart } from '../../client/redemption/statement.ts'
import type { Usage } from '../../client/redemption/usage.ts'
import { digestOf, verifyVoucher } from '../../client/redemption/voucher.ts'
import type { Charge, StreamCharge, VOUCHER_REFUSALS } from '../../client/redemption/wire.ts'
import { untilCalled } from '../../client/waiting.ts'
import type { GatewayStore } from '../store/gatewayStore.ts'
import type { AssignmentId, Line, Standing } from '../store/records.ts'
import { AssignmentMeter, type Reserved } from './assignmentMeter.ts'

/** What of an assignment the meter must know. */
export interface MeteredAssignment extends AssignmentId {
  readonly window: number
  readonly amountBase: bigint
  readonly owner: Address
  readonly voucherKey: Address
}

export interface LedgerIdentity {
  readonly chainId: number
  readonly genesis: Hash32
  /** The provider's account, which vouchers name. */
  readonly provider: Address
}

export type VoucherRefusal = (typeof VOUCHER_REFUSALS)[number]
export type VoucherOutcome =
  | { readonly kind: 'accepted'; readonly acceptedBase: bigint }
  | { readonly kind: 'refused'; readonly reason: VoucherRefusal; readonly message: string }

export const idText = ({ redemptionId, assignment }: AssignmentId): string => `${redemptionId}/${assignment}`

/** An open meter. */
export interface OpenMeter {
  readonly assigned: MeteredAssignment
  readonly meter: AssignmentMeter
  lineCount: number
  head: Hash32
  /** The highest voucher that was given to the disk; the meter counts it once it is there. */
  issued: { readonly deliveredBase: bigint; readonly signature: Uint8Array; readonly written: Promise<void> }
  /** What of the lines is on disk. */
  durable: { readonly lineCount: number; readonly head: Hash32; readonly meteredBase: bigint }
  /** The newest raise of the horizon. */
  horizonWritten: Promise<void>
  /** Requests that wait for others of the same assignment to end. */
  readonly waiting: Set<() => void>
  isClosed: boolean
}

/** Of one request: at most so much is charged for it. */
export interface Reservation {
  readonly costMaxBase: bigint
  /** Resolves once more may be served than was on disk. */
  readonly isCovered: Promise<void>
}

export class Ledger {
  readonly #store: GatewayStore
  readonly #identity: LedgerIdentity
  readonly #exposurePpm: bigint
  /** Least exposure: the dearest request. */
  readonly #exposureMinBase: bigint
  readonly #stored: Map<string, Standing>
  readonly #open = new Map<string, OpenMeter>()

  private constructor(
    store: GatewayStore,
    identity: LedgerIdentity,
    exposure: { readonly exposurePpm: number; readonly exposureMinBase: bigint },
    stored: Map<string, Standing>,
  ) {
    this.#store = store
    this.#identity = identity
    this.#exposurePpm = BigInt(exposure.exposurePpm)
    this.#exposureMinBase = exposure.exposureMinBase
    this.#stored = stored
  }

  static async create(
    store: GatewayStore,
    identity: LedgerIdentity,
    exposure: { readonly exposurePpm: number; readonly exposureMinBase: bigint },
  ): Promise<Ledger> {
    const stored = new Map((await store.standings()).map((standing) => [idText(standing), standing]))
    return new Ledger(store, identity, exposure, stored)
  }

  /** Why nothing can be written any more; undefined while it can. */
  get failure(): Error | undefined {
    return this.#store.failure
  }

  get meters(): IterableIterator<OpenMeter> {
    return this.#open.values()
  }

  get(id: AssignmentId): OpenMeter | undefined {
    return this.#open.get(idText(id))
  }

  /** Opens the meter of an assignment, where it stood when this or an earlier process left it. */
  open(assigned: MeteredAssignment): OpenMeter {
    const key = idText(assigned)
    const known = this.#open.get(key)
    if (known !== undefined) return known
    const { genesis } = this.#identity
    const stored = this.#stored.get(key)
    const { amountBase } = assigned
    const shareBase = mulDivFloor(amountBase, this.#exposurePpm, PPM)
    const limits = { amountBase, exposureBase: maxBigint(shareBase, this.#exposureMinBase) }
    const zero = { meteredBase: 0n, voucheredBase: 0n, horizonBase: 0n }
    const lineCount = stored?.lineCount ?? 0
    const head = stored?.head ?? statementStart({ genesis, ...assigned })
    const opened: OpenMeter = {
      assigned,
      meter: new AssignmentMeter(limits, stored ?? zero),
      lineCount,
      head,
      durable: { lineCount, head, meteredBase: stored?.meteredBase ?? 0n },
      issued: {
        deliveredBase: stored?.voucheredBase ?? 0n,
        signature: stored?.signature ?? new Uint8Array(0),
        written: Promise.resolve(),
      },
      horizonWritten: Promise.resolve(),
      waiting: new Set(),
      isClosed: false,
    }
    this.#open.set(key, opened)
    return opened
  }

  /** Nothing is served under it any more; what is on disk stays until `forget`. */
  close(opened: OpenMeter): void {
    opened.isClosed = true
    this.#wake(opened)
    this.#open.delete(idText(opened.assigned))
    this.#stored.set(idText(opened.assigned), this.#standing(opened))
  }

  /** Removes what ended before a window. Resolves with how many went. */
  async forget(beforeWindow: number): Promise<number> {
    const old = [...this.#stored.values()].filter(
      (standing) => standing.window < beforeWindow && !this.#open.has(idText(standing)),
    )
    for (const standing of old) {
      await this.#store.remove(standing)
      this.#stored.delete(idText(standing))
    }
    return old.length
  }

  /** Sets aside what a request can cost at most. */
  reserve(opened: OpenMeter, costMaxBase: bigint): Reserved & { readonly reservation?: Reservation } {
    const reserved = opened.meter.reserve(costMaxBase)
    if (reserved.kind !== 'reserved') return reserved
    if (opened.meter.raiseHorizon()) {
      opened.horizonWritten = this.#store.write(this.#standing(opened))
      // Whoever serves awaits it; nobody may, if the client goes away first.
      opened.horizonWritten.catch(() => undefined)
    }
    return { ...reserved, reservation: { costMaxBase, isCovered: opened.horizonWritten } }
  }

  /** Resolves when a request of the assignment ended, a voucher came, or the signal aborts. */
  async changed(opened: OpenMeter, signal: AbortSignal): Promise<void> {
    if (!opened.isClosed) await untilCalled(opened.waiting, signal)
  }

  /** Ends a request that cost nothing. */
  release(opened: OpenMeter, { costMaxBase }: Reservation): void {
    opened.meter.charge(costMaxBase, 0n)
    this.#wake(opened)
  }

  /** Ends a request, with a line of the statement; resolves once it is on disk. */
  async charge(
    opened: OpenMeter,
    { costMaxBase }: Reservation,
    used: { readonly model: string; readonly usage: Usage; readonly costBase: bigint; readonly atMs: number },
  ): Promise<StreamCharge> {
    const { meter } = opened
    const chargedBase = meter.charge(costMaxBase, used.costBase)
    opened.lineCount++
    const line: Line = {
      sequence: opened.lineCount,
      atMs: used.atMs,
      model: used.model,
      ...used.usage,
      costBase: chargedBase,
      meteredBase: meter.meteredBase,
    }
    opened.head = nextHead(opened.head, line)
    const { lineCount, head } = opened
    const written = this.#store.write(this.#standing(opened), { line, head })
    const charge = this.chargeOf(opened, chargedBase)
    this.#wake(opened)
    await written
    // Batches come to an end in order.
    opened.durable = { lineCount, head, meteredBase: line.meteredBase }
    return { charge, line }
  }

  chargeOf({ meter }: OpenMeter, costBase: bigint): Charge {
    const { meteredBase, voucheredBase, amountBase } = meter
    return { costBase, meteredBase, voucheredBase, leftBase: amountBase - meteredBase }
  }

  /** Resolves once an accepted voucher is on disk. */
  async accept(
    opened: OpenMeter,
    voucher: { readonly deliveredBase: bigint; readonly signature: Uint8Array },
  ): Promise<VoucherOutcome> {
    const { assigned, meter } = opened
    const { deliveredBase } = voucher
    const refused = (reason: VoucherRefusal, message: string): VoucherOutcome => ({
      kind: 'refused',
      reason,
      message,
    })
    if (opened.isClosed) return refused('closed', 'the window of this assignment is over')
    if (deliveredBase > meter.amountBase)
      return refused('tooLarge', `at most ${meter.amountBase} are assigned`)
    if (deliveredBase > meter.meteredBase) return refused('beyondMeter', `${meter.meteredBase} are metered`)
    if (deliveredBase < opened.issued.deliveredBase)
      return refused('decreases', `${opened.issued.deliveredBase} were accepted before`)
    const { chainId, genesis, provider } = this.#identity
    const { redemptionId, assignment, owner, voucherKey } = assigned
    const whole = { redemptionId, assignment, provider, genesis, ...voucher }
    let signature: Uint8Array
    try {
      signature = verifyVoucher(whole, chainId, { owner, voucherKey })
    } catch (error) {
      if (!(error instanceof RedeemError)) throw error
      const isSigned = recoverAddress(digestOf(whole, chainId), withParity(voucher.signature)) !== undefined
      return refused(isSigned ? 'wrongSigner' : 'badSignature', error.message)
    }
    return this.#keep(opened, deliveredBase, signature)
  }

  async #keep(opened: OpenMeter, deliveredBase: bigint, signature: Uint8Array): Promise<VoucherOutcome> {
    const { meter } = opened
    const forgives = meter.lostBase > 0n && deliveredBase >= meter.meteredBase
    if (deliveredBase > opened.issued.deliveredBase || forgives) {
      // Lower at once: whatever is reserved from now on raises it again, by a later write.
      if (forgives) meter.lowerHorizon()
      opened.issued = { deliveredBase, signature, written: Promise.resolve() }
      const written = this.#store.write(this.#standing(opened))
      opened.issued = { ...opened.issued, written }
      await written
      meter.vouch(deliveredBase)
      if (forgives) meter.lostBase = 0n
      this.#wake(opened)
    }
    await opened.issued.written
    return { kind: 'accepted', acceptedBase: meter.voucheredBase }
  }

  /** The highest voucher of an assignment, open or not; undefined when there is none. */
  highest(id: AssignmentId): { readonly deliveredBase: bigint; readonly signature: Uint8Array } | undefined {
    const open = this.#open.get(idText(id))
    if (open !== undefined) {
      const { deliveredBase, signature } = open.issued
      // Settling what is not on disk yet does no harm: it is signed.
      return deliveredBase === 0n ? undefined : { deliveredBase, signature }
    }
    const stored = this.#stored.get(idText(id))
    if (stored === undefined || stored.voucheredBase === 0n) return undefined
    return { deliveredBase: stored.voucheredBase, signature: stored.signature }
  }

  /** Lines after a number, and the hash that they continue. */
  async lines(
    opened: OpenMeter,
    after: number,
    limit: number,
  ): Promise<{ readonly afterHead: Hash32; readonly lines: readonly Line[]; readonly after: number }> {
    const { genesis } = this.#identity
    // The line before gives the hash.
    const found = await this.#store.lines(opened.assigned, Math.max(1, after), limit + 1)
    if (after === 0) {
      const [first] = found
      if (first === undefined || first.line.sequence === 1) {
        const afterHead = statementStart({ genesis, ...opened.assigned })
        return { after: 0, afterHead, lines: found.slice(0, limit).map(({ line }) => line) }
      }
    }
    const [before, ...rest] = found
    const { durable } = opened
    if (before === undefined) return { after: durable.lineCount, afterHead: durable.head, lines: [] }
    return { after: before.line.sequence, afterHead: before.head, lines: rest.map(({ line }) => line) }
  }

  /** Whatever is reserved has ended: nothing beyond the meter was served. Then nothing is lost at the next start. */
  async rest(): Promise<void> {
    const writes = [...this.#open.values()].map((opened) => {
      const { meter } = opened
      const horizonBase = meter.meteredBase + meter.lostBase + meter.reservedBase
      if (horizonBase === meter.horizonBase) return undefined
      meter.horizonBase = horizonBase
      return this.#store.write(this.#standing(opened))
    })
    await Promise.all(writes)
  }

  #standing({ assigned, meter, lineCount, head, issued }: OpenMeter): Standing {
    const { redemptionId, assignment, window } = assigned
    const { meteredBase, horizonBase } = meter
    return {
      redemptionId,
      assignment,
      window,
      voucheredBase: issued.deliveredBase,
      signature: issued.signature,
      meteredBase,
      lineCount,
      head,
      horizonBase,
    }
  }

  #wake(opened: OpenMeter): void {
    for (const wake of [...opened.waiting]) wake()
  }
}
