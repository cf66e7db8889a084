// Interface for modelling links and machines, for realistic latency. Not: figures (scaleModel.ts).

/** One message on one link. */
export interface Transfer {
  readonly from: number
  readonly to: number
  readonly bytes: Uint8Array
  readonly nowMs: number
}

/** Work that occupies a machine. */
export type Work =
  | { readonly kind: 'receive'; readonly bytes: Uint8Array }
  | { readonly kind: 'sign' }
  | { readonly kind: 'sync' }
  /** Aggregation of that many votes, then one check. */
  | { readonly kind: 'checkVotes'; readonly votes: number }
  /** That many signature checks, with `signers` in total. */
  | { readonly kind: 'checkSignatures'; readonly checks: number; readonly signers: number }
  | { readonly kind: 'build'; readonly transactions: number }
  | { readonly kind: 'verify'; readonly transactions: number }

/** Durations in whole virtual milliseconds; deterministic. */
export interface SimModel {
  /** Time until the message arrives; also counts traffic. */
  transferMs(transfer: Transfer): number
  /** Time until the work is done, queued behind the machine's current work. */
  workMs(node: number, nowMs: number, work: Work): number
}
