// What a run may say about its links and machines, so that latency means something. Not: any figures (scaleModel.ts).

/** One message on one link. */
export interface Transfer {
  readonly from: number
  readonly to: number
  readonly bytes: Uint8Array
  readonly nowMs: number
}

/** What occupies a machine for a while. */
export type Work =
  | { readonly kind: 'receive'; readonly bytes: Uint8Array }
  | { readonly kind: 'sign' }
  | { readonly kind: 'sync' }
  /** An aggregate of that many votes, then one check. */
  | { readonly kind: 'checkVotes'; readonly votes: number }
  /** That many checks of signatures by so many signers in total. */
  | { readonly kind: 'checkSignatures'; readonly checks: number; readonly signers: number }
  | { readonly kind: 'build'; readonly transactions: number }
  | { readonly kind: 'verify'; readonly transactions: number }

/** Whole virtual milliseconds for everything that takes time; deterministic. */
export interface SimModel {
  /** From now until the message arrives; also the place to count it. */
  transferMs(transfer: Transfer): number
  /** From now until the work is done, behind what the node's machine does already. */
  workMs(node: number, nowMs: number, work: Work): number
}
