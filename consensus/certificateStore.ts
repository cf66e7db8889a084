// N, U and F held in one epoch, with the queries the rules need. Not: verifying them (certificateIntake.ts).
import { equalBytes } from '../base/bytes.ts'
import type { Hash32 } from '../base/ids.ts'
import { equivocationOf } from '../base/protocol/evidence.ts'
import { JUSTIFICATION_MAX } from '../base/protocol/limits.ts'
import type { Certificate, VoteKind } from '../base/protocol/vote.ts'
import { REQUEST_VIEWS_MAX } from './messages.ts'

/** Views below lastFinalized whose certificates are still served to peers. */
const KEEP_VIEWS = 64

/** What is certified at a parent view: view 0 is the floor and counts as N(0) and F(0). */
export interface CertifiedParent {
  readonly view: number
  readonly digest: Hash32
}

export class CertificateStore {
  readonly #floorDigest: Hash32
  readonly #held: Readonly<Record<VoteKind, Map<number, Certificate>>> = {
    notarize: new Map(),
    nullify: new Map(),
    finalize: new Map(),
  }
  #highestFinal: Certificate | undefined
  #highestView = 0

  constructor(floorDigest: Hash32) {
    this.#floorDigest = floorDigest
  }

  get(kind: VoteKind, view: number): Certificate | undefined {
    return this.#held[kind].get(view)
  }

  get size(): number {
    return this.#held.notarize.size + this.#held.nullify.size + this.#held.finalize.size
  }

  /** F of the highest view; undefined while only the floor is final. */
  get highestFinal(): Certificate | undefined {
    return this.#highestFinal
  }

  /** lastFinalized.view: the highest F held, body or not. */
  get finalizedView(): number {
    return this.#highestFinal?.subject.view ?? 0
  }

  get finalizedDigest(): Hash32 {
    return this.#highestFinal?.subject.digest ?? this.#floorDigest
  }

  /** Highest view of any certificate held. */
  get highestView(): number {
    return this.#highestView
  }

  /**
   * Keeps a verified certificate. Returns a held one that cannot coexist with it under at most f faults: another block
   * in N or F of the view, or F beside U.
   */
  add(certificate: Certificate): Certificate | undefined {
    const { kind, view } = certificate.subject
    const conflict = this.conflictOf(certificate)
    if (conflict !== undefined) return conflict
    if (!this.#held[kind].has(view)) this.#held[kind].set(view, certificate)
    this.#highestView = Math.max(this.#highestView, view)
    if (kind === 'finalize' && view > this.finalizedView) this.#highestFinal = certificate
    return undefined
  }

  /** A held certificate that cannot coexist with this one under at most f faults. */
  conflictOf(certificate: Certificate): Certificate | undefined {
    const { view } = certificate.subject
    const [n, u, f] = [this.get('notarize', view), this.get('nullify', view), this.get('finalize', view)]
    const excludes = ({ subject }: Certificate) => equivocationOf(subject, certificate.subject) !== undefined
    return [u, n, f].find((held) => held !== undefined && excludes(held))
  }

  /** The block certified by N(view) or F(view), or the floor at view 0. */
  parentAt(view: number): CertifiedParent | undefined {
    if (view === 0) return { view, digest: this.#floorDigest }
    const held = this.get('finalize', view) ?? this.get('notarize', view)
    return held?.subject.digest === undefined ? undefined : { view, digest: held.subject.digest }
  }

  /** Whether U(w) is held for every from < w < to. */
  skipsAll(from: number, to: number): boolean {
    for (let w = from + 1; w < to; w++) if (!this.#held.nullify.has(w)) return false
    return true
  }

  /** The highest parent for a proposal in `view`, or undefined when a certificate is missing in between. */
  parentFor(view: number): CertifiedParent | undefined {
    for (let w = view - 1; w >= 0; w--) {
      const parent = this.parentAt(w)
      if (parent !== undefined) return parent
      if (!this.#held.nullify.has(w)) return undefined
    }
    return undefined
  }

  /** N or F of the parent (none for the floor), then every skipped U, highest first, at most 64. */
  justification(parentView: number, view: number): readonly Certificate[] {
    const list: Certificate[] = []
    const parent = this.get('finalize', parentView) ?? this.get('notarize', parentView)
    if (parent !== undefined) list.push(parent)
    for (let w = view - 1; w > parentView && list.length < JUSTIFICATION_MAX; w--) {
      const skipped = this.get('nullify', w)
      if (skipped !== undefined) list.push(skipped)
    }
    return list
  }

  /** Whether neither N, U nor F of this view above lastFinalized is held. */
  isGap(view: number): boolean {
    return view > this.finalizedView && this.parentAt(view) === undefined && !this.#held.nullify.has(view)
  }

  /** Highest view between lastFinalized and `view` with neither N, U nor F, or undefined when there is no gap. */
  highestGap(view: number): number | undefined {
    for (let w = view - 1; w > this.finalizedView; w--) {
      if (this.isGap(w)) return w
    }
    return undefined
  }

  /** N certificates above lastFinalized, ascending: the blocks that wait for finality. */
  unfinalized(): readonly Certificate[] {
    return [...this.#held.notarize.values()]
      .filter((n) => n.subject.view > this.finalizedView)
      .sort((a, b) => a.subject.view - b.subject.view)
  }

  /** Whether some N or F names this block. */
  certifies(digest: Hash32): boolean {
    const named = (held: Iterable<Certificate>): boolean => {
      for (const c of held)
        if (c.subject.digest !== undefined && equalBytes(c.subject.digest, digest)) return true
      return false
    }
    return named(this.#held.notarize.values()) || named(this.#held.finalize.values())
  }

  /** Whether the block can still become final: named by an N above lastFinalized, or by the highest F. */
  isContending(digest: Hash32): boolean {
    if (this.#highestFinal !== undefined && equalBytes(this.finalizedDigest, digest)) return true
    return this.unfinalized().some(
      (n) => n.subject.digest !== undefined && equalBytes(n.subject.digest, digest),
    )
  }

  /** Every certificate held in the range, for a reply; at most 64 views. */
  range(fromView: number, toView: number): readonly Certificate[] {
    const list: Certificate[] = []
    const last = Math.min(toView, fromView + REQUEST_VIEWS_MAX - 1, this.#highestView)
    for (let w = fromView; w <= last; w++) {
      for (const kind of ['notarize', 'nullify', 'finalize'] as const) {
        const held = this.get(kind, w)
        if (held !== undefined) list.push(held)
      }
    }
    return list
  }

  prune(): void {
    const keepFrom = this.finalizedView - KEEP_VIEWS
    for (const held of Object.values(this.#held)) {
      for (const view of held.keys()) if (view < keepFrom) held.delete(view)
    }
  }
}
