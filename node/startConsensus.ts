// Joins consensus in order: evidence, floor of a recovery, validator set, host, driver, followers.
// Not: the parts themselves (createConsensus.ts, evidence/, recovery/, sync/).

import { bls } from '../base/crypto/bls.ts'
import type { Bls } from '../base/crypto/types.ts'
import { parseBlockCheckpoint } from '../base/protocol/checkpoint.ts'
import { indexOfKey, quorum } from '../base/protocol/validators.ts'
import { PROTOCOL_VERSION } from '../base/protocol/version.ts'
import type { Clock, JournalStore, Signer } from '../consensus/ports.ts'
import type { Genesis } from '../genesis/schema.ts'
import { dispatcherOf, gasOf, laneOf } from '../state/dispatch.ts'
import { protocolVersionOf } from '../state/versions.ts'
import { Journal } from '../storage/journal.ts'
import type { WantedBlocks } from './application.ts'
import type { NodeBackend } from './backend.ts'
import { type Closers, openWithClosers } from './closers.ts'
import type { NodeConfig } from './config.ts'
import { type Consensus, createConsensus } from './createConsensus.ts'
import { type RunningEvidence, startEvidence } from './evidence/evidence.ts'
import type { Halt } from './halt/halt.ts'
import type { RoomLogger } from './logging.ts'
import type { OpenedChain } from './openChain.ts'
import type { OpenedProtocols } from './openNetwork.ts'
import { recoveryEvidence } from './recovery/epochSteps.ts'
import type { RecoveryBook } from './recovery/recoveries.ts'
import {
  decidingNow,
  followRecoveries,
  isBelowRecovery,
  reachFloor,
  remindOfUntrusted,
} from './recovery/recoveryStart.ts'
import { LossProver, type Submitter } from './signerLoss.ts'
import { startFollower } from './sync/follower.ts'
import type { SignatureChecks } from './verifier.ts'
import { VerifierPool } from './verifierPool.ts'
import { startUpgradeWatch } from './watch/upgradeWatch.ts'
import { checkCheckpoint } from './watch/upkeep.ts'

/** Under load a proposer waits this long after its parent: every block costs each validator about 15 ms, full or empty. */
const BUILD_DELAY_UNDER_LOAD_MS = 250
/** Penalty points for blocks of a chain other than the final one. */
const FOREIGN_CHAIN_POINTS = 60

export interface StartConsensusOptions {
  readonly config: Pick<NodeConfig, 'checkpoint' | 'snapshots' | 'signatureWorkers'>
  readonly genesis: Genesis
  readonly paths: { readonly journal: string; readonly evidence: string }
  readonly opened: OpenedChain
  readonly network: OpenedProtocols
  readonly recoveries: RecoveryBook
  /** Undefined for a node that only follows. */
  readonly signer: Signer | undefined
  /** secp256k1 secret of the account that pays for evidence; undefined: evidence is only logged, and anyone may submit it. */
  readonly operatorSecret: Uint8Array | undefined
  readonly backend: () => Pick<NodeBackend, 'nextBaseFees' | 'submit' | 'blockByHeight' | 'finalityOf'>
  readonly clock: Clock
  readonly halt: Pick<Halt, 'now' | 'forUpgrade' | 'reason'>
  readonly logger: RoomLogger
  readonly wantedBlocks?: WantedBlocks
  /** Default: the fastest there is. */
  readonly bls?: Bls
  /** What a simulated node has instead of a journal's files and of threads that check signatures. */
  readonly parts?: { readonly journal: JournalStore; readonly checks: SignatureChecks }
}

export interface OpenedConsensus extends Consensus {
  readonly evidence: RunningEvidence
  /** Starts the host and joins consensus. */
  start(): Promise<void>
  /**
   * On a devnet of this validator alone: makes an earlier block the head with `goBack` while nobody votes, empties the journal, makes
   * the signer forget its votes with `forget`, and joins anew. When `goBack` throws, it joins as if nothing had happened.
   */
  restartAfter(steps: { goBack(): Promise<void>; forget(): Promise<void> }): Promise<void>
  close(): Promise<void>
}

