// One real core with a host that performs at once, in a fixed order, what the model does in one step. Owns: that order,
// the node's clock, journal and signer. Not: choosing the inputs (replay.ts).
import { assert, mustExist } from '../../base/assert.ts'
import { equalBytes } from '../../base/bytes.ts'
import type { SealedBlock } from '../../base/protocol/header.ts'
import type { Certificate, Subject } from '../../base/protocol/vote.ts'
import { Core } from '../../consensus/core.ts'
import type { ConsensusMessage } from '../../consensus/messages.ts'
import { OwnVotes } from '../../consensus/ownVotes.ts'
import type { JournalRecord } from '../../consensus/records.ts'
import type { EpochState } from '../../consensus/state.ts'
import type { EpochStart, Input, Output } from '../../consensus/types.ts'
import { Verifier } from '../../node/verifier.ts'
import { bls, PARAMETERS, type ReplayChain, T0 } from './replayChain.ts'

/** The core deviates from the model. */
export class Deviation extends Error {}

/** Time from the view's need to half of the leader time-out, the leader time-out, and the view's time-out. */
const DEADLINES_MS = [10_010, 20_020, 20_040] as const

/** Order of pending answers: a host is free to choose; a fixed order gives each input one outcome. */
const ORDER = [
  'signed',
  'epochStarted',
  'quorum',
  'verdict',
  'built',
  'single',
  'certificate',
  'votes',
] as const
type Turn = (typeof ORDER)[number]

export class ReplayNode {
  readonly node: number
  readonly #chain: ReplayChain
  readonly #verifier = new Verifier(bls)
  readonly #onCore: (core: Core) => void
  #core: Core
  #start: EpochStart
  #tip: SealedBlock
  #tipCertificate: Certificate | undefined
  readonly #journal: JournalRecord[] = []
  #signer = new OwnVotes()
  #watched: SealedBlock | undefined
  #nowMs = T0 + 1_000
  /** Every vote signed so far in all epochs, by `ReplayChain.text`. */
  readonly signed = new Map<string, Subject>()
  /** Own proposals as first sent. */
  readonly proposals = new Map<string, ConsensusMessage>()

  /** `onCore` gets every core of this node before its first input; tests of the replay itself mutate it there. */
  constructor(chain: ReplayChain, node: number, onCore: (core: Core) => void = () => {}) {
    this.node = node
    this.#chain = chain
    this.#onCore = onCore
    this.#start = chain.startEpoch(1, chain.rules.genesis)
    this.#tip = chain.rules.genesis
    this.#core = this.#boot()
    this.feed({ kind: 'tick' })
  }

  get state(): EpochState {
    return this.#core.state
  }

  get needed(): boolean {
    return this.#core.status().needed
  }

  get tip(): SealedBlock {
    return this.#tip
  }

  get watched(): SealedBlock | undefined {
    return this.#watched
  }

  #boot(): Core {
    const epoch = this.#start
    this.#watched = undefined
    this.#verifier.useValidators(epoch.epoch, epoch.validators)
    const core = new Core(
      {
        genesisHash: this.#chain.rules.genesisHash,
        parameters: PARAMETERS,
        consensusKey: this.#chain.key(this.node),
        epoch,
        tip: this.#tip,
        ...(this.#tipCertificate === undefined ? {} : { tipCertificate: this.#tipCertificate }),
        journal: this.#journal,
        signed: this.#signer.subjects(),
        jitterSeed: this.node,
      },
      this.#nowMs,
    )
    this.#onCore(core)
    return core
  }

  /** Crashes and restarts from journal and signer. */
  restart(): void {
    this.#core = this.#boot()
    this.feed({ kind: 'tick' })
  }

  /** Advances time to 2Δ after the view was entered. */
  wait(): void {
    this.#passTo(this.state.enteredAtMs + 2 * PARAMETERS.deltaMs)
  }

  /** Advances time to the view's first, second or third deadline. */
  timeout(timer: number): void {
    const { armedAtMs } = this.state
    if (armedAtMs === undefined) throw new Deviation('no timer runs')
    this.#passTo(armedAtMs + mustExist(DEADLINES_MS[timer - 1], 'a view has three deadlines'))
  }

