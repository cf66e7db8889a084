// Assembles a node: chain, network, consensus, service, in this order; `close` reverses it. READ FIRST in node/.
// Owns: the order. Not: the parts.
import type { Logger } from 'pino'
import { mustExist } from '../base/assert.ts'
import { toHex } from '../base/bytes.ts'
import type { Bls } from '../base/crypto/types.ts'
import { parseHash32, type TxId } from '../base/ids.ts'
import type { Clock, Signer } from '../consensus/ports.ts'
import type { CoreStatus } from '../consensus/types.ts'
import { buildGenesis, type GenesisBlock } from '../genesis/build.ts'
import type { Genesis } from '../genesis/schema.ts'
import type { DevControl } from '../rpc/dev/control.ts'
import { FIGURE_COUNT, FIGURES_LAYOUT } from '../rpc/native/figures.ts'
import type { startRpc } from '../rpc/start.ts'
import { getClock } from '../state/modules/capacity/windows.ts'
import { AccountIndex } from '../storage/accountIndex.ts'
import { openChainStore } from '../storage/chainStore.ts'
import { makeFolder } from '../storage/durableFile.ts'
import { SeriesIndex } from '../storage/seriesIndex.ts'
import { startAccountIndexer } from './accountIndexer.ts'
import type { WantedBlocks } from './application.ts'
import type { NodeBackend } from './backend.ts'
import type { FinalizedEvent } from './chain/importerTypes.ts'
import { type Closers, openWithClosers } from './closers.ts'
import type { NodeConfig } from './config.ts'
import { Halt, type HaltKind } from './halt/halt.ts'
import { guardSigner } from './halt/signingGuard.ts'
import { startStoreCheck } from './halt/storeCheck.ts'
import { areProofsChecked, noteProofsChecked } from './nodeDir.ts'
import { nodePaths } from './nodePaths.ts'
import { type OpenedChain, openChain } from './openChain.ts'
import { type OpenedNetwork, openNetwork } from './openNetwork.ts'
import type { RecoverOne } from './pool/recoverer.ts'
import { RecoveryBook } from './recovery/recoveries.ts'
import { checkFloors } from './recovery/recoveryStart.ts'
import { type SeriesIndexer, startSeriesIndexer } from './seriesIndexer.ts'
import { type OpenedConsensus, openConsensus } from './startConsensus.ts'
import { createBackend, type RunningService, startService } from './startService.ts'
import { stateFileLines } from './stateFile.ts'
import { stateSyncAtStart, validatorSetOf } from './sync/stateSyncStart.ts'
import { VERSION } from './version.ts'
import { startLoopWatch } from './watch/loopWatch.ts'
import { storeOptionsOf } from './watch/upkeep.ts'

export interface NodeOptions {
  readonly dataDir: string
  readonly genesis: Genesis
  readonly config: NodeConfig
  /** ed25519 seed of the peer identity, 32 bytes. */
  readonly peerSeed: Uint8Array
  /** Undefined for a node that only follows. The node closes it. */
  readonly signer: Signer | undefined
  /** secp256k1 secret of the account that pays for evidence; undefined: evidence is only logged, and anyone may submit it. */
  readonly operatorSecret: Uint8Array | undefined
  readonly clock: Clock
  readonly logger: Logger
  /** The latest log lines, for the diagnosis file. */
  readonly recentLog?: () => readonly string[]
  /** What a devnet in one process adds. */
  readonly devnet?: DevnetParts
  /** Aborts a running state sync: `startNode` rejects with the signal's reason. */
  readonly stopSignal?: AbortSignal
}

export interface DevnetParts {
  readonly wantedBlocks: WantedBlocks
  /** For the JSON-RPC methods that only a devnet has. */
  readonly control: DevControl
  readonly startRpc?: typeof startRpc
  /** Shared by the validators of a process. */
  readonly bls?: Bls
  /** Whose a transaction is: a devnet takes some without a signature. */
  readonly recoverOne?: RecoverOne
  /** Signs in place of the one that the configuration names; closed with the node. */
  readonly signer?: Signer
}

