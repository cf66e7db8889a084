// Every vote a validator has recorded, read from its files after each of its deaths and kept for the whole run.
// Owns: accumulating what the files forget by pruning. Not: what a double vote is (signer/voteAudit.ts).
import { readdir } from 'node:fs/promises'
import { toHex } from '../../base/bytes.ts'
import { nodePaths } from '../../node/nodePaths.ts'
import { findDoubleVotes, readSignedVotes, type SignedVote } from '../../signer/voteAudit.ts'
import type { Network } from '../support/processNetwork.ts'

export class VoteAudit {
  readonly failures: string[] = []
  readonly #network: Network
  readonly #votes: Map<string, SignedVote>[]
  readonly #signed: Set<string>[]

  constructor(network: Network) {
    this.#network = network
    this.#votes = network.nodes.map(() => new Map())
    this.#signed = network.nodes.map(() => new Set())
  }

  /** Distinct votes seen so far, of all validators. */
  get voteCount(): number {
    return this.#votes.reduce((sum, votes) => sum + votes.size, 0)
  }

  /** What one validator's signer had recorded at its last reading; the journal also holds what the signer refused. */
  signedBy(index: number): number {
    return this.#signed[index]!.size
  }

  /** Reads a stopped validator's files and checks everything it ever signed. */
  async read(index: number): Promise<void> {
    const { member, signerDirs } = this.#network.nodes[index]!
    const { journal } = nodePaths(member.dir)
    const votes = this.#votes[index]!
    const { genesisHash } = this.#network
    const found: SignedVote[] = []
    for (const signerDir of signerDirs) {
      found.push(...(await readSignedVotes({ signerDir, journalDir: journal, genesisHash })))
    }
    for (const vote of found) {
      const { kind, epoch, view, parentView, digest } = vote.subject
      const what = digest === undefined ? '' : toHex(digest)
      const key = `${epoch}:${view}:${kind}:${parentView}:${what}`
      votes.set(key, vote)
      if (vote.source === 'signer') this.#signed[index]!.add(key)
    }
    for (const { fault, first } of findDoubleVotes([...votes.values()])) {
      this.failures.push(`validator ${index}: ${fault} in epoch ${first.epoch} view ${first.view}`)
    }
    // A process that is killed tears the end of a file at most; a lost middle would silence the signer.
    for (const dir of [...signerDirs, journal]) {
      const damaged = (await readdir(dir).catch(() => [])).filter((name) => name.endsWith('.damaged'))
      if (damaged.length > 0) this.failures.push(`validator ${index}: ${dir} has ${damaged.join(', ')}`)
    }
  }

  async readAll(): Promise<void> {
    for (const { index } of this.#network.nodes) await this.read(index)
  }
}
