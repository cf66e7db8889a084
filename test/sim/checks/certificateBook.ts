// All valid certificates that honest nodes sent or received in a run, and the combinations that must not occur: two blocks
// in a view (S1), F with U (S2), a certified block with uncovered ancestry (S4), a branch beside a final block (S1).
import { bytesKey, equalBytes } from '../../../base/bytes.ts'
import type { Hash32 } from '../../../base/ids.ts'
import type { SealedBlock } from '../../../base/protocol/header.ts'
import type { Certificate } from '../../../base/protocol/vote.ts'
import { Violation } from '../../support/violation.ts'

interface Round {
  readonly epoch: number
  readonly view: number
  n: Certificate | undefined
  u: Certificate | undefined
  f: Certificate | undefined
}

export class CertificateBook {
  readonly #rounds = new Map<string, Round>()

  /** Records a valid certificate. Throws Violation when it contradicts an earlier one. */
  note(certificate: Certificate): void {
    const { kind, epoch, view } = certificate.subject
    const key = `${epoch}:${view}`
    const round = this.#rounds.get(key) ?? { epoch, view, n: undefined, u: undefined, f: undefined }
    this.#rounds.set(key, round)
    if (kind === 'nullify') round.u ??= certificate
    else {
      for (const held of [round.n, round.f]) {
        if (held !== undefined && !isSameBlock(held, certificate))
          throw new Violation('S1', `two blocks certified in view ${key}`)
      }
      if (kind === 'notarize') round.n ??= certificate
      else round.f ??= certificate
    }
    if (round.f !== undefined && round.u !== undefined) throw new Violation('S2', `F and U in view ${key}`)
  }

  has(kind: Certificate['subject']['kind'], epoch: number, view: number): boolean {
    const round = this.#rounds.get(`${epoch}:${view}`)
    if (round === undefined) return false
    return (kind === 'nullify' ? round.u : kind === 'notarize' ? round.n : round.f) !== undefined
  }

  /** Checks S4 over all records; `blockOf` knows every block built or executed, `floorOf` the floor of an epoch. */
  checkAncestry(
    blockOf: (digest: Hash32) => SealedBlock | undefined,
    floorOf: (epoch: number) => Hash32 | undefined,
  ) {
    for (const round of this.#rounds.values()) {
      const certificate = round.f ?? round.n
      if (certificate === undefined) continue
      const fault = this.#ancestryFault(certificate, blockOf, floorOf)
      if (fault !== undefined) throw new Violation('S4', `view ${round.epoch}:${round.view}: ${fault}`)
    }
    this.#checkBranches(blockOf)
  }

  #ancestryFault(
    certificate: Certificate,
    blockOf: (digest: Hash32) => SealedBlock | undefined,
    floorOf: (epoch: number) => Hash32 | undefined,
  ): string | undefined {
    const { epoch, view, parentView, digest } = certificate.subject
    for (let w = parentView! + 1; w < view; w++) {
      if (!this.has('nullify', epoch, w)) return `certified over view ${w}, which was not nullified`
    }
    const block = blockOf(digest!)
    if (block === undefined) return 'certified a block that was never built'
    if (parentView === 0) {
      const floor = floorOf(epoch)
      if (floor === undefined) return undefined
      return equalBytes(block.header.parentHash, floor) ? undefined : 'certified on another floor'
    }
    const parent = this.#rounds.get(`${epoch}:${parentView}`)
    const certified = parent?.f ?? parent?.n
    if (certified === undefined) return `certified on view ${parentView}, which has neither N nor F`
    const parentBlock = blockOf(certified.subject.digest!)
    const isBoundary = parentBlock?.header.endsEpoch === true && parentBlock.header.epoch === epoch
    if (isBoundary)
      return equalBytes(certified.subject.digest!, digest!) ? undefined : 'another block on a boundary'
    return equalBytes(block.header.parentHash, certified.subject.digest!)
      ? undefined
      : 'certified on another parent'
  }

  /** After F(v, d) every block certified later in the epoch descends from d. */
  #checkBranches(blockOf: (digest: Hash32) => SealedBlock | undefined): void {
    const byEpoch = new Map<number, Round[]>()
    for (const round of this.#rounds.values()) {
      if ((round.f ?? round.n) === undefined) continue
      const list = byEpoch.get(round.epoch) ?? []
      byEpoch.set(round.epoch, list)
      list.push(round)
    }
    for (const rounds of byEpoch.values()) {
      rounds.sort((a, b) => a.view - b.view)
      let final: SealedBlock | undefined
      for (const round of rounds) {
        const digest = (round.f ?? round.n)!.subject.digest!
        const block = blockOf(digest)
        if (final !== undefined && block !== undefined && !descends(block, final, blockOf)) {
          throw new Violation('S1', `view ${round.epoch}:${round.view} certified beside a final block`)
        }
        if (round.f !== undefined && block !== undefined) final = block
      }
    }
  }
}

function isSameBlock(a: Certificate, b: Certificate): boolean {
  const [x, y] = [a.subject, b.subject]
  return x.parentView === y.parentView && bytesKey(x.digest!) === bytesKey(y.digest!)
}

function descends(
  block: SealedBlock,
  ancestor: SealedBlock,
  blockOf: (digest: Hash32) => SealedBlock | undefined,
): boolean {
  let at: SealedBlock | undefined = block
  while (at !== undefined && at.header.height > ancestor.header.height) at = blockOf(at.header.parentHash)
  return at !== undefined && equalBytes(at.hash, ancestor.hash)
}