/** Creates every part; nothing runs before `start`. Leaves nothing open when it throws. */
export function openConsensus(options: StartConsensusOptions): Promise<OpenedConsensus> {
  return openWithClosers((closers) => open(options, closers))
}

async function open(options: StartConsensusOptions, closers: Closers): Promise<OpenedConsensus> {
  const { config, opened, network, recoveries, halt, logger, clock } = options
  const { host } = network
  const checkpoint = parseBlockCheckpoint(config.checkpoint)
  checkCheckpoint(opened.store, checkpoint)
  let { journal, checks } = options.parts ?? (await openParts(options))
  const evidence = openEvidence(options, checks, () => consensus)
  closers.add(() => evidence.close())
  const consensusLog = logger.child({ room: 'consensus' })
  const consensus = createConsensus({
    opened,
    genesis: options.genesis,
    network: network.consensus,
    peers: network,
    sync: {
      sync: network.ranges,
      isSnapshotHeight: (height) => height % Math.max(1, config.snapshots.everyBlocks) === 0,
      ...(checkpoint === undefined ? {} : { checkpoint }),
      penalise: (peer, reason) => host.penalise(peer, FOREIGN_CHAIN_POINTS, reason),
      recoveries,
      onUntrusted: remindOfUntrusted(logger.child({ room: 'recovery' }), () => clock.monotonicMs()),
    },
    recoveries,
    journal,
    signer: options.signer,
    bls: options.bls ?? bls,
    checks,
    clock,
    jitterSeed: host.peerIdBytes.reduce((n, b) => (n * 31 + b) >>> 0, 7),
    buildDelayUnderLoadMs: BUILD_DELAY_UNDER_LOAD_MS,
    ...(options.wantedBlocks === undefined ? {} : { wantedBlocks: options.wantedBlocks }),
    onMisbehaviour: (found) => void evidence.report(found),
    onHalt: halt.now,
    log: (level, text, fields) => consensusLog[level](fields ?? {}, text),
    loggerOf: (room) => logger.child({ room }),
  })
  closers.add(() => consensus.application.close())
  // Journal and threads are open from here on, whether it is started or not.
  closers.add(() => consensus.driver.close())
  return {
    get driver() {
      return consensus.driver
    },
    application: consensus.application,
    blockSync: consensus.blockSync,
    renew: consensus.renew,
    evidence,
    start: () => start(options, { consensus, journal, closers }),
    async restartAfter({ goBack, forget }) {
      await consensus.driver.retire()
      try {
        await goBack()
        // It would replay blocks that are not the chain's any more.
        await journal.clear?.()
        await forget()
        consensus.application.onTakenBack()
      } catch (error) {
        await journal.close()
        journal = await openJournal(options)
        throw error
      } finally {
        await consensus.renew(journal)
      }
    },
    close: () => closers.close(),
  }
}

async function openJournal({ paths, opened, logger }: StartConsensusOptions): Promise<Journal> {
  const journal = await Journal.open({ dir: paths.journal, genesisHash: opened.chain.genesisHash })
  if (journal.damage !== 'none')
    logger.warn({ damage: journal.damage }, 'the journal was damaged by the last stop')
  return journal
}

async function openParts(options: StartConsensusOptions) {
  const { config, logger } = options
  const journal = await openJournal(options)
  const checks: SignatureChecks = new VerifierPool({
    bls: options.bls ?? bls,
    hasWorker: config.signatureWorkers > 0,
    onWorkerLost: (error) => logger.error({ err: error }, 'the worker that checks votes was lost'),
  })
  return { journal, checks }
}

function openEvidence(
  options: StartConsensusOptions,
  checks: SignatureChecks,
  consensus: () => Consensus,
): RunningEvidence {
  const { opened, clock, logger } = options
  const { chain, importer } = opened
  const status = () => consensus().driver.status()
  const submitter = submitterOf(options)
  const turn = () => status().self ?? status().validatorCount
  return startEvidence({
    dir: options.paths.evidence,
    chain,
    importer,
    host: options.network.host,
    submitter: submitter === undefined ? undefined : { ...submitter, turn },
    checks,
    clock,
    logger: logger.child({ room: 'evidence' }),
  })
}

