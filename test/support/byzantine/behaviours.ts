// The list of behaviours by name.
import type { Behaviour } from './behaviour.ts'
import { FLOOD_BEHAVIOURS } from './behaviours/floods.ts'
import { OTHER_BEHAVIOURS } from './behaviours/others.ts'
import { PROPOSAL_BEHAVIOURS } from './behaviours/proposals.ts'
import { PROTOCOL_BEHAVIOURS } from './behaviours/protocols.ts'

export const BEHAVIOURS: Readonly<Record<string, Behaviour>> = {
  ...OTHER_BEHAVIOURS,
  ...PROPOSAL_BEHAVIOURS,
  ...FLOOD_BEHAVIOURS,
  ...PROTOCOL_BEHAVIOURS,
}
