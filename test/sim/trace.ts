// The trace of a run: one readable line per event, and a hash over all of them. Equal seeds give equal traces.
import { createHash } from 'node:crypto'
import type { Subject } from '../../base/protocol/vote.ts'
import type { ConsensusMessage } from '../../consensus/messages.ts'
import type { Output } from '../../consensus/types.ts'

const LINES_MAX = 512

export class Trace {
  readonly #hash = createHash('sha256')
  #lines: string[] = []
  readonly #print: ((line: string) => void) | undefined

  constructor(print: ((line: string) => void) | undefined) {
    this.#print = print
  }

  get isPrinting(): boolean {
    return this.#print !== undefined
  }

  add(line: string): void {
    this.#print?.(line)
    this.#lines.push(line)
    if (this.#lines.length >= LINES_MAX) this.#flush()
  }

  #flush(): void {
    this.#hash.update(this.#lines.join('\n'))
    this.#lines = []
  }

  digest(): string {
    this.#flush()
    return this.#hash.copy().digest('hex')
  }
}

function short(digest: Uint8Array | undefined): string {
  if (digest === undefined) return ''
  return `/${((digest[0]! << 16) | (digest[1]! << 8) | digest[2]!).toString(16)}`
}

export function subjectText({ kind, epoch, view, parentView, digest }: Subject): string {
  return `${kind} ${epoch}:${view}${parentView === undefined ? '' : `<${parentView}`}${short(digest)}`
}

export function messageText(message: ConsensusMessage): string {
  switch (message.kind) {
    case 'proposal':
      return `proposal ${subjectText(message.body.vote.subject)} +${message.body.justification.length}`
    case 'vote':
      return `vote ${message.body.signer} ${subjectText(message.body.subject)}`
    case 'certificate':
      return `certificate ${subjectText(message.body.subject)}`
    case 'certificates':
      return `certificates ${message.body.certificates.map((c) => subjectText(c.subject)).join(', ')}`
    case 'status':
      return `status ${message.body.epoch}:${message.body.view} final ${message.body.finalizedView}`
    case 'certificatesRequest':
      return `certificatesRequest ${message.body.epoch}:${message.body.fromView}-${message.body.toView}`
    case 'blocksRequest':
      return `blocksRequest ${short(message.body.hash)}`
    case 'blocks':
      return `blocks ${message.body.blocks.length}`
    case 'boundaryRequest':
      return `boundaryRequest ${message.body.epoch}`
    case 'ownVotesRequest':
      return `ownVotesRequest ${message.body.epoch}`
    case 'heldVotes':
      return `heldVotes ${message.body.epoch} ${message.body.votes.length}`
    case 'proposalRequest':
      return `proposalRequest ${message.body.epoch}:${message.body.view}`
  }
}

function recordText(output: Extract<Output, { kind: 'journal' }>): string {
  const { record } = output
  switch (record.kind) {
    case 'intent':
      return `intent ${subjectText(record.body.subject)}`
    case 'certificate':
      return `certificate ${subjectText(record.body.certificate.subject)}`
    case 'proposal':
      return `proposal ${subjectText(record.body.vote.subject)} ${record.body.timely}`
    case 'block':
      return `block of view ${record.body.view}`
    case 'verdict':
      return `verdict ${record.body.verdict} ${short(record.body.digest)}`
  }
}

export function outputText(output: Output): string {
  switch (output.kind) {
    case 'journal':
      return `journal ${recordText(output)}`
    case 'sign':
      return `sign ${subjectText(output.subject)}`
    case 'send':
      return `> ${output.to.kind === 'all' ? 'all' : output.to.kind === 'peer' ? output.to.peer : `#${output.to.index}`} ${messageText(output.message)}`
    case 'finalized':
      return `finalized ${output.blocks.length} to ${output.blocks.at(-1)?.header.height}`
    case 'wake':
      return `wake ${output.atMs}`
    case 'penalise':
      return `penalise ${output.peer}: ${output.reason}`
    case 'halt':
      return `halt: ${output.reason}`
    case 'build':
      return `build ${output.order.epoch}:${output.order.view}`
    default:
      return output.kind
  }
}
