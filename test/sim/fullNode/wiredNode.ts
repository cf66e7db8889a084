// A whole validator in virtual time, joined by the node's own `openChain`, `openProtocols`, `openConsensus` and
// `createBackend`: consensus channel, ranges, gossip, evidence, penalties and limits are those that run. Only sockets
// (virtualHost.ts), disks (simStorage.ts) and clocks are simulated.
import { join } from 'node:path'
import type { Subject } from '../../../base/protocol/vote.ts'
import type { Clock } from '../../../consensus/ports.ts'
import { developmentValidator } from '../../../genesis/devKeys.ts'
import { genesisValidators } from '../../../genesis/schema.ts'
import type { FinalizedEvent, Importer } from '../../../node/chain/importerTypes.ts'
import { Closers } from '../../../node/closers.ts'
import { DEFAULT_CONFIG } from '../../../node/config.ts'
import type { RoomLogger } from '../../../node/logging.ts'
import { type OpenedChain, openChain } from '../../../node/openChain.ts'
import { openProtocols } from '../../../node/openNetwork.ts'
import { RecoveryBook } from '../../../node/recovery/recoveries.ts'
import {
  type OpenedConsensus,
  openConsensus,
  type StartConsensusOptions,
} from '../../../node/startConsensus.ts'
import { createBackend } from '../../../node/startService.ts'
import { snapshotSourceOf } from '../../../node/sync/snapshotSource.ts'
import type { SignatureChecks } from '../../../node/verifier.ts'
import { VerifierPool } from '../../../node/verifierPool.ts'
import type { SubmitResult } from '../../../rpc/backend.ts'
import { openChainStoreOn } from '../../../storage/chainStore.ts'
import type { ChainStore } from '../../../storage/types.ts'
import { sharedBls } from '../../support/sharedBls.ts'
import type { DevelopmentChain } from './developmentChain.ts'
import { type Life, type SimStorage, simJournal, simSigner, simStore } from './simStorage.ts'
import type { VirtualHost } from './virtualHost.ts'

export interface WiredNodeOptions {
  /** Place in the genesis set: decides its keys. */
  readonly index: number
  readonly development: DevelopmentChain
  /** Not started yet. */
  readonly host: VirtualHost
  readonly storage: SimStorage
  readonly life: Life
  /** Its callbacks never run after the life has ended. */
  readonly clock: Clock
  /** 0 ≤ x < 1, for the order in which equal peers are asked. */
  readonly random: () => number
  /** Evidence and the tree's cache. */
  readonly dir: string
  readonly onSigned: (subject: Subject) => void
  readonly onFinalized: (event: FinalizedEvent) => void
  readonly onHalt: (reason: string) => void
}

/** A running validator; it ends when its life and its host do. */
export interface WiredNode {
  readonly store: ChainStore
  readonly importer: Importer
  readonly consensus: OpenedConsensus
  /** As over JSON-RPC: into the pool, and on to every peer. */
  submit(raw: Uint8Array): Promise<SubmitResult>
}

const QUIET: RoomLogger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => QUIET,
}
const CHECK_MS_MAX = 3
const NO_SNAPSHOTS = { list: () => [], chunk: async () => undefined }
const NO_LAG = { figures: () => ({ loopLagMaxMs: 0, loopLagMeanMs: 0 }) }

/** The chain of a simulated member, honest or not. */
export async function openSimChain(
  options: Pick<WiredNodeOptions, 'development' | 'storage' | 'life' | 'clock' | 'dir'>,
  recoveries: RecoveryBook,
): Promise<OpenedChain> {
  const { development, storage, life, clock, dir } = options
  await storage.database.open()
  return openChain({
    genesis: development.block,
    recoveries,
    openStore: async () => simStore(await openChainStoreOn(storage.database, dir), life),
    nowMs: () => clock.nowMs(),
    monotonicMs: () => clock.monotonicMs(),
  })
}

/** The accepted recoveries of a member: none. */
export function noRecoveries({
  development,
  dir,
}: Pick<WiredNodeOptions, 'development' | 'dir'>): RecoveryBook {
  return RecoveryBook.open({ dir: join(dir, 'recovery'), genesisHash: development.block.chain.genesisHash })
}

export async function startWiredNode(options: WiredNodeOptions): Promise<WiredNode> {
  const { index, development, host, storage, life, clock } = options
  const { genesis } = development
  const { operator, peerSeed } = developmentValidator(index)
  const recoveries = noRecoveries(options)
  const opened = await openSimChain(options, recoveries)
  const network = openProtocols(
    {
      opened,
      recoveries,
      host,
      peers: [],
      addresses: {
        seed: peerSeed,
        stored: [],
        ownAddresses: () => [`/ip4/192.0.2.${index + 1}/tcp/26600`],
        onChange: () => {},
        nowMs: () => clock.nowMs(),
      },
      snapshots: snapshotSourceOf({
        store: opened.store,
        files: NO_SNAPSHOTS,
        genesisSet: genesisValidators(genesis),
      }),
      isValidator: () => consensus.driver.status().self !== undefined,
      onAdmitted: () => consensus.application.notifyWork(),
      time: { clock, random: options.random },
    },
    new Closers(),
  )
  const signer = signerOf(options)
  const halt: StartConsensusOptions['halt'] & { reason: string | undefined } = {
    reason: undefined,
    forUpgrade: (reason) => halt.now(reason),
    now(reason) {
      halt.reason ??= reason
      if (life.isAlive) options.onHalt(reason)
    },
  }
  const consensus = await openConsensus({
    config: DEFAULT_CONFIG,
    genesis,
    paths: { journal: '', evidence: join(options.dir, 'evidence') },
    opened,
    network,
    recoveries,
    signer,
    operatorSecret: operator.secretKey,
    backend: () => backend,
    clock,
    halt,
    logger: QUIET,
    parts: {
      journal: simJournal(storage.journal, life),
      checks: workerChecks(options),
    },
  })
  const backend = createBackend({ genesis, opened, network, consensus, signer, clock, halt, loop: NO_LAG })
  opened.importer.onFinalized((event) => {
    if (life.isAlive) options.onFinalized(event)
  })
  await consensus.start()
  return { store: opened.store, importer: opened.importer, consensus, submit: (raw) => backend.submit(raw) }
}

/** The pool's answers come some time later, as a worker's do: what an attacker's votes cause may happen in between. */
function workerChecks({ clock, random }: WiredNodeOptions): SignatureChecks {
  const pool = new VerifierPool({ bls: sharedBls, hasWorker: false, nowMs: () => clock.monotonicMs() })
  return {
    get counters() {
      return pool.counters
    },
    useValidators: (epoch, set) => pool.useValidators(epoch, set),
    check: (order, done) =>
      pool.check(order, (answer) => void clock.after(Math.ceil(CHECK_MS_MAX * random()), () => done(answer))),
    verifyAll: (checks) => pool.verifyAll(checks),
    close: () => pool.close(),
  }
}

function signerOf({ index, development, storage, life, onSigned }: WiredNodeOptions) {
  return simSigner({
    flags: storage.flags,
    journal: storage.journal,
    life,
    bls: sharedBls,
    secretKey: developmentValidator(index).consensusSecret,
    genesisHash: development.block.chain.genesisHash,
    genesisSet: genesisValidators(development.genesis),
    onSigned,
  })
}
