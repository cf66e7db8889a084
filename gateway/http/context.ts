// What the routes share. Owns: nothing; the gateway fills it (gateway.ts).
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Address, Hash32 } from '../../base/ids.ts'
import type { Tariff } from '../../client/redemption/tariff.ts'
import type { AssignmentBook } from '../chain/assignmentBook.ts'
import type { ChainIdentity } from '../chain/chainReader.ts'
import type { GatewayConfig } from '../config.ts'
import type { GatewayLog } from '../gatewayLog.ts'
import type { Ledger } from '../meter/ledger.ts'
import type { GatewayMetrics } from '../metrics.ts'
import type { Session, Sessions } from '../sessions.ts'
import type { Headers } from './answers.ts'
import type { Backend } from './backend.ts'

/** A request that the key of an assignment came with. */
export interface Visit {
  readonly session: Session
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly path: string
  /** Of the payment that came with it. */
  readonly headers: Headers
}

/** Files, fine-tuning and training (gateway/jobs/), as the door sees them. */
export interface JobService {
  /** Whether a path is one of its own. */
  owns(path: string): boolean
  /** Rejects with Refusal or PaymentDue. */
  answer(visit: Visit): Promise<void>
  /** The models that the holder of a session has made, as OpenAI lists them. */
  modelsOf(session: Session): readonly object[]
  backendOf(session: Session, model: string): Backend | undefined
}

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
  readonly book: Pick<AssignmentBook, 'clock' | 'time' | 'silentMs' | 'isFollowing' | 'hasBegun'>
  readonly ledger: Ledger
  readonly sessions: Sessions
  readonly metrics: GatewayMetrics
  readonly log: GatewayLog
  readonly jobs?: JobService
}
