// A whole validator in virtual time: the node's own driver, application, importer, mempool, block sync and chain store;
// only sockets, disks and the clock are simulated. Assembled with the same `openChain` and `createConsensus` as a node.
import type { Bls } from '../../../base/crypto/types.ts'
import type { ValidatorSet } from '../../../base/protocol/validators.ts'
import type { Subject } from '../../../base/protocol/vote.ts'
import type { ConsensusNetwork, Signer } from '../../../consensus/ports.ts'
import type { Sender, Target } from '../../../consensus/types.ts'
import type { GenesisBlock } from '../../../genesis/build.ts'
import type { Genesis } from '../../../genesis/schema.ts'
import { genesisValidators } from '../../../genesis/schema.ts'
import type { FinalizedEvent, Importer } from '../../../node/chain/importerTypes.ts'
import { type ConsensusOptions, createConsensus } from '../../../node/createConsensus.ts'
import type { Driver } from '../../../node/driver.ts'
import type { NodeLogger } from '../../../node/logging.ts'
import { openChain } from '../../../node/openChain.ts'
import { Ingest } from '../../../node/pool/ingest.ts'
import type { Mempool } from '../../../node/pool/mempool.ts'
import type { BlockSync } from '../../../node/sync/blockSync.ts'
import type { PeerKey } from '../../../p2p/protocol.ts'
import type { RangeDownload } from '../../../p2p/rangeDownload.ts'
import type { SubmitResult } from '../../../rpc/backend.ts'
import { openChainStoreOn } from '../../../storage/chainStore.ts'
import type { ChainStore } from '../../../storage/types.ts'
import { BACKLOG_WAIT_MAX_MS, SimDoor } from '../simDoor.ts'
import { type Life, type SimStorage, simJournal, simSigner, simStore } from './simStorage.ts'

/** The node's interface to the world; every call is bound to one life of the node. */
export interface FullNodePorts {
  nowMs(): number
  monotonicMs(): number
  after(delayMs: number, callback: () => void): () => void
  send(to: Target, set: ValidatorSet, bytes: Uint8Array): void
  /** Downloads blocks from other nodes, over links that are up. */
  download(fromHeight: number, toHeight: number, lagMin?: number): RangeDownload
  /** Sends pooled envelopes to one validator of the set. */
  share(validator: number, set: ValidatorSet, raws: readonly Uint8Array[]): void
  onSigned(subject: Subject): void
  onFinalized(event: FinalizedEvent): void
  onPenalised(peer: string, reason: string): void
  onHalt(reason: string): void
  onEvidence(kind: string): void
  /** The node's peers from now on; not needed in worlds with a fixed set. */
  useValidators?(set: ValidatorSet, self: number | undefined, previous: ValidatorSet | undefined): void
}

export interface FullNodeOptions {
  readonly index: number
  readonly genesis: Genesis
  readonly genesisBlock: GenesisBlock
  readonly secretKey: Uint8Array
  /** Replaces the signer over `secretKey`. */
  readonly signer?: Signer
  readonly bls: Bls
  readonly storage: SimStorage
  readonly life: Life
  readonly ports: FullNodePorts
  /** Holds the tree's cache and nothing else. */
  readonly dir: string
}

/** Blocks per request of a follower. */
const RANGE_BLOCKS = 64
/** How long a proposer under load waits after its parent. */
const BUILD_DELAY_UNDER_LOAD_MS = 200
/** Not the name of any simulated validator. */
const NO_PEER: PeerKey = 'self'
const SILENT: NodeLogger = { debug() {}, info() {}, warn() {}, error() {} }

/** A running validator; it ends when it is no longer called. */
export interface FullNode {
  readonly store: ChainStore
  readonly importer: Importer
  readonly mempool: Mempool
  submit(raw: Uint8Array): Promise<SubmitResult>
  readonly driver: Driver
  readonly blockSync: BlockSync
  receive(from: number, bytes: Uint8Array): void
  /** Like `receive`, from a peer with this index in the current set, or without one. */
  deliver(from: Sender, bytes: Uint8Array): void
  /** Envelopes relayed by a peer. */
  gossip(raws: readonly { raw: Uint8Array; id: Uint8Array }[]): Promise<void>
}

