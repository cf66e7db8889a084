// Invariants of evidence: the records of convictions.
import type { Invariant } from '../../rules.ts'
import type { FullState } from '../../view.ts'
import { memberIds } from './external.ts'
import { evidenceTables } from './tables.ts'

export const evidenceInvariants: readonly Invariant[] = [
  {
    id: 'evidence.convictions',
    severity: 'alert',
    doc: 'Only members have convictions, ascending and within their bound.',
    recount(full: FullState) {
      const members = memberIds(full).filter((provider) => evidenceTables.convictions.has(full, { provider }))
      const records = [...evidenceTables.convictions.values(full)]
      if (records.length !== members.length) return 'a convicted provider is not a member'
      for (const { fromEpoch, epochs } of records) {
        if (epochs.some((epoch, i) => epoch < fromEpoch || (i > 0 && epochs[i - 1]! >= epoch)))
          return 'convictions are not ascending'
      }
      return undefined
    },
  },
]
