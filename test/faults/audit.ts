// Audits every vote that a validator has recorded: reads its files after each stop and keeps the votes for the whole run.
// Owns: keeping votes that the files prune. Not: the double-vote rule (signer/voteAudit.ts).
import { readdir } from 'node:fs/promises'
import { toHex } from '../../base/bytes.ts'
import { nodePaths } from '../../node/nodePaths.ts'
import { findDoubleVotes, readSignedVotes, type SignedVote } from '../../signer/voteAudit.ts'
import type { Network, ValidatorProcess } from '../support/processNetwork.ts'

export class VoteAudit {
  readonly failures: string[] = []
  readonly #network: Network
  readonly #audited: readonly ValidatorProcess[]
  readonly #votes: Map<string, SignedVote>[]
  readonly #signed: Set<string>[]

  constructor(network: Network, audited: readonly ValidatorProcess[] = network.nodes) {
    this.#network = network
    this.#audited = audited
    this.#votes = network.nodes.map(() => new Map())
    this.#signed = network.nodes.map(() => new Set())
  }

  /** Distinct votes of all validators so far. */
  get voteCount(): number {
    return this.#votes.reduce((sum, votes) => sum + votes.size, 0)
  }

  /** Votes in one validator's signer record when last read; the journal also has votes that the signer refused. */
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
    // A killed process can at most tear the end of a file; a damaged middle would stop the signer from signing.
    for (const dir of [...signerDirs, journal]) {
      const damaged = (await readdir(dir).catch(() => [])).filter((name) => name.endsWith('.damaged'))
      if (damaged.length > 0) this.failures.push(`validator ${index}: ${dir} has ${damaged.join(', ')}`)
    }
  }

  async readAll(): Promise<void> {
    for (const { index } of this.#audited) await this.read(index)
  }
}
