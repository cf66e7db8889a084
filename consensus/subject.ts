// Names and comparisons of vote subjects. Owns: keys. Not: signed bytes (base/protocol/vote.ts).
import { bytesKey, equalBytes } from '../base/bytes.ts'
import type { Hash32 } from '../base/ids.ts'
import type { Subject } from '../base/protocol/vote.ts'

/** A notarize or finalize subject: both block fields stand. */
export interface BlockSubject extends Subject {
  readonly parentView: number
  readonly digest: Hash32
}

/** A Map key that is equal exactly for identical signed bytes within one epoch. */
export function subjectKey(subject: Subject): string {
  const head = `${subject.kind}:${subject.view}`
  return subject.digest === undefined ? head : `${head}:${subject.parentView}:${bytesKey(subject.digest)}`
}

/** Whether both name the same (parentView, digest): "another digest" always means another pair (CONSENSUS §2). */
export function sameBlock(a: Subject, b: Subject): boolean {
  if (a.digest === undefined || b.digest === undefined) return a.digest === b.digest
  return a.parentView === b.parentView && equalBytes(a.digest, b.digest)
}

export function sameSubject(a: Subject, b: Subject): boolean {
  return a.kind === b.kind && a.epoch === b.epoch && a.view === b.view && sameBlock(a, b)
}

/** Narrows a subject that was checked to be well formed and not a nullify. */
export function hasBlock(subject: Subject): subject is BlockSubject {
  return subject.parentView !== undefined && subject.digest !== undefined
}

export function nullifySubject(epoch: number, view: number): Subject {
  return { kind: 'nullify', epoch, view }
}

export function blockSubject(
  kind: 'notarize' | 'finalize',
  round: {
    readonly epoch: number
    readonly view: number
    readonly parentView: number
    readonly digest: Hash32
  },
): BlockSubject {
  const { epoch, view, parentView, digest } = round
  return { kind, epoch, view, parentView, digest }
}
