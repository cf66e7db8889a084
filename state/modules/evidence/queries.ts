// Queries of evidence: convictions.
import type { Rules } from '../../rules.ts'
import { convictionsOf } from './convictions.ts'
import type { evidenceSchema } from './schema.ts'

export const evidenceQueries: Rules<typeof evidenceSchema>['queries'] = {
  convictions: (ctx, { provider }) => convictionsOf(ctx.state, provider).epochs,
}
