// What the page and its verifier tell each other. Owns: the messages. Everything in them is copied between threads.

export const STEPS = ['start', 'sets', 'certificate', 'reserve', 'balance'] as const
export type Step = (typeof STEPS)[number]

export interface Job {
  /** Empty: only the reserve. */
  readonly address: string
  /** A genesis hash, or a checkpoint; empty: the genesis that the node itself names. */
  readonly trust: string
}

export interface ProvenReserve {
  readonly supplyBase: bigint
  readonly liabilitiesBase: bigint
  readonly capacityBase: bigint
  readonly shortfallBase: bigint
}

/** What a step has found; each step fills in its own. */
export interface Facts {
  readonly genesisHash?: string
  readonly validators?: number
  readonly changes?: number
  readonly checkpoint?: string
  readonly height?: number
  readonly blockHash?: string
  readonly timestampMs?: number
  readonly signers?: number
  readonly stateRoot?: string
  readonly reserve?: ProvenReserve
  readonly balanceBase?: bigint
  readonly nonce?: number
}

export type Message =
  | { readonly kind: 'begun'; readonly step: Step }
  | { readonly kind: 'progress'; readonly step: Step; readonly facts: Facts }
  | { readonly kind: 'done'; readonly step: Step; readonly ms: number; readonly facts: Facts }
  | {
      readonly kind: 'failed'
      readonly step: Step
      readonly ms: number
      /** Which check a proof did not pass; undefined when no proof came at all. */
      readonly check: string | undefined
      readonly reason: string
    }
  | { readonly kind: 'finished'; readonly ms: number }