export async function startFullNode(options: FullNodeOptions): Promise<FullNode> {
  const { genesis, genesisBlock, storage, life, ports, bls, index } = options
  const { chain } = genesisBlock
  const clock = { nowMs: () => ports.nowMs(), monotonicMs: () => ports.monotonicMs(), after: ports.after }
  await storage.database.open()
  const opened = await openChain({
    genesis: genesisBlock,
    openStore: async () => simStore(await openChainStoreOn(storage.database, options.dir), life),
    nowMs: () => ports.nowMs(),
    monotonicMs: () => ports.monotonicMs(),
  })
  const { store, importer, mempool, senderPool } = opened
  const ingest = new Ingest({
    chainId: chain.chainId,
    mempool,
    senders: senderPool,
    onAdmitted: () => application.notifyWork(),
  })
  const network = simNetwork(ports)
  const { application, driver, blockSync } = createConsensus({
    opened,
    genesis,
    network,
    peers: simPeers(ports, () => network.current),
    sync: {
      sync: {
        download: ({ fromHeight, toHeight = fromHeight + RANGE_BLOCKS - 1, lagMin }) =>
          ports.download(fromHeight, toHeight, lagMin),
      },
      penalise: (peer, reason) => ports.onPenalised(peer, reason),
    },
    recoveries: { all: () => [] },
    journal: simJournal(storage.journal, life),
    signer: options.signer ?? signerOf(options),
    bls,
    clock,
    jitterSeed: index + 1,
    buildDelayUnderLoadMs: BUILD_DELAY_UNDER_LOAD_MS,
    onMisbehaviour: ({ kind }) => ports.onEvidence(kind),
    onHalt: (reason) => ports.onHalt(reason),
    log: () => {},
    loggerOf: () => SILENT,
  })
  importer.onFinalized((event) => {
    if (life.isAlive) ports.onFinalized(event)
  })
  await driver.start()
  return {
    store,
    importer,
    mempool,
    submit: (raw) => ingest.submit(raw),
    driver,
    blockSync,
    receive: (from, bytes) => network.receive({ peer: String(from), validator: from }, bytes),
    deliver: (from, bytes) => network.receive(from, bytes),
    async gossip(raws) {
      await ingest.receive(raws)
    },
  }
}

interface SimPort extends ConsensusNetwork {
  /** The set of the node's current peers. */
  readonly current: ValidatorSet
  receive(from: Sender, bytes: Uint8Array): void
}

function simNetwork(ports: FullNodePorts): SimPort {
  let current: ValidatorSet = { validators: [] }
  let onMessage: SimPort['receive'] = () => {}
  const door = new SimDoor({
    get nowMs() {
      return ports.nowMs()
    },
    after: (delayMs, run) => void ports.after(delayMs, run),
  })
  return {
    get current() {
      return current
    },
    receive: (from, bytes) => {
      const waitMs = door.enter(from.peer, bytes, () => onMessage(from, bytes))
      if (waitMs > BACKLOG_WAIT_MAX_MS) ports.onPenalised(from.peer, `${waitMs} ms above its allowance`)
    },
    send: (to, bytes) => ports.send(to, current, bytes),
    onMessage: (handler) => {
      onMessage = handler
    },
    useValidators: (set, self, previous) => {
      current = set
      ports.useValidators?.(set, self, previous)
    },
    penalise: (peer, reason) => ports.onPenalised(peer, reason),
  }
}

/** Sends pooled transactions to leaders over the world's links; a validator's peer name is its index. */
function simPeers(ports: FullNodePorts, current: () => ValidatorSet): ConsensusOptions['peers'] {
  return {
    host: { peerId: NO_PEER, getValidatorPeer: (validator) => String(validator) as PeerKey },
    gossip: {
      sendTo: (peer, raws) => {
        ports.share(Number(peer), current(), raws)
        return true
      },
    },
  }
}

function signerOf({ storage, life, ports, bls, secretKey, genesis, genesisBlock }: FullNodeOptions): Signer {
  return simSigner({
    flags: storage.flags,
    journal: storage.journal,
    life,
    bls,
    secretKey,
    genesisHash: genesisBlock.chain.genesisHash,
    genesisSet: genesisValidators(genesis),
    onSigned: (subject) => ports.onSigned(subject),
  })
}
