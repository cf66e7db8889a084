// Wires driver, application and block sync to a chain, for the node and for the simulator's full nodes, each with its own
// network, disk and clock. Not: evidence, followers, the order of a start (startConsensus.ts).
import type { Bls } from '../base/crypto/types.ts'
import type { Clock, ConsensusNetwork, JournalStore, Log, Signer } from '../consensus/ports.ts'
import type { Misbehaviour } from '../consensus/types.ts'
import type { Genesis } from '../genesis/schema.ts'
import { NodeApplication, type WantedBlocks } from './application.ts'
import { Driver, type DriverOptions } from './driver.ts'
import type { NodeLogger } from './logging.ts'
import type { OpenedChain } from './openChain.ts'
import { Resender, type ResenderOptions } from './pool/gossipShare.ts'
import { updatePool } from './pool/poolUpdate.ts'
import type { RecoveryBook } from './recovery/recoveries.ts'
import { BlockSync, type BlockSyncOptions } from './sync/blockSync.ts'
import type { SignatureChecks } from './verifier.ts'

export interface ConsensusOptions {
  readonly opened: OpenedChain
  /** Timing of the genesis document. */
  readonly genesis: Pick<Genesis, 'consensus' | 'params'>
  readonly network: ConsensusNetwork
  /** Sends pooled transactions to a leader. */
  readonly peers: Pick<ResenderOptions, 'host' | 'gossip'>
  /** Block sync's options that do not come from the chain. */
  readonly sync: Omit<BlockSyncOptions, 'importer' | 'genesisHash' | 'prepare' | 'clock' | 'logger'>
  readonly recoveries: Pick<RecoveryBook, 'all'>
  readonly journal: JournalStore
  /** Undefined for a node that only follows. */
  readonly signer: Signer | undefined
  readonly bls: Bls
  /** Default: everything at once on this thread, with `bls`. */
  readonly checks?: SignatureChecks
  readonly clock: Clock
  readonly jitterSeed: number
  /** Under load a proposer waits this long after its parent: fewer, fuller blocks cost less. */
  readonly buildDelayUnderLoadMs: number
  readonly wantedBlocks?: WantedBlocks
  readonly onMisbehaviour: (misbehaviour: Misbehaviour) => void
  readonly onHalt: (reason: string) => void
  readonly log: Log
  /** The logger of a component. */
  readonly loggerOf: (room: string) => NodeLogger
}

export interface Consensus {
  /** Another one after `renew`. */
  readonly driver: Driver
  readonly application: NodeApplication
  readonly blockSync: BlockSync
  /** Starts another driver, with this journal, in the place of one that was retired. */
  renew(journal: JournalStore): Promise<void>
}

/** Creates the parts; nothing runs before `driver.start`. */
export function createConsensus(options: ConsensusOptions): Consensus {
  const { opened, clock } = options
  const { chain, store, importer, mempool, senders } = opened
  const blockSync = new BlockSync({
    importer,
    genesisHash: chain.genesisHash,
    prepare: (transactions) => senders.prepare(transactions),
    clock,
    logger: options.loggerOf('sync'),
    ...options.sync,
  })
  const resender = new Resender({ ...options.peers, mempool, nowMs: () => clock.monotonicMs() })
  const application = new NodeApplication({
    chain,
    store,
    importer,
    mempool,
    blockSync,
    recoveries: options.recoveries,
    clock,
    buildDelayUnderLoadMs: options.buildDelayUnderLoadMs,
    ...(options.wantedBlocks === undefined ? {} : { wantedBlocks: options.wantedBlocks }),
    shareWith: (validator) => resender.share(validator),
    onMisbehaviour: options.onMisbehaviour,
    logger: options.loggerOf('application'),
  })
  const driverWith = (journal: JournalStore): Driver =>
    new Driver({ ...driverParts(options), application, journal })
  let driver = driverWith(options.journal)
  importer.onFinalized((event) => updatePool(mempool, event))
  return {
    get driver() {
      return driver
    },
    application,
    blockSync,
    async renew(journal) {
      const next = driverWith(journal)
      // Whoever asks meanwhile asks one that has a status.
      await next.start().finally(() => {
        driver = next
      })
    },
  }
}

function driverParts(options: ConsensusOptions): Omit<DriverOptions, 'application' | 'journal'> {
  const { opened, genesis, clock } = options
  const timing = genesis.consensus
  return {
    genesisHash: opened.chain.genesisHash,
    parameters: {
      deltaMs: timing.networkDelayMs,
      minBlockIntervalMs: genesis.params.providers.minBlockIntervalMs,
      heartbeatMs: timing.heartbeatMs,
      precisionMs: timing.precisionMs,
      messageDelayMs: timing.messageDelayMs,
      buildMs: timing.buildMs,
      verifyMs: timing.verifyMs,
    },
    network: options.network,
    signer: options.signer,
    bls: options.bls,
    ...(options.checks === undefined ? {} : { checks: options.checks }),
    clock,
    jitterSeed: options.jitterSeed,
    log: options.log,
    onHalt: options.onHalt,
  }
}
