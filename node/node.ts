// Composition of a node: straight wiring, `close` mirrors `start`. READ FIRST in node/.
// Owns: the order of things. Not: any of the things.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Logger } from 'pino'
import { mustExist } from '../base/assert.ts'
import { toHex } from '../base/bytes.ts'
import { bls } from '../base/crypto/bls.ts'
import { parseHash32 } from '../base/ids.ts'
import { parseBlockCheckpoint } from '../base/protocol/checkpoint.ts'
import { indexOfKey, quorum, validatorSetSchema } from '../base/protocol/validators.ts'
import type { Clock, Signer } from '../consensus/ports.ts'
import type { CoreStatus } from '../consensus/types.ts'
import { buildGenesis } from '../genesis/build.ts'
import { type Genesis, genesisSchema } from '../genesis/schema.ts'
import { createHost } from '../p2p/host.ts'
import { createRangeProtocol } from '../p2p/rangeProtocol.ts'
import { createSnapshotProtocol } from '../p2p/snapshotProtocol.ts'
import { createTxGossip } from '../p2p/txGossip.ts'
import { type RunningRpc, startRpc } from '../rpc/start.ts'
import { signerHealth } from '../signer/openSigner.ts'
import type { ChainConfig } from '../state/chain.ts'
import { dispatcherOf, gasOf } from '../state/dispatch.ts'
import { openChainStore } from '../storage/chainStore.ts'
import { Journal } from '../storage/journal.ts'
import { NodeApplication } from './application.ts'
import { NodeBackend } from './backend.ts'
import { openImporter } from './chain/importer.ts'
import type { FinalizedEvent } from './chain/importerTypes.ts'
import { startRecounts } from './chain/recount.ts'
import type { NodeConfig } from './config.ts'
import { Driver } from './driver.ts'
import { type RunningEvidence, startEvidence } from './evidence/evidence.ts'
import { HaltRecord } from './halt/haltRecord.ts'
import { createConsensusNetwork } from './network.ts'
import { areProofsChecked, noteProofsChecked } from './nodeDir.ts'
import { Resender, withGossip } from './pool/gossipShare.ts'
import { Ingest } from './pool/ingest.ts'
import { Mempool } from './pool/mempool.ts'
import { poolChain } from './pool/poolChain.ts'
import { updatePool } from './pool/poolUpdate.ts'
import { RecentSenders } from './pool/recentSenders.ts'
import { createSenderPool } from './pool/senderPool.ts'
import { RECOVERY_FOLDER, RecoveryBook } from './recovery/recoveries.ts'
import {
  checkFloors,
  decidingNow,
  followRecoveries,
  isBelowRecovery,
  reachFloor,
  remindOfUntrusted,
} from './recovery/recoveryStart.ts'
import { BlockSync } from './sync/blockSync.ts'
import { startFollower } from './sync/follower.ts'
import { snapshotSourceOf } from './sync/snapshotSource.ts'
import { stateSyncAtStart, validatorSetOf } from './sync/stateSyncStart.ts'
import { syncSourceOf } from './sync/syncSource.ts'
import { CLIENT_VERSION } from './version.ts'
import { startOperatorLog } from './watch/operatorLog.ts'
import { checkCheckpoint, openSnapshots, startUpkeep, storeOptionsOf } from './watch/upkeep.ts'

export interface NodeOptions {
  readonly dataDir: string
  readonly genesis: Genesis
  readonly config: NodeConfig
  /** ed25519 seed of the peer identity, 32 bytes. */
  readonly peerSeed: Uint8Array
  /** Undefined for a node that only follows. The node closes it. */
  readonly signer: Signer | undefined
  /** secp256k1 secret of an account that pays for evidence; undefined: evidence is logged for anybody to submit. */
  readonly operatorSecret: Uint8Array | undefined
  readonly clock: Clock
  readonly logger: Logger
  /** The latest log lines, for the file that is written at a halt. */
  readonly recentLog?: () => readonly string[]
  /** Ends a state sync under way: `startNode` rejects with the signal's reason. */
  readonly stopSignal?: AbortSignal
}

export interface RunningNode {
  readonly rpcUrl: string
  readonly rpcPort: number
  readonly peerId: string
  readonly p2pAddresses: readonly string[]
  readonly status: () => CoreStatus
  readonly onFinalized: (listener: (event: FinalizedEvent) => void) => () => void
  /** Resolves with the reason when consensus stops for good. */
  readonly halted: Promise<string>
  /** Whether it stopped because a certified block has another result here. */
  readonly isMismatch: () => boolean
  close(): Promise<void>
}

