// One simulated host: the real core and journal format with a simulated disk, signer, application and network port.
import { equalBytes } from '../../base/bytes.ts'
import type { Bls } from '../../base/crypto/types.ts'
import type { SealedBlock } from '../../base/protocol/header.ts'
import { randaoBytes, type Subject, type Vote, voteBytes } from '../../base/protocol/vote.ts'
import { Core } from '../../consensus/core.ts'
import type { ConsensusMessage } from '../../consensus/messages.ts'
import type { CoreStatus, Input, Output, Target } from '../../consensus/types.ts'
import { Verifier } from '../../node/verifier.ts'
import { BLOCK_TXS, type ChainRules, SimStore } from '../support/simChain.ts'
import type { Behaviour, MakeBehaviour, Outgoing } from './behaviours/behaviour.ts'
import type { Speed } from './config.ts'
import { NodeChecks } from './nodeChecks.ts'
import { SimApplication } from './simApplication.ts'
import { SimClock } from './simClock.ts'
import { type Damage, SimDisk } from './simDisk.ts'
import { SimDoor } from './simDoor.ts'
import type { SimHost } from './simHost.ts'
import type { Work } from './simModel.ts'
import { SimSigner } from './simSigner.ts'
import { messageText, outputText } from './trace.ts'

export interface SimNodeOptions {
  readonly world: SimHost<SimNode>
  /** This host's index; `identity` is the node whose key it holds (different only for twins). */
  readonly index: number
  readonly identity: number
  /** Of an epoch. */
  readonly secretKeyOf: (epoch: number) => Uint8Array
  readonly bls: Bls
  readonly rules: ChainRules
  readonly speed: Speed
  readonly isByzantine: boolean
  /** Alters the host's messages; Byzantine hosts only. */
  readonly behaviour: MakeBehaviour | undefined
  /** This node's wall clock minus true time. */
  readonly skewMs: number
}

export class SimNode {
  readonly index: number
  readonly identity: number
  readonly isByzantine: boolean
  readonly store: SimStore
  readonly application: SimApplication
  readonly disk = new SimDisk()
  readonly signer = new SimSigner()
  readonly clock: SimClock
  readonly #options: SimNodeOptions
  readonly #verifier: Verifier
  readonly #checks: NodeChecks | undefined
  /** Renewed at each start. */
  door: SimDoor
  #behaviour: Behaviour | undefined
  #core: Core | undefined
  /** Incremented at each start; events of an earlier life are ignored. */
  #life = 0
  #wakeLife = 0
  #releasedAtMs = 0
  /** Batches waiting for the disk. */
  #unreleased = 0
  halted: string | undefined
  /** Journal damage found at the last start. */
  damage: Damage = 'none'
  /** True while it must not be restarted. */
  isHeldDown = false

  constructor(options: SimNodeOptions) {
    this.#options = options
    this.index = options.index
    this.identity = options.identity
    this.isByzantine = options.isByzantine
    this.store = new SimStore(options.rules)
    this.application = new SimApplication(options.rules, this.store)
    this.#verifier = new Verifier(options.bls)
    const { world } = options
    this.door = new SimDoor(world.scheduler)
    const { invariants } = world
    this.clock = new SimClock(world.scheduler, { host: this.index, skewMs: options.skewMs })
    const context = {
      rules: () => this.application.rules,
      bls: options.bls,
      parameters: world.config.parameters,
      blockOf: invariants.blockOf,
    }
    const { disk, signer, index } = this
    if (!options.isByzantine) {
      const { isFaulty } = world
      this.#checks = new NodeChecks({ node: index, invariants, context, disk, signer, isFaulty })
    }
  }

  get isUp(): boolean {
    return this.#core !== undefined
  }

  get core(): Core | undefined {
    return this.#core
  }

  get counters() {
    return this.#verifier.counters
  }

  status(): CoreStatus | undefined {
    return this.#core?.status()
  }

