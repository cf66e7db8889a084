// Invariants of providers (ECONOMY §12): 1 bonds, 15 the validator set, frozen bonds, and the indexes.
import { bytesKey } from '../../../base/bytes.ts'
import { isPeerIdBytes } from '../../../base/protocol/validators.ts'
import type { ReadContext } from '../../context.ts'
import { eachItem, type Recount } from '../../recount.ts'
import type { Invariant } from '../../rules.ts'
import type { StateChanges } from '../../view.ts'
import { getBond, getBonds } from './bonds.ts'
import { bondedUnits } from './external.ts'
import { recountFaults } from './faultQueue.ts'
import { groupOf } from './groups.ts'
import {
  isBondFrozen,
  providerByConsensusKey,
  providerByOperator,
  providerByPeerId,
  providerIds,
} from './members.ts'
import { isSuspended } from './suspension.ts'
import { providersParams, providersTables } from './tables.ts'
import { checkSetStep, validatorSet } from './validatorSet.ts'

function* recountIndexes({ state }: ReadContext): Recount {
  const ids = new Set(providerIds(state))
  let count = 0
  const broken = yield* providersTables.provider.each(({ operator, consensusKey, peerId }) => {
    const id = providerByOperator(state, operator)
    if (id === undefined || !ids.has(id)) return 'a provider is missing in an index'
    if (providerByConsensusKey(state, consensusKey) !== id)
      return `the key of provider ${id} is not registered`
    // Only test genesis files have members without a peer id of their own.
    if (isPeerIdBytes(peerId) && providerByPeerId(state, peerId) !== id)
      return `the peer id of provider ${id} is not registered`
    count++
    return undefined
  })
  if (broken !== undefined) return broken
  return count === ids.size ? undefined : `${count} providers, the index has ${ids.size}`
}

function recountBonds({ state }: ReadContext): Recount {
  return eachItem(providerIds(state), (id) => {
    for (const { asset, amountBase } of getBonds(state, id)) {
      const heldBase = bondedUnits(state, { provider: id, asset })
      if (heldBase < amountBase)
        return `bond of provider ${id}: ${amountBase} recorded, ${heldBase} in escrow`
    }
    return undefined
  })
}

function recountSlashed(): Recount {
  return providersTables.slashed.each(({ slashedBase, victimsBase, fundBase, burnedBase }) =>
    slashedBase === victimsBase + fundBase + burnedBase
      ? undefined
      : `${slashedBase} slashed, ${victimsBase} to victims, ${burnedBase} burned, ${fundBase} to the fund`,
  )
}

function* recountGroups({ state }: ReadContext): Recount {
  const counts = new Map<number, number>()
  yield* eachItem(providerIds(state), (id) => {
    const group = groupOf(state, id)
    if (isSuspended(state, id)) counts.set(group, (counts.get(group) ?? 0) + 1)
    return undefined
  })
  let groups = 0
  const broken = yield* providersTables.suspendedGroup.each(({ count }) => {
    groups++
    return count > 0 ? undefined : 'a group without suspended members is kept'
  })
  if (broken !== undefined) return broken
  if (groups !== counts.size) return `${groups} suspended groups, recounted ${counts.size}`
  for (const [group, count] of counts)
    if (providersTables.suspendedGroup.get(state, { group })?.count !== count)
      return `suspended members of group ${group} differ from ${count}`
  return undefined
}

/** Nearly all blocks touch no bond and can skip the scan of members. */
function hasBondChange(changes: StateChanges): boolean {
  const { prefix } = providersTables.bond
  for (const key of changes.keys()) if (key.startsWith(prefix)) return true
  return false
}

export const providersInvariants: readonly Invariant[] = [
  {
    id: '15',
    severity: 'stopMinting',
    doc: 'The validator set is sorted, has no duplicate id or key, never falls below its minimum and changes by at most 30 %.',
    check(ctx) {
      const { validators } = validatorSet(ctx.state)
      if (validators.length === 0) return 'the validator set is empty'
      for (let i = 1; i < validators.length; i++) {
        if (validators[i - 1]!.id >= validators[i]!.id) return 'the validator set is not sorted by id'
      }
      const keys = new Set(validators.map((v) => bytesKey(v.consensusKey)))
      return keys.size === validators.length ? undefined : 'two validators have one consensus key'
    },
    checkChanges(changes, parent, ctx) {
      if (!changes.has(providersTables.validators.key({}))) return undefined
      // A recovery is decided off chain, when the chain's own rules can no longer decide anything.
      if (changes.has(providersTables.recovery.key({ epoch: ctx.block.epoch }))) return undefined
      const { validatorsMin } = providersParams.get(ctx.state)
      return checkSetStep(validatorSet(parent).validators, validatorSet(ctx.state).validators, validatorsMin)
    },
  },
  {
    id: 'providers.frozenBonds',
    severity: 'stopMinting',
    doc: 'A bond that stays frozen is not paid out.',
    checkChanges(changes, parent, ctx) {
      if (!hasBondChange(changes)) return undefined
      for (const id of providerIds(ctx.state)) {
        if (!isBondFrozen(parent, id) || !isBondFrozen(ctx.state, id)) continue
        for (const { asset, amountBase } of getBonds(parent, id)) {
          if (!changes.has(providersTables.bond.key({ provider: id, asset }))) continue
          const nowBase = getBond(ctx.state, { provider: id, asset })
          if (nowBase < amountBase) return `the frozen bond of provider ${id} fell to ${nowBase}`
        }
      }
      return undefined
    },
  },
  {
    id: 'providers.indexes',
    severity: 'alert',
    doc: 'The indexes list exactly the members.',
    recount: recountIndexes,
  },
  {
    id: '1 bonds',
    severity: 'halt',
    doc: 'The units of every bond are in its escrow.',
    recount: recountBonds,
  },
  {
    id: '9',
    severity: 'halt',
    doc: 'What is slashed goes to victims and the fund or is burned, to the last unit.',
    recount: recountSlashed,
  },
  {
    id: 'providers.faults',
    severity: 'alert',
    doc: 'The faults that wait are those between the cursors, within their bound.',
    recount: recountFaults,
  },
  {
    id: 'providers.suspension',
    severity: 'alert',
    doc: 'The suspended groups are those with suspended members.',
    recount: recountGroups,
  },
]
