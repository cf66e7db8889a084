// `npm run test:subscribers`: a thousand WebSocket subscribers of one validator process, under load, and some that stop
// reading. Owns: options, the load, the figures. Not: what each must get (crowd.ts).
import { Command, Option } from 'commander'
import { loadAccounts } from '../../../bench/accounts.ts'
import { RpcClient } from '../../../bench/rpcClient.ts'
import { processFigures } from '../../../bench/statistics.ts'
import { wholeNumber } from '../../../cli/common.ts'
import { startDevnet } from '../../support/devnetHarness.ts'
import { Payer } from '../../support/payer.ts'
import { PER_SLOW, runCrowd } from './crowd.ts'

const MEMORY_EVERY_MS = 100
/** What a thousand subscribers may cost. */
const MEMORY_MIB_MAX = 400

const print = (line: string): void => void process.stdout.write(`${line}\n`)

async function main(): Promise<void> {
  const count = (flags: string, text: string, value: number): Option =>
    new Option(flags, text).default(value).argParser(wholeNumber(1, 100_000))
  const { subscribers, slow, blocks } = new Command('test:subscribers')
    .description('WebSocket subscribers of one validator process: none misses a number')
    .addOption(count('--subscribers <n>', 'connections that read', 1_000))
    .addOption(count('--slow <n>', `connections of ${PER_SLOW} subscriptions that stop reading`, 8))
    .addOption(count('--blocks <n>', 'blocks while these do not read', 400))
    .parse()
    .opts<{ subscribers: number; slow: number; blocks: number }>()
  const devnet = await startDevnet({ args: ['--log-level', 'warn'] })
  const client = new RpcClient(devnet.rpcUrls[0]!)
  const figures = () => processFigures(devnet.pids[0]!)!
  let memoryMiB = 0
  const sampling = setInterval(() => {
    memoryMiB = Math.max(memoryMiB, figures().rssMiB)
  }, MEMORY_EVERY_MS)
  try {
    const payer = await Payer.create(client, loadAccounts(1, 'subscribers')[0]!, 10n ** 18n)
    const before = figures()
    const beganMs = performance.now()
    const fromBlock = Number(await client.call<string>('eth_blockNumber')) + 1
    const { messages, resumed, lastHeight } = await runCrowd({
      url: devnet.rpcUrls[0]!,
      count: subscribers,
      slow,
      fromBlock,
      async blocks(_, tip) {
        while (tip() < fromBlock + blocks) await payer.pay()
      },
      block: () => payer.pay().then(() => {}),
    })
    const seconds = (performance.now() - beganMs) / 1_000
    const cpu = ((figures().cpuSeconds - before.cpuSeconds) * 1_000) / seconds
    print(
      `${subscribers} subscribers and ${slow} connections of ${PER_SLOW} that stopped reading, ${lastHeight - fromBlock + 1} blocks in ${seconds.toFixed(0)} s`,
    )
    print(`${messages} messages, none missed and none twice; ${resumed} connections were cut and came again`)
    print(
      `memory of the node: ${before.rssMiB.toFixed(0)} MiB before, ${memoryMiB.toFixed(0)} MiB at most; CPU ${cpu.toFixed(0)} ms/s`,
    )
    if (memoryMiB > MEMORY_MIB_MAX || resumed < slow) {
      print(`Over a limit: ${MEMORY_MIB_MAX} MiB, or somebody who does not read was not cut`)
      process.exitCode = 1
    }
  } finally {
    clearInterval(sampling)
    client.close()
    await devnet.stop()
  }
}

await main()
