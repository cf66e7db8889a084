// Casting an own vote. Owns: the order gate → flags → journal → sign. Not: the gate itself (canSign.ts).
import { assert } from '../base/assert.ts'
import type { Subject } from '../base/protocol/vote.ts'
import { canSign } from './canSign.ts'
import type { EpochState } from './state.ts'
import { hasBlock } from './subject.ts'

/** The only place that asks for a signature on a new vote. */
export function castVote(state: EpochState, nowMs: number, subject: Subject): void {
  const refusal = canSign(state, nowMs, subject)
  assert(refusal === undefined, `vote refused by canSign: ${refusal}`)
  state.own.record(subject)
  if (hasBlock(subject)) state.journalBlock(subject.digest)
  state.emit({ kind: 'journal', record: { kind: 'intent', body: { epoch: state.epoch, subject } } })
  state.emit({ kind: 'sign', subject })
}
