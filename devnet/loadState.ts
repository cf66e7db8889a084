// A devnet that goes on from a state file. Owns: that the devnet's keys can go on from it, and installing it in a validator's folder.
// Not: the file (node/stateFile.ts). A chain whose members have other keys is refused: who may sign is part of its state.
import { createReadStream, rmSync } from 'node:fs'
import { createGunzip } from 'node:zlib'
import { toHex } from '../base/bytes.ts'
import { bls } from '../base/crypto/bls.ts'
import { OperatorError } from '../base/errors.ts'
import { verifyEpochProof } from '../base/protocol/epochProof.ts'
import { trustedSet, verifyFinality } from '../base/protocol/finalityProof.ts'
import { developmentValidator } from '../genesis/devKeys.ts'
import { genesisHash, genesisValidators } from '../genesis/schema.ts'
import { nodePaths } from '../node/nodePaths.ts'
import { installStateFile, linesOf, readStateFileHead, type StateFileHead } from '../node/stateFile.ts'
import { hasChainStore } from '../storage/install.ts'
import { checkDevelopmentGenesis } from './genesisOptions.ts'
import type { DevnetMember } from './member.ts'
import { forgetSigned } from './takeBack.ts'

/** Gives the lines of a state file, each time from its beginning. */
export type StateLines = () => AsyncIterable<string>

/** Of a file on disk; gzipped when its name ends in `.gz`. */
export function stateLinesOf(file: string): StateLines {
  return () => {
    const stream = createReadStream(file)
    if (!file.endsWith('.gz')) return linesOf(stream.setEncoding('utf8'))
    const text = createGunzip()
    stream.once('error', (error) => text.destroy(error))
    return linesOf(stream.pipe(text).setEncoding('utf8'))
  }
}

/** The head of a state that a devnet can go on from. Throws StateFileError, or OperatorError saying why it cannot. */
export async function readLoadableState(lines: StateLines, name: string): Promise<StateFileHead> {
  const found = await readStateFileHead(lines())
  const { genesis, block, certificate, epochProofs } = found
  checkDevelopmentGenesis(genesis, name)
  if (certificate === undefined) return found
  let trusted = trustedSet({
    genesisHash: genesisHash(genesis),
    epoch: 0,
    height: 0,
    set: genesisValidators(genesis),
  })
  const refused = (reason: string): never => {
    throw new OperatorError(
      `${name}: block ${block.header.height} does not follow from its genesis: ${reason}`,
    )
  }
  for (const proof of epochProofs) {
    if (proof.header.epoch >= block.header.epoch) break
    const step = verifyEpochProof(trusted, proof)
    if (!step.ok) return refused(step.failure.reason)
    trusted = step.value.next
  }
  const final = verifyFinality(trusted, { header: block.header, path: [], certificate })
  if (!final.ok) return refused(final.failure.reason)
  const own = new Set(
    genesis.providers.map((_, i) => toHex(bls.publicKey(developmentValidator(i).consensusSecret))),
  )
  const foreign = trusted.set.validators.find(({ consensusKey }) => !own.has(toHex(consensusKey)))
  if (foreign !== undefined) {
    throw new OperatorError(
      `${name}: validator ${foreign.id} has a key that no devnet has, so that no devnet can go on from this state`,
    )
  }
  return found
}

/** Puts the state into a validator's folder, in the place of the chain that is there. Its process must not run. */
export async function installState({ dir }: DevnetMember, lines: StateLines): Promise<void> {
  const paths = nodePaths(dir)
  const { block } = await readStateFileHead(lines())
  rmSync(paths.chain, { recursive: true, force: true })
  rmSync(paths.snapshots, { recursive: true, force: true })
  // Block 0 is what a node without a chain begins with.
  if (block.header.height > 0) await installStateFile(paths.chain, lines)
}

/** As `installState`, for validators that have voted: they forget it, all of them. */
export async function replaceState(member: DevnetMember, lines: StateLines): Promise<void> {
  await installState(member, lines)
  forgetSigned(member)
}

/** Throws OperatorError when one of these folders holds a chain already. */
export function checkNoChain(members: readonly DevnetMember[], dataDir: string): void {
  if (!members.some(({ dir }) => hasChainStore(nodePaths(dir).chain))) return
  throw new OperatorError(
    `${dataDir} holds a chain already: a state is loaded into a new devnet (--fresh deletes the old one)`,
  )
}
