// Invariants of governance: the index of open proposals.
import { keyBytes, readU64be, toHex } from '../../../base/bytes.ts'
import { loweredBalances } from '../../balanceChanges.ts'
import type { ReadContext } from '../../context.ts'
import { eachEntry, eachItem, type Recount } from '../../recount.ts'
import type { Invariant } from '../../rules.ts'
import { hasFreezes, heldForMotion, mayGiveNothing } from './external.ts'
import { openProposals } from './proposals.ts'
import { OPEN_PER_MEMBER_MAX } from './shapes.ts'
import { subjectFault } from './subjects.ts'
import { governanceTables } from './tables.ts'

function* recountOpen({ state }: ReadContext): Recount {
  const { nextId, proposals } = openProposals(state)
  const perMember = new Map<number, number>()
  let last = 0
  const broken = yield* eachItem(proposals, ({ id, proposer }) => {
    if (id <= last || id >= nextId) return `proposal ${id} is out of order`
    last = id
    const count = (perMember.get(proposer) ?? 0) + 1
    if (count > OPEN_PER_MEMBER_MAX) return `provider ${proposer} has ${count} open proposals`
    perMember.set(proposer, count)
    const proposal = governanceTables.proposal.get(state, { id })
    const votes = governanceTables.votes.get(state, { id })
    if (proposal === undefined || votes === undefined) return `proposal ${id} has no record`
    const wrong = subjectFault(state, id, proposal.kind)
    if (wrong !== undefined) return `proposal ${id}, of ${proposal.kind}, and its ${wrong} do not match`
    if (votes.approve.some((voter) => votes.reject.includes(voter)))
      return `proposal ${id}: a member voted twice`
    return undefined
  })
  if (broken !== undefined) return broken
  let records = 0
  yield* eachEntry(governanceTables.proposal.prefix, () => {
    records++
    return undefined
  })
  return records === proposals.length ? undefined : `${records} proposals, the index has ${proposals.length}`
}

function* recountMotions({ state }: ReadContext): Recount {
  let weightBase = 0n
  const nextId = governanceTables.chamber.get(state, {})?.nextId ?? 1
  const broken = yield* governanceTables.motion.each((motion, key) => {
    const id = readU64be(keyBytes(key.slice(governanceTables.motion.prefix.length)), 0)
    weightBase += motion.weightBase
    if (id >= nextId) return `motion ${id} has not been opened`
    return heldForMotion(state, id) === motion.weightBase
      ? undefined
      : `motion ${id} has ${motion.weightBase}, its escrow ${heldForMotion(state, id)}`
  })
  if (broken !== undefined) return broken
  let lockedBase = 0n
  yield* governanceTables.support.each(({ amountBase }) => {
    lockedBase += amountBase
    return undefined
  })
  return lockedBase === weightBase
    ? undefined
    : `holders have locked ${lockedBase}, motions have ${weightBase}`
}

const frozenInvariant: Invariant = {
  id: '14 freezes',
  severity: 'alert',
  doc: 'An account that may give up nothing of an asset has given up nothing of it, but its fees.',
  checkChanges(changes, parent, ctx) {
    if (!hasFreezes(ctx.state)) return undefined
    for (const at of loweredBalances(changes, parent)) {
      if (mayGiveNothing(ctx, at))
        return `${toHex(at.account)} is frozen and has given up units of ${at.asset}`
    }
    return undefined
  },
}

export const governanceInvariants: readonly Invariant[] = [
  frozenInvariant,
  {
    id: 'governance.motions',
    severity: 'halt',
    doc: 'The escrow of each motion holds what holders have locked for it.',
    recount: recountMotions,
  },
  {
    id: 'governance.open',
    severity: 'alert',
    doc: 'The index lists exactly the open proposals, nobody has too many and nobody votes twice.',
    recount: recountOpen,
  },
]
