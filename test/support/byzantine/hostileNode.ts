// A validator in the hands of an attacker: a node's own chain, host and consensus core, with everything that enters or
// leaves the core bent by a behaviour. Owns: the assembly. Not: the bending (mind.ts), the behaviours,
// the process (test/byzantine/hostileMain.ts).
import { bls } from '../../../base/crypto/bls.ts'
import { EVIDENCE_BYTES_MAX } from '../../../base/protocol/evidence.ts'
import { randaoBytes, type Vote, voteBytes } from '../../../base/protocol/vote.ts'
import type { Clock, JournalStore, Signer } from '../../../consensus/ports.ts'
import { buildGenesis } from '../../../genesis/build.ts'
import { developmentValidator } from '../../../genesis/devKeys.ts'
import type { Genesis } from '../../../genesis/schema.ts'
import { systemClock } from '../../../node/clock.ts'
import { type Closers, openWithClosers } from '../../../node/closers.ts'
import { loadConfig } from '../../../node/config.ts'
import { createConsensus } from '../../../node/createConsensus.ts'
import { createConsensusNetwork } from '../../../node/network.ts'
import { genesisFile, parseGenesis } from '../../../node/nodeDir.ts'
import { nodePaths } from '../../../node/nodePaths.ts'
import { type OpenedChain, openChain } from '../../../node/openChain.ts'
import { Ingest } from '../../../node/pool/ingest.ts'
import { syncSourceOf } from '../../../node/sync/syncSource.ts'
import { ADDRESS_PROTOCOL } from '../../../p2p/addressExchange.ts'
import { EVIDENCE_PROTOCOL } from '../../../p2p/evidenceGossip.ts'
import { createHost } from '../../../p2p/host.ts'
import type { P2pHost, ProtocolPort } from '../../../p2p/protocol.ts'
import { createRangeProtocol } from '../../../p2p/rangeProtocol.ts'
import { SNAPSHOT_PROTOCOL } from '../../../p2p/snapshotProtocol.ts'
import { createTxGossip } from '../../../p2p/txGossip.ts'
import { openChainStore } from '../../../storage/chainStore.ts'
import { Random } from '../random.ts'
import type { Behaviour } from './behaviour.ts'
import { Mind } from './mind.ts'

const BUILD_DELAY_UNDER_LOAD_MS = 250
const KIB = 1_024
const QUIET = { debug() {}, info() {}, warn() {}, error() {} }

export interface HostileNode {
  readonly host: P2pHost
  readonly peerSeed: Uint8Array
  readonly genesisHash: Uint8Array
  /** Replaces the behaviour. */
  behave(behaviour: Behaviour): void
  close(): Promise<void>
}

/** Starts the node of a devnet directory; it behaves honestly until told otherwise. */
export function startHostileNode(options: {
  readonly dataDir: string
  readonly index: number
  readonly seed: number
}): Promise<HostileNode> {
  return openWithClosers((closers) => start(options, closers))
}

async function start(
  options: { readonly dataDir: string; readonly index: number; readonly seed: number },
  closers: Closers,
): Promise<HostileNode> {
  const config = loadConfig(options.dataDir)
  const genesis = parseGenesis(genesisFile(options.dataDir))
  const genesisBlock = buildGenesis(genesis, { areProofsChecked: true })
  const { genesisHash } = genesisBlock.chain
  const { peerSeed, consensusSecret } = developmentValidator(options.index)
  const { chain: chainDir } = nodePaths(options.dataDir)
  const opened = await openChain({ genesis: genesisBlock, openStore: () => openChainStore(chainDir) })
  closers.add(() => opened.close())
  const host = await createHost({
    privateKey: peerSeed,
    genesisHash,
    listen: config.p2pListen,
    logger: QUIET,
  })
  closers.add(() => host.close())
  const mind = await joinHostile(
    {
      genesis,
      genesisHash,
      opened,
      host,
      peers: config.peers,
      secretKey: consensusSecret,
      peerSeed,
      seed: options.seed,
      onHalt: (reason) => process.stderr.write(`the hostile node halted: ${reason}\n`),
    },
    closers,
  )
  return {
    host,
    peerSeed,
    genesisHash,
    behave: (behaviour) => mind.behave(behaviour),
    close: () => closers.close(),
  }
}

export interface HostileParts {
  readonly genesis: Genesis
  readonly genesisHash: Uint8Array
  readonly opened: OpenedChain
  /** Not started yet. */
  readonly host: P2pHost
  /** Multiaddrs of other nodes. */
  readonly peers: readonly string[]
  /** The member's consensus key. */
  readonly secretKey: Uint8Array
  /** ed25519 seed of its peer identity. */
  readonly peerSeed: Uint8Array
  readonly seed: number
  readonly onHalt: (reason: string) => void
  /** Default: this machine's. */
  readonly time?: { readonly clock: Clock; readonly random: () => number }
}

