// Who a validator is, by its index in the set, for logs and metrics. Not: the set (state/), what is said of it.
import type { Validator } from '../../base/protocol/validators.ts'
import type { ChainConfig } from '../../state/chain.ts'
import { providersTables } from '../../state/modules/providers/tables.ts'
import { decidingSet } from '../../state/recovery.ts'
import type { Importer } from '../chain/importerTypes.ts'

export interface MemberName {
  /** Id of the provider. */
  readonly provider: number
  readonly legalName: string
}

export class MemberNames {
  readonly #chain: ChainConfig
  readonly #importer: Pick<Importer, 'head'>

  constructor(chain: ChainConfig, importer: Pick<Importer, 'head'>) {
    this.#chain = chain
    this.#importer = importer
  }

  /** In the order of the set's indexes. */
  all(): readonly MemberName[] {
    return this.#validators().map((validator) => this.#nameOf(validator))
  }

  /** Undefined where the set has no such index. */
  at(index: number): MemberName | undefined {
    const validator = this.#validators()[index]
    return validator === undefined ? undefined : this.#nameOf(validator)
  }

  #validators(): readonly Validator[] {
    return decidingSet(this.#chain, this.#importer.head()).validators
  }

  #nameOf({ id }: Validator): MemberName {
    const { state } = this.#importer.head()
    return { provider: id, legalName: providersTables.provider.get(state, { id })?.profile.legalName ?? '' }
  }
}
