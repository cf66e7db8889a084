// `npm run bench:revert`: how long a devnet's snapshot and revert take with many accounts. Owns: making the chain, measuring.
// Not: going back (devnet/devChain.ts).
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command } from 'commander'
import { u64be } from '../base/bytes.ts'
import { sha256 } from '../base/crypto/hash.ts'
import type { Address } from '../base/ids.ts'
import { wholeNumber } from '../cli/common.ts'
import { httpTransport } from '../client/transports/http.ts'
import { createDevnet } from '../devnet/devnet.ts'
import { developmentGenesis } from '../devnet/genesisOptions.ts'
import { genesisText } from '../node/nodeDir.ts'
import { percentile } from './statistics.ts'

const options = new Command('bench:revert')
  .description('how long a devnet in one process takes to go back to a snapshot')
  .option('--accounts <count>', 'accounts with coins', wholeNumber(10, 99_000), 99_000)
  .option('--validators <count>', 'validators in the process', wholeNumber(1, 16), 1)
  .option('--rounds <count>', 'snapshots of each depth', wholeNumber(1, 1_000), 20)
  .option('--depths <blocks...>', 'blocks from a snapshot to its revert', ['1', '10', '100'])
  .parse()
  .opts<{
    readonly accounts: number
    readonly validators: number
    readonly rounds: number
    readonly depths: readonly string[]
  }>()

interface Took {
  /** By the clock, and of all processors: on a busy machine only the second is this program's. */
  readonly wallMs: number
  readonly cpuMs: number
}

async function timed<T>(run: () => Promise<T>): Promise<{ readonly result: T; readonly took: Took }> {
  const [startedMs, before] = [performance.now(), process.cpuUsage()]
  const result = await run()
  const { user, system } = process.cpuUsage(before)
  return { result, took: { wallMs: performance.now() - startedMs, cpuMs: (user + system) / 1_000 } }
}

function tell(what: string, took: readonly Took[]): void {
  const text = (pick: (one: Took) => number): string => {
    const figures = took.map(pick)
    return `${percentile(figures, 50).toFixed(1)} ms, at most ${Math.max(...figures).toFixed(1)} ms`
  }
  console.log(`${what}: ${text(({ wallMs }) => wallMs)}; processor ${text(({ cpuMs }) => cpuMs)}`)
}

const dir = mkdtempSync(join(tmpdir(), 'suanli-revert-'))
try {
  const genesisFile = join(dir, 'genesis.json')
  writeFileSync(genesisFile, genesisText(manyAccounts()))
  const devnet = await createDevnet({ genesisFile, isInProcess: true, logLevel: 'warn' })
  const rpc = httpTransport(devnet.rpcUrl, { timeoutMs: 120_000 })
  const from = devnet.accounts[0]!.address
  for (const depth of options.depths.map(Number)) {
    const snapshots: Took[] = []
    const reverts: Took[] = []
    for (let round = 0; round < options.rounds; round++) {
      const { result: id, took } = await timed(() => rpc.request('evm_snapshot', []))
      snapshots.push(took)
      await rpc.request('eth_sendTransaction', [{ from, to: from, value: '0x1' }])
      await devnet.mine({ count: depth - 1 })
      reverts.push((await timed(() => rpc.request('evm_revert', [id]))).took)
    }
    tell(`snapshot, ${depth} blocks`, snapshots)
    tell(`revert, ${depth} blocks`, reverts)
  }
  await devnet.close()
} finally {
  rmSync(dir, { recursive: true, force: true })
}

/** The usual document, and as many accounts more with one base unit each. */
function manyAccounts() {
  const genesis = developmentGenesis({
    validators: options.validators,
    blockTimeMs: 0,
    windowMs: 3_600_000,
    balanceCoins: 5_000,
  })
  const [first] = genesis.balances
  const more = Array.from({ length: Math.max(0, options.accounts - genesis.balances.length) }, (_, i) => ({
    ...first!,
    account: sha256(u64be(i)).slice(0, 20) as Address,
    amountBase: 1n,
  }))
  return { ...genesis, balances: [...genesis.balances, ...more] }
}