/** Joins consensus over a host, honestly at first. */
export async function joinHostile(parts: HostileParts, closers: Closers): Promise<Mind> {
  const { genesis, genesisHash, opened, host, secretKey, seed, time } = parts
  const clock = time?.clock ?? systemClock()
  const ports = portsOf(host)
  const { peerSeed, peers } = parts
  const { chainId } = opened.chain
  const random = new Random(seed)
  const mind = new Mind({ host, ports, genesisHash, chainId, peerSeed, peers, secretKey, random, clock })
  closers.add(() => mind.close())
  const network = mind.bend(createConsensusNetwork(host, parts.peers, time?.clock))
  const ranges = createRangeProtocol(host, mind.serve(syncSourceOf(opened.store)), time)
  const gossip = openGossip(parts, () => consensus.application.notifyWork())
  closers.add(() => {
    gossip.close()
    ranges.close()
  })
  const consensus = createConsensus({
    opened,
    genesis,
    network,
    peers: { host, gossip },
    sync: { sync: ranges, penalise: () => {} },
    recoveries: { all: () => [] },
    journal: forgetful(),
    signer: unscrupulous(genesisHash, secretKey),
    bls,
    clock: mind.clock,
    jitterSeed: seed,
    buildDelayUnderLoadMs: BUILD_DELAY_UNDER_LOAD_MS,
    onMisbehaviour: () => {},
    onHalt: parts.onHalt,
    log: () => {},
    loggerOf: () => QUIET,
  })
  closers.add(() => consensus.application.close())
  closers.add(() => consensus.driver.close())
  mind.follow(() => consensus.driver.status())
  await consensus.driver.start()
  await host.start()
  return mind
}

/** What no honest part of this node speaks, and a behaviour may. */
const RAW_PROTOCOLS = [
  { id: ADDRESS_PROTOCOL, frameBytesMax: 64 * KIB, consensusOnly: true },
  { id: EVIDENCE_PROTOCOL, frameBytesMax: EVIDENCE_BYTES_MAX, consensusOnly: false },
  { id: SNAPSHOT_PROTOCOL, frameBytesMax: 16 * KIB * KIB, consensusOnly: false },
]

/** The ports of all protocols that this host speaks from now on, and of some that it hears nothing on. */
function portsOf(host: P2pHost): ReadonlyMap<string, ProtocolPort> {
  const ports = new Map<string, ProtocolPort>()
  const register = host.register.bind(host)
  host.register = (spec, handler) => {
    const port = register(spec, handler)
    ports.set(spec.id, port)
    return port
  }
  for (const raw of RAW_PROTOCOLS)
    host.register({ ...raw, queueBytesMax: KIB * KIB, overflow: 'refuse' }, { onFrame: () => {} })
  return ports
}

/** Transactions travel as in any node: without them it could not build what the honest would accept. */
function openGossip({ host, opened, time }: HostileParts, onAdmitted: () => void) {
  const { chain, mempool, senderPool } = opened
  const ingest = new Ingest({ chainId: chain.chainId, mempool, senders: senderPool, onAdmitted })
  return createTxGossip(host, {
    batchDelayMs: 50,
    isValidator: () => true,
    ...(time === undefined ? {} : { clock: time.clock }),
    onTransactions: async (_peer, transactions) => {
      await ingest.receive(transactions)
      return { checked: 0, refused: 0 }
    },
  })
}

/** What it has signed is no concern of an attacker. */
function unscrupulous(genesisHash: Uint8Array, secretKey: Uint8Array): Signer {
  return {
    publicKey: bls.publicKey(secretKey),
    observing: false,
    losses: () => [],
    noteHeld: async () => {},
    beginEpoch: async () => {},
    signed: () => [],
    sign: async (signer, subjects) =>
      subjects.map(
        (subject): Vote => ({
          subject,
          signer,
          signature: bls.sign(secretKey, voteBytes(genesisHash, subject)),
        }),
      ),
    signRandao: async (epoch, height) => bls.sign(secretKey, randaoBytes(genesisHash, epoch, height)),
    raiseFloor: () => {},
    close: async () => {},
  }
}

function forgetful(): JournalStore {
  return {
    replayed: [],
    forgetReplayed: () => {},
    append: () => {},
    sync: async () => {},
    prune: async () => {},
    close: async () => {},
  }
}