  start(): void {
    const { rules, bls, secretKeyOf, index, world } = this.#options
    this.#life++
    this.#releasedAtMs = 0
    this.#unreleased = 0
    this.signer.restart()
    this.door = new SimDoor(world.scheduler)
    const start = this.store.epochStart()
    this.signer.beginEpoch(start.epoch)
    this.#verifier.useValidators(start.epoch, start.validators)
    this.application.restart()
    this.#behaviour = this.#options.behaviour?.(world.accomplice(this))
    const certificate = this.store.tipCertificate()
    const { records, damage } = this.disk.replay()
    this.damage = damage
    const signed = this.signer.signed()
    this.#checks?.onStart(this.#life, start.epoch, records, signed)
    this.#core = new Core(
      {
        genesisHash: rules.genesisHash,
        parameters: world.config.parameters,
        consensusKey: bls.publicKey(secretKeyOf(start.epoch)),
        epoch: start,
        tip: this.store.tip,
        ...(certificate === undefined ? {} : { tipCertificate: certificate }),
        journal: records,
        signed,
        jitterSeed: index * 7919 + 1,
      },
      this.clock.monotonicMs,
    )
    this.#feed({ kind: 'tick' })
  }

  /** Switches the software version at the next start. */
  upgrade(rules: ChainRules): void {
    this.application.useRules(rules)
  }

  crash(): void {
    if (this.#core === undefined) return
    this.#life++
    this.#core = undefined
    this.disk.crash(this.#options.world.random)
  }

  submit(transaction: Uint8Array): void {
    if (this.isUp && this.application.submit(transaction)) this.#checkWork()
  }

  receive(from: SimNode, message: ConsensusMessage, bytes: Uint8Array): void {
    if (this.#options.world.config.model === undefined) this.#receive(from, message)
    else this.#later(this.#workMs({ kind: 'receive', bytes }, 0), () => this.#receive(from, message))
  }

  #receive(from: SimNode, message: ConsensusMessage): void {
    const core = this.#core
    if (core === undefined) return
    if (this.#behaviour?.incoming?.(`${from.index}`, message) === false) return
    const { world } = this.#options
    const { validators } = world.setOf(core.status().epoch)
    const found = validators.findIndex((v) => v.id === from.identity + 1)
    const sender = { peer: `${from.index}`, validator: found < 0 ? undefined : found }
    if (world.isTracing) world.trace(this.index, `< ${from.index} ${messageText(message)}`)
    const arrival = { from: sender, identity: from.identity, message, nowMs: this.clock.wallMs }
    this.#checks?.onReceive(core.state, arrival)
    this.#feed({ kind: 'message', from: sender, message })
    // With a model, checks of signatures take time, and the report follows later.
    if (this.#core !== undefined && world.config.model === undefined)
      this.#checks?.afterReceive(this.#core.state, arrival)
  }

  /** Penalises the peer for undecodable bytes, as the driver does. */
  receiveGarbage(from: SimNode, reason: string): void {
    if (this.isUp) this.#options.world.onPenalised(this, `${from.index}`, reason)
  }

  /** Runs `work` later unless the node has crashed by then. */
  #later(delayMs: number, work: () => void): void {
    const life = this.#life
    this.#options.world.scheduler.after(delayMs, () => {
      if (this.#life === life && this.#core !== undefined) work()
    })
  }

  #upTo(mostMs: number): number {
    return this.#options.world.random.between(0, mostMs)
  }

  /** Duration of work: from the model, or random up to `mostMs`. */
  #workMs(work: Work, mostMs: number): number {
    const { world } = this.#options
    const { model } = world.config
    return model === undefined ? this.#upTo(mostMs) : model.workMs(this.index, world.scheduler.nowMs, work)
  }

  /** Answers a signature check: within the step, or after the model's time. */
  #answer(queue: Input[], work: Work, check: () => Input): void {
    if (this.#options.world.config.model === undefined) queue.push(check())
    else this.#later(this.#workMs(work, 0), () => this.#feed(check()))
  }

  #feed(input: Input): void {
    const { world, speed } = this.#options
    const queue: Input[] = [input]
    const durable: Output[] = []
    let journaled = false
    for (let next = queue.shift(); next !== undefined && this.#core !== undefined; next = queue.shift()) {
      const core: Core = this.#core
      for (const output of core.step(this.clock.now(), next)) {
        world.trace(this.index, outputText(output))
        world.onOutput(this, output)
        // A watcher may have crashed this host.
        if (this.#core !== core) return
        if (output.kind === 'journal') {
          this.#checks?.onRecord(core.state, output.record)
          this.disk.append(output.record)
          journaled = true
        } else {
          if (output.kind === 'sign') this.#checks?.onVote(core.state, output.subject, this.clock.wallMs)
          if (!this.#runAtOnce(output, queue)) durable.push(output)
        }
      }
      this.#checks?.afterStep(core.state)
    }
    if (this.#core === undefined || (durable.length === 0 && !journaled)) return
    const { nowMs } = world.scheduler
    if (!journaled && this.#unreleased === 0) {
      this.#perform(durable)
      return
    }
    // Batches are released in order, like the driver's.
    const diskMs = journaled ? Math.max(1, this.#workMs({ kind: 'sync' }, speed.diskMs)) : 0
    this.#releasedAtMs = Math.max(this.#releasedAtMs, nowMs + diskMs)
    const mark = this.disk.mark()
    this.#unreleased++
    this.#later(this.#releasedAtMs - nowMs, () => this.#release(mark, durable, journaled))
  }

  #release(mark: number, durable: readonly Output[], journaled: boolean): void {
    const { world } = this.#options
    this.#unreleased--
    if (journaled) {
      if (world.crashPoint(this, 'appended')) return
      if (!this.disk.sync(mark)) {
        world.onDiskFull(this)
        return
      }
      if (world.crashPoint(this, 'synced')) return
    }
    this.#perform(durable)
  }

  #runAtOnce(output: Output, queue: Input[]): boolean {
    const { world, speed } = this.#options
    switch (output.kind) {
      case 'checkVotes': {
        const { id, epoch, message, votes } = output
        const work: Work = { kind: 'checkVotes', votes: votes.length }
        const check = () => this.#verifier.checkVotes(epoch, message, votes)
        this.#answer(queue, work, () => ({ kind: 'votesChecked', id, ...check() }))
        return true
      }
      case 'checkSignatures': {
        const { id, epoch, checks } = output
        const signers = checks.reduce((sum, check) => sum + check.signers.length, 0)
        const work: Work = { kind: 'checkSignatures', checks: checks.length, signers }
        const check = () => this.#verifier.checkSignatures(epoch, checks)
        this.#answer(queue, work, () => ({ kind: 'signaturesChecked', id, valid: check() }))
        return true
      }
      case 'build': {
        const work: Work = { kind: 'build', transactions: Math.min(BLOCK_TXS, this.application.mempool.size) }
        this.#later(this.#workMs(work, speed.buildMs), () => this.#build(output))
        return true
      }
      case 'verify': {
        const work: Work = { kind: 'verify', transactions: output.block.transactions.length }
        this.#later(this.#workMs(work, speed.verifyMs), () => this.#verify(output.block, output.parent))
        return true
      }
      case 'watch': {
        const ready = this.application.watch(output.parent)
        queue.push({ kind: 'work', parent: output.parent.hash, ready })
        return true
      }
      case 'wake':
        this.#wakeLife++
        if (output.atMs !== undefined) this.#wake(output.atMs)
        return true
      case 'halt':
        this.halted = output.reason
        world.onHalt(this, output.reason)
        return true
      case 'penalise':
        world.onPenalised(this, output.peer, output.reason)
        return true
      case 'misbehaviour':
        this.#checks?.onMisbehaviour(output.misbehaviour)
        world.onMisbehaviour(this, output.misbehaviour)
        return true
      case 'shareTransactions':
        this.#share(output.leader)
        return true
      default:
        return false
    }
  }

  #wake(atMs: number): void {
    const wake = this.#wakeLife
    this.#later(Math.max(0, atMs - this.clock.monotonicMs), () => {
      if (this.#wakeLife === wake) this.#feed({ kind: 'tick' })
    })
  }

  #build(output: Extract<Output, { kind: 'build' }>): void {
    const { rules, bls, secretKeyOf, world } = this.#options
    const { order } = output
    const { epoch, view, parent } = order
    const self = this.status()?.self
    if (self === undefined) throw new Error('an observer builds')
    const validator = world.setOf(epoch).validators[self]!
    const message = randaoBytes(rules.genesisHash, epoch, parent.header.height + 1)
    const randaoReveal = bls.sign(secretKeyOf(epoch), message)
    const block = this.application.build({ ...order, proposer: validator.operator, randaoReveal })
    world.invariants.onBlock(block)
    this.#feed({ kind: 'built', epoch, view, block })
  }

  #verify(block: SealedBlock, parent: SealedBlock): void {
    this.#options.world.invariants.onBlock(block)
    const verdict = this.application.verify(block, parent)
    this.#feed({ kind: 'verdict', digest: block.hash, verdict })
  }

  #checkWork(): void {
    const change = this.application.change()
    if (change !== undefined) this.#feed({ kind: 'work', parent: change.parent.hash, ready: change.ready })
  }

  #share(leader: number): void {
    const { world } = this.#options
    const epoch = this.status()?.epoch
    if (epoch === undefined) return
    const target = world.setOf(epoch).validators[leader]!.id - 1
    for (const transaction of this.application.shared()) {
      world.deliverTransaction(this.index, target, transaction)
    }
  }

  #perform(durable: readonly Output[]): void {
    for (const output of durable) {
      if (this.#core === undefined) return
      switch (output.kind) {
        case 'sign':
          this.#sign(output.subject)
          break
        case 'send':
          this.#checks?.onSend(output.message, output.to, this.#core.state)
          this.#send(output)
          break
        case 'finalized':
          this.#commit(output)
          break
        case 'epochEnded':
          this.#later(this.#upTo(3), () => this.#switchEpoch())
          break
        case 'serveBlocks':
          this.#serveBlocks(output.to, output.hash, output.countMax)
          break
        case 'serveBoundary': {
          const certificate = this.store.boundary(output.epoch)
          if (certificate === undefined) break
          this.#send({
            to: output.to,
            message: { kind: 'certificates', body: { certificates: [certificate] } },
          })
          break
        }
        case 'sync':
          this.#later(50, () => this.#sync(output))
          break
        case 'floor':
          this.signer.raiseFloor(output.epoch, output.view)
          break
        default:
          throw new Error(`unhandled output ${output.kind}`)
      }
    }
  }

  /** A Byzantine node may replace the message. */
  #send(outgoing: Outgoing): void {
    const sent = this.#behaviour?.outgoing?.(outgoing) ?? [outgoing]
    for (const { to, message } of sent) this.sendNow(to, message)
  }

  sendNow(to: Target, message: ConsensusMessage): void {
    this.#options.world.sendMessage(this, to, message)
  }

  /** Signs with this node's key regardless of its flags; for Byzantine hosts. */
  signAnything(subject: Subject): Vote {
    const { bls, secretKeyOf, rules } = this.#options
    const signature = bls.sign(secretKeyOf(subject.epoch), voteBytes(rules.genesisHash, subject))
    return { subject, signer: this.status()?.self ?? 0, signature }
  }

  signBytes(message: Uint8Array): Uint8Array {
    const { bls, secretKeyOf } = this.#options
    return bls.sign(secretKeyOf(this.status()?.epoch ?? 0), message)
  }

  #sign(subject: Subject): void {
    const { world, bls, secretKeyOf, rules, speed } = this.#options
    const block = subject.digest === undefined ? undefined : world.invariants.blockOf(subject.digest)
    this.#checks?.onSign(subject, block)
    if (!this.signer.accept(subject)) {
      this.#feed({ kind: 'refused', subject })
      return
    }
    this.#later(this.#workMs({ kind: 'sign' }, speed.signMs), () => {
      if (world.crashPoint(this, 'unsigned')) return
      if (this.disk.full) {
        world.onDiskFull(this)
        return
      }
      if (!this.signer.makeDurable(subject)) return
      if (!this.isByzantine) world.invariants.onSigned(this.identity, subject)
      const signature = bls.sign(secretKeyOf(subject.epoch), voteBytes(rules.genesisHash, subject))
      if (world.crashPoint(this, 'signed')) return
      const self = this.status()?.self
      if (self !== undefined) this.#feed({ kind: 'signed', vote: { subject, signer: self, signature } })
    })
  }

  #commit(output: Extract<Output, { kind: 'finalized' }>): void {
    const { world } = this.#options
    const { blocks, certificate } = output
    if (!this.isByzantine) world.invariants.onFinalPath(this.index, blocks, certificate)
    if (world.crashPoint(this, 'uncommitted')) return
    this.store.commit(blocks, certificate)
    for (const block of blocks) world.onFinalized(this, block)
    if (world.crashPoint(this, 'committed')) return
    this.application.onCommitted(blocks)
    const { epoch, view } = certificate.subject
    this.disk.prune(epoch, view)
    this.#later(0, () => this.#checkWork())
  }

  #switchEpoch(): void {
    const { bls, secretKeyOf } = this.#options
    const start = this.store.epochStart()
    this.signer.beginEpoch(start.epoch)
    this.#verifier.useValidators(start.epoch, start.validators)
    this.#feed({ kind: 'epochStarted', start, consensusKey: bls.publicKey(secretKeyOf(start.epoch)) })
  }

  #serveBlocks(to: Target, hash: Uint8Array, countMax: number): void {
    const blocks: Uint8Array[] = []
    let next = this.store.byHash(hash)
    while (next !== undefined && blocks.length < countMax) {
      blocks.push(next.bytes)
      next = this.store.byHash(next.header.parentHash)
    }
    if (blocks.length > 0) this.#send({ to, message: { kind: 'blocks', body: { blocks } } })
  }

  /** Range sync is outside the core: any linked node that has the target serves it. */
  #sync(output: Extract<Output, { kind: 'sync' }>): void {
    const { block, certificate } = output
    const { world } = this.#options
    const source = world.sourceFor(this, block.header.height)
    if (source === undefined) {
      this.#later(500, () => this.#feed({ kind: 'syncFailed' }))
      return
    }
    const path: SealedBlock[] = []
    for (let height = this.store.height + 1; height <= block.header.height; height++)
      path.push(source.store.at(height)!)
    if (!equalBytes(path.at(-1)!.hash, block.hash)) throw new Error('range sync reached another block')
    if (!this.isByzantine) world.invariants.onFinalPath(this.index, path, certificate)
    this.store.commit(path, certificate)
    for (const imported of path) world.onFinalized(this, imported)
    this.application.onCommitted(path)
    this.#feed({ kind: 'imported', tip: block, certificate })
  }
}
