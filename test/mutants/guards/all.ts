// The mutation list: every single guard whose deletion must fail the suite (CONSENSUS §9, scenario 36).
import type { Edit } from '../edit.ts'
import { CERTIFICATE_GUARDS } from './certificates.ts'
import { NEED_GUARDS } from './need.ts'
import { PROPOSAL_GUARDS } from './proposals.ts'
import { SENDER_GUARDS } from './senders.ts'
import { VOTING_GUARDS } from './voting.ts'

export const GUARDS: readonly Edit[] = [
  ...VOTING_GUARDS,
  ...NEED_GUARDS,
  ...PROPOSAL_GUARDS,
  ...CERTIFICATE_GUARDS,
  ...SENDER_GUARDS,
]
