// `suanli redeem serve`: the local endpoint, until Ctrl-C or the redemption's end.
import { equalBytes } from '../../base/bytes.ts'
import { OperatorError } from '../../base/errors.ts'
import { redemption } from '../../client/modules.ts'
import { print, printJson } from '../common.ts'
import { follow } from './follow.ts'
import { LocalEndpoint } from './localEndpoint.ts'
import { listRedemptions, type RedemptionFile } from './redeemFiles.ts'
import { type Holder, openHolder, type ProviderOptions, untilEnded, untilOver } from './runRedeem.ts'

export interface ServeOptions extends ProviderOptions {
  readonly id?: number
  readonly port: number
}

/** The file of a redemption; one that was requested elsewhere with the same wallet gets one. */
async function fileOf(holder: Holder, id: number | undefined): Promise<RedemptionFile> {
  const all = listRedemptions(holder.stateDir, holder.genesis)
  // Several wallets may keep theirs in one folder.
  const known = all.filter(({ owner }) => equalBytes(owner, holder.owner))
  if (id !== undefined) {
    const found = known.find((file) => file.id === id)
    if (found !== undefined) return found
    const info = await holder.client.query(redemption, 'redemption', { id })
    if (info === undefined) throw new OperatorError(`there is no redemption ${id}, or not any more`)
    return holder.file(id, info.service, info.amountBase)
  }
  for (const file of known.toReversed()) {
    const info = await holder.client.query(redemption, 'redemption', { id: file.id })
    if (info?.endReason === 'none') return file
  }
  throw new OperatorError('no redemption is open: `suanli redeem 5` makes one, --id names one made elsewhere')
}

export async function runServe(options: ServeOptions): Promise<number> {
  const holder = await openHolder(options)
  const file = await fileOf(holder, options.id)
  const redeemer = holder.redeemer(file)
  const endpoint = await LocalEndpoint.start(redeemer, options.port)
  const unfollow = follow(redeemer)
  const ended = Promise.race([untilEnded(), untilOver(redeemer)])
  redeemer.start()
  if (options.json === true) printJson({ redemption: file.id, baseUrl: endpoint.url })
  else print(`redemption ${file.id}: OPENAI_BASE_URL=${endpoint.url}, any OPENAI_API_KEY`)
  await ended
  unfollow()
  await endpoint.close()
  await redeemer.close()
  return 0
}
