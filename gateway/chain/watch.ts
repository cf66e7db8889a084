// What a gateway watches besides its assignments: the listing, the clocks, the node, the disk. Owns: the alarms about them.
import { equalBytes, toHex } from '../../base/bytes.ts'
import { errorText } from '../../base/errors.ts'
import type { Hash32 } from '../../base/ids.ts'
import type { Ledger } from '../meter/ledger.ts'
import type { Alarms } from './alarms.ts'
import type { AssignmentBook } from './assignmentBook.ts'
import type { Assigned, ChainReader } from './chainReader.ts'

/** A clock further off than this misjudges when a window ends. */
export const SKEW_MS_MAX = 30_000
const SILENT_MS = 30_000

/** How the listing of a service differs from what is served; undefined when it does not. */
export async function listingFault(
  reader: ChainReader,
  provider: number,
  service: Assigned['service'],
  tariffHash: Hash32,
): Promise<string | undefined> {
  const listing = await reader.listing(provider, service)
  if (listing === undefined)
    return `${service} is not listed: no assignments but those of the obligation come`
  if (listing.suspended) return `${service}: suspended, until \`suanli redemption resume\``
  if (equalBytes(listing.tariffHash, tariffHash)) return undefined
  return `${service}: the listing names another tariff: list with --tariff-hash ${toHex(tariffHash)}`
}

export interface WatchOptions {
  readonly reader: ChainReader
  readonly book: AssignmentBook
  readonly ledger: Ledger
  readonly alarms: Alarms
  readonly provider: number
  readonly services: readonly Assigned['service'][]
  readonly tariffHash: Hash32
}

export class Watch {
  readonly #options: WatchOptions
  #listedWindow: number | undefined

  constructor(options: WatchOptions) {
    this.#options = options
  }

  /** After each look at the chain, and now and then without one. */
  run(): void {
    const { book, alarms, ledger } = this.#options
    const { skewMs } = book.time
    const isOff = Math.abs(skewMs) > SKEW_MS_MAX
    const direction = skewMs > 0 ? 'behind' : 'ahead of'
    alarms.set(
      'clockOff',
      isOff
        ? `this machine's clock is ${Math.round(Math.abs(skewMs) / 1_000)} s ${direction} the chain's`
        : undefined,
    )
    const { silentMs } = book
    alarms.set('nodeSilent', silentMs > SILENT_MS ? 'the node has not answered for half a minute' : undefined)
    alarms.set('storeFailed', ledger.failure && `nothing can be written down: ${errorText(ledger.failure)}`)
    const window = book.clock?.window
    if (window === undefined || window === this.#listedWindow) return
    this.#listedWindow = window
    void this.#checkListings().catch(() => {
      this.#listedWindow = undefined
    })
  }

  async #checkListings(): Promise<void> {
    const { reader, provider, services, tariffHash, alarms } = this.#options
    const faults: string[] = []
    for (const service of services) {
      const fault = await listingFault(reader, provider, service, tariffHash)
      if (fault !== undefined) faults.push(fault)
    }
    alarms.set('listingDiffers', faults.length === 0 ? undefined : faults.join('; '))
  }
}
