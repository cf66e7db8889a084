// `suanli gateway`: the provider's OpenAI-compatible service, its check, and its tariff. Owns: options. Not: the gateway.
import { type Command, Option } from 'commander'
import { toHex } from '../../base/bytes.ts'
import { LOG_LEVELS } from '../../node/config.ts'
import { jsonOption, passwordOf, print, printJson } from '../common.ts'

interface ConfigOptions {
  readonly config: string
  readonly json?: true
}
interface RunOptions extends ConfigOptions {
  readonly logLevel: string
}

const configOption = (): Option =>
  new Option('-c, --config <file>', 'the configuration of the gateway').default('gateway.json')

export function addGateway(program: Command, finish: (code: number) => void): void {
  const gateway = program
    .command('gateway')
    .summary('serve models to holders of coins, paid by vouchers, behind an OpenAI-compatible API')
    .description('serve models to holders of coins, paid by vouchers, behind an OpenAI-compatible API')
  gateway
    .command('run', { isDefault: true })
    .summary('serve until Ctrl-C')
    .description('Serves until Ctrl-C or SIGTERM, which ends what is under way, settles, and closes.')
    .addOption(configOption())
    .addOption(new Option('--log-level <level>', 'what to log').choices(LOG_LEVELS).default('info'))
    .action(async (options: RunOptions) => finish(await run(options)))
  gateway
    .command('check')
    .summary('look whether it could serve: node, account, clock, listing, parity, backends')
    .description(
      'Asks the node and every model, and changes nothing. The exit code is 1 if something is bad.',
    )
    .addOption(configOption())
    .addOption(jsonOption())
    .action(async (options: ConfigOptions) => finish(await check(options)))
  gateway
    .command('tariff')
    .summary('print the hash of a tariff, which the listing names')
    .argument('<file>', 'the tariff: JSON')
    .addOption(jsonOption())
    .action(async (file: string, options: { readonly json?: true }) => finish(await tariff(file, options)))
}

async function open({ config: file }: ConfigOptions) {
  const [{ readGatewayConfig }, { openKeystore }] = await Promise.all([
    import('../../gateway/config.ts'),
    import('../chain/account.ts'),
  ])
  const config = readGatewayConfig(file)
  const { passwordFile } = config
  const password = passwordOf(passwordFile === undefined ? {} : { passwordFile })
  return { config, providerSecret: await openKeystore(config.keystore, password) }
}

async function run(options: RunOptions): Promise<number> {
  const [{ createGateway }, { createLogger }] = await Promise.all([
    import('../../gateway/gateway.ts'),
    import('../../node/logging.ts'),
  ])
  const opened = await open(options)
  const log = createLogger({ level: options.logLevel, name: 'gateway' })
  const ending = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => ending.abort())
  const running = await createGateway({ ...opened, log, signal: ending.signal })
  print(
    `Serving ${opened.config.backends.flatMap(({ models }) => models).join(', ')} at ${running.baseUrl}/v1`,
  )
  if (!ending.signal.aborted) {
    await new Promise<void>((resolve) =>
      ending.signal.addEventListener('abort', () => resolve(), { once: true }),
    )
  }
  await running.close()
  return 0
}

async function check(options: ConfigOptions): Promise<number> {
  const { checkGateway } = await import('../../gateway/check.ts')
  const findings = await checkGateway(await open(options))
  if (options.json) printJson(findings)
  else for (const { what, verdict, text } of findings) print(`${verdict.padEnd(4)} ${what}: ${text}`)
  return findings.some(({ verdict }) => verdict === 'BAD') ? 1 : 0
}

async function tariff(file: string, options: { readonly json?: true }): Promise<number> {
  const [{ readTariff }, { tariffHash, tariffText }] = await Promise.all([
    import('../../gateway/gateway.ts'),
    import('../../client/redemption/tariff.ts'),
  ])
  const read = readTariff(file)
  const hash = toHex(tariffHash(read))
  if (options.json) printJson({ hash, canonical: tariffText(read) })
  else print(hash)
  return 0
}
