// One request to files or jobs.
import type { Visit } from '../http/context.ts'

/** A visit with what is in its address, for the redemption of its key. */
export interface Call extends Visit {
  readonly redemptionId: number
  readonly query: URLSearchParams
}
