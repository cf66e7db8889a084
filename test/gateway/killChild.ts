// A gateway's door in a process of its own, to be killed. Arguments: folder and the backend's URL.
import { assignedOf, Door } from './door.ts'

/** Room for two requests at their bound, and then some. */
export const KILL_CONFIG = { exposurePpm: 60, amountBase: 10_000_000_000n } as const

const [, , folder, url] = process.argv
if (folder !== undefined && url !== undefined) {
  const door = await Door.open({
    upstream: { url },
    folder,
    assignments: [assignedOf({ amountBase: KILL_CONFIG.amountBase })],
    config: { exposurePpm: KILL_CONFIG.exposurePpm, limits: { queueMs: 100 } },
  })
  const { meteredBase, voucheredBase } = door.meter()
  const state = {
    url: door.url,
    key: door.keyOf(),
    meteredBase: `${meteredBase}`,
    voucheredBase: `${voucheredBase}`,
  }
  console.log(JSON.stringify(state))
}