/** Under load, transactions travel in batches this far apart; the first after a pause leaves at once. */
const GOSSIP_BATCH_MS = 50
/** Under load a proposer waits this long after its parent: a block costs every validator some 15 ms whatever is in it. */
const BUILD_DELAY_UNDER_LOAD_MS = 250
/** Points for a transaction that no honest peer passes on. */
const MALFORMED_TRANSACTION_POINTS = 10
/** Points for blocks of a chain that is not the final one. */
const FOREIGN_CHAIN_POINTS = 60

/** Paths inside a data directory. */
export function nodePaths(dataDir: string) {
  return {
    chain: join(dataDir, 'chain'),
    journal: join(dataDir, 'journal'),
    signer: join(dataDir, 'signer'),
    recovery: join(dataDir, RECOVERY_FOLDER),
    snapshots: join(dataDir, 'snapshots'),
    evidence: join(dataDir, 'evidence'),
  }
}

/** Starts every part and resolves once JSON-RPC listens. Rejects when anything cannot start; nothing is left behind. */
export async function startNode(options: NodeOptions): Promise<RunningNode> {
  const closers: (() => Promise<void> | void)[] = []
  const closeAll = async (): Promise<void> => {
    for (const close of closers.reverse()) await close()
    closers.length = 0
  }
  try {
    return await wire(options, closers, closeAll)
  } catch (error) {
    await closeAll().catch((cause: unknown) =>
      options.logger.error({ err: cause }, 'closing after a failed start'),
    )
    throw error
  }
}

