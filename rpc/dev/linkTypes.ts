// What a link between two validators of a devnet can be told. A file of its own, so that `suanli/devnet` has no types of a node in it.

/** Of one direction of a link; what is not there stays as it is. */
export interface LinkChange {
  /** From one validator to the other, milliseconds. */
  readonly latencyMs?: number
  /** At random up to this much more. */
  readonly jitterMs?: number
  /** Of what is sent, 0 to 99: TCP sends it again, later. */
  readonly lossPercent?: number
  /** Null: no limit. */
  readonly kibPerSecond?: number | null
  /** Nothing passes. */
  readonly isStalled?: boolean
}

export type LinkState = Required<LinkChange> & { readonly from: number; readonly to: number }

/** The links between the validators of a devnet. */
export interface LinkControl {
  /** How many validators there are. */
  readonly count: number
  list(): readonly LinkState[]
  /** Changes the links of these directions; without `from` or `to` all that match. */
  set(options: {
    readonly from: number | undefined
    readonly to: number | undefined
    readonly change: LinkChange
  }): void
  /** Nothing passes between two groups; whoever is in none is in one more. */
  partition(groups: readonly (readonly number[])[]): void
  /** Makes all links as they were at the start. */
  heal(): void
}
