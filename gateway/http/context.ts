// What the routes share. Owns: nothing; the gateway fills it (gateway.ts).
import type { Address, Hash32 } from '../../base/ids.ts'
import type { Tariff } from '../../client/redemption/tariff.ts'
import type { AssignmentBook } from '../chain/assignmentBook.ts'
import type { ChainIdentity } from '../chain/chainReader.ts'
import type { GatewayConfig } from '../config.ts'
import type { GatewayLog } from '../gatewayLog.ts'
import type { Ledger } from '../meter/ledger.ts'
import type { GatewayMetrics } from '../metrics.ts'
import type { Sessions } from '../sessions.ts'
import type { Backend } from './backend.ts'

export interface GatewayContext {
  readonly config: GatewayConfig
  readonly identity: ChainIdentity
  /** The provider's account. */
  readonly provider: Address
  readonly providerSecret: Uint8Array
  readonly tariff: Tariff
  readonly tariffHash: Hash32
  readonly tariffText: string
  readonly backends: ReadonlyMap<string, Backend>
  readonly book: Pick<AssignmentBook, 'clock' | 'time' | 'silentMs' | 'isFollowing'>
  readonly ledger: Ledger
  readonly sessions: Sessions
  readonly metrics: GatewayMetrics
  readonly log: GatewayLog
}
