// What a proposal is about: a record of its own beside the proposal. Owns: which kind has which. Not: what becomes of it (effects.ts).
import type { StateReader, StateWriter } from '../../view.ts'
import type { Subject } from './schema.ts'
import { type ProposalKind, subjectRecords } from './shapes.ts'
import { governanceTables } from './tables.ts'

type SubjectName = keyof Subject

/** The record of each kind; the others are about a member, or about nothing but themselves. */
const SUBJECT_OF: { readonly [K in ProposalKind]?: SubjectName } = {
  admit: 'admission',
  parameters: 'changes',
  attest: 'attestation',
  reporters: 'reporters',
  absentReporters: 'reporters',
  spend: 'spending',
  class: 'class',
  ratings: 'rerating',
  stopMinting: 'stop',
  freeze: 'freeze',
  unfreeze: 'freezeEnd',
  pause: 'pause',
  attestors: 'attestors',
  asset: 'asset',
  requirement: 'requirement',
  upgrade: 'upgrade',
}

const NAMES = Object.keys(subjectRecords) as readonly SubjectName[]

export function writeSubject(state: StateWriter, id: number, subject: Subject): void {
  for (const name of NAMES) {
    const value = subject[name]
    if (value !== undefined) governanceTables[name].set(state, { id }, value as never)
  }
}

export function deleteSubject(state: StateWriter, id: number, kind: ProposalKind): void {
  const name = SUBJECT_OF[kind]
  if (name !== undefined) governanceTables[name].delete(state, { id })
}

/** A record that a proposal of this kind should not have, or lacks; undefined when it has exactly its own. */
export function subjectFault(state: StateReader, id: number, kind: ProposalKind): string | undefined {
  return NAMES.find((name) => governanceTables[name].has(state, { id }) !== (SUBJECT_OF[kind] === name))
}
