// A devnet that goes on from a state file. Owns: that the devnet's keys can go on from it, and installing it in a validator's folder.
// Not: the file (node/stateFile.ts). A chain whose members have other keys is refused: who may sign is part of its state, so that
// nobody could go on with the same height and root. A fork is a chain of its own (fork.ts).
import { createReadStream, type ReadStream, rmSync, statSync } from 'node:fs'
import { pipeline } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { equalBytes } from '../base/bytes.ts'
import { bls } from '../base/crypto/bls.ts'
import { OperatorError } from '../base/errors.ts'
import { verifyEpochProof } from '../base/protocol/epochProof.ts'
import { trustedSet, verifyFinality } from '../base/protocol/finalityProof.ts'
import type { ValidatorSet } from '../base/protocol/validators.ts'
import { developmentValidator } from '../genesis/devKeys.ts'
import { DEVNET_VALIDATORS } from '../genesis/devnet.ts'
import { genesisHash, genesisValidators } from '../genesis/schema.ts'
import { nodePaths } from '../node/nodePaths.ts'
import {
  installStateFile,
  linesOf,
  readStateFileHead,
  type StateEdits,
  StateFileError,
  type StateFileHead,
} from '../node/stateFile.ts'
import { hasChainStore } from '../storage/install.ts'
import { checkDevelopmentGenesis } from './genesisOptions.ts'
import type { DevnetMember } from './member.ts'
import { forgetSigned } from './takeBack.ts'

/** Gives the lines of a state file, each time from its beginning. */
export type StateLines = () => AsyncIterable<string>

/** Of a file on disk; gzipped when its name ends in `.gz`. */
export function stateLinesOf(file: string): StateLines {
  return () => (file.endsWith('.gz') ? unzippedLines(file) : linesOf(openFile(file).setEncoding('utf8')))
}

/** It is read several times, which only a file on disk can be. */
function openFile(file: string): ReadStream {
  if (statSync(file, { throwIfNoEntry: false })?.isFile() === false)
    throw new OperatorError(`${file} is no file: a state is read from one`)
  return createReadStream(file)
}

async function* unzippedLines(file: string): AsyncGenerator<string> {
  try {
    yield* linesOf(pipeline(openFile(file), createGunzip(), () => {}).setEncoding('utf8'))
  } catch (error) {
    if (!(error as { readonly code?: string }).code?.startsWith('Z_')) throw error
    throw new StateFileError(`${file} is not what gzip wrote, or it is cut`)
  }
}

/** A state that follows from its genesis, and the validator set of each of its epochs; above a boundary the next one too. */
export interface ProvenState {
  readonly head: StateFileHead
  readonly sets: readonly ValidatorSet[]
}

/** Throws StateFileError, or OperatorError when the block does not follow from the file's genesis by its proofs. */
export async function readProvenState(lines: StateLines, name: string): Promise<ProvenState> {
  const head = await readStateFileHead(lines())
  const { genesis, block, certificate, epochProofs } = head
  let trusted = trustedSet({
    genesisHash: genesisHash(genesis),
    epoch: 0,
    height: 0,
    set: genesisValidators(genesis),
  })
  const sets = [trusted.set]
  if (certificate === undefined) return { head, sets }
  const refused = (reason: string): never => {
    throw new OperatorError(
      `${name}: block ${block.header.height} does not follow from its genesis: ${reason}`,
    )
  }
  for (const proof of epochProofs) {
    const step = verifyEpochProof(trusted, proof)
    if (!step.ok) return refused(step.failure.reason)
    sets.push(step.value.next.set)
    // The last may be the block's own, which is of the epoch that it ends.
    if (proof.header.epoch < block.header.epoch) trusted = step.value.next
  }
  const final = verifyFinality(trusted, { header: block.header, path: [], certificate })
  if (!final.ok) return refused(final.failure.reason)
  if (block.header.endsEpoch && sets.length < block.header.epoch + 2)
    return refused('it ends an epoch, and the next set is missing')
  return { head, sets }
}

/** A state that a devnet can go on from as it is, and how many validators that takes. */
export interface LoadableState {
  readonly head: StateFileHead
  readonly validators: number
}

/** Throws StateFileError, or OperatorError saying why no devnet can go on from it. */
export async function readLoadableState(lines: StateLines, name: string): Promise<LoadableState> {
  checkDevelopmentGenesis((await readStateFileHead(lines())).genesis, name, { areOperatorsFree: true })
  const { head, sets } = await readProvenState(lines, name)
  const { validators } = sets.at(-1)!
  for (const { id, consensusKey } of validators) {
    if (id <= DEVNET_VALIDATORS.max && isDevelopmentKey(id, consensusKey)) continue
    throw new OperatorError(
      `${name}: validator ${id} has a key that no devnet has, so that no devnet can go on from this state: --fork begins a chain of ` +
        'its own from it',
    )
  }
  return { head, validators: Math.max(head.genesis.providers.length, ...validators.map(({ id }) => id)) }
}

const isDevelopmentKey = (id: number, consensusKey: Uint8Array): boolean =>
  equalBytes(consensusKey, bls.publicKey(developmentValidator(id - 1).consensusSecret))

/** Puts the state into a validator's folder, in the place of the chain that is there. Its process must not run. */
export async function installState(
  { dir }: DevnetMember,
  lines: StateLines,
  edits?: StateEdits,
): Promise<void> {
  const paths = nodePaths(dir)
  const { block } = edits?.head ?? (await readStateFileHead(lines()))
  rmSync(paths.chain, { recursive: true, force: true })
  rmSync(paths.snapshots, { recursive: true, force: true })
  // Block 0 is what a node without a chain begins with.
  if (block.header.height > 0) await installStateFile(paths.chain, lines, edits)
}

/** As `installState`, for validators that have voted: they forget it, all of them. */
export async function replaceState(member: DevnetMember, lines: StateLines): Promise<void> {
  await installState(member, lines)
  forgetSigned(member)
}

/** Whether all of these folders hold a chain. */
export const haveChains = (members: readonly DevnetMember[]): boolean =>
  members.every(({ dir }) => hasChainStore(nodePaths(dir).chain))

/** Throws OperatorError when one of these folders holds a chain already. */
export function checkNoChain(members: readonly DevnetMember[], dataDir: string): void {
  if (!members.some(({ dir }) => hasChainStore(nodePaths(dir).chain))) return
  throw new OperatorError(
    `${dataDir} holds a chain already: a state is loaded into a new devnet (--fresh deletes the old one)`,
  )
}
