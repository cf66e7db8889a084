// The mutation list: every single guard whose deletion must fail the suite (CONSENSUS §9, scenario 36).
import type { Edit } from '../edit.ts'
import { BODY_GUARDS } from './bodies.ts'
import { CERTIFICATE_GUARDS } from './certificates.ts'
import { NEED_GUARDS } from './need.ts'
import { PROPOSAL_GUARDS } from './proposals.ts'
import { SENDER_GUARDS } from './senders.ts'
import { SIGNER_GUARDS } from './signer.ts'
import { STATE_GUARDS } from './state.ts'
import { STORAGE_GUARDS } from './storage.ts'
import { SYNC_GUARDS } from './sync.ts'
import { VOTING_GUARDS } from './voting.ts'

export const GUARDS: readonly Edit[] = [
  ...VOTING_GUARDS,
  ...NEED_GUARDS,
  ...PROPOSAL_GUARDS,
  ...CERTIFICATE_GUARDS,
  ...SIGNER_GUARDS,
  ...SYNC_GUARDS,
  ...STORAGE_GUARDS,
  ...BODY_GUARDS,
  ...SENDER_GUARDS,
  ...STATE_GUARDS,
]
