// What a node's process tells the process that started it, over Node's own channel between the two.

export type NodeMessage =
  | { readonly kind: 'up'; readonly rpcUrl: string; readonly p2pAddresses: readonly string[] }
  /** The first block that became final since the start. */
  | { readonly kind: 'final'; readonly height: number; readonly hash: `0x${string}` }
  | { readonly kind: 'halted'; readonly reason: string }
