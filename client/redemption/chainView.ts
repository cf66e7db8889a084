// What a holder reads of the chain about its redemption. Owns: the questions, and the chain's time. Not: what is done about it (redeemer.ts).
import type { Infer, Json } from '../../base/field.ts'
import type { Address, Hash32 } from '../../base/ids.ts'
import { parseHash32 } from '../../base/ids.ts'
import type { capacitySchema } from '../../state/modules/capacity/schema.ts'
import type { redemptionSchema } from '../../state/modules/redemption/schema.ts'
import type { ChainClient } from '../chainClient.ts'
import { countOf, membersOf, read, textOf } from '../members.ts'
import { capacity, catalogue, providers, redemption } from '../modules.ts'
import type { AssignmentTerms } from './door.ts'
import type { Reference } from './parity.ts'
import { RedeemError } from './redeemError.ts'

export type RedemptionInfo = NonNullable<Infer<(typeof redemptionSchema)['queries']['redemption']['returns']>>
export type AssignmentInfo = RedemptionInfo['assignments'][number]
export type WindowClock = Infer<(typeof capacitySchema)['queries']['clock']['returns']>

export interface ChainIdentity {
  readonly chainId: number
  readonly genesis: Hash32
}

export class ChainView {
  readonly #client: ChainClient
  #identity: Promise<ChainIdentity> | undefined
  #references: Promise<readonly Reference[]> | undefined

  constructor(client: ChainClient) {
    this.#client = client
  }

  identity(): Promise<ChainIdentity> {
    this.#identity ??= this.#readIdentity().catch((error: unknown) => {
      this.#identity = undefined
      throw error
    })
    return this.#identity
  }

  async #readIdentity(): Promise<ChainIdentity> {
    const method = 'chain_info'
    const info = membersOf(await this.#client.request(method), method)
    const genesis = parseHash32(read(method, info, 'genesisHash', textOf))
    if (genesis === undefined) throw new RedeemError('wire', `${method}: genesisHash is no hash`)
    return { chainId: await this.#client.chainId(), genesis }
  }

  async clock(): Promise<WindowClock> {
    return (await this.#client.query(capacity, 'clock', {}))!
  }

  /** Of the newest block: the only clock that is asked, as one's own may be wrong by hours. */
  async nowMs(): Promise<number> {
    const method = 'eth_getBlockByNumber'
    const block = membersOf(await this.#client.request(method, ['latest', false] as readonly Json[]), method)
    return read(method, block, 'timestamp', countOf) * 1_000
  }

  redemption(id: number): Promise<RedemptionInfo | undefined> {
    return this.#client.query(redemption, 'redemption', { id })
  }

  async expectedWindows(): Promise<number> {
    return (await this.#client.query(redemption, 'queue', {}))?.expectedWindows ?? 0
  }

  /** They never change while a chain runs. */
  references(): Promise<readonly Reference[]> {
    this.#references ??= this.#readReferences()
    return this.#references
  }

  #readReferences(): Promise<readonly Reference[]> {
    return this.#client
      .query(catalogue, 'references', {})
      .then((references) => references ?? [])
      .catch((error: unknown) => {
        this.#references = undefined
        throw error
      })
  }

  /** An assignment of the chain with what its door is checked against; undefined before its grant is posted. */
  async termsOf(info: RedemptionInfo, assignment: AssignmentInfo): Promise<AssignmentTerms | undefined> {
    const { provider, grant } = assignment
    if (grant === undefined) return undefined
    const { service } = info
    const [operator, listing] = await Promise.all([
      this.#operatorOf(provider),
      this.#client.query(redemption, 'listing', { provider, service }),
    ])
    return {
      redemptionId: info.id,
      assignment: assignment.assignment,
      provider,
      operator,
      service,
      classId: assignment.classId,
      window: assignment.window,
      amountBase: assignment.amountBase,
      anchor: assignment.anchor,
      rating: assignment.rating,
      bonusPpm: assignment.bonusPpm,
      grant,
      tariffHash: listing?.tariffHash,
    }
  }

  async #operatorOf(provider: number): Promise<Address> {
    const found = await this.#client.query(providers, 'provider', { id: provider })
    if (found === undefined) throw new RedeemError('wire', `the node knows no provider ${provider}`)
    return found.operator
  }
}
