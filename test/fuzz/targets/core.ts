// A live core of four validators, one Byzantine: it sends anything with its own key and garbage in others' names, while
// honest certificates advance the views. `step` never throws, no honest validator is accused, memory stays bounded.
import { type SealedBlock, sealBlock } from '../../../base/protocol/header.ts'
import type { Certificate, Subject, Vote } from '../../../base/protocol/vote.ts'
import { type ConsensusMessage, decodeMessage, encodeMessage } from '../../../consensus/messages.ts'
import type { Verdict } from '../../../consensus/types.ts'
import { Bench } from '../../support/coreHarness.ts'
import { memoryFault } from '../../support/memory.ts'
import type { Random } from '../../support/random.ts'
import { randomBytes } from '../bytes.ts'
import type { FuzzSession, FuzzTarget } from '../target.ts'
import { anyMessage } from './frames.ts'

const KNOWN_MAX = 32

class LiveCore implements FuzzSession {
  readonly #bench = new Bench({ leads: 3 })
  readonly #byzantine: number
  /** Blocks that votes may name, honest or not. */
  #known: SealedBlock[]
  #parent: { block: SealedBlock; view: number }
  /** The honest quorum has left this view. */
  #decided = 0

  constructor(random: Random) {
    this.#byzantine = random.pick(this.#bench.others)
    this.#known = [this.#bench.rules.genesis]
    this.#parent = { block: this.#bench.rules.genesis, view: 0 }
    this.#bench.verdict = (block) => (random.chance(0.1) ? undefined : this.#verdictOf(block))
    this.#bench.tick()
  }

