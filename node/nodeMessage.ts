// Messages from a node's process to its parent process, over Node's IPC channel.

export type NodeMessage =
  | { readonly kind: 'up'; readonly rpcUrl: string; readonly p2pAddresses: readonly string[] }
  /** The first block finalized since the start. */
  | { readonly kind: 'final'; readonly height: number; readonly hash: `0x${string}` }
  | { readonly kind: 'halted'; readonly reason: string }
