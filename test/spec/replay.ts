// Replays a model trace against real cores: every action becomes inputs of `Core.step`, and afterwards the node's state
// must equal the model's. Not: making traces (quint.ts), a node's host (replayNode.ts).
import { bytesKey, equalBytes } from '../../base/bytes.ts'
import { quorum } from '../../base/protocol/validators.ts'
import type { Certificate, Subject } from '../../base/protocol/vote.ts'
import { VOTE_KINDS } from '../../base/protocol/vote.ts'
import type { Core } from '../../consensus/core.ts'
import type { ConsensusMessage } from '../../consensus/messages.ts'
import type { ModelAction, ModelNode, ModelState, ModelSubject } from './itf.ts'
import { type ModelShape, ReplayChain } from './replayChain.ts'
import { Deviation, ReplayNode } from './replayNode.ts'

/** Views per epoch that a replay compares; above every instance's VIEW_MAX. */
const VIEWS_COMPARED = 16

/** The extent of a replay. */
export interface ReplayFigures {
  readonly steps: number
  readonly actions: ReadonlyMap<string, number>
}

class Replay {
  readonly #chain: ReplayChain
  readonly #byzantine: number
  readonly #nodes = new Map<number, ReplayNode>()

  constructor(shape: ModelShape, byzantine: number, onCore: ((core: Core) => void) | undefined) {
    this.#chain = new ReplayChain(shape)
    this.#byzantine = byzantine
    for (let i = 0; i < shape.nodes; i++) {
      if (i !== byzantine) this.#nodes.set(i, new ReplayNode(this.#chain, i, onCore))
    }
  }

  /** Nodes that signed a subject: real cores by real signatures, and the Byzantine node wherever it is a validator. */
  #signers(subject: Subject): readonly number[] {
    const text = this.#chain.text(subject)
    const members = this.#chain.members(subject.epoch)
    return members.filter((i) => i === this.#byzantine || this.#nodes.get(i)?.signed.has(text) === true)
  }

