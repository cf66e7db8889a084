// A gateway's door in a process of its own, without a chain: one assignment that nothing exhausts. Argument: the backend's URL.
// Prints its URL, then answers each line of standard input with its CPU time and memory.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { secretKeyAddress } from '../../base/address.ts'
import { ZERO_ADDRESS } from '../../base/ids.ts'
import { parseTariff, tariffHash, tariffText } from '../../client/redemption/tariff.ts'
import { ChainTime } from '../../gateway/chain/chainTime.ts'
import { parseGatewayConfig } from '../../gateway/config.ts'
import { Backend } from '../../gateway/http/backend.ts'
import { GatewayServer } from '../../gateway/http/server.ts'
import { Ledger } from '../../gateway/meter/ledger.ts'
import { GatewayMetrics } from '../../gateway/metrics.ts'
import { Sessions } from '../../gateway/sessions.ts'
import { GatewayStore } from '../../gateway/store/gatewayStore.ts'

const SECRET = new Uint8Array(32).fill(7)
const genesis = new Uint8Array(32)
const folder = mkdtempSync(join(tmpdir(), 'suanli-bench-gateway-'))
const quiet = { debug: () => undefined, info: () => undefined, warn: console.error, error: console.error }

const config = parseGatewayConfig(
  {
    listen: '127.0.0.1:0',
    node: 'http://127.0.0.1:1',
    keystore: 'none',
    dataDir: folder,
    tariff: 'none',
    exposurePpm: 1_000_000,
    backends: [{ models: ['tiny'], url: process.argv[2], kind: 'openai', slots: 2_048 }],
    limits: { queuedMax: 4_096, queuedPerAssignmentMax: 4_096 },
  },
  folder,
)
const provider = secretKeyAddress(SECRET)
const identity = { chainId: 1, genesis }
const store = await GatewayStore.open(folder, { genesis, provider })
const ledger = await Ledger.create(
  store,
  { ...identity, provider },
  { exposurePpm: 1_000_000, exposureMinBase: 0n },
)
const sessions = new Sessions({ ledger, providerSecret: SECRET, genesis, services: ['infer'] })
const tariff = parseTariff(
  '{"version":1,"minimumBase":"0","models":{"tiny":{"promptBase":"1000","completionBase":"1000"}}}',
)
const nowMs = Date.now()
const clock = { window: 1, startedAtMs: nowMs, endsAtMs: nowMs + 86_400_000, height: 1, timestampMs: nowMs }
const server = await GatewayServer.start({
  config,
  identity,
  provider,
  providerSecret: SECRET,
  tariff,
  tariffHash: tariffHash(tariff),
  tariffText: tariffText(tariff),
  backends: new Map([
    ['tiny', new Backend(config.backends[0]!, undefined, config.limits, () => sessions.totalWeight)],
  ]),
  book: { clock, time: new ChainTime(), silentMs: 0, isFollowing: true, hasBegun: async () => true },
  ledger,
  sessions,
  metrics: new GatewayMetrics(),
  log: quiet,
})
const id = { redemptionId: 1, assignment: 1 }
const amounts = { amountBase: 10n ** 30n, voucheredBase: 0n, settledBase: 0n, bookedHours: 1n }
const holder = {
  service: 'infer',
  owner: provider,
  voucherKey: ZERO_ADDRESS,
  clientKey: new Uint8Array(32),
} as const
sessions.sync([{ ...id, ...amounts, ...holder, window: 1, isGranted: true }], 1)
console.log(JSON.stringify({ url: `http://127.0.0.1:${server.port}`, key: sessions.get(id)!.keyText }))

let mostBytes = 0
setInterval(() => (mostBytes = Math.max(mostBytes, process.memoryUsage.rss())), 500).unref()
for await (const line of createInterface({ input: process.stdin })) {
  const { user, system } = process.cpuUsage()
  console.log(
    JSON.stringify({
      cpuMs: (user + system) / 1_000,
      mostBytes: Math.max(mostBytes, process.memoryUsage.rss()),
      line,
    }),
  )
}
rmSync(folder, { recursive: true, force: true })
process.exit(0)
