// A devnet's validator as its user knows it. A file of its own, so that `suanli/devnet` has no types of a node in it.

/** One validator of a devnet: where it keeps its data and where it listens. */
export interface DevnetMember {
  readonly index: number
  readonly dir: string
  readonly rpcPort: number
  readonly p2pPort: number
  readonly peerId: string
}
