// A devnet that begins with the state of another chain: its members get development keys, everything else stays. Owns: the forked
// chain's genesis, first block and changed records. Not: the file (node/stateFile.ts), installing it (loadState.ts).
import { bytesKey, equalBytes, keyBytes, toHex } from '../base/bytes.ts'
import { bls } from '../base/crypto/bls.ts'
import { sha256 } from '../base/crypto/hash.ts'
import { OperatorError } from '../base/errors.ts'
import type { Hash32 } from '../base/ids.ts'
import type { EpochProof } from '../base/protocol/epochProof.ts'
import { type Header, headerHash, NO_LANE_GAS, sealBlock } from '../base/protocol/header.ts'
import { merkleRoot } from '../base/protocol/merkle.ts'
import { type Validator, type ValidatorSet, validatorSetHash } from '../base/protocol/validators.ts'
import { type Certificate, signersBitmap, voteBytes } from '../base/protocol/vote.ts'
import { developmentValidator } from '../genesis/devKeys.ts'
import { DEVNET_CHAIN_ID, DEVNET_TIMING, DEVNET_VALIDATORS } from '../genesis/devnet.ts'
import { type Genesis, genesisHash } from '../genesis/schema.ts'
import { readStateFile, type StateEdits, type StateFileHead } from '../node/stateFile.ts'
import { peerIdBytesFromSeed } from '../p2p/identity.ts'
import { providersTables } from '../state/modules/providers/tables.ts'
import { MemoryState } from '../state/overlay.ts'
import { receiptsRoot } from '../state/receipt.ts'
import { TreeVersion } from '../state/tree/tree.ts'
import { type ProvenState, readProvenState, type StateLines } from './loadState.ts'

const NAME_CHARS_MAX = 32
/** Digits of the state root that a forked chain's name has. */
const ROOT_DIGITS = 10

export interface Fork {
  readonly genesis: Genesis
  /** As many as the chain ever had members. */
  readonly validators: number
  readonly edits: StateEdits
}

/**
 * The chain that begins with this state under development keys. Throws StateFileError, or OperatorError when the state does not follow
 * from its genesis, or has more members than a devnet runs.
 */
export async function readFork(
  lines: StateLines,
  { name, chainId = DEVNET_CHAIN_ID }: { readonly name: string; readonly chainId?: number },
): Promise<Fork> {
  const proven = await readProvenState(lines, name)
  const { block, genesis: original } = proven.head
  const tree = new GrowingTree()
  const members = new MemoryState()
  await readStateFile(lines(), async (records) => {
    const entries = records.map(({ key, value }) => [bytesKey(key), value] as const)
    tree.add(new Map(entries))
    for (const [key, value] of entries) if (isOfMembers(key)) members.set(key, value)
  })
  if (!equalBytes(tree.root, block.header.stateRoot)) {
    throw new OperatorError(`${name}: its records do not have the state root of block ${block.header.height}`)
  }
  const ids = providersTables.index.mustGet(members, {}).providers
  if (ids.length > DEVNET_VALIDATORS.max) {
    throw new OperatorError(`${name}: ${ids.length} members, a devnet runs ${DEVNET_VALIDATORS.max} at most`)
  }
  const records = takeOver(members, { ids, height: block.header.height, name })
  tree.add(records)
  const genesis = forkedGenesis(original, { chainId, header: block.header })
  const head = forkedHead(proven, { genesis, stateRoot: tree.root })
  tree.release()
  const inHex = [...records].map(([key, value]) => [toHex(keyBytes(key)), value] as const)
  return { genesis, validators: ids.length, edits: { head, records: new Map(inHex) } }
}

/** The tree of a state whose records come in pieces. */
class GrowingTree {
  #tree = TreeVersion.empty()

  get root(): Hash32 {
    return this.#tree.rootHash
  }

  add(records: ReadonlyMap<string, Uint8Array>): void {
    const next = this.#tree.update(records)
    this.#tree.release()
    this.#tree = next
  }

  release(): void {
    this.#tree.release()
  }
}

const { index, provider, validators, consensusKey, peer, pastSet, setHistory } = providersTables
const OF_MEMBERS = [index, provider, validators, consensusKey, peer, pastSet, setHistory].map(
  ({ prefix }) => prefix,
)
const isOfMembers = (key: string): boolean => OF_MEMBERS.some((prefix) => key.startsWith(prefix))

const keysOf = (id: number) => {
  const { consensusSecret, peerSeed } = developmentValidator(id - 1)
  return { consensusKey: bls.publicKey(consensusSecret), peerId: peerIdBytesFromSeed(peerSeed) }
}

const takenOver = (set: readonly Validator[]): Validator[] =>
  set.map((validator) => ({ ...validator, ...keysOf(validator.id) }))

