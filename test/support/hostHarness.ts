// Hosts for the p2p tests: loopback, port 0, a logger that records warnings.
import type { ConsensusChannel } from '../../p2p/consensusChannel.ts'
import { createConsensusChannel } from '../../p2p/consensusChannel.ts'
import { createHost } from '../../p2p/host.ts'
import { peerIdBytesFromSeed } from '../../p2p/identity.ts'
import type { P2pHost, P2pLogger } from '../../p2p/protocol.ts'

export const GENESIS = new Uint8Array(32).fill(7)

export function seedOf(n: number): Uint8Array {
  const seed = new Uint8Array(32)
  seed[0] = n
  seed[31] = 1
  return seed
}

export interface Recorded {
  readonly text: string
  readonly fields: Record<string, unknown>
}

export function recordingLogger(): P2pLogger & { readonly warnings: Recorded[] } {
  const warnings: Recorded[] = []
  return {
    warnings,
    debug: () => {},
    info: () => {},
    warn: (fields, text) => void warnings.push({ text, fields: fields as Record<string, unknown> }),
  }
}

/** Resolves when `condition` holds; rejects with `what` after `timeoutMs`. */
export async function until(what: string, condition: () => boolean, timeoutMs = 5_000): Promise<void> {
  const deadlineMs = Date.now() + timeoutMs
  while (!condition()) {
    if (Date.now() > deadlineMs) throw new Error(`timed out waiting until ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

export interface TestNode {
  readonly host: P2pHost
  readonly consensus: ConsensusChannel
  readonly received: { readonly from: number | undefined; readonly bytes: Uint8Array }[]
  readonly logger: ReturnType<typeof recordingLogger>
  readonly seed: Uint8Array
}

/** A host with the consensus protocol, not started. */
export async function makeNode(options: {
  seed: Uint8Array
  genesisHash?: Uint8Array
  listen?: string
  unknownPeersMax?: number
  refusalFirstMs?: number
  strangersQueueBytesMax?: number
  prepare?: (host: P2pHost) => void
}): Promise<TestNode> {
  const logger = recordingLogger()
  const host = await createHost({
    privateKey: options.seed,
    genesisHash: options.genesisHash ?? GENESIS,
    listen: [options.listen ?? '/ip4/127.0.0.1/tcp/0'],
    logger,
    refusalFirstMs: options.refusalFirstMs ?? 600,
    strangersQueueBytesMax: options.strangersQueueBytesMax,
    ...(options.unknownPeersMax === undefined ? {} : { unknownPeersMax: options.unknownPeersMax }),
  })
  const received: { from: number | undefined; bytes: Uint8Array }[] = []
  const consensus = createConsensusChannel(host, {
    onMessage: (from, bytes) => void received.push({ from: from.validatorIndex, bytes }),
  })
  options.prepare?.(host)
  return { host, consensus, received, logger, seed: options.seed }
}

/** Introduces all nodes to each other, as validators in the given order. */
export function introduce(nodes: readonly TestNode[]): void {
  const peers = nodes.map((node, validatorIndex) => ({
    peerId: peerIdBytesFromSeed(node.seed),
    addresses: node.host.listenAddresses,
    validatorIndex,
  }))
  for (const node of nodes) node.host.setPeers(peers)
}

/** Starts hosts of one validator set and waits until all consensus channels are open. */
export async function startMesh(
  count: number,
  prepare?: (host: P2pHost, index: number) => void,
): Promise<TestNode[]> {
  const nodes: TestNode[] = []
  for (let i = 0; i < count; i++) {
    const node = await makeNode({
      seed: seedOf(i + 1),
      ...(prepare === undefined ? {} : { prepare: (host: P2pHost) => prepare(host, i) }),
    })
    await node.host.start()
    nodes.push(node)
  }
  introduce(nodes)
  await until('all are connected', () => nodes.every((n) => n.consensus.peers().length === count - 1))
  return nodes
}

export async function closeAll(nodes: readonly TestNode[]): Promise<void> {
  await Promise.all(nodes.map((node) => node.host.close()))
}
