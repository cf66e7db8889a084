// What a gateway asks its node: who it is, which window runs, what is assigned to it. Owns: the questions and their bounds.
// Not: when they are asked (assignmentBook.ts), transactions (transactor.ts).
import { equalBytes } from '../../base/bytes.ts'
import type { Json } from '../../base/field.ts'
import type { Address, Hash32 } from '../../base/ids.ts'
import { parseHash32 } from '../../base/ids.ts'
import type { ChainClient } from '../../client/chainClient.ts'
import { ClientError } from '../../client/clientError.ts'
import { countOf, membersOf, read, textOf } from '../../client/members.ts'
import { capacity, providers, redemption } from '../../client/modules.ts'
import type { AssignmentId } from '../store/records.ts'

const PAGE = 100
/** Pages of one window: as many assignments as a gateway serves. */
const PAGES_MAX = 1_000
/** Questions under way at once. */
const AT_ONCE = 8

export interface ChainIdentity {
  readonly chainId: number
  readonly genesis: Hash32
}

/** The running window. Times are the chain's. */
export interface WindowClock {
  readonly window: number
  readonly startedAtMs: number
  readonly endsAtMs: number
  readonly height: number
  /** Of the newest block. */
  readonly timestampMs: number
}

/** An open assignment of this provider, with what of its redemption matters. */
export interface Assigned extends AssignmentId {
  readonly window: number
  readonly amountBase: bigint
  /** The highest voucher that the chain accepted. */
  readonly voucheredBase: bigint
  readonly settledBase: bigint
  readonly bookedHours: bigint
  readonly isGranted: boolean
  readonly service: 'train' | 'finetune' | 'infer'
  readonly owner: Address
  readonly voucherKey: Address
  readonly clientKey: Uint8Array
}

type Holder = Pick<Assigned, 'service' | 'owner' | 'voucherKey' | 'clientKey'>
type Info = NonNullable<Awaited<ReturnType<ChainReader['info']>>>

/** Redemptions whose holder is remembered; it never changes. */
const HOLDERS_MAX = 20_000

/** Runs tasks over a list, a few at once, in order of the list. */
async function eachFew<T, R>(list: readonly T[], task: (one: T) => Promise<R>): Promise<readonly R[]> {
  const results: R[] = new Array<R>(list.length)
  let next = 0
  const run = async (): Promise<void> => {
    while (next < list.length) {
      const i = next++
      results[i] = await task(list[i]!)
    }
  }
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, list.length) }, run))
  return results
}

export class ChainReader {
  readonly #client: ChainClient
  readonly #holders = new Map<number, Holder>()

  constructor(client: ChainClient) {
    this.#client = client
  }

  async identity(): Promise<ChainIdentity> {
    const method = 'chain_info'
    const info = membersOf(await this.#client.request(method), method)
    const genesis = parseHash32(read(method, info, 'genesisHash', textOf))
    if (genesis === undefined) throw new ClientError('transport', `${method}: genesisHash is no hash`)
    return { chainId: read(method, info, 'chainId', countOf), genesis }
  }

  /** The member whose account this is; undefined for none. */
  async providerOf(account: Address): Promise<number | undefined> {
    const members = (await this.#client.query(providers, 'providers', {})) ?? []
    return members.find(({ operator }) => equalBytes(operator, account))?.id
  }

  async clock(): Promise<WindowClock> {
    const method = 'chain_info'
    const [answer, clock] = await Promise.all([
      this.#client.request(method),
      this.#client.query(capacity, 'clock', {}),
    ])
    const info = membersOf(answer, method)
    const { windowIndex, startedAtMs, endsAtMs } = clock!
    return {
      window: windowIndex,
      startedAtMs,
      endsAtMs,
      height: read(method, info, 'height', countOf),
      timestampMs: read(method, info, 'timestampMs', countOf),
    }
  }

  /** Gas of the service lane in a block, which grants and vouchers share. */
  async serviceGasMax(): Promise<number> {
    const method = 'chain_fees'
    const { lanes } = membersOf(await this.#client.request(method), method)
    const lane = (Array.isArray(lanes) ? (lanes as readonly Json[]) : [])
      .map((entry) => membersOf(entry, method))
      .find((entry) => entry.lane === 'service')
    return read(method, lane ?? {}, 'gasMax', countOf)
  }

  listing(provider: number, service: Assigned['service']) {
    return this.#client.query(redemption, 'listing', { provider, service })
  }

  info({ redemptionId, assignment }: AssignmentId) {
    return this.#client.query(redemption, 'assignment', { id: redemptionId, assignment })
  }

  /** One open assignment; undefined once it is closed. */
  async assigned(id: AssignmentId): Promise<(Assigned & { readonly provider: number }) | undefined> {
    const info = await this.info(id)
    if (info === undefined) return undefined
    const holder = await this.#holder(info.redemptionId)
    return holder && { ...assignedOf(info, holder), provider: info.provider }
  }

  /** All open assignments of a provider in a window. */
  async window(provider: number, window: number): Promise<readonly Assigned[]> {
    const infos: Info[] = []
    let cursor = 0
    for (let pages = 0; pages < PAGES_MAX; pages++) {
      const page = await this.#client.query(redemption, 'assignments', {
        provider,
        window,
        cursor,
        limit: PAGE,
      })
      infos.push(...(page?.assignments ?? []))
      cursor = page?.nextCursor ?? 0
      if (cursor === 0) break
    }
    const found = await eachFew(infos, async (info) => {
      const holder = await this.#holder(info.redemptionId)
      return holder === undefined ? [] : [assignedOf(info, holder)]
    })
    return found.flat()
  }

  async #holder(id: number): Promise<Holder | undefined> {
    const known = this.#holders.get(id)
    if (known !== undefined) return known
    const found = await this.#client.query(redemption, 'redemption', { id })
    if (found === undefined) return undefined
    const { service, owner, voucherKey, clientKey } = found
    const holder = { service, owner, voucherKey, clientKey }
    if (this.#holders.size >= HOLDERS_MAX) this.#holders.clear()
    this.#holders.set(id, holder)
    return holder
  }
}

function assignedOf(info: Info, holder: Holder): Assigned {
  const { redemptionId, assignment, window, amountBase, voucheredBase, settledBase, bookedHours } = info
  return {
    redemptionId,
    assignment,
    window,
    amountBase,
    voucheredBase,
    settledBase,
    bookedHours,
    isGranted: info.grantedAtMs > 0,
    ...holder,
  }
}
