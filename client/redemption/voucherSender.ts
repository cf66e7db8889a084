// When a voucher leaves, and over how much: what was counted, within the budget. Owns: their order, one at a time.
// Not: the count (ownMeter.ts).
import { maxBigint, minBigint } from '../../base/units.ts'
import type { DoorCore } from './doorCore.ts'
import { RedeemError } from './redeemError.ts'
import { PATHS, readWire, voucherAccepted, voucherBody, voucherRefused } from './wire.ts'

/** A voucher is sent once this part of the provider's exposure is due. */
const DUE_PART = 4n
/** And at the latest so long after a charge. */
const DUE_MS = 1_000

export class VoucherSender {
  readonly #core: DoorCore
  #timer: ReturnType<typeof setTimeout> | undefined
  #sending: Promise<void> = Promise.resolve()

  constructor(core: DoorCore) {
    this.#core = core
  }

  /** A voucher leaves in a moment, if anything is due. */
  soon(): void {
    const { dueBase } = this.#core.meter
    if (dueBase <= 0n) return
    const send = (): void => {
      void this.flush().catch((error: unknown) => {
        // A door that does not take vouchers gets none; the window's end says the rest.
        if (error instanceof RedeemError && error.code !== 'door') this.#core.refuse(error)
      })
    }
    if (dueBase * DUE_PART >= this.#core.door.session.exposureBase) {
      send()
      return
    }
    if (this.#timer !== undefined) return
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      send()
    }, DUE_MS)
    // A program that is done need not wait; one that serves flushes when it closes.
    ;(this.#timer as { unref?: () => void }).unref?.()
  }

  /** Sends a voucher over all that is due, after those under way; `isRepeated`: even if nothing is. Throws RedeemError. */
  flush({ isRepeated = false } = {}): Promise<void> {
    const result = this.#sending.then(() => this.#sendVoucher(isRepeated))
    this.#sending = result.catch(() => undefined)
    return result
  }

  async #sendVoucher(isRepeated: boolean): Promise<void> {
    const { meter, door, options } = this.#core
    const budgetBase = maxBigint(0n, options.budgetLeft() + meter.state.voucheredBase)
    const deliveredBase = minBigint(meter.state.meteredBase, budgetBase)
    const { voucheredBase } = meter.state
    if (isRepeated ? deliveredBase < voucheredBase : deliveredBase <= voucheredBase) return
    const { redemptionId, assignment, operator } = door.terms
    const { genesis, chainId } = door.session
    const voucher = { redemptionId, assignment, provider: operator, deliveredBase, genesis }
    const { signature } = options.keys.sign(voucher, chainId)
    this.#core.save(deliveredBase)
    const body = JSON.stringify(voucherBody.toJson({ deliveredBase, signature }))
    const { status, text } = await this.#core.ask(PATHS.vouchers, { method: 'POST', body })
    if (status === 409) {
      const { reason, message } = readWire(voucherRefused, text)
      throw new RedeemError('voucher', `the provider refuses the voucher: ${reason}: ${message}`)
    }
    if (status !== 200) throw new RedeemError('door', `the provider takes no voucher: HTTP ${status}`)
    readWire(voucherAccepted, text)
    meter.signed(deliveredBase)
    if (deliveredBase > voucheredBase) options.onVoucher(deliveredBase)
  }

  close(): void {
    clearTimeout(this.#timer)
  }
}
