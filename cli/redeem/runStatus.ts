// `suanli redeem status`: where the redemptions of this machine are, and what is left. Needs no key.
import type { Json } from '../../base/field.ts'
import { formatCoins } from '../../base/units.ts'
import { redemption } from '../../client/modules.ts'
import { ChainView } from '../../client/redemption/chainView.ts'
import { clientOf, type NodeOptions, printAnswer } from '../chain/send.ts'
import { defaultStateDir, listRedemptions, type RedemptionFile } from './redeemFiles.ts'

/** Redemptions that are asked about: the newest. */
const SHOWN_MAX = 100

export interface StatusOptions extends NodeOptions {
  readonly state?: string
  readonly id?: number
}

export async function runStatus(options: StatusOptions): Promise<void> {
  const client = await clientOf(options)
  const { genesis } = await new ChainView(client).identity()
  const files = listRedemptions(options.state ?? defaultStateDir(), genesis)
  const chosen = files.filter(({ id }) => options.id === undefined || options.id === id).slice(-SHOWN_MAX)
  const statusOf = async (file: RedemptionFile): Promise<Json> => {
    const info = await client.query(redemption, 'redemption', { id: file.id })
    const signedBase = file.assignments.reduce((sum, { voucheredBase }) => sum + voucheredBase, 0n)
    const base = { redemption: file.id, service: file.service, coins: formatCoins(file.amountBase) }
    // A redemption that is over leaves the state some windows later.
    if (info === undefined)
      return {
        ...base,
        state: 'gone',
        delivered: '',
        queued: '',
        assigned: '',
        signed: formatCoins(signedBase),
      }
    return {
      ...base,
      state: info.endReason === 'none' ? info.state : info.endReason,
      delivered: formatCoins(info.burnedBase + info.transferredBase),
      queued: formatCoins(info.queuedBase),
      assigned: formatCoins(info.assignedBase),
      signed: formatCoins(signedBase),
    }
  }
  const rows: Json[] = []
  for (const file of chosen) rows.push(await statusOf(file))
  printAnswer(options, rows)
}
