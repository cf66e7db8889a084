// Invariants of every simulated run (CONSENSUS §9). Owns: when each check runs. Not: the checks (checks/).
import { bytesKey, equalBytes, toHex } from '../../base/bytes.ts'
import type { Bls } from '../../base/crypto/types.ts'
import type { Hash32 } from '../../base/ids.ts'
import type { SealedBlock } from '../../base/protocol/header.ts'
import type { Validator } from '../../base/protocol/validators.ts'
import type { Certificate, Subject } from '../../base/protocol/vote.ts'
import { findDoubleVotes, type SignedVote } from '../../signer/voteAudit.ts'
import type { ChainRules, SimStore } from '../support/simChain.ts'
import { Violation } from '../support/violation.ts'
import { CertificateBook } from './checks/certificateBook.ts'
import { bitmapMembers, certificateFault } from './checks/certificateCheck.ts'
import { lightFault } from './checks/lightChain.ts'

/** Certificates with a cached verdict. */
const JUDGED_MAX = 65_536

function voteName(id: number, subject: Subject): string {
  const { kind, epoch, view, parentView, digest } = subject
  // Both fields for every kind: a malformed subject must not share the key of a valid one.
  return `${id}:${kind}:${epoch}:${view}:${parentView ?? ''}:${digest === undefined ? '' : bytesKey(digest)}`
}

export class Invariants {
  readonly book = new CertificateBook()
  readonly #rules: ChainRules
  readonly #bls: Bls
  /** By identity, not by host: twins share one. */
  readonly #isFaulty: (identity: number, epoch: number) => boolean
  readonly #finalAt = new Map<number, string>()
  readonly #blocks = new Map<string, SealedBlock>()
  readonly #floors = new Map<number, Hash32>()
  /** Votes by node and round, for S3. */
  readonly #signed = new Map<string, SignedVote[]>()
  /** Every vote signed by an honest validator. */
  readonly #given = new Set<string>()
  readonly #judged = new Map<string, string | undefined>()
  readonly #sound = new WeakSet<Certificate>()

  constructor(options: {
    rules: ChainRules
    bls: Bls
    isFaulty: (identity: number, epoch: number) => boolean
  }) {
    this.#rules = options.rules
    this.#bls = options.bls
    this.#isFaulty = options.isFaulty
    this.onBlock(options.rules.genesis)
    this.#floors.set(1, options.rules.genesis.hash)
  }

  /** A block was built or is about to be executed. */
  onBlock(block: SealedBlock): void {
    this.#blocks.set(bytesKey(block.hash), block)
  }

  blockOf = (digest: Hash32): SealedBlock | undefined => this.#blocks.get(bytesKey(digest))

  onFinalized(node: number, block: SealedBlock): void {
    const hash = toHex(block.hash)
    const { height, endsEpoch, epoch } = block.header
    const known = this.#finalAt.get(height)
    if (known === undefined) this.#finalAt.set(height, hash)
    else if (known !== hash)
      throw new Violation('S1', `node ${node} finalized another block at height ${height}`)
    if (endsEpoch) this.#floors.set(epoch + 1, block.hash)
    this.onBlock(block)
  }

  /** The F with which a node finalizes a path. */
  onFinalPath(node: number, path: readonly SealedBlock[], certificate: Certificate): void {
    this.onSentCertificate(node, certificate)
    const last = path.at(-1)
    const { kind, digest } = certificate.subject
    if (kind !== 'finalize' || last === undefined || !equalBytes(last.hash, digest!)) {
      throw new Violation('certificate', `node ${node} finalized a path without an F of its last block`)
    }
    for (let i = 1; i < path.length; i++) {
      if (!equalBytes(path[i]!.header.parentHash, path[i - 1]!.hash))
        throw new Violation('certificate', `node ${node} finalized a path with a gap`)
    }
  }