/** Where the final chain stands. */
export interface NodeTip {
  readonly height: number
  readonly timestampMs: number
  /** When the running window ends. */
  readonly windowEndsAtMs: number
  readonly windowIndex: number
  /** Whether another block is needed now. */
  readonly hasWork: boolean
}

export interface RunningNode {
  readonly rpcUrl: string
  readonly rpcPort: number
  readonly peerId: string
  readonly p2pAddresses: readonly string[]
  readonly status: () => CoreStatus
  readonly tip: () => NodeTip
  /** Drops a waiting transaction, or all of them; returns how many there were. */
  readonly dropTransactions: (id?: TxId) => number
  readonly onFinalized: (listener: (event: FinalizedEvent) => void) => () => void
  /** Resolves with the reason when consensus halts. */
  readonly halted: Promise<string>
  /** `mismatch`: halted because a certified block has a different result here. */
  readonly haltKind: () => HaltKind | undefined
  /**
   * On a devnet of this validator alone: makes an earlier final block the head again, without a restart. `forget` makes the
   * signer forget its votes. Throws StoreError when the block's state is not kept, and then goes on as before. Absent where an
   * index follows the chain.
   */
  takeBack?(height: number, forget: () => Promise<void>): Promise<void>
  /** Its newest final state as the lines of a state file; blocks go on meanwhile. */
  stateLines(): AsyncGenerator<string>
  close(): Promise<void>
}

/** Starts every part and resolves once JSON-RPC listens. Rejects and cleans up when anything fails to start. */
export function startNode(options: NodeOptions): Promise<RunningNode> {
  return openWithClosers(
    (closers) => start(options, closers),
    (cause) => options.logger.error({ err: cause }, 'closing failed after a failed start'),
  )
}

async function start(options: NodeOptions, closers: Closers): Promise<RunningNode> {
  const { config, genesis, logger, clock, operatorSecret } = options
  closers.add(() => options.signer?.close())
  makeFolder(options.dataDir, 0o700)
  const paths = nodePaths(options.dataDir)
  const genesisBlock = buildBlockZero(options)
  const recoveries = RecoveryBook.open({
    dir: paths.recovery,
    genesisHash: genesisBlock.chain.genesisHash,
    trusted: config.trustedRecoveries.map((text) => mustExist(parseHash32(text), 'checked configuration')),
  })
  let known: OpenedChain | undefined
  const halt = openHalt(options, () => known)

  const opened = await openNodeChain(options, { genesisBlock, recoveries, halt })
  known = opened
  closers.add(() => opened.close())
  checkFloors(opened.store, recoveries)
  const signer = guardedSigner(options, { opened, halt, closers })

  const network = await openNetwork({
    config,
    peerSeed: options.peerSeed,
    opened,
    recoveries,
    genesisSet: validatorSetOf(genesisBlock.changes),
    snapshotsDir: paths.snapshots,
    addressFile: paths.addresses,
    isValidator: () => consensus.driver.status().self !== undefined,
    onAdmitted: (transaction) => {
      void opened.prechecks.prepare([transaction])
      consensus.application.notifyWork()
      backend.announcePending(transaction)
    },
    nowMs: () => clock.nowMs(),
    logger: logger.child({ room: 'p2p' }),
  })
  closers.add(() => network.close())

  const { dataDir } = options
  const parts = {
    ...{ dataDir, config, genesis, opened, network, recoveries, signer, clock, halt, logger },
    ...options.devnet,
  }
  const consensus = await openConsensus({ ...parts, paths, operatorSecret, backend: () => backend })
  closers.add(() => consensus.close())
  const loop = startLoopWatch(logger)
  closers.add(() => loop.close())
  const indexed = await openAccountIndex(options, closers)
  const series = await openSeries(options, closers)
  const backend = createBackend({ ...parts, ...indexed, series, consensus, loop })
  closers.add(() => backend.close())
  keepUp(indexed.accountIndex, { backend, logger, closers })
  const indexer = await startSeriesIndexer({ index: series, chain: backend, logger })
  closers.add(() => indexer.close())
  await consensus.start()

  const service = await startService({ ...parts, consensus, backend, loop })
  closers.add(() => service.close())

  const parted = { genesis, opened, network, consensus, service, halt, backend, indexer, ...indexed }
  tellUp(options, parted)
  return runningNode(parted, closers)
}

