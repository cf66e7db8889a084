// Opens host, consensus channels, block and snapshot protocols, and transaction gossip, without starting the host:
// protocols must register before it listens. Simulated nodes open the same protocols on a host of their own.
// Not: consensus messages (createConsensus.ts).
import type { ValidatorSet } from '../base/protocol/validators.ts'
import { type AddressExchangeOptions, createAddressExchange } from '../p2p/addressExchange.ts'
import { announcedAddresses } from '../p2p/addressRecord.ts'
import { createHost } from '../p2p/host.ts'
import type { P2pHost } from '../p2p/protocol.ts'
import { createRangeProtocol, type RangeProtocol } from '../p2p/rangeProtocol.ts'
import { createSnapshotProtocol, type SnapshotSource } from '../p2p/snapshotProtocol.ts'
import type { Timers } from '../p2p/timers.ts'
import { createTxGossip, type TxGossip } from '../p2p/txGossip.ts'
import type { Transaction } from '../state/transaction.ts'
import { AddressFile } from './addressFile.ts'
import { type Closers, openWithClosers } from './closers.ts'
import type { NodeConfig } from './config.ts'
import type { NodeLogger } from './logging.ts'
import { createConsensusNetwork, type NodeNetwork } from './network.ts'
import type { OpenedChain } from './openChain.ts'
import { Ingest } from './pool/ingest.ts'
import type { RecoveryBook } from './recovery/recoveries.ts'
import type { SnapshotFiles } from './sync/snapshotFiles.ts'
import { snapshotSourceOf } from './sync/snapshotSource.ts'
import { syncSourceOf } from './sync/syncSource.ts'
import { openSnapshots } from './watch/upkeep.ts'

/** Under load, send transaction batches this far apart; the first after a pause is sent at once. */
const GOSSIP_BATCH_MS = 50
/** Penalty points for a transaction that no honest peer forwards. */
const MALFORMED_TRANSACTION_POINTS = 10

export interface OpenNetworkOptions {
  readonly config: Pick<NodeConfig, 'p2pListen' | 'p2pAnnounce' | 'peers' | 'unknownPeersMax'>
  /** ed25519 seed of the peer identity, 32 bytes. */
  readonly peerSeed: Uint8Array
  readonly opened: OpenedChain
  readonly recoveries: RecoveryBook
  readonly genesisSet: ValidatorSet
  readonly snapshotsDir: string
  readonly addressFile: string
  /** Whether this node is a validator now; peers send transactions to validators first. */
  readonly isValidator: () => boolean
  /** Called for each transaction that enters the pool, before its submitter gets an answer. */
  readonly onAdmitted: (transaction: Transaction) => void
  /** Unix time, which numbers this node's addresses across restarts. */
  readonly nowMs: () => number
  readonly logger: NodeLogger
}

/** What consensus and the pool need of the network. */
export interface OpenedProtocols {
  readonly host: P2pHost
  readonly consensus: NodeNetwork
  readonly ranges: RangeProtocol
  readonly gossip: TxGossip
  readonly ingest: Ingest
}

export interface OpenedNetwork extends OpenedProtocols {
  readonly snapshotFiles: SnapshotFiles
  close(): Promise<void>
}

export function openNetwork(options: OpenNetworkOptions): Promise<OpenedNetwork> {
  return openWithClosers((closers) => open(options, closers))
}

async function open(options: OpenNetworkOptions, closers: Closers): Promise<OpenedNetwork> {
  const { config, opened } = options
  const { chain, store } = opened
  const snapshotFiles = await openSnapshots(options.snapshotsDir, store)
  closers.add(() => snapshotFiles.close())
  const host = await createHost({
    privateKey: options.peerSeed,
    genesisHash: chain.genesisHash,
    listen: config.p2pListen,
    unknownPeersMax: config.unknownPeersMax,
    logger: options.logger,
  })
  closers.add(() => host.close())
  const addresses = addressesOf(options, host, closers)
  const snapshots = snapshotSourceOf({ store, files: snapshotFiles, genesisSet: options.genesisSet })
  const protocols = openProtocols({ ...options, peers: config.peers, host, addresses, snapshots }, closers)
  return { ...protocols, snapshotFiles, close: () => closers.close() }
}

export type ProtocolsOptions = Pick<
  OpenNetworkOptions,
  'opened' | 'recoveries' | 'isValidator' | 'onAdmitted'
> & {
  /** Not started yet. */
  readonly host: P2pHost
  /** Multiaddrs of other nodes. */
  readonly peers: readonly string[]
  readonly addresses: Omit<AddressExchangeOptions, 'genesisHash' | 'time'>
  readonly snapshots: SnapshotSource
  /** Default: the process's. */
  readonly time?: { readonly clock: Timers; readonly random: () => number }
}

/** Adds all protocols to a host: addresses, snapshots, consensus, block ranges, transaction gossip. */
export function openProtocols(options: ProtocolsOptions, closers: Closers): OpenedProtocols {
  const { host, opened, recoveries, time } = options
  const { chain, store, mempool, senderPool } = opened
  const atTime = time === undefined ? {} : { time }
  const exchange = createAddressExchange(host, {
    ...options.addresses,
    genesisHash: chain.genesisHash,
    ...atTime,
  })
  const snapshots = createSnapshotProtocol(host, options.snapshots, time)
  const consensus = createConsensusNetwork(host, options.peers, time?.clock)
  const ranges = createRangeProtocol(host, syncSourceOf(store, recoveries), time)
  const ingest = new Ingest({
    chainId: chain.chainId,
    mempool,
    senders: senderPool,
    onAdmitted: options.onAdmitted,
  })
  const gossip = createTxGossip(host, {
    batchDelayMs: GOSSIP_BATCH_MS,
    isValidator: options.isValidator,
    ...(time === undefined ? {} : { clock: time.clock }),
    onTransactions: async (peer, transactions) => {
      const { admitted, checked, malformed, dropped } = await ingest.receive(transactions)
      for (const transaction of admitted) gossip.relay(transaction, peer)
      if (malformed > 0) {
        const reason = `${malformed} transactions are malformed or unsigned`
        host.penalise(peer, MALFORMED_TRANSACTION_POINTS, reason)
      }
      return { checked, refused: checked - admitted.length, dropped }
    },
  })
  closers.add(() => {
    gossip.close()
    ranges.close()
    snapshots.close()
    exchange.close()
  })
  return { host, consensus, ranges, gossip, ingest }
}

/** Members' addresses: from an earlier run, from other members, and this node's own to them. */
function addressesOf(
  options: OpenNetworkOptions,
  host: P2pHost,
  closers: Closers,
): ProtocolsOptions['addresses'] {
  const { config, peerSeed, addressFile } = options
  const file = new AddressFile(addressFile, options.logger)
  closers.add(() => file.close())
  return {
    seed: peerSeed,
    stored: file.read(),
    ownAddresses: () =>
      config.p2pAnnounce.length > 0 ? config.p2pAnnounce : announcedAddresses(host.listenAddresses),
    onChange: (records) => file.keep(records),
    nowMs: options.nowMs,
  }
}
