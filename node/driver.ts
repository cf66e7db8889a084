// Runs the consensus core: the only caller of `step`, and the only place where its effects reach disk, network and clock.
import { mustExist } from '../base/assert.ts'
import type { Bls } from '../base/crypto/types.ts'
import { SchemaError } from '../base/field.ts'
import type { Hash32 } from '../base/ids.ts'
import type { SealedBlock } from '../base/protocol/header.ts'
import { indexOfKey } from '../base/protocol/validators.ts'
import type { Certificate, Subject } from '../base/protocol/vote.ts'
import { Core } from '../consensus/core.ts'
import { type ConsensusMessage, decodeMessage, encodeMessage } from '../consensus/messages.ts'
import { checkParameters } from '../consensus/parameters.ts'
import type { Application, Clock, ConsensusNetwork, JournalStore, Log, Signer } from '../consensus/ports.ts'
import type {
  BuildOrder,
  ConsensusParameters,
  CoreStatus,
  EpochStart,
  Input,
  Output,
  Sender,
  Target,
} from '../consensus/types.ts'
import { SignerUnreachableError } from '../signer/signerUnreachable.ts'
import { BlockServer } from './blockServer.ts'
import { BodyOpener } from './bodyOpener.ts'
import { DurableRelease } from './durableRelease.ts'
import { HeldCertificates } from './heldCertificates.ts'
import { OwnVoteExchange } from './ownVoteCheck.ts'
import { type SignatureChecks, Verifier, type VerifierCounters } from './verifier.ts'
import { RareWarnings } from './watch/rareWarnings.ts'
import { troubleText } from './watch/trouble.ts'

export interface DriverOptions {
  readonly genesisHash: Hash32
  readonly parameters: ConsensusParameters
  readonly application: Application
  readonly network: ConsensusNetwork
  readonly journal: JournalStore
  /** Absent for a node that only follows. */
  readonly signer: Signer | undefined
  readonly bls: Bls
  /** Closed with the driver. Default: everything at once on this thread, with `bls`. */
  readonly checks?: SignatureChecks
  readonly clock: Clock
  readonly jitterSeed: number
  readonly log: Log
  /** Called once when consensus halts; the node reports it and keeps serving reads. */
  readonly onHalt: (reason: string) => void
}

/** Counters since the start. */
export interface DriverCounters extends VerifierCounters {
  steps: number
  signatures: number
  syncs: number
  finalizedBlocks: number
}

type Durable = Extract<
  Output,
  { kind: 'sign' | 'send' | 'finalized' | 'epochEnded' | 'serveBlocks' | 'serveBoundary' | 'sync' | 'floor' }
>

const SYNC_RETRY_MS = 1_000
/** A certificate is held back for this part of the network's delay, in which healthy validators' last votes arrive. */
const HOLD_SHARE = 4

export class Driver {
  readonly #options: DriverOptions
  readonly #checks: SignatureChecks
  readonly #ownVotes: OwnVoteExchange
  readonly #warnings: RareWarnings
  readonly #blockServer: BlockServer
  readonly #bodies: BodyOpener
  readonly #held: HeldCertificates
  readonly #release: DurableRelease<Durable>
  readonly #counters = { steps: 0, signatures: 0, finalizedBlocks: 0 }
  #core: Core | undefined
  #epoch: EpochStart | undefined
  readonly #queue: Input[] = []
  #draining = false
  #stopped = false
  /** Commits, epoch switches and syncs, one at a time. */
  #imports: Promise<void> = Promise.resolve()
  /** Blocks imported by range sync, the highest of each epoch; later epochs wait for the switch. */
  readonly #observed = new Map<number, { readonly block: SealedBlock; readonly certificate: Certificate }>()
  #cancelWake: (() => void) | undefined
  #watched: { parent: SealedBlock; ready: boolean } | undefined
  #unsubscribe: (() => void) | undefined

