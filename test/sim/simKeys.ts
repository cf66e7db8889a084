// Sets and keys of a simulated chain's validators, epoch by epoch: which key a host signs with, and whose keys others hold.
import type { ValidatorSet } from '../../base/protocol/validators.ts'
import { makeValidator } from '../support/simChain.ts'
import type { MakeBehaviour } from './behaviours/behaviour.ts'
import type { SimConfig } from './config.ts'

/** One host: a node, a twin of one, or a thief with a key of one. */
export interface HostKeys {
  readonly index: number
  /** Whose connection it is to others; a thief without the peer key is nobody they know. */
  readonly identity: number
  readonly isByzantine: boolean
  readonly behaviour: MakeBehaviour | undefined
  readonly secretKeyOf: (epoch: number) => Uint8Array
}

type Made = ReturnType<typeof makeValidator>

export class SimKeys {
  readonly #config: SimConfig<never>
  readonly #made = new Map<string, Made>()
  readonly #sets = new Map<number, ValidatorSet>()
  /** Byzantine in every epoch. */
  readonly #byzantine: ReadonlySet<number>
  readonly #all: readonly number[]

  constructor(config: SimConfig<never>) {
    this.#config = config
    this.#byzantine = new Set([...(config.byzantine?.keys() ?? []), ...(config.twins ?? [])])
    this.#all = Array.from({ length: config.nodes }, (_, i) => i)
  }

  /** Nodes, then twins, then thieves. */
  hosts(): readonly HostKeys[] {
    const { nodes, twins = [], thieves = [], byzantine } = this.#config
    const same = [...this.#all, ...twins].map((identity, index) => ({
      index,
      identity,
      isByzantine: this.#byzantine.has(identity),
      behaviour: byzantine?.get(identity),
      secretKeyOf: (epoch: number) => this.#at(identity, epoch).secretKey,
    }))
    const others = thieves.map(({ node, key, hasPeerKey, behaviour }, i) => {
      const index = nodes + twins.length + i
      const { secretKey } = this.#key(node, key)
      const identity = hasPeerKey ? node : index
      return { index, identity, isByzantine: true, behaviour, secretKeyOf: () => secretKey }
    })
    return [...same, ...others]
  }

  setOf = (epoch: number): ValidatorSet => {
    let set = this.#sets.get(epoch)
    if (set === undefined) {
      const members = this.#config.membersOf?.(epoch) ?? this.#all
      set = { validators: members.map((node) => this.#at(node, epoch).validator) }
      this.#sets.set(epoch, set)
    }
    return set
  }

  /** Whether its signatures of that epoch may be anybody's. */
  isFaulty = (identity: number, epoch: number): boolean => {
    const { nodes, thieves = [] } = this.#config
    if (identity >= nodes || this.#byzantine.has(identity)) return true
    const key = this.#keyOf(identity, epoch)
    return thieves.some((thief) => thief.node === identity && thief.key === key)
  }

  #keyOf(node: number, epoch: number): number {
    return this.#config.keyOf?.(node, epoch) ?? 0
  }

  #at(node: number, epoch: number): Made {
    return this.#key(node, this.#keyOf(node, epoch))
  }

  #key(node: number, key: number): Made {
    const name = `${node}:${key}`
    let made = this.#made.get(name)
    if (made === undefined) {
      made = makeValidator(node, this.#config.bls, key)
      this.#made.set(name, made)
    }
    return made
  }
}
