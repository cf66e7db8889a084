// Checks on one honest node: its votes, its write order, its messages, and misbehaviour it must report.
import { equalBytes } from '../../base/bytes.ts'
import { keccak256 } from '../../base/crypto/hash.ts'
import { decodeBlock, type SealedBlock } from '../../base/protocol/header.ts'
import { merkleRoot } from '../../base/protocol/merkle.ts'
import type { Certificate, Subject, Vote } from '../../base/protocol/vote.ts'
import type { ConsensusMessage, Proposal } from '../../consensus/messages.ts'
import type { JournalRecord } from '../../consensus/records.ts'
import type { EpochState } from '../../consensus/state.ts'
import { subjectKey } from '../../consensus/subject.ts'
import type { Misbehaviour, Sender, Target } from '../../consensus/types.ts'
import { memoryFault } from '../support/memory.ts'
import { Violation } from '../support/violation.ts'
import { Accountability, reportFault } from './checks/accountability.ts'
import { signedBytes } from './checks/certificateCheck.ts'
import { type OracleContext, VoteOracle } from './checks/voteOracle.ts'
import type { Invariants } from './invariants.ts'
import { filedView, type SimDisk } from './simDisk.ts'
import type { SimSigner } from './simSigner.ts'

/** Steps between memory checks of a core. */
const MEMORY_EVERY = 64
/** Votes name views up to current + 64. */
const FILED_AHEAD_MAX = 64

export class NodeChecks {
  readonly #node: number
  readonly #invariants: Invariants
  readonly #context: OracleContext
  readonly #disk: SimDisk
  readonly #signer: SimSigner
  readonly #oracle: VoteOracle
  readonly #accountability: Accountability
  readonly #isFaulty: (node: number, epoch: number) => boolean
  /** Votes recorded in the journal or the signer at this start, or signed since. */
  #old = new Set<string>()
  #life = 0
  #steps = 0

  constructor(options: {
    node: number
    invariants: Invariants
    context: OracleContext
    disk: SimDisk
    signer: SimSigner
    isFaulty: (node: number, epoch: number) => boolean
  }) {
    this.#node = options.node
    this.#invariants = options.invariants
    this.#context = options.context
    this.#disk = options.disk
    this.#signer = options.signer
    this.#isFaulty = options.isFaulty
    this.#oracle = new VoteOracle(options.context)
    this.#accountability = new Accountability(options.context.rules().genesisHash, options.context.bls)
  }