/** Gives every member its development keys, as a rotation would; returns the records that changed. Operators stay who they are. */
function takeOver(
  state: MemoryState,
  { ids, height, name }: { readonly ids: readonly number[]; readonly height: number; readonly name: string },
): ReadonlyMap<string, Uint8Array> {
  const before = new Map(state.entries(''))
  for (const id of ids) {
    const keys = keysOf(id)
    const peerIdHash = sha256(keys.peerId)
    const owners = [consensusKey.get(state, keys)?.provider, peer.get(state, { peerIdHash })?.provider]
    const other = owners.find((owner) => owner !== undefined && owner !== id)
    if (other !== undefined)
      throw new OperatorError(`${name}: the development key of validator ${id} is or was member ${other}'s`)
    provider.set(state, { id }, { ...provider.mustGet(state, { id }), ...keys })
    if (owners[0] === undefined) consensusKey.set(state, keys, { provider: id, sinceHeight: height })
    if (owners[1] === undefined) peer.set(state, { peerIdHash }, { provider: id })
  }
  validators.set(state, {}, { set: takenOver(validators.mustGet(state, {}).set) })
  for (const { firstEpoch } of setHistory.get(state, {})?.past ?? []) {
    const { set } = pastSet.mustGet(state, { firstEpoch })
    pastSet.set(state, { firstEpoch }, { set: takenOver(set) })
  }
  const isChanged = ([key, value]: readonly [string, Uint8Array]): boolean => {
    const known = before.get(key)
    return known === undefined || !equalBytes(known, value)
  }
  return new Map([...state.entries('')].filter(isChanged))
}

/** Names the block that it begins with, so that two forks of one chain are two chains. */
function forkedGenesis(
  original: Genesis,
  { chainId, header }: { readonly chainId: number; readonly header: Header },
): Genesis {
  const root = toHex(header.stateRoot).slice(2, 2 + ROOT_DIGITS)
  return {
    ...original,
    name: `${original.name.slice(0, NAME_CHARS_MAX).trim()} fork ${header.height} ${root}`,
    chainId,
    consensus: { ...DEVNET_TIMING, heartbeatMs: original.consensus.heartbeatMs },
    providers: original.providers.map((member, i) => ({
      ...member,
      ...keysOf(i + 1),
      possessionProof: developmentValidator(i).possessionProof(),
    })),
  }
}

/** The block of the file with the changed state, and without transactions, whose signatures are of the other chain. */
function forkedHead(
  { head, sets }: ProvenState,
  { genesis, stateRoot }: { readonly genesis: Genesis; readonly stateRoot: Hash32 },
): StateFileHead {
  const own = sets.map(({ validators: set }): ValidatorSet => ({ validators: takenOver(set) }))
  const setAt = (epoch: number): ValidatorSet => own[Math.min(epoch, own.length - 1)]!
  const sign = signing(genesisHash(genesis), setAt)
  const named = (header: Header): Header => ({
    ...header,
    setHash: validatorSetHash(setAt(header.epoch)),
    ...(header.nextSetHash === undefined ? {} : { nextSetHash: validatorSetHash(setAt(header.epoch + 1)) }),
  })
  const block = sealBlock({
    header: {
      ...named(head.block.header),
      stateRoot,
      receiptsRoot: receiptsRoot([], []),
      transactionsRoot: merkleRoot([]),
      gasUsed: 0,
      laneGas: NO_LANE_GAS,
    },
    transactions: [],
  })
  const proofOf = (proof: EpochProof): EpochProof => {
    // A state may be that of a boundary.
    const isTip = proof.header.height === block.header.height
    const header = isTip ? block.header : named(proof.header)
    const isSame = equalBytes(header.setHash, header.nextSetHash!)
    return {
      header,
      certificate: sign(proof.certificate, header),
      nextSet: isSame ? undefined : setAt(header.epoch + 1),
    }
  }
  const { header, hash } = block
  return {
    head: {
      ...head.head,
      chainId: genesis.chainId,
      genesisHash: toHex(genesisHash(genesis)),
      blockHash: toHex(hash),
      stateRoot: toHex(stateRoot),
    },
    genesis,
    block,
    receipts: { receipts: [], senders: [], systemLogs: [] },
    certificate: head.certificate === undefined ? undefined : sign(head.certificate, header),
    epochProofs: head.epochProofs.map(proofOf),
  }
}

/** Certificates of all validators of a set over another header in the place of the one that the given certificate is of. */
function signing(chain: Hash32, setAt: (epoch: number) => ValidatorSet) {
  return ({ subject }: Certificate, header: Header): Certificate => {
    const own = { ...subject, digest: headerHash(header) }
    const { validators: set } = setAt(header.epoch)
    const message = voteBytes(chain, own)
    const signatures = set.map(({ id }) => bls.sign(developmentValidator(id - 1).consensusSecret, message))
    return {
      subject: own,
      bitmap: signersBitmap([...set.keys()], set.length),
      signature: bls.aggregate(signatures)!,
    }
  }
}
