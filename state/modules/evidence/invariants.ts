// Invariants of evidence: the records of convictions.
import { eachItem } from '../../recount.ts'
import type { Invariant } from '../../rules.ts'
import { memberIds } from './external.ts'
import { evidenceTables } from './tables.ts'

export const evidenceInvariants: readonly Invariant[] = [
  {
    id: 'evidence.convictions',
    severity: 'alert',
    doc: 'Only members have convictions, ascending and within their bound.',
    *recount({ state }) {
      let convicted = 0
      yield* eachItem(memberIds(state), (provider) => {
        if (evidenceTables.convictions.has(state, { provider })) convicted++
        return undefined
      })
      let records = 0
      let reason: string | undefined
      yield* evidenceTables.convictions.each(({ fromEpoch, epochs }) => {
        records++
        if (epochs.some((epoch, i) => epoch < fromEpoch || (i > 0 && epochs[i - 1]! >= epoch)))
          reason ??= 'convictions are not ascending'
        return undefined
      })
      return records === convicted ? reason : 'a convicted provider is not a member'
    },
  },
]
