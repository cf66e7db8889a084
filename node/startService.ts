// The services next to consensus: JSON-RPC, recounts of invariants, snapshots and pruning, the operator's log.
// Owns: starting and closing them in order. Not: what they do.

import type { Logger } from 'pino'
import type { Clock, Signer } from '../consensus/ports.ts'
import type { Genesis } from '../genesis/schema.ts'
import { genesisSchema } from '../genesis/schema.ts'
import type { P2pHost } from '../p2p/protocol.ts'
import type { DevControl } from '../rpc/dev/control.ts'
import { type RunningRpc, startRpc } from '../rpc/start.ts'
import { signerHealth } from '../signer/openSigner.ts'
import type { AccountIndex } from '../storage/accountIndex.ts'
import type { SeriesIndex } from '../storage/seriesIndex.ts'
import { startAdmin } from './adminServer.ts'
import { NodeBackend } from './backend.ts'
import { startRecounts } from './chain/recount.ts'
import { type Closers, openWithClosers } from './closers.ts'
import { type NodeConfig, parseListen } from './config.ts'
import type { Halt } from './halt/halt.ts'
import type { OpenedChain } from './openChain.ts'
import type { OpenedNetwork, OpenedProtocols } from './openNetwork.ts'
import { withGossip } from './pool/gossipShare.ts'
import type { RecoveryBook } from './recovery/recoveries.ts'
import type { OpenedConsensus } from './startConsensus.ts'
import { CLIENT_VERSION } from './version.ts'
import { DiskUse } from './watch/diskUse.ts'
import type { LoopWatch } from './watch/loopWatch.ts'
import { MemberNames } from './watch/memberNames.ts'
import { startMeters } from './watch/metrics.ts'
import { operatorSource } from './watch/operatorFigures.ts'
import { startOperatorLog } from './watch/operatorLog.ts'
import { startUpkeep } from './watch/upkeep.ts'

export interface ServiceOptions {
  readonly dataDir: string
  readonly config: NodeConfig
  readonly genesis: Genesis
  readonly opened: OpenedChain
  readonly network: OpenedNetwork
  readonly consensus: OpenedConsensus
  readonly recoveries: RecoveryBook
  readonly signer: Signer | undefined
  readonly clock: Clock
  readonly halt: Halt
  readonly loop: LoopWatch
  /** For the methods that only a devnet has. */
  readonly control?: DevControl
  /** Listens instead of the usual server, which ends with its node. */
  readonly startRpc?: typeof startRpc
  readonly logger: Logger
}

export type BackendParts = Pick<ServiceOptions, 'genesis' | 'opened' | 'consensus' | 'signer' | 'clock'> & {
  readonly network: OpenedProtocols
  readonly halt: Pick<Halt, 'reason'>
  readonly loop: Pick<LoopWatch, 'figures'>
  readonly accountIndex?: AccountIndex
  readonly series?: SeriesIndex
}

/** Creates the backend of JSON-RPC. */
export function createBackend(options: BackendParts): NodeBackend {
  const { genesis, opened, network, consensus, signer, clock, halt, loop, accountIndex, series } = options
  const { chain, store, importer, mempool } = opened
  const isSyncing = (): boolean => consensus.blockSync.progress() !== undefined
  return new NodeBackend({
    ...(accountIndex === undefined ? {} : { accountIndex }),
    ...(series === undefined ? {} : { series }),
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
    ingest: withGossip(network.ingest, network.gossip, mempool),
    nowMs: () => clock.nowMs(),
    halted: () => halt.reason,
    health: () => {
      const { epoch, view, self } = consensus.driver.status()
      return {
        live: halt.reason === undefined && !isAlone(network.host) && !isSyncing(),
        ...(halt.reason === undefined ? {} : { halted: halt.reason }),
        ...(self === undefined ? {} : { validatorIndex: self }),
        ...signerHealth(signer, isSyncing()),
        ...loop.figures(),
        epoch,
        view,
        heartbeatMs: genesis.consensus.heartbeatMs,
        peerCount: network.host.peers().filter((peer) => peer.connected).length,
      }
    },
    syncing: () => consensus.blockSync.progress(),
    evidence: () => consensus.evidence.held(),
  })
}

/** Whether there are peers to talk to, and none is connected: what this node shows no longer changes. */
function isAlone(host: Pick<P2pHost, 'peers'>): boolean {
  const peers = host.peers()
  return peers.length > 0 && peers.every(({ connected }) => !connected)
}

export interface RunningService {
  readonly rpc: RunningRpc
  readonly members: MemberNames
  close(): Promise<void>
}

/** Resolves once JSON-RPC listens. Leaves nothing running when it throws. */
export function startService(
  options: ServiceOptions & { readonly backend: NodeBackend },
): Promise<RunningService> {
  return openWithClosers((closers) => start(options, closers))
}

async function start(
  options: ServiceOptions & { readonly backend: NodeBackend },
  closers: Closers,
): Promise<RunningService> {
  const { config, genesis, opened, network, consensus, backend, halt, logger } = options
  const { chain, store, importer } = opened
  const isSyncing = (): boolean => consensus.blockSync.progress() !== undefined
  closers.add(
    startRecounts({
      isSyncing,
      modules: chain.modules,
      importer,
      store,
      contextOf: (height) => {
        const view = backend.stateAt(height)
        return view === undefined ? undefined : { state: view.state, block: view.context }
      },
      onFinding: (finding, height) => {
        logger.error({ ...finding, height }, 'invariant violated, found by a full recount')
        if (finding.severity === 'halt') halt.now(`invariant ${finding.invariant}: ${finding.reason}`)
      },
      onSkipped: (reason) => logger.warn({ reason }, 'the recount of invariants did not run'),
    }),
  )
  const upkeep = startUpkeep({
    config,
    store,
    importer,
    files: network.snapshotFiles,
    isSyncing,
    isKept: (height) => options.recoveries.all().some(({ recovery }) => recovery.floor.height === height),
    onFault: halt.now,
    logger: logger.child({ room: 'upkeep' }),
  })
  closers.add(() => upkeep.close())
  const members = new MemberNames(chain, importer)
  const watch = startOperatorLog({
    onFinalized: (listener) => importer.onFinalized(listener),
    host: network.host,
    network: network.consensus,
    members,
    status: () => consensus.driver.status(),
    timing: genesis.consensus,
    clock: options.clock,
    logger,
  })
  closers.add(() => watch.close())
  const watched = {
    status: () => consensus.driver.status(),
    host: network.host,
    members,
    disk: new DiskUse(options.dataDir),
    clockOffsetMs: () => watch.clockOffsetMs(),
  }
  const meters = startMeters({ backend, importer, ...watched })
  closers.add(() => meters.close())
  const metricsPort = parseListen(config.metricsListen)
  const rpc = await (options.startRpc ?? startRpc)({
    backend,
    operator: operatorSource({ ...watched, isShown: config.operatorView, mempool: opened.mempool }),
    metrics: (out) => meters.write(out),
    ...(metricsPort === undefined ? {} : { metricsPort }),
    modules: chain.modules,
    host: config.rpcHost,
    port: config.rpcPort,
    hosts: config.rpcAllowedHosts,
    origins: config.rpcAllowedOrigins,
    ...(options.control === undefined ? {} : { control: options.control }),
    log: logger.child({ room: 'rpc' }),
  })
  closers.add(() => rpc.close())
  const { mempool } = opened
  closers.add(await startAdmin({ dataDir: options.dataDir, host: network.host, members, mempool, logger }))
  return { rpc, members, close: () => closers.close() }
}
