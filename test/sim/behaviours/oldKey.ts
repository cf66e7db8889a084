// Holds a validator's key and signs with it whatever it can: beside the validator while the key is in the set, and ever after,
// in the current epoch, in those of the key and with the certificates of then (CONSENSUS §9 scenario 45).
import type { Hash32 } from '../../../base/ids.ts'
import { type Certificate, type Subject, signersBitmap } from '../../../base/protocol/vote.ts'
import type { ConsensusMessage, Proposal } from '../../../consensus/messages.ts'
import { type Accomplice, ALL, type Behaviour, type MakeBehaviour, voteMessage } from './behaviour.ts'

const KEPT_MAX = 256
/** Share of the messages it hears that it answers. */
const ANSWERED_RATE = 0.1

function keep<T>(self: Accomplice, list: T[], item: T): void {
  if (list.length < KEPT_MAX) list.push(item)
  else list[self.random.between(0, KEPT_MAX - 1)] = item
}

/** Every vote that contradicts another of the same round. */
function contradictions(subject: Subject, other: Hash32): readonly Subject[] {
  const { epoch, view, digest, parentView = 0 } = subject
  const nullify: Subject = { kind: 'nullify', epoch, view }
  if (digest === undefined) return [nullify, { kind: 'finalize', epoch, view, parentView, digest: other }]
  const block = { epoch, view, parentView, digest }
  return [
    nullify,
    { ...block, kind: 'finalize' },
    { ...block, kind: 'notarize' },
    { ...block, kind: 'notarize', digest: other },
  ]
}

/** The same vote in another round. */
function movedTo(subject: Subject, epoch: number, view: number): Subject {
  const { parentView } = subject
  return {
    ...subject,
    epoch,
    view,
    ...(parentView === undefined ? {} : { parentView: Math.min(parentView, view - 1) }),
  }
}

class OldKey implements Behaviour {
  readonly #self: Accomplice
  readonly #node: number
  /** Of all epochs so far. */
  readonly #subjects: Subject[] = []
  readonly #certificates: Certificate[] = []
  readonly #proposals: Proposal[] = []

  constructor(self: Accomplice, node: number) {
    this.#self = self
    this.#node = node
  }

  incoming(_from: string, message: ConsensusMessage): boolean {
    if (message.kind === 'vote') keep(this.#self, this.#subjects, message.body.subject)
    if (message.kind === 'proposal') keep(this.#self, this.#proposals, message.body)
    if (message.kind === 'certificate') {
      keep(this.#self, this.#certificates, message.body)
      keep(this.#self, this.#subjects, message.body.subject)
    }
    if (this.#self.random.chance(ANSWERED_RATE)) this.#act()
    return true
  }

  #act(): void {
    const { random, state } = this.#self
    if (state === undefined || this.#subjects.length === 0) return
    // Half of the time in the current round, otherwise in any that it remembers.
    const current: Subject = { kind: 'nullify', epoch: state.epoch, view: state.view }
    const latest = this.#subjects.findLast(({ epoch }) => epoch === state.epoch) ?? current
    const subject = random.chance(0.5) ? latest : random.pick(this.#subjects)
    const messages = random.pick([
      () => this.#votes(subject),
      () => this.#votes({ ...subject, epoch: state.epoch }),
      () => this.#replays(state.epoch),
      () => this.#forged(subject),
      () => this.#forged(movedTo(subject, state.epoch, state.view)),
      () => this.#proposed(),
      () => this.#behind(subject.epoch),
    ])()
    for (const message of messages) this.#self.send({ to: ALL, message })
  }

  /** The node's index in the current set; any where it has none. */
  #signer(): number {
    const { state, random } = this.#self
    const validators = state?.validators ?? []
    const found = validators.findIndex(({ id }) => id === this.#node + 1)
    return found < 0 ? random.between(0, Math.max(0, validators.length - 1)) : found
  }

  #votes(subject: Subject): readonly ConsensusMessage[] {
    const other = (this.#subjects.find(({ digest }) => digest !== undefined)?.digest ?? new Uint8Array(32))
      .slice()
      .fill(1, 0, 2)
    const signer = this.#signer()
    return contradictions(subject, other).map((each) => voteMessage({ ...this.#self.sign(each), signer }))
  }

  /** Certificates of earlier epochs as they were, or as if they were of this one. */
  #replays(epoch: number): readonly ConsensusMessage[] {
    const { random } = this.#self
    const old = this.#certificates.filter(({ subject }) => subject.epoch < epoch)
    if (old.length === 0) return []
    const chosen = random.shuffled(old).slice(0, 5)
    const relabelled = { ...chosen[0]!, subject: { ...chosen[0]!.subject, epoch } }
    if (random.chance(0.3)) return [{ kind: 'certificate', body: relabelled }]
    return [
      ...chosen.map((body) => ({ kind: 'certificate', body }) as const),
      { kind: 'certificates', body: { certificates: chosen } },
    ]
  }

  /** By all thieves' keys, in the names of a whole set. */
  #forged(subject: Subject): readonly ConsensusMessage[] {
    const n = this.#self.state?.validatorCount
    if (n === undefined) return []
    const hands = [this.#self, ...this.#self.conspirators()]
    const signature = this.#self.bls.aggregate(hands.map((hand) => hand.sign(subject).signature))
    if (signature === undefined) return []
    const signers = Array.from({ length: n }, (_, i) => i)
    return [{ kind: 'certificate', body: { subject, bitmap: signersBitmap(signers, n), signature } }]
  }

  /** A proposal that it saw, of any epoch, as if the node had led. */
  #proposed(): readonly ConsensusMessage[] {
    const { random, state } = this.#self
    if (state === undefined || this.#proposals.length === 0) return []
    const proposal = random.pick(this.#proposals)
    const { subject } = proposal.vote
    const view = random.chance(0.5) ? subject.view : state.view
    const epoch = random.chance(0.5) ? subject.epoch : state.epoch
    const vote = { ...this.#self.sign(movedTo(subject, epoch, view)), signer: this.#signer() }
    return [{ kind: 'proposal', body: { ...proposal, vote } }]
  }

  /** Claims to be in that epoch still, and asks for its boundary. */
  #behind(epoch: number): readonly ConsensusMessage[] {
    return [
      { kind: 'status', body: { epoch, view: 1, finalizedView: 0, finalizedHeight: 0 } },
      { kind: 'boundaryRequest', body: { epoch } },
    ]
  }
}

/** `node` is the one whose key the host has. */
export function oldKey(node: number): MakeBehaviour {
  return (self) => new OldKey(self, node)
}