  #isCertified(s: ModelSubject): boolean {
    return this.#signers(this.#chain.subject(s)).length >= quorum(this.#chain.members(s.e).length)
  }

  #certificate(s: ModelSubject): Certificate {
    if (!this.#isCertified(s)) throw new Deviation(`the cores make no certificate ${this.#chain.text(s)}`)
    const subject = this.#chain.subject(s)
    return this.#chain.certificate(subject, this.#signers(subject))
  }

  #vote(from: number, s: ModelSubject): ConsensusMessage {
    const text = this.#chain.text(s)
    if (from !== this.#byzantine && this.#nodes.get(from)?.signed.has(text) !== true) {
      throw new Deviation(`node ${from} never signed ${text}`)
    }
    return { kind: 'vote', body: this.#chain.vote(from, this.#chain.subject(s)) }
  }

  #proposal(from: number, s: ModelSubject, just: readonly ModelSubject[]): ConsensusMessage {
    if (from === this.#byzantine) {
      const vote = this.#chain.vote(from, this.#chain.subject(s))
      const justification = just.map((c) => this.#certificate(c))
      return { kind: 'proposal', body: { vote, block: this.#chain.block(s.b).bytes, justification } }
    }
    const sent = this.#nodes.get(from)?.proposals.get(this.#chain.text(s))
    if (sent?.kind !== 'proposal') throw new Deviation(`node ${from} never proposed ${this.#chain.text(s)}`)
    const held = sent.body.justification.map((c) => this.#chain.text(c.subject))
    differ(
      'justification',
      held,
      just.map((c) => this.#chain.text(c)),
    )
    return sent
  }

  /** Applies the model's action to the real node. */
  act(did: ModelAction): void {
    const node = this.#nodes.get(did.i)
    if (node === undefined) return
    const { from } = did
    if (did.a === 'work') node.gainWork()
    else if (did.a === 'wait') node.wait()
    else if (did.a === 'timeout') node.timeout(from)
    else if (did.a === 'restart') node.restart()
    else {
      // Certificates and bodies may come from anyone.
      const sender = from === did.i ? this.#byzantine : from
      for (const message of this.#arriving(did)) node.receive(sender, message)
    }
  }

  /** The messages that an action delivers. */
  #arriving(did: ModelAction): readonly ConsensusMessage[] {
    const { a, from, s, just } = did
    switch (a) {
      case 'init':
        return []
      case 'proposal':
        return [this.#proposal(from, s, just)]
      case 'vote':
        return [this.#vote(from, s)]
      case 'cert':
        return [{ kind: 'certificate', body: this.#certificate(s) }]
      case 'foreign': {
        const vote = this.#vote(from, s)
        return this.#isCertified(s) ? [vote, { kind: 'certificate', body: this.#certificate(s) }] : [vote]
      }
      case 'body':
        return [{ kind: 'blocks', body: { blocks: [this.#chain.block(s.b).bytes] } }]
      default:
        throw new Error(`the model has an action that the replay doesn't know: ${a}`)
    }
  }

  /** Compares the real node with the model's after an action. */
  compare(model: ModelNode): void {
    const real = this.#nodes.get(model.i)
    if (real === undefined) return
    const { state } = real
    const chain = this.#chain
    differ('epoch', state.epoch, model.e)
    differ('view', state.view, model.v)
    differ('tip', chain.list(real.tip.hash), model.tip)
    differ('votes cast', [...real.signed.keys()].sort(), model.own.map((s) => chain.text(s)).sort())
    const held = state.certificates.range(1, VIEWS_COMPARED).map((c) => chain.text(c.subject))
    differ('certificates', [...held].sort(), model.certs.map((c) => chain.text(c)).sort())
    differ('needed', real.needed, model.armed)
    const finalView = Math.max(0, ...model.certs.filter((c) => c.k === 'F').map((c) => c.v))
    differ('lastFinalized', state.finalizedView, finalView)
    const props = [...state.proposals.values()].map((p) => p.subject).filter((s) => s.view >= finalView)
    differ(
      'proposals',
      props.map((s) => chain.text(s)).sort(),
      model.props
        .filter((s) => s.v >= finalView)
        .map((s) => chain.text(s))
        .sort(),
    )
    differ('vote pool', this.#pool(real).sort(), model.pool.map(({ i, s }) => `${i} ${chain.text(s)}`).sort())
    const bodies = chain.blocks.filter((b) => state.blocks.block(chain.block(b).hash) !== undefined)
    differ('bodies', bodies.map(String).sort(), model.bodies.map(String).sort())
    const watched = model.watched[0] === -1 ? undefined : chain.block(model.watched).hash
    const isSame =
      real.watched === undefined || watched === undefined
        ? real.watched === watched
        : equalBytes(real.watched.hash, watched)
    if (!isSame)
      throw new Deviation(
        `watched: ${real.watched && bytesKey(real.watched.hash)} instead of ${model.watched}`,
      )
    differ('work', state.workReady, model.work)
  }

  #pool(real: ReplayNode): string[] {
    const { state } = real
    const out: string[] = []
    for (let view = 1; view <= VIEWS_COMPARED; view++) {
      for (const kind of VOTE_KINDS) {
        for (const { signer, subject } of state.pool.votes(view, kind)) {
          out.push(`${this.#chain.nodeAt(state.epoch, signer)} ${this.#chain.text(subject)}`)
        }
      }
    }
    return out
  }
}

function differ(what: string, real: unknown, model: unknown): void {
  const [core, spec] = [JSON.stringify(real), JSON.stringify(model)]
  if (core !== spec) throw new Deviation(`${what}: the core has ${core}, the model ${spec}`)
}

/** Replays one trace. Throws Deviation with the step, the action and the difference. `onCore`: see ReplayNode. */
export function replayTrace(
  shape: ModelShape,
  trace: readonly ModelState[],
  onCore?: (core: Core) => void,
): ReplayFigures {
  const replay = new Replay(shape, trace[0]!.byzantine, onCore)
  const actions = new Map<string, number>()
  trace.forEach((state, step) => {
    const { did } = state
    try {
      replay.act(did)
      replay.compare(state.nodes.get(did.i)!)
    } catch (error) {
      const what = `step ${step}, ${did.a} at node ${did.i} from ${did.from} ${JSON.stringify(did.s)} ${JSON.stringify(did.just)}`
      throw error instanceof Deviation
        ? new Deviation(`${what}: ${error.message}`)
        : new Error(what, { cause: error })
    }
    actions.set(did.a, (actions.get(did.a) ?? 0) + 1)
  })
  for (const model of trace.at(-1)!.nodes.values()) replay.compare(model)
  return { steps: trace.length - 1, actions }
}
