// Queries of assets: registered assets and balances.
import { mustExist } from '../../../base/assert.ts'
import type { Rules } from '../../rules.ts'
import type { StateReader } from '../../view.ts'
import { assetIds, getAsset, getAssetBalance } from './ledger.ts'
import type { assetsSchema } from './schema.ts'

function infoOf(state: StateReader, id: number) {
  const asset = getAsset(state, id)
  return asset === undefined ? undefined : { id, ...asset }
}

export const assetsQueries: Rules<typeof assetsSchema>['queries'] = {
  asset: (ctx, { asset }) => infoOf(ctx.state, asset),
  assets: (ctx) => assetIds(ctx.state).map((id) => mustExist(infoOf(ctx.state, id), 'indexed asset exists')),
  balance: (ctx, { asset, owner }) => getAssetBalance(ctx.state, { asset, owner }),
}
