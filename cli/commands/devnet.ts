// `suanli devnet`: a devnet in the foreground. Owns: options and output. Not: the validators (devnet/).
import { join, resolve } from 'node:path'
import { type Command, InvalidArgumentError } from 'commander'
import { checksumAddress } from '../../base/address.ts'
import { equalBytes, toHex } from '../../base/bytes.ts'
import type { Json } from '../../base/field.ts'
import type { Address } from '../../base/ids.ts'
import { parseJson } from '../../base/json.ts'
import { formatCoins } from '../../base/units.ts'
import {
  createDevnet,
  type DevnetEvent,
  type DevnetGateway,
  type DevnetOptions,
} from '../../devnet/devnet.ts'
import { DEVELOPMENT_PASSWORD } from '../../devnet/directories.ts'
import { fundedAccounts } from '../../devnet/genesisOptions.ts'
import type { DevnetMember } from '../../devnet/member.ts'
import { DEVELOPMENT_MNEMONIC, developmentValidator } from '../../genesis/devKeys.ts'
import { type Genesis, genesisHash } from '../../genesis/schema.ts'
import { DEFAULT_CONFIG } from '../../node/config.ts'
import { print, wholeNumber } from '../common.ts'
import { logLevelOption } from '../logLevel.ts'
import { onStopSignal } from '../stopSignals.ts'
import { blockTimeOption, validatorsOption, windowOption } from './chainOptions.ts'

export function addDevnet(program: Command, finish: (code: number) => void): void {
  withLinks(
    withProviders(withState(program.command('devnet')))
      .description('run a chain of several validators on this machine, with funded development accounts')
      .addOption(validatorsOption())
      .option(
        '--genesis <file>',
        'a genesis document with the development keys, instead of the options of the chain',
      )
      .option('--chain-id <id>', 'chain id; default: 83838', wholeNumber(1, 2 ** 52))
      .option('--accounts <count>', 'number of funded accounts; default: 10', wholeNumber(1, 100))
      .option('--balance <coins>', 'whole coins of each; default: 10000', wholeNumber(1, 1_000_000_000))
      .option(
        '--params <module.name=value...>',
        'parameters of the chain, as in the genesis document',
        parameters,
        {} as Record<string, Json>,
      )
      .option(
        '-p, --port <port>',
        'JSON-RPC port of the first validator; 0: free ones',
        wholeNumber(0, 64_000),
        DEFAULT_CONFIG.rpcPort,
      )
      .option(
        '--p2p-port <port>',
        'peer-to-peer port of the first; default: 1000 above',
        wholeNumber(1, 65_000),
      )
      .option('-d, --data-dir <dir>', 'directory for the chain', 'data/devnet')
      .addOption(blockTimeOption())
      .addOption(windowOption())
      .option(
        '--in-process',
        'run the validators in one process: a faster start, and none can crash alone',
        false,
      ),
  )
    .option('--fresh', 'delete the chain of an earlier run', false)
    .addOption(logLevelOption('level of the log files').default('info'))
    .addHelpText(
      'after',
      `
An idle chain proposes the moment a transaction arrives; --block-time only
bounds how fast blocks follow each other under load. Capacity is counted,
assigned and delivered per --window: a redemption takes one or two of them.
Keys are public and the same on every machine. Further devnets: --port and
--data-dir. With --in-process the chain's clock can be set forward, blocks and
coins are made at will: docs/devnet.md.`,
    )
    .action(async function (this: Command, options) {
      const stop = new AbortController()
      const stopped = new Promise<void>((resolve) => {
        stop.signal.addEventListener('abort', () => resolve(), { once: true })
      })
      // Handle Ctrl-C before anything starts.
      onStopSignal(['SIGINT', 'SIGTERM', 'SIGHUP'], () => stop.abort())
      try {
        const devnet = await createDevnet({
          ...chainOf(this, options),
          ...(options.port === 0 ? {} : { port: options.port }),
          ...(options.p2pPort === undefined ? {} : { p2pPort: options.p2pPort }),
          // An empty name would be the current folder.
          dataDir: options.dataDir === '' ? '' : resolve(options.dataDir),
          // A forked chain runs in no other way.
          isInProcess: options.inProcess || options.fork !== undefined,
          isGranting: options.autoGrant,
          hasGateways: options.gateway,
          isFresh: options.fresh,
          ...(options.loadState === undefined ? {} : { stateFile: resolve(options.loadState) }),
          ...(options.fork === undefined ? {} : { fork: sourceOf(options.fork) }),
          ...linksOf(options),
          logLevel: options.logLevel,
          signal: stop.signal,
          onEvent: printEvent,
        })
        const code = await Promise.race([stopped.then(() => 0), devnet.allLost.then(() => 1)])
        await devnet.close()
        finish(code)
      } catch (error) {
        if (!stop.signal.aborted) throw error
      }
    })
}