  #passTo(nowMs: number): void {
    assert(nowMs >= this.#nowMs, 'time only passes')
    this.#nowMs = nowMs
    this.feed({ kind: 'tick' })
  }

  gainWork(): void {
    if (this.#watched === undefined) throw new Deviation('no parent is watched')
    this.feed({ kind: 'work', parent: this.#watched.hash, ready: true })
  }

  receive(from: number, message: ConsensusMessage): void {
    const { epoch } = this.state
    const validator = this.#chain.indexOf(epoch, from)
    this.feed({ kind: 'message', from: { peer: `node${from}`, validator }, message })
  }

  /** Feeds one input and every resulting answer. */
  feed(input: Input): void {
    const waiting = new Map<Turn, Input[]>(ORDER.map((turn) => [turn, []]))
    let next: Input | undefined = input
    while (next !== undefined) {
      for (const output of this.#core.step({ monotonicMs: this.#nowMs, wallMs: this.#nowMs }, next)) {
        const answer = this.#perform(output)
        if (answer !== undefined) waiting.get(answer.turn)!.push(answer.input)
      }
      next = ORDER.map((turn) => waiting.get(turn)!)
        .find((list) => list.length > 0)
        ?.shift()
    }
  }

  #perform(output: Output): { turn: Turn; input: Input } | undefined {
    const quorum = this.state.quorum
    switch (output.kind) {
      case 'journal':
        this.#journal.push(output.record)
        return undefined
      case 'sign':
        return { turn: 'signed', input: this.#sign(output.subject) }
      case 'verify': {
        const { hash: digest } = output.block
        const verdict = this.#chain.isValid(digest) ? 'valid' : 'invalid'
        return { turn: 'verdict', input: { kind: 'verdict', digest, verdict } }
      }
      case 'build': {
        const { epoch, view, parent } = output.order
        const block = this.#chain.block([...this.#chain.list(parent.hash), epoch * 1000 + view * 10])
        return { turn: 'built', input: { kind: 'built', epoch, view, block } }
      }
      case 'checkVotes': {
        const { id, epoch, message, votes } = output
        const checked = this.#verifier.checkVotes(epoch, message, votes)
        const turn = votes.length >= quorum ? 'quorum' : 'votes'
        return { turn, input: { kind: 'votesChecked', id, ...checked } }
      }
      case 'checkSignatures': {
        const { id, epoch, checks } = output
        const valid = this.#verifier.checkSignatures(epoch, checks)
        const turn = checks[0]?.signers.length === 1 ? 'single' : 'certificate'
        return { turn, input: { kind: 'signaturesChecked', id, valid } }
      }
      case 'epochEnded':
        return {
          turn: 'epochStarted',
          input: { kind: 'epochStarted', start: this.#nextEpoch(output.boundary) },
        }
      case 'finalized':
        this.#tip = output.blocks.at(-1)!
        this.#tipCertificate = output.certificate
        return undefined
      case 'watch':
        this.#watched = output.parent
        return undefined
      case 'send':
        this.#keepProposal(output.message)
        return undefined
      case 'halt':
      case 'penalise':
        throw new Deviation(`${output.kind}: ${output.reason}`)
      default:
        return undefined
    }
  }

  #sign(subject: Subject): Input {
    const refusal = this.#signer.refuses(subject)
    if (refusal !== undefined)
      throw new Deviation(`the signer refuses ${this.#chain.text(subject)}: ${refusal}`)
    this.#signer.adopt(subject)
    this.signed.set(this.#chain.text(subject), subject)
    return { kind: 'signed', vote: this.#chain.vote(this.node, subject) }
  }

  #nextEpoch(boundary: SealedBlock): EpochStart {
    assert(equalBytes(boundary.hash, this.#tip.hash), 'a boundary is delivered before its epoch ends')
    this.#start = this.#chain.startEpoch(this.#start.epoch + 1, boundary)
    this.#tipCertificate = undefined
    this.#signer = new OwnVotes()
    this.#watched = undefined
    this.#verifier.useValidators(this.#start.epoch, this.#start.validators)
    return this.#start
  }

  #keepProposal(message: ConsensusMessage): void {
    if (message.kind !== 'proposal') return
    const { subject, signer } = message.body.vote
    const text = this.#chain.text(subject)
    if (signer === this.state.self && !this.proposals.has(text)) this.proposals.set(text, message)
  }
}
