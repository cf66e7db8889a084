// Opens a chain: store, importer and pool, for the node, offline commands, the chain maker and simulated nodes.
// Not: where the store is, the network, consensus.
import type { Hash32 } from '../base/ids.ts'
import type { GenesisBlock } from '../genesis/build.ts'
import type { ChainConfig } from '../state/chain.ts'
import type { ChainStore } from '../storage/types.ts'
import { openImporter } from './chain/importer.ts'
import type { Importer, ImporterOptions } from './chain/importerTypes.ts'
import { type Closers, openWithClosers } from './closers.ts'
import type { NodeLogger } from './logging.ts'
import { Mempool, type MempoolLimits } from './pool/mempool.ts'
import { poolChain } from './pool/poolChain.ts'
import { PrecheckPool } from './pool/precheckPool.ts'
import { RecentSenders } from './pool/recentSenders.ts'
import type { RecoverOne } from './pool/recoverer.ts'
import { createSenderPool, type SenderPool } from './pool/senderPool.ts'
import type { RecoveryBook } from './recovery/recoveries.ts'

export interface OpenChainOptions {
  /** From `buildGenesis`; its tree may already be released. */
  readonly genesis: Pick<GenesisBlock, 'chain' | 'block' | 'changes'>
  readonly openStore: () => Promise<ChainStore>
  /** Accepted recoveries; without them the chain continues by certificates alone. */
  readonly recoveries?: Pick<RecoveryBook, 'on'>
  /** Threads that recover signatures, and as many for prechecks; default 0: on this thread. */
  readonly signatureWorkers?: number
  /** On a devnet: whose a transaction is, with or without a signature. Default: whose signature it has. */
  readonly recoverOne?: RecoverOne
  /** Where the pool's limits differ from the defaults. */
  readonly mempoolLimits?: Partial<MempoolLimits>
  /** The pool's clocks. */
  readonly nowMs?: () => number
  readonly monotonicMs?: () => number
  readonly onRefused?: ImporterOptions['onRefused']
  readonly logger?: Pick<NodeLogger, 'warn' | 'error'>
}

export interface OpenedChain {
  readonly chain: ChainConfig
  readonly store: ChainStore
  readonly importer: Importer
  readonly mempool: Mempool
  /** Senders of recently seen transactions, from any source. */
  readonly senders: RecentSenders
  readonly senderPool: SenderPool
  readonly prechecks: PrecheckPool
  close(): Promise<void>
}

/** Opens the store and everything above it. Leaves nothing open when it throws. */
export function openChain(options: OpenChainOptions): Promise<OpenedChain> {
  return openWithClosers((closers) => open(options, closers))
}

async function open(options: OpenChainOptions, closers: Closers): Promise<OpenedChain> {
  const { genesis, recoveries, logger } = options
  const prechecks = new PrecheckPool({
    modules: genesis.chain.modules,
    chainId: genesis.chain.chainId,
    workers: options.signatureWorkers ?? 0,
    onWorkerLost: (error) => logger?.error({ err: error }, 'a precheck worker was lost'),
  })
  closers.add(() => prechecks.close())
  const chain: ChainConfig = {
    ...genesis.chain,
    knownPrecheck: prechecks.known,
    ...(recoveries === undefined ? {} : { recoveryOn: (floor: Hash32) => recoveries.on(floor) }),
  }
  const store = await options.openStore()
  closers.add(() => store.close())
  const recovering = options.recoverOne === undefined ? {} : { recoverOne: options.recoverOne }
  const senderPool = createSenderPool({
    workers: options.signatureWorkers ?? 0,
    onWorkerLost: (error) => logger?.error({ err: error }, 'a signature worker was lost'),
    ...recovering,
  })
  closers.add(() => senderPool.close())
  const mempool = new Mempool(
    poolChain({
      modules: chain.modules,
      head: () => importer.head(),
      nowMs: options.nowMs ?? Date.now,
      monotonicMs: options.monotonicMs ?? (() => performance.now()),
    }),
    options.mempoolLimits,
  )
  const senders = new RecentSenders({
    chainId: chain.chainId,
    senders: senderPool,
    pooled: (hash) => mempool.get(hash),
    ...recovering,
  })
  const importer = await openImporter(store, {
    chain,
    genesis,
    senderOf: (transaction) => senders.senderOf(transaction),
    decode: (raw) => senders.decode(raw),
    async prepare({ transactions }) {
      await senders.prepare(transactions)
      await prechecks.prepare(
        transactions.flatMap((raw) => senders.get(raw)?.transaction ?? []),
        { urgent: true },
      )
    },
    onWarning: (message, error) => logger?.warn({ err: error }, message),
    ...(options.onRefused === undefined ? {} : { onRefused: options.onRefused }),
  })
  closers.add(() => importer.close())
  return { chain, store, importer, mempool, senders, senderPool, prechecks, close: () => closers.close() }
}