interface StartedParts {
  readonly genesis: Genesis
  readonly opened: OpenedChain
  readonly network: OpenedNetwork
  readonly consensus: OpenedConsensus
  readonly service: RunningService
  readonly halt: Halt
  readonly backend: NodeBackend
  readonly indexer: SeriesIndexer
  readonly accountIndex?: AccountIndex
}

/** One line with all that a reader of the log asks first: which node, of whom, of which build, on which chain. */
function tellUp(
  { logger, signer }: NodeOptions,
  { opened, network, consensus, service }: StartedParts,
): void {
  const { self } = consensus.driver.status()
  logger.info(
    {
      build: VERSION,
      node: process.version,
      chainId: opened.chain.chainId,
      genesis: toHex(opened.chain.genesisHash),
      height: opened.importer.head().header.height,
      validatorIndex: self,
      ...(self === undefined ? {} : service.members.at(self)),
      peerId: network.host.peerId,
      p2p: network.host.listenAddresses,
      rpc: service.rpc.url,
      metrics: service.rpc.metricsUrl,
    },
    'node is up',
  )
  if (self !== undefined || signer === undefined) return
  logger.info(
    { consensusKey: toHex(signer.publicKey) },
    'this consensus key is not in the validator set: the node follows, and votes in epochs whose set has it',
  )
}

function runningNode(parts: StartedParts, closers: Closers): RunningNode {
  const { opened, network, consensus, service, halt } = parts
  const { host } = network
  return {
    rpcUrl: service.rpc.url,
    rpcPort: service.rpc.port,
    peerId: host.peerId,
    p2pAddresses: host.listenAddresses,
    status: () => consensus.driver.status(),
    tip: () => tipOf(opened, consensus),
    dropTransactions: (id) => opened.mempool.drop(id),
    onFinalized: (listener) => opened.importer.onFinalized(listener),
    halted: halt.halted,
    haltKind: () => halt.kind,
    ...(parts.accountIndex === undefined
      ? { takeBack: (height, forget) => takeBack(parts, { height, forget }) }
      : {}),
    stateLines: () => stateFileLines(opened.store, parts.genesis),
    close: () => closers.close(),
  }
}

/** The chain goes first and the votes last: a stop in between leaves a key that remembers too much, never too little. */
async function takeBack(
  { opened, consensus, backend, indexer }: StartedParts,
  { height, forget }: { readonly height: number; readonly forget: () => Promise<void> },
): Promise<void> {
  const goBack = async (): Promise<void> => {
    await opened.importer.takeBack(height)
    opened.mempool.drop()
    backend.onTakenBack()
    await indexer.cut(height)
  }
  await consensus.restartAfter({ goBack, forget })
}

function tipOf({ importer }: OpenedChain, { application }: Pick<OpenedConsensus, 'application'>): NodeTip {
  const head = importer.head()
  const { height, timestampMs } = head.header
  const { endsAtMs, windowIndex } = getClock(head.state)
  return {
    height,
    timestampMs,
    windowEndsAtMs: endsAtMs,
    windowIndex,
    hasWork: application.hasWorkNow(),
  }
}