/** Adds what the providers do by themselves. */
function withProviders(command: Command): Command {
  return command
    .option('--auto-grant', 'the providers grant whatever is assigned to them, by themselves', false)
    .option('--gateway', 'the providers serve a little language model to whoever redeems coins', false)
}

/** As typed in any folder. */
const sourceOf = (source: string): string => (/^https?:\/\//i.test(source) ? source : resolve(source))

/** Adds what it begins with, in the place of a genesis. */
function withState(command: Command): Command {
  return command
    .option('--load-state <file>', 'a file of suanli export state: the chain goes on from there')
    .option(
      '--fork <file or url>',
      "a chain of its own begins with another chain's state: a file of suanli export state, or a devnet's JSON-RPC; in one process",
    )
}

/** Adds the options of the links between validators. */
function withLinks(command: Command): Command {
  return command
    .option('--links', 'links between the validators that dev_setLink and dev_partition change', false)
    .option('--latency <ms>', 'from each validator to each other one, as 50 or 50ms', milliseconds)
    .option('--jitter <ms>', 'at random up to this much more', milliseconds)
    .option('--loss <percent>', 'of what they send each other, 0 to 99: it is sent again', percent)
    .option('--control-port <port>', 'JSON-RPC for the links; default: a free one', wholeNumber(0, 65_535))
}

const LINK_OPTIONS = {
  links: 'hasLinks',
  latency: 'latencyMs',
  jitter: 'jitterMs',
  loss: 'lossPercent',
  controlPort: 'controlPort',
} as const

const linksOf = (options: Record<string, unknown>): Partial<DevnetOptions> =>
  Object.fromEntries(
    Object.entries(LINK_OPTIONS)
      .filter(([name]) => options[name] !== undefined)
      .map(([name, own]) => [own, options[name]]),
  )

type ChainOptions = Pick<
  DevnetOptions,
  | 'genesisFile'
  | 'validators'
  | 'chainId'
  | 'accounts'
  | 'balanceCoins'
  | 'params'
  | 'blockTimeMs'
  | 'windowMs'
>

/** With a genesis document or a state file, only what was typed: what else there is it decides. */
function chainOf(command: Command, options: Record<string, unknown>): ChainOptions {
  const names = {
    genesis: 'genesisFile',
    validators: 'validators',
    chainId: 'chainId',
    accounts: 'accounts',
    balance: 'balanceCoins',
    params: 'params',
    blockTime: 'blockTimeMs',
    window: 'windowMs',
  } as const
  const isGiven = [options.genesis, options.loadState, options.fork].some((given) => given !== undefined)
  const isTyped = (name: string): boolean => command.getOptionValueSource(name) === 'cli'
  return Object.fromEntries(
    Object.entries(names)
      .filter(([name]) => isTyped(name) || (!isGiven && name !== 'params'))
      .map(([name, own]) => [own, options[name]])
      .filter(([, value]) => value !== undefined),
  )
}

/** `50` or `50ms`. */
function milliseconds(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(?:ms)?$/.exec(text)
  if (match === null) throw new InvalidArgumentError('expected milliseconds, such as 50 or 50ms')
  return Number(match[1])
}

/** `1` or `1%`. */
function percent(text: string): number {
  const match = /^(\d+(?:\.\d+)?)%?$/.exec(text)
  if (match === null) throw new InvalidArgumentError('expected percent, such as 1 or 0.5%')
  return Number(match[1])
}

/** `redemption.assignAhead=3`, several of them: JSON where it is some, else text. */
function parameters(text: string, known: Record<string, Json>): Record<string, Json> {
  const at = text.indexOf('=')
  if (at < 1) throw new InvalidArgumentError('expected MODULE.NAME=VALUE')
  const value = text.slice(at + 1)
  return { ...known, [text.slice(0, at)]: jsonOf(value) }
}

function jsonOf(text: string): Json {
  try {
    return parseJson(text)
  } catch {
    return text
  }
}

function printEvent(event: DevnetEvent): void {
  if (event.kind === 'prepared') printAccounts(event.members, event.genesis)
  else if (event.kind === 'up') printAddresses(event.members, event.dataDir, event.controlUrl)
  else if (event.kind === 'final') {
    const { height, hash, afterMs } = event.block
    print(`Block ${height} is final (${hash}) after ${(afterMs / 1000).toFixed(1)} s`)
  } else if (event.kind === 'serving') printGateways(event.gateways)
  else if (event.kind === 'notGranted') print(event.reason)
  else if (event.kind === 'halted') print(`validator-${event.validator} halted: ${event.reason}`)
  else if (event.kind === 'adopted') {
    print(
      `validator-${event.validator} runs again (process ${event.pid}, started by hand): Ctrl-C here ends it too`,
    )
  } else {
    print(`validator-${event.validator} ended (${event.how}); see ${event.logFile}`)
    print(`  start it again with: ${startCommand(event.dir)}`)
  }
}

/** As whoever runs this command would type it, from any folder. */
const startCommand = (dir: string): string =>
  `SUANLI_PASSWORD=${DEVELOPMENT_PASSWORD} ${process.execPath} ${process.argv[1]} start -d ${dir}`

function printAddresses(
  members: readonly DevnetMember[],
  dataDir: string,
  controlUrl: string | undefined,
): void {
  print('')
  for (const { index, rpcPort } of members) {
    const what = index === 0 ? 'listening on' : '            '
    print(`JSON-RPC ${what} http://127.0.0.1:${rpcPort} (also WebSocket)`)
  }
  if (controlUrl !== undefined)
    print(`Links    set through  ${controlUrl} (dev_setLink, dev_partition, dev_heal)`)
  print(`Logs in ${join(dataDir, 'validator-*', 'node.log')}; stop with Ctrl-C`)
}

function printGateways(gateways: readonly DevnetGateway[]): void {
  for (const { provider, url, model } of gateways)
    print(`Provider ${provider} serves ${model} at ${url}/v1, to whoever redeems coins`)
}

function printAccounts(members: readonly DevnetMember[], genesis: Genesis): void {
  print('')
  print('Accounts (public development keys: never use them for anything of value)')
  const accounts = fundedAccounts(genesis)
  for (const account of accounts) {
    print(`(${account.index}) ${checksumAddress(account.address)}  ${coinsOf(genesis, account.address)} ACPC`)
  }
  print('')
  print('Private keys')
  for (const account of accounts) print(`(${account.index}) ${toHex(account.secretKey)}`)
  print('')
  print(`Mnemonic: ${DEVELOPMENT_MNEMONIC}`)
  print("Path:     m/44'/60'/0'/0/<index>")
  print('')
  print('Providers (each a validator; its operator mints against its pledge)')
  for (const member of members) {
    const provider = genesis.providers[member.index]
    // Admitted later than the document was made.
    if (provider === undefined) continue
    const { profile, lots, operator } = provider
    const hardware = lots.map((lot) => `${lot.devices} × ${lot.class}`).join(', ')
    const own = developmentValidator(member.index).operator
    const index = equalBytes(own.address, operator) ? ` (${own.index})` : ''
    print(
      `#${member.index + 1} ${profile.legalGroup.padEnd(9)} ${hardware.padEnd(16)} operator${index} ` +
        `${checksumAddress(operator)}  ${coinsOf(genesis, operator)} ACPC`,
    )
  }
  print('')
  print(`Chain id: ${genesis.chainId}`)
  print(`Genesis:  ${toHex(genesisHash(genesis))}`)
}

function coinsOf(genesis: Genesis, address: Address): string {
  const parts = genesis.balances.filter(({ account }) => equalBytes(account, address))
  return formatCoins(parts.reduce((sum, { amountBase }) => sum + amountBase, 0n))
}