  #fail(property: string, detail: string): never {
    throw new Violation(property, `node ${this.#node}: ${detail}`)
  }

  onStart(life: number, epoch: number, records: readonly JournalRecord[], signed: readonly Subject[]): void {
    this.#life = life
    const intents = records.flatMap((record) => (record.kind === 'intent' ? [record.body.subject] : []))
    const remembered = [...signed, ...intents]
    this.#old = new Set(remembered.map(voteKey))
    const proposals = records.flatMap((record) =>
      record.kind === 'proposal' ? [record.body.vote.subject] : [],
    )
    this.#oracle.restart(epoch, remembered, proposals)
  }

  /** Called before the core sees a message from host `from`, whose authenticated identity is `identity`. */
  onReceive(
    state: EpochState,
    arrival: { from: Sender; identity: number; message: ConsensusMessage; nowMs: number },
  ): void {
    const { from, identity, message, nowMs } = arrival
    for (const certificate of certificatesOf(message)) this.#invariants.onShownCertificate(certificate)
    if (message.kind === 'proposal') {
      const { vote, block } = message.body
      const fromSigner = from.validator === vote.signer
      this.#oracle.onProposal(state, { vote, block, fromSigner, life: this.#life, atMs: nowMs })
    }
    const vote = this.#shownVote(state, arrival)
    if (vote !== undefined && this.#isFaulty(identity, state.epoch))
      this.#accountability.onVote(state, vote, this.#life)
  }

  /** A vote that the core must process. */
  #shownVote(state: EpochState, arrival: { from: Sender; message: ConsensusMessage }): Vote | undefined {
    const { from, message } = arrival
    if (message.kind === 'vote') return message.body.signer === from.validator ? message.body : undefined
    if (message.kind !== 'proposal' || message.body.vote.signer !== from.validator) return undefined
    const { vote } = message.body
    const { view } = vote.subject
    return view <= state.view && state.leaderOf(view) === vote.signer ? vote : undefined
  }

  /** Called after the core has processed the message. */
  afterReceive(
    state: EpochState,
    arrival: { from: Sender; identity: number; message: ConsensusMessage },
  ): void {
    if (!this.#isFaulty(arrival.identity, state.epoch) || state.halted) return
    const vote = this.#shownVote(state, arrival)
    if (vote === undefined) return
    const missed = this.#accountability.missing(vote.signer, vote.subject)
    if (missed !== undefined)
      this.#fail('A', `saw ${missed} of validator ${vote.signer} and reported nothing`)
  }

  /** The core journals a record: filed under a view that votes may name, whatever anybody's header claims. */
  onRecord(state: EpochState, record: JournalRecord): void {
    if (record.kind === 'block') this.#checkBody(record.body.block)
    if (record.kind === 'proposal') this.#checkLeader(state, record.body.vote)
    const view = filedView(record)
    if (view <= state.view + FILED_AHEAD_MAX) return
    this.#fail('journal', `files a ${record.kind} under view ${view} in view ${state.view}`)
  }

  /** The core requests a signature. */
  onVote(state: EpochState, subject: Subject, nowMs: number): void {
    const isOld = this.#old.has(voteKey(subject))
    const fault = this.#oracle.judge({ state, subject, nowMs, life: this.#life, isOld })
    if (fault !== undefined) this.#fail('vote', `${voteText(subject)}: ${fault}`)
  }

  afterStep(state: EpochState): void {
    if (++this.#steps % MEMORY_EVERY !== 0) return
    const fault = memoryFault(state)
    if (fault !== undefined) this.#fail('memory', fault)
  }

  /** The host is about to ask the signer: block and intent must be durable, unless the signer already has the vote. */
  onSign(subject: Subject, block: SealedBlock | undefined): void {
    if (this.#old.has(voteKey(subject)) || this.#signer.holdsDurably(subject)) return
    if (!this.#disk.hasIntent(subject))
      this.#fail('journal', `${voteText(subject)} before its record is durable`)
    if (subject.kind === 'nullify') return
    if (block === undefined || !(this.#disk.hasBlock(block.bytes) || this.#isFinal(block))) {
      this.#fail('journal', `${voteText(subject)} before its block is durable`)
    }
  }

  #isFinal(block: SealedBlock): boolean {
    return block.header.height === 0
  }

  /** A body that is kept or passed on has the transactions that its header names. */
  #checkBody(bytes: Uint8Array): void {
    const { header, transactions } = decodeBlock(bytes)
    const root = merkleRoot(transactions.map((raw) => keccak256(raw)))
    if (!equalBytes(root, header.transactionsRoot))
      this.#fail('body', `takes another body for the block of view ${header.view}`)
  }

  /** A proposal that is kept or passed on is signed by its leader. */
  #checkLeader(state: EpochState, vote: Vote): void {
    const validator = state.validators[vote.signer]
    const bytes = signedBytes(this.#context.rules().genesisHash, vote.subject)
    const isValid =
      validator !== undefined && this.#context.bls.verify(validator.consensusKey, bytes, vote.signature)
    if (!isValid) this.#fail('leader', `takes a proposal of view ${vote.subject.view} with an invalid vote`)
  }

  #checkProposal(state: EpochState | undefined, proposal: Proposal): void {
    this.#checkBody(proposal.block)
    if (state !== undefined && state.epoch === proposal.vote.subject.epoch)
      this.#checkLeader(state, proposal.vote)
  }

  onSend(message: ConsensusMessage, to: Target, state: EpochState | undefined): void {
    const self = state?.self
    if (message.kind === 'proposal') this.#checkProposal(state, message.body)
    if (message.kind === 'blocks') for (const bytes of message.body.blocks) this.#checkBody(bytes)
    for (const certificate of certificatesOf(message))
      this.#invariants.onSentCertificate(this.#node, certificate)
    if (message.kind === 'certificate' && to.kind === 'all') this.#checkJournaled(message.body)
    const vote = message.kind === 'vote' || message.kind === 'proposal' ? voteOf(message) : undefined
    if (vote !== undefined && vote.signer === self && !this.#signer.holdsDurably(vote.subject)) {
      this.#fail('journal', `${voteText(vote.subject)} was sent before the signer's flag is durable`)
    }
  }

  #checkJournaled(certificate: Certificate): void {
    if (certificate.subject.view <= this.#signer.floor || this.#disk.hasCertificate(certificate)) return
    this.#fail('journal', `${voteText(certificate.subject)}: certificate sent before its record is durable`)
  }

  onMisbehaviour(misbehaviour: Misbehaviour): void {
    if (misbehaviour.kind === 'certificates')
      this.#fail('A', 'conflicting certificates with at most f Byzantine validators')
    const { bls } = this.#context
    const rules = this.#context.rules()
    const { subject } = misbehaviour.first
    const validator = rules.setOf(subject.epoch).validators[misbehaviour.first.signer]
    if (validator === undefined) this.#fail('A', 'the report names no validator')
    if (!this.#isFaulty(validator.id - 1, subject.epoch))
      this.#fail('A', `accuses the honest node ${validator.id - 1}`)
    const { genesisHash } = rules
    const fault = reportFault({ misbehaviour, key: validator.consensusKey, genesisHash, bls })
    if (fault !== undefined) this.#fail('A', `report without proof: ${fault}`)
    this.#accountability.onMisbehaviour(misbehaviour)
  }
}

function certificatesOf(message: ConsensusMessage): readonly Certificate[] {
  switch (message.kind) {
    case 'certificate':
      return [message.body]
    case 'certificates':
      return message.body.certificates
    case 'proposal':
      return message.body.justification
    default:
      return []
  }
}

function voteOf(message: Extract<ConsensusMessage, { kind: 'vote' | 'proposal' }>): Vote {
  return message.kind === 'vote' ? message.body : message.body.vote
}

const voteKey = (subject: Subject): string => `${subject.epoch}:${subjectKey(subject)}`

export const voteText = (subject: Subject): string => `${subject.kind} ${subject.epoch}:${subject.view}`
