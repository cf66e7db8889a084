// Queries of accounts: balances, the supply, session keys and what would come of a signed action.
import { EMPTY_BYTES } from '../../../base/bytes.ts'
import { encodeFailure, type Rules } from '../../rules.ts'
import { authorise } from './authority.ts'
import { liveDigests } from './digests.ts'
import { getAccount, getSupply } from './ledger.ts'
import { accountsSchema } from './schema.ts'
import { sessionKeysOf } from './sessionKeys.ts'
import { signatureOf } from './signedActions.ts'
import { secondsOf } from './time.ts'

export const accountsQueries: Rules<typeof accountsSchema>['queries'] = {
  balance: (ctx, args) => getAccount(ctx.state, args.address),
  supply: (ctx) => getSupply(ctx.state),
  sessionKeys: (ctx, args) => sessionKeysOf(ctx.state, args.account),
  signedDigests: (ctx, args) => liveDigests(ctx.state, args.account, secondsOf(ctx.block)),
  checkSigned(ctx, { action, signature }) {
    const { chainId, modules } = ctx.block
    const facts = { chainId, definitions: modules.map(({ definition }) => definition) }
    const signed = signatureOf(facts, action, signature)
    const authority = authorise(ctx, action, signed)
    const reason = 'failure' in authority ? encodeFailure(accountsSchema, authority.failure) : EMPTY_BYTES
    return { digest: signed.digest, expected: action.from, recovered: signed.signer, reason }
  },
}
