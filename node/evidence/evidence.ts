// Handles evidence of double votes: keeps it, and reports it to peers, operator and chain.
// Owns: the wiring. Not: the parts (evidencePool.ts, evidenceSubmitter.ts, p2p/evidenceGossip.ts).
import { mustExist } from '../../base/assert.ts'
import { toHex } from '../../base/bytes.ts'
import { moduleAddress } from '../../base/moduleDefinition.ts'
import { evidenceSchema as proofSchema, voteAsCertificate } from '../../base/protocol/evidence.ts'
import { epochAbove } from '../../base/protocol/header.ts'
import type { Clock } from '../../consensus/ports.ts'
import type { Misbehaviour } from '../../consensus/types.ts'
import { createEvidenceGossip } from '../../p2p/evidenceGossip.ts'
import type { P2pHost, PeerKey } from '../../p2p/protocol.ts'
import type { ChainConfig } from '../../state/chain.ts'
import { blockContextOf } from '../../state/engine.ts'
import { evidenceCalldata } from '../../state/modules/evidence/calldata.ts'
import { isConvicted } from '../../state/modules/evidence/convictions.ts'
import { evidenceSchema } from '../../state/modules/evidence/schema.ts'
import { validatorSetOfEpoch } from '../../state/modules/providers/pastSets.ts'
import type { Importer } from '../chain/importerTypes.ts'
import type { NodeLogger } from '../logging.ts'
import type { SignatureChecks } from '../verifier.ts'
import { EvidencePool, type EvidenceVerdict, type HeldEvidence } from './evidencePool.ts'
import { EvidenceSubmitter, type EvidenceSubmitterOptions } from './evidenceSubmitter.ts'

export interface EvidenceOptions {
  readonly dir: string
  readonly chain: ChainConfig
  readonly importer: Importer
  /** Not started yet. */
  readonly host: P2pHost
  /** Absent without an account for fees; the calldata is then logged and served, and anyone may submit it. */
  readonly submitter: Omit<EvidenceSubmitterOptions, 'held' | 'clock' | 'logger'> | undefined
  /** Where proofs of peers are verified. */
  readonly checks: Pick<SignatureChecks, 'verifyAll'>
  readonly clock: Clock
  readonly logger: NodeLogger
}

export interface RunningEvidence {
  /** Evidence from this node's own consensus; resolves when it is judged, and never rejects. */
  report(misbehaviour: Misbehaviour): Promise<void>
  /** Evidence the chain has not judged yet. */
  held(): readonly HeldEvidence[]
  close(): Promise<void>
}

/** The block context in which evidence submitted now would be judged, except that its time is the head's. */
function judgingContext(chain: ChainConfig, importer: Importer) {
  const { header, state } = importer.head()
  const block = blockContextOf(chain, { header, state }, header)
  // Above a boundary the next epoch has begun.
  return { state, block: { ...block, epoch: epochAbove(header) } }
}

/** Loads stored evidence and joins the gossip. Call before the host starts. */
export function startEvidence(options: EvidenceOptions): RunningEvidence {
  const { dir, chain, importer, host, clock, logger } = options
  const pool = EvidencePool.open({
    dir,
    genesisHash: chain.genesisHash,
    verifyAll: (checks) => options.checks.verifyAll(checks),
    setOf: (epoch) => validatorSetOfEpoch(judgingContext(chain, importer), epoch),
    isConvicted: (provider, epoch) => isConvicted(importer.head().state, provider, epoch),
    onFault: (error) => logger.error({ err: error }, 'evidence could not be kept on disk'),
  })
  const submitter =
    options.submitter === undefined
      ? undefined
      : new EvidenceSubmitter({ ...options.submitter, held: () => pool.held(), clock, logger })
  const add = async (bytes: Uint8Array, from: PeerKey | undefined): Promise<EvidenceVerdict> => {
    const verdict = await pool.add(bytes)
    if (verdict === 'added') {
      tell(
        logger,
        mustExist(
          pool.held().find((item) => item.bytes === bytes),
          'added evidence is held',
        ),
        submitter !== undefined,
      )
      gossip.publish(bytes, from)
      submitter?.wake()
    }
    return verdict
  }
  const gossip = createEvidenceGossip(host, {
    onEvidence: async (peer, bytes) => {
      const verdict = await add(bytes, peer)
      return verdict === 'refused' ? 'false' : verdict === 'unjudged' ? 'unjudged' : 'proven'
    },
    held: () => pool.held().map(({ bytes }) => bytes),
    clock,
  })
  const stop = importer.onFinalized(() => {
    if (pool.held().length > 0) pool.prune()
  })
  pool.loaded.then(
    () => submitter?.start(),
    (error: unknown) => logger.error({ err: error }, 'evidence of an earlier run could not be read'),
  )
  return {
    async report(misbehaviour) {
      const { epoch } = misbehaviour.first.subject
      const set = validatorSetOfEpoch(judgingContext(chain, importer), epoch)
      if (set === undefined) return
      const count = set.validators.length
      const proof =
        misbehaviour.kind === 'certificates'
          ? misbehaviour
          : {
              first: voteAsCertificate(misbehaviour.first, count),
              second: voteAsCertificate(misbehaviour.second, count),
            }
      const bytes = proofSchema.encode({ first: proof.first, second: proof.second })
      await add(bytes, undefined).catch((error: unknown) =>
        logger.error({ err: error }, 'evidence was not judged'),
      )
    },
    held: () => pool.held(),
    async close() {
      stop()
      submitter?.close()
      await pool.close()
    },
  }
}

/** Logs everything that anyone needs to submit the evidence. */
function tell(logger: NodeLogger, item: HeldEvidence, isSubmitted: boolean): void {
  const { kind, epoch, view, providers, bytes } = item
  const transaction = { to: toHex(moduleAddress(evidenceSchema)), data: toHex(evidenceCalldata(bytes)) }
  logger.error(
    { kind, epoch, view, providers, transaction },
    isSubmitted
      ? 'a validator voted twice: the evidence will be submitted'
      : 'a validator voted twice: any account may submit this evidence',
  )
}
