// Constructors and Map keys of vote subjects. Not: signed bytes (base/protocol/vote.ts).
import { bytesKey } from '../base/bytes.ts'
import type { Hash32 } from '../base/ids.ts'
import type { Subject } from '../base/protocol/vote.ts'

/** A notarize or finalize subject: both block fields are present. */
export interface BlockSubject extends Subject {
  readonly parentView: number
  readonly digest: Hash32
}

/** A Map key that is equal exactly for identical signed bytes within one epoch. */
export function subjectKey(subject: Subject): string {
  const head = `${subject.kind}:${subject.view}`
  return subject.digest === undefined ? head : `${head}:${subject.parentView}:${bytesKey(subject.digest)}`
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