  /** Blocks that honest validators certify are valid; others may be refused. */
  #verdictOf(block: SealedBlock): Verdict {
    return block.header.gasUsed === 0 ? 'valid' : 'invalid'
  }

  step(random: Random): void {
    const bench = this.#bench
    bench.outputs.length = 0
    const from = random.chance(0.5) ? this.#byzantine : random.pick([...bench.others, undefined])
    const choice = random.next()
    if (choice < 0.03) this.#decide(random)
    else if (choice < 0.06) bench.tick(random.between(0, 400))
    else if (choice < 0.08) this.#hostInput(random)
    else bench.receive(from, this.#message(random))
    if (bench.core.status().halted) throw new Error('halted with one Byzantine validator')
    for (const output of bench.outputs) {
      if (output.kind !== 'misbehaviour') continue
      const { misbehaviour } = output
      if (misbehaviour.kind === 'certificates')
        throw new Error('conflicting certificates of an honest quorum')
      if (misbehaviour.first.signer !== this.#byzantine) throw new Error('accused an honest validator')
    }
  }

  check(): string | undefined {
    return memoryFault(this.#bench.state)
  }

  /** q honest validators end the view: they nullify it, or notarize and finalize its leader's block. */
  #decide(random: Random): void {
    const bench = this.#bench
    const view = Math.max(bench.state.view, this.#decided + 1)
    this.#decided = view
    const honest = bench.keys.map((_, i) => i).filter((i) => i !== this.#byzantine)
    const certify = (subject: Subject): void => {
      bench.receive(honest[0], { kind: 'certificate', body: bench.certificate(subject, honest) })
    }
    if (random.chance(0.3)) {
      certify(bench.nullify(view))
      return
    }
    bench.nowMs += 100
    const { block: parent, view: parentView } = this.#parent
    const block = bench.block(view, parent)
    this.#keep(block)
    if (bench.state.leaderOf(view) !== bench.self) bench.propose({ view, parentView, block })
    certify(bench.on('notarize', view, parentView, block))
    certify(bench.on('finalize', view, parentView, block))
    bench.receive(honest[0], { kind: 'blocks', body: { blocks: [block.bytes] } })
    this.#parent = { block, view }
  }

  #keep(block: SealedBlock): void {
    this.#known.push(block)
    if (this.#known.length > KNOWN_MAX) this.#known.shift()
  }

  /** Unrequested or late answers of the host. */
  #hostInput(random: Random): void {
    const bench = this.#bench
    const block = random.pick(this.#known)
    switch (random.between(0, 4)) {
      case 0:
        bench.feed({ kind: 'verdict', digest: block.hash, verdict: this.#verdictOf(block) })
        return
      case 1:
        bench.feed({ kind: 'votesChecked', id: random.between(0, 9), valid: [9], signature: undefined })
        return
      case 2:
        bench.feed({ kind: 'signaturesChecked', id: random.between(0, 9), valid: [] })
        return
      case 3:
        bench.feed({ kind: 'work', parent: block.hash, ready: random.chance(0.5) })
        return
      default:
        bench.feed({ kind: 'built', epoch: 1, view: bench.state.view, block: undefined })
    }
  }

  #view(random: Random): number {
    const { view } = this.#bench.state
    if (random.chance(0.02)) return random.between(0, 2 ** 52)
    return Math.max(0, view + random.between(-20, 70) * (random.chance(0.5) ? 0 : 1) + random.between(-1, 2))
  }

  #subject(random: Random): Subject {
    const epoch = random.chance(0.95) ? 1 : random.between(0, 3)
    const view = this.#view(random)
    if (random.chance(0.3)) return { kind: 'nullify', epoch, view }
    const digest = random.chance(0.8) ? random.pick(this.#known).hash : randomBytes(random, 32)
    const parentView = random.chance(0.7) ? this.#parent.view : this.#view(random)
    return { kind: random.chance(0.5) ? 'notarize' : 'finalize', epoch, view, parentView, digest }
  }

  /** Signed by the Byzantine key, or not at all. */
  #vote(random: Random): Vote {
    const subject = this.#subject(random)
    const signer = random.chance(0.6) ? this.#byzantine : random.between(0, 5)
    const isSound = subject.kind === 'nullify' ? subject.view > 0 : subject.parentView! < subject.view
    if (signer === this.#byzantine && isSound) return this.#bench.vote(signer, subject)
    return { subject, signer, signature: randomBytes(random, 96) }
  }

  #certificate(random: Random): Certificate {
    const bitmap = random.chance(0.8) ? new Uint8Array([random.between(0, 15)]) : randomBytes(random, 2)
    return { subject: this.#subject(random), bitmap, signature: randomBytes(random, 96) }
  }

  #block(random: Random): SealedBlock {
    const base = random.pick(this.#known)
    if (random.chance(0.5)) return base
    const { state, nowMs } = this.#bench
    const header = {
      ...base.header,
      view: this.#view(random),
      height: base.header.height + random.between(0, 2),
      parentHash: random.pick(this.#known).hash,
      proposer: state.validators[this.#byzantine]!.operator,
      timestampMs: nowMs + random.between(-2_000, 2_000),
      // Marks blocks that honest validators refuse.
      gasUsed: 1,
    }
    const block = sealBlock({ header, transactions: base.transactions })
    this.#keep(block)
    return block
  }

  #message(random: Random): ConsensusMessage {
    switch (random.between(0, 9)) {
      case 0:
      case 1:
      case 2:
        return { kind: 'vote', body: this.#vote(random) }
      case 3:
      case 4:
        return { kind: 'certificate', body: this.#certificate(random) }
      case 5:
      case 6: {
        const block = this.#block(random)
        const vote = this.#vote(random)
        const subject = { ...vote.subject, digest: block.hash }
        const body = { vote: random.chance(0.7) ? { ...vote, subject } : vote, block: block.bytes }
        const justification = random.chance(0.3) ? [this.#certificate(random)] : []
        return decodeMessage(encodeMessage({ kind: 'proposal', body: { ...body, justification } }))
      }
      case 7:
        return { kind: 'blocks', body: { blocks: [this.#block(random).bytes] } }
      case 8: {
        const hash = random.pick(this.#known).hash
        return { kind: 'blocksRequest', body: { hash, countMax: random.between(0, 255) } }
      }
      default:
        return anyMessage(random)
    }
  }
}

export const coreTarget: FuzzTarget = {
  name: 'core',
  weight: 0.5,
  open: (random) => new LiveCore(random),
}