  constructor(options: DriverOptions) {
    this.#options = options
    this.#checks = options.checks ?? new Verifier(options.bls)
    this.#warnings = new RareWarnings(options.log)
    this.#bodies = new BodyOpener(options.clock)
    this.#blockServer = new BlockServer({
      application: options.application,
      clock: options.clock,
      send: (to, blocks) => this.#reply(to, { kind: 'blocks', body: { blocks } }),
      onFailure: (error) => this.#fail(error),
    })
    this.#release = new DurableRelease<Durable>({
      journal: options.journal,
      perform: (effects) => this.#perform(effects),
      onFailure: (error) => this.#fail(error),
    })
    this.#held = new HeldCertificates({
      clock: options.clock,
      holdMs: Math.floor(options.parameters.deltaMs / HOLD_SHARE),
      state: () => this.#core?.state,
      send: (body) => options.network.send({ kind: 'all' }, encodeMessage({ kind: 'certificate', body })),
    })
    this.#ownVotes = new OwnVoteExchange({
      signer: options.signer,
      clock: options.clock,
      send: (to, message) => this.#reply(to, message),
      onFinal: (from, body) => this.#feed({ kind: 'message', from, message: { kind: 'certificate', body } }),
    })
  }

  /** Reads the tip, replays the journal and takes part. */
  async start(): Promise<void> {
    const { application, journal, signer, network, clock, genesisHash, parameters, jitterSeed } =
      this.#options
    const unusable = checkParameters(parameters)
    if (unusable !== undefined) throw new TypeError(`consensus parameters: ${unusable}`)
    const tip = await application.tip()
    const { epoch } = tip.epoch
    await this.#useEpoch(tip.epoch)
    this.#core = new Core(
      {
        genesisHash,
        parameters,
        consensusKey: signer?.publicKey,
        epoch: tip.epoch,
        tip: tip.block,
        ...(tip.certificate === undefined ? {} : { tipCertificate: tip.certificate }),
        journal: journal.replayed,
        signed: signer?.signed().filter((subject) => subject.epoch === epoch) ?? [],
        jitterSeed,
      },
      clock.monotonicMs(),
    )
    journal.forgetReplayed()
    network.onMessage((from, bytes) => this.#onFrame(from, bytes))
    this.#unsubscribe = application.onWork(() => {
      // While there is work, more changes nothing; only a commit can clear it.
      if (this.#watched?.ready !== true) this.#checkWork()
    })
    this.#feed({ kind: 'tick' })
  }

  /** Starts the epoch that a recovery begins above `floor`, without a boundary of the current one. */
  enterEpoch(floor: SealedBlock): void {
    this.#switchEpoch(floor)
  }

  status(): CoreStatus {
    return mustExist(this.#core, 'the driver was started').status()
  }

  /** Feeds the core a block imported by range sync: durable, and certified by this verified F. */
  observe(block: SealedBlock, certificate: Certificate): void {
    this.#observed.set(block.header.epoch, { block, certificate })
    this.#feedObserved()
  }

  #feedObserved(): void {
    const current = this.#core?.status().epoch ?? 0
    for (const [epoch, { block, certificate }] of this.#observed) {
      if (epoch > current) continue
      this.#observed.delete(epoch)
      if (epoch === current) this.#feed({ kind: 'imported', tip: block, certificate })
    }
  }

  counters(): DriverCounters {
    return { ...this.#counters, syncs: this.#release.syncs, ...this.#checks.counters }
  }

  /** Stops stepping for good and waits for running writes; what it was given stays open. */
  async retire(): Promise<void> {
    this.#stopped = true
    const released = this.#release.stop()
    this.#held.flush()
    this.#ownVotes.close()
    this.#blockServer.close()
    this.#bodies.close()
    this.#cancelWake?.()
    this.#unsubscribe?.()
    await released
    await this.#imports
  }

  /** As `retire`, then closes journal and signer. */
  async close(): Promise<void> {
    await this.retire()
    await this.#checks.close()
    await this.#options.journal.close()
    await this.#options.signer?.close()
  }

  #onFrame(from: Sender, bytes: Uint8Array): void {
    if (this.#stopped) return
    let message: ConsensusMessage
    try {
      message = decodeMessage(bytes)
    } catch (error) {
      if (!(error instanceof SchemaError)) throw error
      this.#options.network.penalise(from.peer, `undecodable consensus message: ${error.message}`)
      return
    }
    if (message.kind === 'ownVotesRequest') {
      if (this.#core !== undefined) this.#ownVotes.onRequest(from, this.#core.state)
    } else if (message.kind === 'heldVotes')
      this.#ownVotes.onHeld(from, message.body).catch((e) => this.#fail(e))
    else this.#feedMessage(from, message)
  }

  #feedMessage(from: Sender, message: ConsensusMessage): void {
    const feed = (): void => this.#feed({ kind: 'message', from, message })
    const state = this.#core?.state
    if (state === undefined || !this.#bodies.open(state, [from, message], feed)) feed()
  }

  /** Steps through everything queued, then releases the effects that must wait for the disk as one batch. */
  #feed(input: Input): void {
    if (this.#stopped || this.#core === undefined) return
    this.#queue.push(input)
    if (this.#draining) return
    this.#draining = true
    const durable: Durable[] = []
    let journaled = false
    try {
      for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
        this.#counters.steps++
        const { clock } = this.#options
        const now = { monotonicMs: clock.monotonicMs(), wallMs: clock.nowMs() }
        for (const output of this.#core.step(now, next)) {
          if (output.kind === 'journal') {
            this.#options.journal.append(output.record)
            this.#warnings.noteLate(output.record)
            journaled = true
          } else if (!this.#runAtOnce(output)) durable.push(output as Durable)
        }
      }
    } catch (error) {
      this.#fail(error)
    } finally {
      this.#draining = false
    }
    this.#release.schedule(durable, journaled)
  }

  /** Effects that depend on nothing durable; false for the others. */
  #runAtOnce(output: Output): boolean {
    const { network, application } = this.#options
    switch (output.kind) {
      case 'checkVotes':
      case 'checkSignatures':
        this.#checks.check(output, (answer) => this.#feed(answer))
        return true
      case 'build':
        void this.#build(output.order)
        return true
      case 'verify':
        void this.#verify(output.block, output.parent)
        return true
      case 'watch': {
        const ready = application.hasWork(output.parent)
        this.#watched = { parent: output.parent, ready }
        this.#queue.push({ kind: 'work', parent: output.parent.hash, ready })
        return true
      }
      case 'shareTransactions':
        application.shareTransactions(output.leader)
        return true
      case 'wake':
        this.#wake(output.atMs)
        return true
      case 'penalise':
        network.penalise(output.peer, output.reason)
        return true
      case 'misbehaviour':
        this.#warnings.tell('evidence of misbehaviour', { kind: output.misbehaviour.kind })
        application.reportMisbehaviour(output.misbehaviour)
        return true
      case 'halt':
        this.#halt(output.reason)
        return true
      default:
        return false
    }
  }

  #perform(durable: readonly Durable[]): void {
    const subjects: Subject[] = []
    for (const output of durable) {
      switch (output.kind) {
        case 'sign':
          subjects.push(output.subject)
          break
        case 'send':
          this.#send(output)
          break
        case 'finalized':
          this.#finalize(output.blocks, output.certificate)
          break
        case 'epochEnded':
          this.#switchEpoch(output.boundary)
          break
        case 'serveBlocks':
          this.#blockServer.ask(output)
          break
        case 'serveBoundary':
          void this.#serveBoundary(output.to, output.epoch)
          break
        case 'sync':
          this.#sync(output.block, output.certificate)
          break
        case 'floor':
          this.#options.signer?.raiseFloor(output.epoch, output.view)
          break
      }
    }
    if (subjects.length > 0) void this.#sign(subjects)
  }

  #send({ to, message }: Extract<Output, { kind: 'send' }>): void {
    if (message.kind === 'certificate' && to.kind === 'all') this.#held.hold(message.body)
    else this.#options.network.send(to, encodeMessage(message))
  }

  async #sign(subjects: readonly Subject[]): Promise<void> {
    const { signer } = this.#options
    const self = this.#core?.status().self
    if (signer === undefined || self === undefined) return
    try {
      await this.#ownVotes.ready
      if (this.#stopped) return
      const votes = await signer.sign(self, subjects)
      for (const [i, vote] of votes.entries()) {
        if (vote === undefined) this.#feed({ kind: 'refused', subject: subjects[i]! })
        else {
          this.#counters.signatures++
          this.#feed({ kind: 'signed', vote })
        }
      }
    } catch (error) {
      this.#fail(error)
    }
  }

  async #build(order: BuildOrder): Promise<void> {
    const { application, signer, log } = this.#options
    const { epoch, view, parent } = order
    let block: SealedBlock | undefined
    try {
      const self = mustExist(this.#core?.status().self, 'only a validator builds')
      const proposer = mustExist(this.#epoch?.validators.validators[self], 'own entry in the set').operator
      const reveals = mustExist(signer, 'a validator signs')
      const randaoReveal = await reveals.signRandao(epoch, parent.header.height + 1)
      this.#counters.signatures++
      block = await application.build({ ...order, proposer, randaoReveal })
    } catch (error) {
      // An unreachable signer logs that itself; the view goes to the next leader.
      if (error instanceof SignerUnreachableError) {
        log('warn', 'could not build a block', { view, reason: error.message })
      } else log('error', 'could not build a block', { view, error })
    }
    this.#feed({ kind: 'built', epoch, view, block })
  }

  async #verify(block: SealedBlock, parent: SealedBlock): Promise<void> {
    try {
      const verdict = await this.#options.application.verify(block, parent)
      if (verdict === undefined) return
      if (verdict !== 'valid') {
        this.#options.log('warn', 'block refused', { height: block.header.height, verdict })
      }
      this.#feed({ kind: 'verdict', digest: block.hash, verdict })
    } catch (error) {
      this.#fail(error)
    }
  }

  #finalize(blocks: readonly SealedBlock[], certificate: Certificate): void {
    this.#import(async () => {
      await this.#options.application.finalize(blocks, certificate)
      this.#counters.finalizedBlocks += blocks.length
      const { epoch, view } = certificate.subject
      await this.#options.journal.prune(epoch, view)
      this.#checkWork()
    })
  }

  #switchEpoch(boundary: SealedBlock): void {
    this.#import(async () => {
      const start = await this.#options.application.epochAfter(boundary)
      if (start.epoch <= (this.#epoch?.epoch ?? -1)) return
      await this.#useEpoch(start)
      const consensusKey = this.#options.signer?.publicKey
      this.#feed({ kind: 'epochStarted', start, ...(consensusKey === undefined ? {} : { consensusKey }) })
      this.#feedObserved()
    })
  }

  #sync(block: SealedBlock, certificate: Certificate): void {
    this.#import(async () => {
      const { height } = block.header
      this.#options.log('info', 'far behind, syncing blocks', { height })
      const { reached } = await this.#options.application.syncTo(block, certificate)
      if (reached) {
        this.#feed({ kind: 'imported', tip: block, certificate })
        return
      }
      this.#options.clock.after(SYNC_RETRY_MS, () => this.#feed({ kind: 'syncFailed' }))
    })
  }

  #import(work: () => Promise<void>): void {
    this.#imports = this.#imports.then(async () => {
      if (this.#stopped) return
      try {
        await work()
      } catch (error) {
        this.#fail(error)
      }
    })
  }

  /** Ends the signing rights of older epochs, then announces the new set. */
  async #useEpoch(start: EpochStart): Promise<void> {
    const { application, signer, network } = this.#options
    await signer?.beginEpoch(
      start.epoch,
      (from) => application.epochSteps(from, start.epoch),
      start.validators,
    )
    this.#epoch = start
    this.#checks.useValidators(start.epoch, start.validators)
    const self = indexOfKey(start.validators.validators, signer?.publicKey)
    network.useValidators(start.validators, self, start.previous)
    this.#ownVotes.enter(start)
  }

  async #serveBoundary(to: Target, epoch: number): Promise<void> {
    try {
      const certificate = await this.#options.application.boundaryCertificate(epoch)
      if (certificate !== undefined) {
        this.#reply(to, { kind: 'certificates', body: { certificates: [certificate] } })
      }
    } catch (error) {
      this.#fail(error)
    }
  }

  #reply(to: Target, message: ConsensusMessage): void {
    if (!this.#stopped) this.#options.network.send(to, encodeMessage(message))
  }

  #checkWork(): void {
    const watched = this.#watched
    if (watched === undefined || this.#stopped) return
    const ready = this.#options.application.hasWork(watched.parent)
    if (ready === watched.ready) return
    watched.ready = ready
    this.#feed({ kind: 'work', parent: watched.parent.hash, ready })
  }

  #wake(atMs: number | undefined): void {
    this.#cancelWake?.()
    this.#cancelWake = undefined
    if (atMs === undefined || this.#stopped) return
    const delayMs = Math.max(0, atMs - this.#options.clock.monotonicMs())
    this.#cancelWake = this.#options.clock.after(delayMs, () => this.#feed({ kind: 'tick' }))
  }

  /** A bug or a disk failure: halt consensus at once. */
  #fail(error: unknown): void {
    if (this.#stopped) return
    this.#options.log('error', 'consensus failed', { error })
    this.#halt(troubleText(error))
  }

  #halt(reason: string): void {
    if (this.#stopped) return
    this.#stopped = true
    void this.#release.stop()
    this.#held.flush()
    this.#cancelWake?.()
    this.#unsubscribe?.()
    this.#options.onHalt(reason)
  }
}
