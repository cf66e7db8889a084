// What a proposal does once its lock has ended. Each effect is checked again: members, assets and versions may have changed since.
import { mustExist } from '../../../base/assert.ts'
import type { WriteContext } from '../../context.ts'
import { putAsset, putRequirement } from './assets.ts'
import {
  admitMember,
  appointAttestors,
  attest,
  beginPause,
  endPause,
  freezeAccount,
  getMember,
  isInJail,
  isKeyTaken,
  jailMember,
  mayBeJailed,
  memberOf,
  nextMemberId,
  otherSpelling,
  payFromFund,
  refusePeerId,
  removeMember,
  replaceReporters,
  reporterAt,
  resumeMinting,
  stopMinting,
  unfreezeAccount,
  unjailMember,
} from './external.ts'
import { CONCLUDED_PER_BLOCK_MAX, canLoseVote, conclude, openProposals, stands } from './proposals.ts'
import type { Admission, Proposal } from './schema.ts'
import type { ProposalKind } from './shapes.ts'
import { governanceTables } from './tables.ts'
import { scheduleUpgrade } from './upgrades.ts'

/** Whether it has taken place; false if that has become impossible. */
type Effect = (ctx: WriteContext, id: number, proposal: Proposal) => boolean

/** Executes unlocked proposals and ends expired ones, oldest first, a bounded number per block. */
export function concludeDue(ctx: WriteContext): void {
  const due = openProposals(ctx.state).proposals.filter(({ dueMs }) => dueMs <= ctx.block.timestampMs)
  for (const { id } of due.slice(0, CONCLUDED_PER_BLOCK_MAX)) {
    const proposal = governanceTables.proposal.mustGet(ctx.state, { id })
    if (stands(ctx, id, proposal)) execute(ctx, id, proposal)
  }
}

/** Those for a window's end are carried out there (changes.ts); an admission also says whom it admitted. */
type Direct = Exclude<ProposalKind, 'admit' | 'parameters' | 'class' | 'ratings'>

const subjects = governanceTables

const EFFECTS: { readonly [K in Direct]: Effect } = {
  remove: (ctx, _id, { provider }) => {
    const member = mustExist(getMember(ctx.state, provider), 'a proposal names a member')
    // Another proposal or a conviction may have come first.
    if (member.removed || !canLoseVote(ctx.state, provider)) return false
    removeMember(ctx, provider)
    return true
  },
  jail: (ctx, _id, { provider }) => {
    const member = mustExist(getMember(ctx.state, provider), 'a proposal names a member')
    if (!mayBeJailed(member) || !canLoseVote(ctx.state, provider)) return false
    jailMember(ctx, provider)
    return true
  },
  unjail: (ctx, _id, { provider }) => {
    if (!isInJail(ctx.state, provider)) return false
    unjailMember(ctx, provider)
    return true
  },
  resumeMinting: (ctx) => resumeMinting(ctx),
  stopMinting: (ctx, id) => stopMinting(ctx, subjects.stop.mustGet(ctx.state, { id }).reason),
  attest: (ctx, id) => attest(ctx, subjects.attestation.mustGet(ctx.state, { id })),
  reporters: (ctx, id) => replaceReporters(ctx, subjects.reporters.mustGet(ctx.state, { id }), false),
  absentReporters: (ctx, id) => replaceReporters(ctx, subjects.reporters.mustGet(ctx.state, { id }), true),
  spend: (ctx, id) => payFromFund(ctx, subjects.spending.mustGet(ctx.state, { id })),
  freeze: (ctx, id) => freezeAccount(ctx, subjects.freeze.mustGet(ctx.state, { id })),
  unfreeze: (ctx, id) => unfreezeAccount(ctx, subjects.freezeEnd.mustGet(ctx.state, { id }).freeze),
  pause: (ctx, id) => beginPause(ctx, subjects.pause.mustGet(ctx.state, { id })),
  unpause: (ctx) => endPause(ctx),
  attestors: (ctx, id) => appointAttestors(ctx, subjects.attestors.mustGet(ctx.state, { id })),
  asset: (ctx, id) => putAsset(ctx, subjects.asset.mustGet(ctx.state, { id })),
  requirement: (ctx, id) => putRequirement(ctx, subjects.requirement.mustGet(ctx.state, { id })),
  upgrade: (ctx, id) => scheduleUpgrade(ctx, subjects.upgrade.mustGet(ctx.state, { id })),
}

function execute(ctx: WriteContext, id: number, proposal: Proposal): void {
  const { kind } = proposal
  if (kind === 'admit') {
    const admitted = admit(ctx, subjects.admission.mustGet(ctx.state, { id }))
    conclude(ctx, id, admitted === undefined ? 'impossible' : 'executed', admitted)
    return
  }
  const effect = mustExist(EFFECTS[kind as Direct], 'proposals for a window’s end are not due by a time')
  conclude(ctx, id, effect(ctx, id, proposal) ? 'executed' : 'impossible')
}

/** The new member's id, or undefined when its operator, key, peer id or legal group's spelling has been taken meanwhile, or its operator reports. */
function admit(ctx: WriteContext, admission: Admission): number | undefined {
  const { operator, consensusKey, peerId, ...profile } = admission
  const id = nextMemberId(ctx.state)
  if (id === undefined || memberOf(ctx.state, operator) !== undefined) return undefined
  if (reporterAt(ctx.state, operator) !== undefined) return undefined
  // Possession was proven when the proposal was opened.
  if (isKeyTaken(ctx.state, consensusKey)) return undefined
  if (refusePeerId(ctx.state, peerId) !== undefined) return undefined
  if (otherSpelling(ctx.state, profile.legalGroup) !== undefined) return undefined
  admitMember(ctx, { id, operator, consensusKey, peerId, profile })
  return id
}
