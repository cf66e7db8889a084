// Queries of accounts: balances and the supply.
import type { Rules } from '../../rules.ts'
import { getAccount, getSupply } from './ledger.ts'
import type { accountsSchema } from './schema.ts'

export const accountsQueries: Rules<typeof accountsSchema>['queries'] = {
  balance: (ctx, args) => getAccount(ctx.state, args.address),
  supply: (ctx) => getSupply(ctx.state),
}
