// Judges submitted evidence and convicts whoever signed both sides (CONSENSUS §6). Not: the penalty (providers).
import { assert } from '../../../base/assert.ts'
import { bls } from '../../../base/crypto/bls.ts'
import type { ActionArgs } from '../../../base/moduleDefinition.ts'
import { type EvidenceFault, judgeEvidence, openEvidence } from '../../../base/protocol/evidence.ts'
import type { ActionContext } from '../../context.ts'
import { isConvicted, remember } from './convictions.ts'
import { convict, faultRoomIn, signersOf } from './external.ts'
import type { evidenceSchema } from './schema.ts'
import { events, fail } from './tables.ts'

/** Bounds the work of one action; the same evidence, submitted again, convicts the others. */
const CONVICTED_AT_ONCE_MAX = 16

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

export function submitEvidence(
  ctx: ActionContext,
  { evidence: bytes }: ActionArgs<typeof evidenceSchema, 'submitEvidence'>,
) {
  const opened = openEvidence(bytes)
  if ('fault' in opened) return refusal(opened.fault)
  const { epoch, view } = opened.evidence.first.subject
  if (epoch > ctx.block.epoch) return fail.UnknownEpoch({ epoch })
  const set = signersOf(ctx, epoch)
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
  if (fresh.length > faultRoomIn(ctx.state)) return fail.FaultQueueFull({})
  // After this point the action must succeed.
  for (const provider of fresh) {
    remember(ctx, provider, epoch)
    events.Convicted(ctx, { provider, epoch, view, fault })
  }
  convict(ctx, fresh)
  assert(
    fresh.every((provider) => isConvicted(ctx.state, provider, epoch)),
    'a conviction is recorded',
  )
  return undefined
}
