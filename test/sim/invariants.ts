// What must hold in every simulated run (CONSENSUS §9): S1 agreement, S2 never F with U, S3 no equivocation, D durability.
import { toHex } from '../../base/bytes.ts'
import type { SealedBlock } from '../../base/protocol/header.ts'
import type { Certificate, Subject } from '../../base/protocol/vote.ts'
import { findDoubleVotes, type SignedVote } from '../../node/journalAudit.ts'

/** A broken property; carries what is needed to say it in one line. */
export class Violation extends Error {
  readonly property: string
  constructor(property: string, detail: string) {
    super(`${property}: ${detail}`)
    this.name = 'Violation'
    this.property = property
  }
}

export class Invariants {
  readonly #finalAt = new Map<number, string>()
  readonly #certified = new Map<string, Set<string>>()
  readonly #signed = new Map<number, SignedVote[]>()
  readonly #byzantine: ReadonlySet<number>

  constructor(byzantine: ReadonlySet<number>) {
    this.#byzantine = byzantine
  }

  onFinalized(node: number, block: SealedBlock): void {
    const hash = toHex(block.hash)
    const { height } = block.header
    const known = this.#finalAt.get(height)
    if (known === undefined) this.#finalAt.set(height, hash)
    else if (known !== hash)
      throw new Violation('S1', `node ${node} finalized another block at height ${height}`)
  }

  /** Any certificate an honest node sent. */
  onCertificate(certificate: Certificate): void {
    const { kind, epoch, view, digest, parentView } = certificate.subject
    const key = `${epoch}:${view}`
    const known = this.#certified.get(key) ?? new Set<string>()
    this.#certified.set(key, known)
    known.add(kind === 'nullify' ? 'U' : `${kind}:${parentView}:${toHex(digest!)}`)
    const blocks = new Set([...known].filter((k) => k !== 'U').map((k) => k.slice(k.indexOf(':'))))
    if (blocks.size > 1) throw new Violation('S1', `two blocks certified in view ${key}`)
    if (known.has('U') && [...known].some((k) => k.startsWith('finalize'))) {
      throw new Violation('S2', `F and U in view ${key}`)
    }
  }

  /** A signature left the signer of an honest node. */
  onSigned(node: number, subject: Subject): void {
    if (this.#byzantine.has(node)) return
    const votes = this.#signed.get(node) ?? []
    this.#signed.set(node, votes)
    const round = votes.filter((v) => v.subject.epoch === subject.epoch && v.subject.view === subject.view)
    const faults = findDoubleVotes([...round, { source: 'signer', subject }])
    if (faults.length > 0)
      throw new Violation('S3', `node ${node}: ${faults[0]!.fault} in view ${subject.view}`)
    votes.push({ source: 'signer', subject })
    if (votes.length > 4096) votes.splice(0, 2048)
  }

  /** D: what was final once is still there after a restart. */
  onRestart(node: number, chain: { at(height: number): SealedBlock | undefined; height: number }): void {
    for (let height = 1; height <= chain.height; height++) {
      const block = chain.at(height)
      if (block === undefined || this.#finalAt.get(height) !== toHex(block.hash)) {
        throw new Violation('D', `node ${node} restarted with another block at height ${height}`)
      }
    }
  }

  get height(): number {
    return this.#finalAt.size
  }
}
