// The chain that simulated peers serve: made once per process by the real importer, held as bytes. Owns: blocks, every
// block's F, forged variants. Not: who serves which certificates (syncPeers.ts).
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { mustExist } from '../../../base/assert.ts'
import { bls } from '../../../base/crypto/bls.ts'
import type { SealedBlock } from '../../../base/protocol/header.ts'
import {
  type Certificate,
  certificateSchema,
  certificateSigners,
  type Subject,
  voteBytes,
} from '../../../base/protocol/vote.ts'
import { ChainMaker } from '../../../bench/chainMaker.ts'
import { developmentGenesis } from '../../../devnet/genesisOptions.ts'
import { buildGenesis, type GenesisBlock } from '../../../genesis/build.ts'
import { developmentValidator } from '../../../genesis/devKeys.ts'

const VALIDATORS = 4
const BLOCK_TIME_MS = 250
/** Long enough that a run without certificates exceeds what may stand unfinalized, in each of two epochs. */
export const EPOCH_BLOCKS = 100
export const CHAIN_BLOCKS = 200

export interface SyncChain {
  readonly genesis: GenesisBlock
  /** By height; index 0 is genesis. */
  readonly blocks: readonly SealedBlock[]
  /** F of every block, by height; none for genesis. */
  readonly certificates: readonly (Certificate | undefined)[]
}

let made: Promise<SyncChain> | undefined

export function syncChain(): Promise<SyncChain> {
  made ??= makeChain()
  return made
}

async function makeChain(): Promise<SyncChain> {
  const dir = mkdtempSync(join(tmpdir(), 'suanli-sync-chain-'))
  const plain = developmentGenesis({ validators: VALIDATORS, blockTimeMs: BLOCK_TIME_MS, windowMs: 60_000 })
  const providers = { ...plain.params.providers, epochBlocksMax: EPOCH_BLOCKS }
  const genesis = { ...plain, params: { ...plain.params, providers } }
  const maker = await ChainMaker.open({ dir, genesis, validators: VALIDATORS, blockTimeMs: BLOCK_TIME_MS })
  try {
    await maker.grow({ blocks: CHAIN_BLOCKS, transactionsPerBlock: 1 })
    const heights = Array.from({ length: CHAIN_BLOCKS + 1 }, (_, height) => height)
    return {
      genesis: buildGenesis(genesis),
      blocks: heights.map((height) => maker.store.blockAt(height)!),
      certificates: heights.map((height) => maker.store.certificateAt(height)),
    }
  } finally {
    await maker.close()
    rmSync(dir, { recursive: true })
  }
}

/** A certificate truly signed by the same validators over a changed subject. */
export function signedAgain(
  chain: SyncChain,
  certificate: Certificate,
  change: Partial<Pick<Subject, 'epoch' | 'kind'>>,
): Uint8Array {
  const subject: Subject = { ...certificate.subject, ...change }
  const message = voteBytes(chain.genesis.chain.genesisHash, subject)
  const signers = certificateSigners(certificate, VALIDATORS)!
  const signatures = signers.map((i) => bls.sign(developmentValidator(i).consensusSecret, message))
  return certificateSchema.encode({
    ...certificate,
    subject,
    signature: mustExist(bls.aggregate(signatures), 'signatures'),
  })
}
