// A gateway's door in a process of its own, to be killed. Arguments: folder and the backend's URL.
import { assignedOf, Door, KILL_CONFIG } from './door.ts'

const [, , folder, url] = process.argv
const door = await Door.open({
  upstream: { url: url! },
  folder: folder!,
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
