// One simulated validator: the real core and journal bytes, a simulated disk, signer, application and network port.
import { bytesKey, equalBytes } from '../../base/bytes.ts'
import type { Bls } from '../../base/crypto/types.ts'
import type { SealedBlock } from '../../base/protocol/header.ts'
import { randaoBytes, type Subject, type Vote, voteBytes } from '../../base/protocol/vote.ts'
import { Core } from '../../consensus/core.ts'
import { decodeMessage, encodeMessage } from '../../consensus/messages.ts'
import { recordView } from '../../consensus/records.ts'
import type { Input, Output, Target } from '../../consensus/types.ts'
import { Verifier } from '../../node/verifier.ts'
import type { Behaviour, Outgoing } from './behaviours/behaviour.ts'
import { buildBlock, type ChainRules, SimStore, verifyBlock } from './simChain.ts'
import { SimDisk } from './simDisk.ts'
import type { Work } from './simModel.ts'
import { SimSigner } from './simSigner.ts'
import type { SimWorld } from './world.ts'

export interface SimNodeOptions {
  readonly world: SimWorld
  readonly index: number
  readonly secretKey: Uint8Array
  readonly bls: Bls
  readonly rules: ChainRules
  /** Set on Byzantine nodes. */
  readonly behaviour: Behaviour | undefined
  /** This node's clock minus true time. */
  readonly skewMs: number
}

export class SimNode {
  readonly index: number
  readonly store: SimStore
  readonly disk = new SimDisk()
  readonly signer = new SimSigner()
  readonly #options: SimNodeOptions
  readonly #verifier: Verifier
  /** Transactions by insertion; lost in a crash, as a mempool may be. */
  #pool: Uint8Array[] = []
  #core: Core | undefined
  /** Events of an earlier life do nothing. */
  #life = 0
  #wakeLife = 0
  #releasedAtMs = 0
  #watched: SealedBlock | undefined
  #ready = false
  /** Bodies that were executed in this life, with their ancestry, as overlays would be. */
  #executed = new Map<string, SealedBlock>()
  halted: string | undefined

  constructor(options: SimNodeOptions) {
    this.#options = options
    this.index = options.index
    this.store = new SimStore(options.rules)
    this.#verifier = new Verifier(options.bls)
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

  #nowMs(): number {
    return this.#options.world.scheduler.nowMs + this.#options.skewMs
  }