/** The index of accounts, if the operator wants one. */
async function openAccountIndex(
  { config, dataDir }: NodeOptions,
  closers: Closers,
): Promise<{ readonly accountIndex?: AccountIndex }> {
  if (!config.accountIndex) return {}
  const accountIndex = await AccountIndex.open(nodePaths(dataDir).accountIndex)
  closers.add(() => accountIndex.close())
  return { accountIndex }
}

/** What every node keeps for charts. */
async function openSeries({ dataDir }: NodeOptions, closers: Closers): Promise<SeriesIndex> {
  const form = { layout: FIGURES_LAYOUT, figureCount: FIGURE_COUNT }
  const series = await SeriesIndex.open(nodePaths(dataDir).series, form)
  closers.add(() => series.close())
  return series
}

/** Lets the index follow the chain. */
function keepUp(
  index: AccountIndex | undefined,
  parts: { readonly backend: NodeBackend; readonly logger: Logger; readonly closers: Closers },
): void {
  if (index === undefined) return
  const { backend, logger, closers } = parts
  const { chainId } = backend.identity
  const indexer = startAccountIndexer({ index, chain: backend, chainId, logger })
  closers.add(() => indexer.close())
}

/** Starts the check of the stored state; the signer waits for it. */
function guardedSigner(
  { signer, logger }: NodeOptions,
  parts: { readonly opened: OpenedChain; readonly halt: Halt; readonly closers: Closers },
): Signer | undefined {
  const { opened, halt, closers } = parts
  const { store, importer } = opened
  const check = startStoreCheck({
    store,
    importer,
    onDamage: halt.now,
    logger: logger.child({ room: 'store' }),
  })
  closers.add(() => check.close())
  if (signer === undefined) return undefined
  return guardSigner(signer, { checked: check.checked, isHalted: () => halt.reason !== undefined })
}

/** Builds block 0; its proofs of possession are checked once per data directory. */
function buildBlockZero({ dataDir, genesis }: NodeOptions): GenesisBlock {
  const wereChecked = areProofsChecked(dataDir, genesis)
  const block = buildGenesis(genesis, { areProofsChecked: wereChecked })
  if (!wereChecked) noteProofsChecked(dataDir, genesis)
  block.tree.release()
  return block
}

function openHalt(options: NodeOptions, opened: () => OpenedChain | undefined): Halt {
  return new Halt({
    dataDir: options.dataDir,
    execution: () => {
      const parts = opened()
      if (parts === undefined) return undefined
      const { chain, senders } = parts
      return { chain, senderOf: (transaction) => senders.senderOf(transaction) }
    },
    importer: () => opened()?.importer,
    recentLog: options.recentLog ?? (() => []),
    nowMs: () => Date.now(),
    logger: options.logger,
  })
}

/** Opens the data directory's chain; a new one may start from a snapshot. */
function openNodeChain(
  options: NodeOptions,
  parts: { readonly genesisBlock: GenesisBlock; readonly recoveries: RecoveryBook; readonly halt: Halt },
): Promise<OpenedChain> {
  const { config, logger, clock, stopSignal } = options
  const { genesisBlock, recoveries, halt } = parts
  const { chain: chainDir } = nodePaths(options.dataDir)
  return openChain({
    genesis: genesisBlock,
    recoveries,
    mempoolLimits: config.mempool,
    openStore: async () => {
      await stateSyncAtStart({
        config,
        chainDir,
        chain: genesisBlock.chain,
        genesis: genesisBlock,
        peerSeed: options.peerSeed,
        ...(stopSignal === undefined ? {} : { signal: stopSignal }),
        logger: logger.child({ room: 'sync' }),
      })
      return openChainStore(chainDir, storeOptionsOf(config))
    },
    signatureWorkers: config.signatureWorkers,
    ...(options.devnet?.recoverOne === undefined ? {} : { recoverOne: options.devnet.recoverOne }),
    nowMs: () => clock.nowMs(),
    monotonicMs: () => clock.monotonicMs(),
    onRefused: halt.noteRefused,
    logger,
  })
}
