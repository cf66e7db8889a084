// Invariants of compliance: the lists of freezes agree with the records.
import { bytesKey } from '../../../base/bytes.ts'
import type { ReadContext } from '../../context.ts'
import { eachItem, type Recount } from '../../recount.ts'
import type { Invariant } from '../../rules.ts'
import { freezesOf, getFreeze, getStatus } from './freezes.ts'
import { complianceTables } from './tables.ts'

function* recountFreezes({ state }: ReadContext): Recount {
  const { nextId, freezes, pausedUntilMs } = getStatus(state)
  const accounts = new Set<string>()
  let last = 0
  const broken = yield* eachItem(freezes, ({ id, expiresMs }) => {
    if (id <= last || id >= nextId) return `freeze ${id} is out of order`
    last = id
    const freeze = getFreeze(state, id)
    if (freeze?.expiresMs !== expiresMs) return `freeze ${id} and its entry do not match`
    if (!freezesOf(state, freeze.account).includes(id)) return `freeze ${id} is not among its account's`
    accounts.add(bytesKey(freeze.account))
    return undefined
  })
  if (broken !== undefined) return broken
  let records = 0
  let frozen = 0
  yield* complianceTables.freeze.each(() => {
    records++
    return undefined
  })
  const listed = yield* complianceTables.frozen.each((entry) => {
    frozen += entry.freezes.length
    return entry.freezes.length === 0 ? 'an account without freezes has a record' : undefined
  })
  if (listed !== undefined) return listed
  if (records !== freezes.length || frozen !== freezes.length)
    return `${records} freezes, ${frozen} of accounts, ${freezes.length} in the status`
  const pause = complianceTables.pause.get(state, {})
  return (pause?.expiresMs ?? 0) === pausedUntilMs ? undefined : 'the pause and its end do not match'
}

export const complianceInvariants: readonly Invariant[] = [
  {
    id: 'compliance.freezes',
    severity: 'alert',
    doc: 'The status and the accounts list exactly the freezes, and the end of the pause.',
    recount: recountFreezes,
  },
]