  start(): void {
    const { rules, bls, secretKey, index } = this.#options
    this.#life++
    this.#releasedAtMs = 0
    this.signer.restart()
    const start = this.store.epochStart()
    this.signer.beginEpoch(start.epoch)
    this.#verifier.useValidators(start.epoch, start.validators)
    this.#executed = new Map()
    this.#watched = undefined
    const certificate = this.store.tipCertificate()
    this.#core = new Core(
      {
        genesisHash: rules.genesisHash,
        parameters: this.#options.world.config.parameters,
        consensusKey: bls.publicKey(secretKey),
        epoch: start,
        tip: this.store.tip,
        ...(certificate === undefined ? {} : { tipCertificate: certificate }),
        journal: this.disk.replay(),
        signed: this.signer.signed(),
        jitterSeed: index * 7919 + 1,
      },
      this.#nowMs(),
    )
    this.#feed({ kind: 'tick' })
  }

  crash(): void {
    if (this.#core === undefined) return
    this.#life++
    this.#core = undefined
    this.#pool = []
    this.disk.crash(this.#options.world.random)
  }

  submit(transaction: Uint8Array): void {
    if (!this.isUp || this.store.includes(transaction)) return
    if (this.#pool.some((known) => equalBytes(known, transaction))) return
    if (this.#pool.length >= 1000) return
    this.#pool.push(transaction)
    this.#checkWork()
  }

  receive(from: SimNode, bytes: Uint8Array): void {
    if (this.#core === undefined) return
    const { validators } = this.#options.rules.setOf(this.#core.status().epoch)
    const found = validators.findIndex((v) => v.id === from.index + 1)
    const sender = { peer: `${from.index}`, validator: found < 0 ? undefined : found }
    const feed = (): void => this.#feed({ kind: 'message', from: sender, message: decodeMessage(bytes) })
    if (this.#options.world.config.model === undefined) feed()
    else this.#later(this.#workMs({ kind: 'receive', bytes }, [0, 0]), feed)
  }

  /** How long a piece of work takes: what the model says, or a draw from `rangeMs`. */
  #workMs(work: Work, rangeMs: readonly [number, number]): number {
    const { world } = this.#options
    const { model } = world.config
    if (model !== undefined) return model.workMs(this.index, world.scheduler.nowMs, work)
    return world.random.between(rangeMs[0], rangeMs[1])
  }

  /** Answers a signature check: within the step, or after the time that the model gives it. */
  #answer(queue: Input[], work: Work, check: () => Input): void {
    if (this.#options.world.config.model === undefined) queue.push(check())
    else this.#later(this.#workMs(work, [0, 0]), () => this.#feed(check()))
  }

  /** Runs `work` later unless the node has died in between. */
  #later(delayMs: number, work: () => void): void {
    const life = this.#life
    this.#options.world.scheduler.after(delayMs, () => {
      if (this.#life === life && this.#core !== undefined) work()
    })
  }

  #feed(input: Input): void {
    const { world } = this.#options
    const queue: Input[] = [input]
    const durable: Output[] = []
    let journaled = false
    for (let next = queue.shift(); next !== undefined && this.#core !== undefined; next = queue.shift()) {
      for (const output of this.#core.step(this.#nowMs(), next)) {
        world.trace(this.index, output.kind)
        if (output.kind === 'journal') {
          this.disk.append(output.record)
          journaled = true
        } else if (!this.#runAtOnce(output, queue)) durable.push(output)
      }
    }
    if (durable.length === 0 && !journaled) return
    const { nowMs } = world.scheduler
    if (!journaled && this.#releasedAtMs <= nowMs) {
      this.#perform(durable)
      return
    }
    // Batches are released in order, like the driver's.
    const syncMs = journaled ? this.#workMs({ kind: 'sync' }, [1, 3]) : 0
    this.#releasedAtMs = Math.max(this.#releasedAtMs, nowMs + syncMs)
    const count = this.disk.mark()
    this.#later(this.#releasedAtMs - nowMs, () => {
      // Records before these may have been synced by an earlier batch.
      this.disk.sync(Math.min(count, this.disk.mark()))
      if (world.crashPoint(this)) return
      this.#perform(durable)
    })
  }

  #runAtOnce(output: Output, queue: Input[]): boolean {
    const { world } = this.#options
    switch (output.kind) {
      case 'checkVotes': {
        const { id, epoch, message, votes } = output
        this.#answer(queue, { kind: 'checkVotes', votes: votes.length }, () => ({
          kind: 'votesChecked',
          id,
          ...this.#verifier.checkVotes(epoch, message, votes),
        }))
        return true
      }
      case 'checkSignatures': {
        const { id, epoch, checks } = output
        const signers = checks.reduce((sum, check) => sum + check.signers.length, 0)
        this.#answer(queue, { kind: 'checkSignatures', checks: checks.length, signers }, () => ({
          kind: 'signaturesChecked',
          id,
          valid: this.#verifier.checkSignatures(epoch, checks),
        }))
        return true
      }
      case 'build': {
        const transactions = this.#pending(output.order.parent).length
        this.#later(this.#workMs({ kind: 'build', transactions }, [0, 5]), () => this.#build(output))
        return true
      }
      case 'verify': {
        const transactions = output.block.transactions.length
        this.#later(this.#workMs({ kind: 'verify', transactions }, [0, 5]), () => {
          const { block, parent } = output
          const known = parent.header.height <= this.store.height || this.#executed.has(bytesKey(parent.hash))
          if (!known) throw new Error('asked to execute on an unknown parent')
          const verdict = verifyBlock(this.#options.rules, block, parent)
          if (verdict === 'valid') this.#executed.set(bytesKey(block.hash), block)
          this.#feed({ kind: 'verdict', digest: block.hash, verdict })
        })
        return true
      }
      case 'watch':
        this.#watched = output.parent
        this.#ready = this.#pending(output.parent).length > 0
        queue.push({ kind: 'work', parent: output.parent.hash, ready: this.#ready })
        return true
      case 'wake':
        this.#wakeLife++
        if (output.atMs !== undefined) this.#wake(output.atMs)
        return true
      case 'halt':
        this.halted = output.reason
        world.onHalt(this.index, output.reason)
        return true
      case 'punish':
        world.onPunish(this.index, output.peer, output.reason)
        return true
      case 'evidence':
        world.onEvidence(this.index, output.evidence)
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
    this.#later(Math.max(0, atMs - this.#nowMs()), () => {
      if (this.#wakeLife === wake) this.#feed({ kind: 'tick' })
    })
  }

  #build(output: Extract<Output, { kind: 'build' }>): void {
    const { rules, bls, secretKey } = this.#options
    const { order } = output
    const { epoch, view, parent } = order
    const validator = rules.setOf(epoch).validators.find((v) => v.id === this.index + 1)!
    const randaoReveal = bls.sign(secretKey, randaoBytes(rules.genesisHash, epoch, parent.header.height + 1))
    const block = buildBlock(
      rules,
      { ...order, proposer: validator.operator, randaoReveal },
      this.#pending(parent),
    )
    this.#executed.set(bytesKey(block.hash), block)
    this.#feed({ kind: 'built', epoch, view, block })
  }

  /** Pool transactions that are neither final nor in the unfinalized ancestors of a child of `parent`. */
  #pending(parent: SealedBlock): readonly Uint8Array[] {
    const taken = new Set<string>()
    let at: SealedBlock | undefined = parent
    while (at !== undefined && at.header.height > this.store.height) {
      for (const transaction of at.transactions) taken.add(bytesKey(transaction))
      at = this.#executed.get(bytesKey(at.header.parentHash))
    }
    return this.#pool.filter((transaction) => !taken.has(bytesKey(transaction)))
  }

  #checkWork(): void {
    if (this.#watched === undefined) return
    const ready = this.#pending(this.#watched).length > 0
    if (ready === this.#ready) return
    this.#ready = ready
    this.#feed({ kind: 'work', parent: this.#watched.hash, ready })
  }

  #share(leader: number): void {
    const { world, rules } = this.#options
    const epoch = this.#core?.status().epoch
    if (epoch === undefined) return
    const target = rules.setOf(epoch).validators[leader]!.id - 1
    for (const transaction of this.#pool.slice(0, 50))
      world.deliverTransaction(this.index, target, transaction)
  }

  #perform(durable: readonly Output[]): void {
    const { world } = this.#options
    for (const output of durable) {
      if (this.#core === undefined) return
      switch (output.kind) {
        case 'sign':
          this.#sign(output.subject)
          break
        case 'send':
          if (output.message.kind === 'certificate') world.invariants.onCertificate(output.message.body)
          this.#send(output)
          break
        case 'finalized':
          this.store.commit(output.blocks, output.certificate)
          for (const block of output.blocks) world.onFinalized(this.index, block)
          this.#afterCommit(output.certificate.subject.epoch, output.certificate.subject.view)
          break
        case 'epochEnded':
          this.#later(world.random.between(0, 3), () => this.#switchEpoch())
          break
        case 'serveBlocks':
          this.#serveBlocks(output.to, output.hash, output.countMax)
          break
        case 'serveBoundary': {
          const certificate = this.store.boundary(output.epoch)
          if (certificate === undefined) break
          const body = { certificates: [certificate] }
          world.send(this, output.to, encodeMessage({ kind: 'certificates', body }))
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

  /** A Byzantine node may send something else instead. */
  #send(outgoing: Outgoing): void {
    const { world, behaviour, bls, secretKey, rules } = this.#options
    const peers = world.nodes.filter((node) => node !== this).map((node) => `${node.index}`)
    const sign = (subject: Subject): Vote => {
      const signature = bls.sign(secretKey, voteBytes(rules.genesisHash, subject))
      return { subject, signer: this.#core?.status().self ?? 0, signature }
    }
    const sent = behaviour === undefined ? [outgoing] : behaviour(outgoing, { sign, peers })
    for (const { to, message } of sent) world.send(this, to, encodeMessage(message))
  }

  #sign(subject: Subject): void {
    const { world, bls, secretKey, rules } = this.#options
    if (!this.signer.accept(subject)) {
      this.#feed({ kind: 'refused', subject })
      return
    }
    this.#later(this.#workMs({ kind: 'sign' }, [0, 3]), () => {
      if (world.crashPoint(this) || !this.signer.makeDurable(subject)) return
      world.invariants.onSigned(this.index, subject)
      const signature = bls.sign(secretKey, voteBytes(rules.genesisHash, subject))
      if (world.crashPoint(this)) return
      const self = this.#core?.status().self
      if (self !== undefined) this.#feed({ kind: 'signed', vote: { subject, signer: self, signature } })
    })
  }

  #afterCommit(epoch: number, view: number): void {
    this.#pool = this.#pool.filter((transaction) => !this.store.includes(transaction))
    for (const [key, block] of this.#executed) {
      if (block.header.height < this.store.height - 1) this.#executed.delete(key)
    }
    if (this.disk.sizeBytes > 64 * 1024) {
      this.disk.clearIf((r) => r.body.epoch < epoch || (r.body.epoch === epoch && recordView(r) <= view))
    }
    this.#later(0, () => this.#checkWork())
  }

  #switchEpoch(): void {
    const start = this.store.epochStart()
    this.signer.beginEpoch(start.epoch)
    this.#verifier.useValidators(start.epoch, start.validators)
    this.#feed({ kind: 'epochStarted', start })
  }

  #serveBlocks(to: Target, hash: Uint8Array, countMax: number): void {
    const blocks: Uint8Array[] = []
    let next = this.store.byHash(hash)
    while (next !== undefined && blocks.length < countMax) {
      blocks.push(next.bytes)
      next = this.store.byHash(next.header.parentHash)
    }
    if (blocks.length > 0) {
      this.#options.world.send(this, to, encodeMessage({ kind: 'blocks', body: { blocks } }))
    }
  }

  /** Range sync stands outside the core: any node that has the target gives it, if a link is up. */
  #sync(output: Extract<Output, { kind: 'sync' }>): void {
    const { block, certificate } = output
    const source = this.#options.world.sourceFor(this.index, block.header.height)
    if (source === undefined) {
      this.#later(500, () => this.#feed({ kind: 'syncFailed' }))
      return
    }
    const path: SealedBlock[] = []
    for (let height = this.store.height + 1; height <= block.header.height; height++)
      path.push(source.store.at(height)!)
    if (!equalBytes(path.at(-1)!.hash, block.hash)) throw new Error('range sync reached another block')
    this.store.commit(path, certificate)
    for (const imported of path) this.#options.world.onFinalized(this.index, imported)
    this.#feed({ kind: 'imported', tip: block, certificate })
  }
}