/** Transactions of the configured account, for evidence and for a signer's loss. */
function submitterOf(options: StartConsensusOptions): Submitter | undefined {
  const { opened, operatorSecret: secretKey } = options
  const { chain, mempool } = opened
  if (secretKey === undefined) return undefined
  const dispatcher = () => dispatcherOf(chain.modules, protocolVersionOf(opened.importer.head().state))
  return {
    chainId: chain.chainId,
    secretKey,
    gasOf: (transaction: Parameters<typeof gasOf>[1]) => gasOf(dispatcher(), transaction),
    nextBaseFee: (transaction: Parameters<typeof laneOf>[1]) =>
      options.backend().nextBaseFees()[laneOf(dispatcher(), transaction) ?? 'general'],
    pendingNonce: (address: Parameters<typeof mempool.pendingNonce>[0]) => mempool.pendingNonce(address),
    isPending: (id: Parameters<typeof mempool.has>[0]) => mempool.has(id),
    submit: (raw: Uint8Array) => options.backend().submit(raw),
  }
}

/** Ends the loss of a signer's record by a proof; nothing to do while there is none. */
function proveLosses(options: StartConsensusOptions, signer: Signer): LossProver {
  return new LossProver({
    signer,
    onFinalized: (listener) => options.opened.importer.onFinalized(listener),
    chain: options.backend,
    submitter: submitterOf(options),
    clock: options.clock,
    logger: options.logger.child({ room: 'signer' }),
  })
}

async function start(
  options: StartConsensusOptions,
  {
    consensus,
    journal,
    closers,
  }: { readonly consensus: Consensus; readonly journal: JournalStore; readonly closers: Closers },
): Promise<void> {
  const { opened, network, recoveries, signer, halt, logger } = options
  const { chain, importer, store } = opened
  await reachFloor(importer, recoveries, journal.replayed)
  const set = decidingNow(chain, importer, recoveries)
  network.consensus.useValidators(
    set,
    signer === undefined ? undefined : indexOfKey(set.validators, signer.publicKey),
  )
  await network.host.start()
  const { latest } = recoveries
  // Accepting a recovery ends the right to sign in older epochs, wherever this node's head is.
  if (latest !== undefined) {
    const { epoch } = latest.recovery
    await signer?.beginEpoch(epoch, recoveryEvidence(store, recoveries, epoch))
  }
  await consensus.driver.start()
  const upgrades = startUpgradeWatch({
    importer,
    versionMax: chain.versionMax ?? PROTOCOL_VERSION,
    halt: (reason) => {
      halt.forUpgrade(reason)
      consensus.driver.halt(reason)
    },
    nowMs: () => options.clock.nowMs(),
    logger: logger.child({ room: 'upgrade' }),
  })
  closers.add(() => upgrades.close())
  closers.add(
    followRecoveries({
      importer,
      book: recoveries,
      store,
      enterEpoch: (floor) => consensus.driver.enterEpoch(floor),
      logger: logger.child({ room: 'recovery' }),
    }),
  )
  if (signer !== undefined) {
    const prover = proveLosses(options, signer)
    closers.add(() => prover.close())
  }
  const follower = startFollower({
    blockSync: consensus.blockSync,
    role: () => {
      if (halt.reason !== undefined) return 'none'
      const { self, validatorCount } = consensus.driver.status()
      // Validators of this epoch do not answer one that was removed while it was away: it syncs as a follower.
      const isAlone = network.consensus.reachableValidators() + 1 < quorum(validatorCount)
      return self === undefined || isAlone || isBelowRecovery(importer, recoveries) ? 'follower' : 'validator'
    },
    onCommit: (block, certificate) => consensus.driver.observe(block, certificate),
    onFault: halt.now,
    clock: options.clock,
    logger: logger.child({ room: 'follower' }),
  })
  closers.add(() => follower.close())
  if (signer?.observing === true) {
    logger.warn(
      { epoch: consensus.driver.status().epoch },
      'the record of what this key signed is lost or damaged: it signs nothing until a later epoch is proven',
    )
  }
}
