// Proposes valid blocks in the wrong place: on an older parent, over views without U, on a boundary, or again although it
// is no boundary; with no justification, or only part of one.
import { type SealedBlock, sealBlock } from '../../../base/protocol/header.ts'
import { nextMix, randaoBytes, type Subject } from '../../../base/protocol/vote.ts'
import type { ConsensusMessage } from '../../../consensus/messages.ts'
import { buildBlock } from '../../support/simChain.ts'
import { type Accomplice, ALL, type MakeBehaviour } from './behaviour.ts'

/** Where a false proposal is placed. */
interface Place {
  readonly parentView: number
  readonly block: SealedBlock
}

/** A valid child of `parent` for `view`. */
function childOf(self: Accomplice, parent: SealedBlock, view: number): SealedBlock | undefined {
  const { state } = self
  const validator = state?.self === undefined ? undefined : state.validators[state.self]
  if (state === undefined || validator === undefined) return undefined
  const height = parent.header.height + 1
  const randaoReveal = self.signBytes(randaoBytes(self.rules.genesisHash, state.epoch, height))
  const timestampMs = Math.max(
    parent.header.timestampMs + state.parameters.minBlockIntervalMs,
    state.enteredAtMs,
  )
  const order = { epoch: state.epoch, view, parent, timestampMs, halvings: 0, emptyOnly: true }
  const block = buildBlock(self.rules, { ...order, proposer: validator.operator, randaoReveal }, [])
  const mix = nextMix(parent.header.mix, height, randaoReveal)
  return sealBlock({ header: { ...block.header, mix }, transactions: [] })
}

/** Certified places below the view, even where the U's between are missing. */
function places(self: Accomplice, view: number): readonly Place[] {
  const { state } = self
  if (state === undefined) return []
  const list: Place[] = []
  for (let parentView = Math.max(0, view - 6); parentView < view; parentView++) {
    const certified = state.certificates.parentAt(parentView)
    const parent = certified === undefined ? undefined : self.block(certified.digest)
    if (parent === undefined) continue
    const child = childOf(self, parent, view)
    if (child !== undefined) list.push({ parentView, block: child })
    // The parent itself again, boundary or not.
    if (parentView > 0) list.push({ parentView, block: parent })
    // A child of the same parent with a wrong parent view.
    if (child !== undefined && parentView + 1 < view) list.push({ parentView: parentView + 1, block: child })
  }
  return list
}

/** A new block on a boundary, where only the boundary may be proposed again; valid otherwise. */
function childOfBoundary(self: Accomplice, { view, parentView, digest }: Subject): Place | undefined {
  const boundary = digest === undefined ? undefined : self.block(digest)
  if (boundary === undefined || boundary.header.view === view || parentView === undefined) return undefined
  const block = childOf(self, boundary, view)
  return block === undefined ? undefined : { parentView, block }
}

export const ancestryLiar: MakeBehaviour = (self) => {
  const lie = (message: Extract<ConsensusMessage, { kind: 'proposal' }>): ConsensusMessage => {
    const { subject } = message.body.vote
    const child = childOfBoundary(self, subject)
    const options = child !== undefined && self.random.chance(0.6) ? [child] : places(self, subject.view)
    if (options.length === 0) return message
    const { parentView, block } = self.random.pick(options)
    const vote = self.sign({ ...subject, parentView, digest: block.hash })
    const known = self.state?.certificates.justification(parentView, subject.view) ?? []
    const justification = self.random.chance(0.5) ? known : known.filter(() => self.random.chance(0.5))
    return { kind: 'proposal', body: { vote, block: block.bytes, justification } }
  }
  return {
    outgoing: (outgoing) => {
      const { message } = outgoing
      if (message.kind !== 'proposal' || self.random.chance(0.2)) return [outgoing]
      return [{ to: ALL, message: lie(message) }]
    },
  }
}