async function wire(
  options: NodeOptions,
  closers: (() => Promise<void> | void)[],
  closeAll: () => Promise<void>,
): Promise<RunningNode> {
  const { config, genesis, logger, signer, clock } = options
  closers.push(() => signer?.close())
  const paths = nodePaths(options.dataDir)
  mkdirSync(options.dataDir, { recursive: true, mode: 0o700 })
  let haltReason: string | undefined
  let resolveHalted: (reason: string) => void = () => {}
  const halted = new Promise<string>((resolve) => {
    resolveHalted = resolve
  })
  const halt = (reason: string): void => {
    if (haltReason !== undefined) return
    haltReason = reason
    const diagnosis = record.write(reason)
    const command = `suanli doctor -d ${options.dataDir}`
    logger.fatal(
      { reason, diagnosis, command },
      'consensus halted: this node signs nothing more and keeps its data. Stop it, then run the command',
    )
    resolveHalted(reason)
  }

  // State.
  const wereChecked = areProofsChecked(options.dataDir, genesis)
  const genesisBlock = buildGenesis(genesis, { areProofsChecked: wereChecked })
  if (!wereChecked) noteProofsChecked(options.dataDir, genesis)
  const book = RecoveryBook.open({
    dir: paths.recovery,
    genesisHash: genesisBlock.chain.genesisHash,
    trusted: config.trustedRecoveries.map((text) => mustExist(parseHash32(text), 'checked configuration')),
  })
  const chain: ChainConfig = { ...genesisBlock.chain, recoveryOn: (floor) => book.on(floor) }
  genesisBlock.tree.release()
  await stateSyncAtStart({
    config,
    chainDir: paths.chain,
    chain,
    genesis: genesisBlock,
    peerSeed: options.peerSeed,
    ...(options.stopSignal === undefined ? {} : { signal: options.stopSignal }),
    logger: logger.child({ room: 'sync' }),
  })
  const store = await openChainStore(paths.chain, storeOptionsOf(config))
  closers.push(() => store.close())
  const senderPool = createSenderPool({
    workers: config.signatureWorkers,
    onWorkerLost: (error) => logger.error({ err: error }, 'a signature worker was lost'),
  })
  closers.push(() => senderPool.close())
  const mempool = new Mempool(
    poolChain({ modules: chain.modules, head: () => importer.head(), nowMs: () => clock.nowMs() }),
  )
  const senders = new RecentSenders({
    chainId: chain.chainId,
    senders: senderPool,
    pooled: (hash) => mempool.get(hash),
  })
  const importer = await openImporter(store, {
    chain,
    genesis: genesisBlock,
    senderOf: (transaction) => senders.senderOf(transaction),
    decode: (raw) => senders.decode(raw),
    prepare: (block) => senders.prepare(block.transactions),
    onWarning: (message, error) => logger.warn({ err: error }, message),
    onRefused: (block, refusal) => record.note(block, refusal),
  })
  closers.push(() => importer.close())
  const record = new HaltRecord({
    dataDir: options.dataDir,
    execution: { chain, senderOf: (transaction) => senders.senderOf(transaction) },
    parentView: (block) => importer.parentView(block.header.parentHash),
    tip: () => importer.head(),
    recentLog: options.recentLog ?? (() => []),
    nowMs: () => Date.now(),
  })
  checkFloors(store, book)

  // Network.
  const host = await createHost({
    privateKey: options.peerSeed,
    genesisHash: chain.genesisHash,
    listen: config.p2pListen,
    logger: logger.child({ room: 'p2p' }),
  })
  const network = createConsensusNetwork(host, config.peers)
  const sync = createRangeProtocol(host, syncSourceOf(store, book))
  const files = await openSnapshots(paths.snapshots, store)
  const genesisSet = validatorSetSchema.encode(validatorSetOf(genesisBlock.changes))
  const snapshots = createSnapshotProtocol(host, snapshotSourceOf({ store, files, genesisSet }))
  const ingest = new Ingest({
    chainId: chain.chainId,
    mempool,
    senders: senderPool,
    onAdmitted: (transaction) => {
      application.notifyWork()
      backend.announcePending(transaction)
    },
  })
  const gossip = createTxGossip(host, {
    batchDelayMs: GOSSIP_BATCH_MS,
    isValidator: () => driver.status().self !== undefined,
    onTransactions: async (peer, transactions) => {
      const { admitted, malformed } = await ingest.receive(transactions)
      for (const transaction of admitted) gossip.relay(transaction, peer)
      if (malformed > 0) {
        host.penalise(
          peer,
          MALFORMED_TRANSACTION_POINTS,
          `${malformed} transactions are malformed or unsigned`,
        )
      }
    },
  })
  closers.push(async () => {
    gossip.close()
    sync.close()
    snapshots.close()
    await host.close()
    await files.close()
  })

  // Consensus.
  const checkpoint = parseBlockCheckpoint(config.checkpoint)
  checkCheckpoint(store, checkpoint)
  const blockSync = new BlockSync({
    importer,
    genesisHash: chain.genesisHash,
    sync,
    prepare: (transactions) => senders.prepare(transactions),
    isSnapshotHeight: (height) => height % Math.max(1, config.snapshots.everyBlocks) === 0,
    ...(checkpoint === undefined ? {} : { checkpoint }),
    penalise: (peer, reason) => host.penalise(peer, FOREIGN_CHAIN_POINTS, reason),
    logger: logger.child({ room: 'sync' }),
    recoveries: book,
    onUntrusted: remindOfUntrusted(logger.child({ room: 'recovery' }), () => clock.nowMs()),
  })
  const evidence: RunningEvidence = startEvidence({
    dir: paths.evidence,
    chain,
    importer,
    host,
    submitter:
      options.operatorSecret === undefined
        ? undefined
        : {
            chainId: chain.chainId,
            secretKey: options.operatorSecret,
            turn: () => driver.status().self ?? driver.status().validatorCount,
            gasOf: (transaction) => gasOf(dispatcherOf(chain.modules), transaction),
            nextBaseFee: () => backend.nextBaseFee(),
            pendingNonce: (address) => mempool.pendingNonce(address),
            isPending: (id) => mempool.has(id),
            submit: (raw) => backend.submit(raw),
          },
    clock,
    logger: logger.child({ room: 'evidence' }),
  })
  closers.push(() => evidence.close())
  const resender = new Resender({ host, gossip, mempool, nowMs: () => clock.nowMs() })
  const application = new NodeApplication({
    chain,
    store,
    importer,
    mempool,
    blockSync,
    clock,
    gatherMs: BUILD_DELAY_UNDER_LOAD_MS,
    shareWith: (validator) => resender.share(validator),
    onMisbehaviour: (found) => evidence.report(found),
    logger: logger.child({ room: 'application' }),
  })
  closers.push(() => application.close())
  const journal = await Journal.open({ dir: paths.journal, genesisHash: chain.genesisHash })
  const timing = genesis.consensus
  const consensusLog = logger.child({ room: 'consensus' })
  const driver = new Driver({
    genesisHash: chain.genesisHash,
    parameters: {
      deltaMs: timing.networkDelayMs,
      minBlockIntervalMs: genesis.params.providers.minBlockIntervalMs,
      heartbeatMs: timing.heartbeatMs,
      precisionMs: timing.precisionMs,
      messageDelayMs: timing.messageDelayMs,
      buildMs: timing.buildMs,
      verifyMs: timing.verifyMs,
    },
    application,
    network,
    journal,
    signer,
    bls,
    clock,
    jitterSeed: host.peerIdBytes.reduce((n, b) => (n * 31 + b) >>> 0, 7),
    log: (level, text, fields) => consensusLog[level](fields ?? {}, text),
    onHalt: halt,
  })
  if (journal.damage !== 'none')
    logger.warn({ damage: journal.damage }, 'the journal was damaged by the last stop')

  importer.onFinalized((event) => updatePool(mempool, event))
  const stopRecounts = startRecounts({
    isSyncing: () => blockSync.progress() !== undefined,
    modules: chain.modules,
    importer,
    store,
    contextOf: (height) => {
      const view = backend.stateAt(height)
      return view === undefined ? undefined : { state: view.state, block: view.context }
    },
    onFinding: (finding, height) => {
      logger.error({ ...finding, height }, 'invariant is broken by full recount')
      if (finding.severity === 'halt') halt(`invariant ${finding.invariant}: ${finding.reason}`)
    },
    onSkipped: (reason) => logger.warn({ reason }, 'the recount of invariants did not run'),
  })
  closers.push(stopRecounts)

  // Service.
  const backend: NodeBackend = new NodeBackend({
    identity: {
      chainId: chain.chainId,
      genesisHash: chain.genesisHash,
      genesisJson: genesisSchema.toJson(genesis),
      clientVersion: CLIENT_VERSION,
    },
    chain,
    store,
    importer,
    mempool,
    ingest: withGossip(ingest, gossip, mempool),
    nowMs: () => clock.nowMs(),
    halted: () => haltReason,
    health: () => {
      const { epoch, view, self } = driver.status()
      return {
        live: haltReason === undefined,
        ...(haltReason === undefined ? {} : { halted: haltReason }),
        ...(self === undefined ? {} : { validatorIndex: self }),
        ...signerHealth(signer),
        epoch,
        view,
        peerCount: host.peers().filter((peer) => peer.connected).length,
      }
    },
    syncing: () => blockSync.progress(),
    evidence: () => evidence.held(),
  })
  closers.push(() => backend.close())
  await reachFloor(importer, book, journal.replayed)
  const set = decidingNow(chain, importer, book)
  network.useValidators(set, indexOfKey(set.validators, signer?.publicKey))
  await host.start()
  // The right to sign in older epochs ends with the acceptance, wherever this node's chain is.
  if (book.latest !== undefined) await signer?.beginEpoch(book.latest.recovery.epoch, 0)
  await driver.start()
  closers.push(
    followRecoveries({
      importer,
      book,
      store,
      enterEpoch: (floor) => driver.enterEpoch(floor),
      logger: logger.child({ room: 'recovery' }),
    }),
  )
  closers.push(() => driver.close())
  const follower = startFollower({
    blockSync,
    role: () => {
      if (haltReason !== undefined) return 'none'
      const { self, validatorCount } = driver.status()
      // Nobody of this epoch answers a validator that was removed while it was away: it follows like a stranger.
      const isAlone = network.reachableValidators() + 1 < quorum(validatorCount)
      return self === undefined || isAlone || isBelowRecovery(importer, book) ? 'follower' : 'validator'
    },
    onCommit: (block, certificate) => driver.observe(block, certificate),
    onFault: halt,
    logger: logger.child({ room: 'follower' }),
  })
  closers.push(() => follower.close())
  const upkeep = startUpkeep({
    config,
    store,
    importer,
    files,
    isSyncing: () => blockSync.progress() !== undefined,
    isKept: (height) => book.all().some(({ recovery }) => recovery.floor.height === height),
    onFault: halt,
    logger: logger.child({ room: 'upkeep' }),
  })
  closers.push(() => upkeep.close())
  if (signer?.observing === true) {
    logger.warn(
      { epoch: driver.status().epoch },
      'the record of what this key signed is lost or damaged: it signs nothing until the next epoch',
    )
  }
  const rpc: RunningRpc = await startRpc({
    backend,
    modules: chain.modules,
    host: config.rpcHost,
    port: config.rpcPort,
    hosts: config.rpcAllowedHosts,
    origins: config.rpcAllowedOrigins,
    log: logger.child({ room: 'rpc' }),
  })
  closers.push(() => rpc.close())
  closers.push(
    startOperatorLog({
      onFinalized: (listener) => importer.onFinalized(listener),
      host,
      network,
      status: () => driver.status(),
      timing,
      clock,
      logger,
    }),
  )
  const validatorIndex = driver.status().self
  logger.info(
    {
      chainId: chain.chainId,
      genesis: toHex(chain.genesisHash),
      height: importer.head().header.height,
      validatorIndex,
      peerId: host.peerId,
      p2p: host.listenAddresses,
      rpc: rpc.url,
    },
    'node is up',
  )
  return {
    rpcUrl: rpc.url,
    rpcPort: rpc.port,
    peerId: host.peerId,
    p2pAddresses: host.listenAddresses,
    status: () => driver.status(),
    onFinalized: (listener) => importer.onFinalized(listener),
    halted,
    isMismatch: () => haltReason !== undefined && record.isRefusal(haltReason),
    close: closeAll,
  }
}

/** Whether a consensus key belongs to the set of genesis, for messages at the start. */
export function isGenesisValidator(genesis: Genesis, consensusKey: Uint8Array): boolean {
  return indexOfKey(genesis.providers, consensusKey) !== undefined
}
