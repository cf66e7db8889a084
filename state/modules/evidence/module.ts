// Rules of evidence: who is convicted of a double vote, once an epoch (CONSENSUS §6). Not: what it costs (providers, default).
import { assert } from '../../../base/assert.ts'
import { bls } from '../../../base/crypto/bls.ts'
import { type EvidenceFault, judgeEvidence, openEvidence } from '../../../base/protocol/evidence.ts'
import type { WriteContext } from '../../context.ts'
import { eventsOf, failuresOf, type Invariant, implement } from '../../rules.ts'
import { tablesOf } from '../../table.ts'
import type { FullState, StateReader } from '../../view.ts'
import { recountProvider } from '../capacity/book.ts'
import { convictEquivocator, providerIds } from '../providers/members.ts'
import { validatorSetOfEpoch } from '../providers/pastSets.ts'
import { CONVICTIONS_MAX, evidenceSchema } from './schema.ts'

export const evidenceTables = tablesOf(evidenceSchema)

const fail = failuresOf(evidenceSchema)
const events = eventsOf(evidenceSchema)
/** Bounds the work of one action; the same evidence convicts the others when it is handed in again. */
const CONVICTED_AT_ONCE_MAX = 16
const NO_CONVICTIONS = { fromEpoch: 0, epochs: [] }

function convictionsOf(state: StateReader, provider: number) {
  return evidenceTables.convictions.get(state, { provider }) ?? NO_CONVICTIONS
}

/** Whether evidence against a member from this epoch can change nothing any more. */
export function isConvicted(state: StateReader, provider: number, epoch: number): boolean {
  const { fromEpoch, epochs } = convictionsOf(state, provider)
  return epoch < fromEpoch || epochs.includes(epoch)
}

/** Remembers an epoch; when there are too many, the oldest go and everything before them is too old. */
function remember(ctx: WriteContext, provider: number, epoch: number): void {
  const { fromEpoch, epochs } = convictionsOf(ctx.state, provider)
  const all = [...epochs, epoch].sort((a, b) => a - b)
  const kept = all.slice(-CONVICTIONS_MAX)
  const from = kept.length < all.length ? kept[0]! : fromEpoch
  evidenceTables.convictions.set(ctx.state, { provider }, { fromEpoch: from, epochs: kept })
}

function refusal(fault: EvidenceFault) {
  switch (fault) {
    case 'malformed':
      return fail.MalformedEvidence({})
    case 'notAFault':
      return fail.NotAFault({})
    case 'foreignSigners':
    case 'nobodyInBoth':
      return fail.NobodyConvicted({})
    case 'badSignature':
      return fail.BadEvidenceSignature({})
  }
}

const invariants: readonly Invariant[] = [
  {
    id: 'evidence.convictions',
    severity: 'alert',
    doc: 'Convictions are of members, ascending, and within their bound.',
    recount(full: FullState) {
      const members = providerIds(full).filter((provider) =>
        evidenceTables.convictions.has(full, { provider }),
      )
      const records = [...evidenceTables.convictions.values(full)]
      if (records.length !== members.length) return 'somebody is convicted who is no member'
      for (const { fromEpoch, epochs } of records) {
        if (epochs.some((epoch, i) => epoch < fromEpoch || (i > 0 && epochs[i - 1]! >= epoch)))
          return 'convictions are not ascending'
      }
      return undefined
    },
  },
]

export const evidenceModule = implement(evidenceSchema, {
  actions: {
    submitEvidence(ctx, { evidence: bytes }) {
      const opened = openEvidence(bytes)
      if ('fault' in opened) return refusal(opened.fault)
      const { epoch, view } = opened.evidence.first.subject
      if (epoch > ctx.block.epoch) return fail.UnknownEpoch({ epoch })
      const set = validatorSetOfEpoch(ctx, epoch)
      if (set === undefined) return fail.EvidenceTooOld({ epoch })
      const { genesisHash } = ctx.block
      const judged = judgeEvidence({ bytes, genesisHash, set, verifyAggregate: bls.verifyAggregate })
      if ('fault' in judged) return refusal(judged.fault)
      const { culprits, kind: fault } = judged.conviction
      const members = culprits.map((index) => set.validators[index]!.id)
      const fresh = members
        .filter((provider) => !isConvicted(ctx.state, provider, epoch))
        .slice(0, CONVICTED_AT_ONCE_MAX)
      if (fresh.length === 0) return fail.AlreadyConvicted({ epoch })
      // After this point the action must succeed.
      for (const provider of fresh) {
        remember(ctx, provider, epoch)
        convictEquivocator(ctx, provider)
        recountProvider(ctx, provider)
        events.Convicted(ctx, { provider, epoch, view, fault })
      }
      assert(
        fresh.every((provider) => isConvicted(ctx.state, provider, epoch)),
        'a conviction is remembered',
      )
      return undefined
    },
  },
  queries: {
    convictions: (ctx, { provider }) => convictionsOf(ctx.state, provider).epochs,
  },
  invariants,
})