  #setOf(epoch: number): readonly Validator[] {
    return this.#rules.setOf(epoch).validators
  }

  /** The fault that the independent check finds in a certificate, or undefined. */
  certificateFault(certificate: Certificate): string | undefined {
    const { subject, bitmap, signature } = certificate
    const key = `${voteName(0, subject)}:${bytesKey(bitmap)}:${bytesKey(signature)}`
    if (this.#judged.has(key)) return this.#judged.get(key)
    const validators = this.#setOf(subject.epoch)
    const { genesisHash } = this.#rules
    const fault =
      certificateFault({ certificate, validators, genesisHash, bls: this.#bls }) ??
      this.#strangerFault(certificate, validators)
    if (this.#judged.size >= JUDGED_MAX) this.#judged.clear()
    this.#judged.set(key, fault)
    return fault
  }

  /** Each honest signer of a certificate must have signed exactly this subject. */
  #strangerFault(certificate: Certificate, validators: readonly Validator[]): string | undefined {
    const members = bitmapMembers(certificate.bitmap, validators.length)
    if (typeof members === 'string') return members
    for (const index of members) {
      const node = validators[index]!.id - 1
      if (this.#isFaulty(node, certificate.subject.epoch)) continue
      if (!this.#given.has(voteName(node, certificate.subject))) return `node ${node} never signed it`
    }
    return undefined
  }

  /** A certificate that an honest node sends or acts on must be valid. */
  onSentCertificate(node: number, certificate: Certificate): void {
    if (this.#sound.has(certificate)) return
    const fault = this.certificateFault(certificate)
    if (fault !== undefined) {
      const { kind, epoch, view } = certificate.subject
      throw new Violation('certificate', `node ${node} took ${kind} ${epoch}:${view}: ${fault}`)
    }
    this.#sound.add(certificate)
    this.book.note(certificate)
  }

  /** A certificate shown to an honest node by any host; recorded if valid. */
  onShownCertificate(certificate: Certificate): void {
    if (this.#sound.has(certificate) || !this.#floors.has(certificate.subject.epoch)) return
    if (this.certificateFault(certificate) !== undefined) return
    this.#sound.add(certificate)
    this.book.note(certificate)
  }

  /** A signature left the signer of an honest node. */
  onSigned(node: number, subject: Subject): void {
    const key = `${node}:${subject.epoch}:${subject.view}`
    const votes = this.#signed.get(key) ?? []
    this.#signed.set(key, votes)
    const faults = findDoubleVotes([...votes, { source: 'signer', subject }])
    if (faults.length > 0)
      throw new Violation('S3', `node ${node}: ${faults[0]!.fault} in view ${subject.view}`)
    votes.push({ source: 'signer', subject })
    this.#given.add(voteName(node, subject))
  }

  /** D: final blocks are still there after a restart. */
  onRestart(node: number, chain: SimStore): void {
    for (let height = 1; height <= chain.height; height++) {
      const block = chain.at(height)
      if (block === undefined || this.#finalAt.get(height) !== toHex(block.hash)) {
        throw new Violation('D', `node ${node} restarted with another block at height ${height}`)
      }
    }
  }

  /** At the end of a run: S4 and branches over all certificates, D and C on every honest store. */
  atEnd(stores: readonly { readonly node: number; readonly store: SimStore }[]): void {
    this.book.checkAncestry(this.blockOf, (epoch) => this.#floors.get(epoch))
    let highest = 0
    for (const { node, store } of stores) {
      this.onRestart(node, store)
      highest = Math.max(highest, store.height)
    }
    if (stores.length > 0 && highest < this.height) throw new Violation('D', 'a final block is in no store')
    const best = stores.find(({ store }) => store.height === highest)
    const fault = best === undefined ? undefined : lightFault(this.#rules, this.#bls, best.store)
    if (fault !== undefined) throw new Violation('C', `node ${best!.node}: ${fault}`)
  }

  get height(): number {
    return this.#finalAt.size
  }

  hasSigned(node: number, subject: Subject): boolean {
    return this.#given.has(voteName(node, subject))
  }
}
