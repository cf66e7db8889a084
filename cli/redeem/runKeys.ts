// `suanli redeem keys`: what a request made by other means must name, so that `suanli redeem serve` can open and pay what comes of it.
import { toHex } from '../../base/bytes.ts'
import { print, printJson } from '../common.ts'
import { openHolder, type ProviderOptions } from './runRedeem.ts'

export async function runKeys(options: ProviderOptions): Promise<void> {
  const { keys } = await openHolder(options)
  const { clientKey, voucherKey } = keys
  const answer = { clientKey: toHex(clientKey), voucherKey: toHex(voucherKey) }
  if (options.json === true) printJson(answer)
  else print(`${answer.clientKey} ${answer.voucherKey}`)
}
