// Sends one call for a command: shows it, estimates it, waits until it is final. Owns: options and output.
import { type Command, Option } from 'commander'
import { toHex } from '../../base/bytes.ts'
import type { Json } from '../../base/field.ts'
import { formatCoins } from '../../base/units.ts'
import type { LocalAccount } from '../../client/accounts/account.ts'
import type { Call } from '../../client/calls.ts'
import type { ChainClient } from '../../client/chainClient.ts'
import { print, printJson, wholeNumber } from '../common.ts'
import { type AccountOptions, withAccount } from './accountOptions.ts'
import { withProgress } from './progress.ts'
import { answerText } from './table.ts'

export const RPC_VARIABLE = 'SUANLI_RPC'

export interface NodeOptions {
  readonly rpc: string
  readonly json?: true
}

export interface SendOptions extends NodeOptions, AccountOptions {
  readonly dryRun?: true
  readonly wait: number
}

/** Adds `--rpc` and `--json`. */
export function withNode(command: Command): Command {
  return command
    .addOption(
      new Option('--rpc <url>', 'JSON-RPC of a node').env(RPC_VARIABLE).default('http://127.0.0.1:8545'),
    )
    .addOption(new Option('--json', 'print JSON'))
}

/** `option`: names the data directory whose account sends; then its own node is asked, unless `--rpc` names another. */
export function askNodeOf(command: Command, option: string): Command {
  return command.hook('preAction', async (_, action) => {
    const dataDir = action.getOptionValue(option) as string | undefined
    if (dataDir === undefined || action.getOptionValueSource('rpc') !== 'default') return
    const { rpcOfDir } = await import('./nodeOfDir.ts')
    const own = await rpcOfDir(dataDir)
    if (own !== undefined) action.setOptionValue('rpc', own)
  })
}

/** Adds the options of everything that is sent. */
export function withSending(command: Command): Command {
  return askNodeOf(withNode(withAccount(command)), 'dataDir')
    .addOption(new Option('--dry-run', 'show the call and what the rules would answer, and send nothing'))
    .addOption(
      new Option('--wait <seconds>', 'how long to wait for a final block')
        .default(60)
        .argParser(wholeNumber(1, 3_600)),
    )
}

/** Loads what talks to a node: help does without. */
export async function clientOf({ rpc }: NodeOptions): Promise<ChainClient> {
  const [{ createClient }, { httpTransport }] = await Promise.all([
    import('../../client/chainClient.ts'),
    import('../../client/transports/http.ts'),
  ])
  return createClient(httpTransport(rpc))
}

/** An answer as a table or as JSON. */
export function printAnswer(options: { readonly json?: true }, json: Json): void {
  if (options.json === true) printJson(json)
  else print(answerText(json))
}

/** The node that a command talks to, and the account that it sends from. */
export interface Sender {
  readonly client: ChainClient
  readonly account: LocalAccount
}

/** Opens the account of a command. Throws when its data directory is of another chain than the node. */
export async function openSender(options: SendOptions): Promise<Sender> {
  const [client, { openAccount }] = await Promise.all([clientOf(options), import('./account.ts')])
  const account = await openAccount(options)
  if (options.dataDir !== undefined) {
    const { checkChainOfDir } = await import('./nodeOfDir.ts')
    await checkChainOfDir(client, options.dataDir, options.rpc)
  }
  return { client, account }
}

/** Sends a call, and prints what became of it. Throws what `ChainClient.send` does. */
export async function sendFrom({ client, account }: Sender, call: Call, options: SendOptions): Promise<void> {
  const { checksumAddress } = await import('../../base/address.ts')
  const shown = {
    from: checksumAddress(account.address),
    to: checksumAddress(call.to),
    value: `${formatCoins(call.valueBase)} ACPC`,
    data: toHex(call.data),
    lane: call.lane ?? 'of its calls',
  }
  if (options.dryRun === true) {
    return printAnswer(options, { ...shown, gas: await client.estimate(account.address, call) })
  }
  const receipt = await withProgress('waiting for a final block', () =>
    client.send(account, call, { timeoutMs: options.wait * 1_000 }),
  )
  const { transaction, height, index, action, gasUsed, feeBase } = receipt
  printAnswer(options, { transaction, action, height, index, gasUsed, fee: `${formatCoins(feeBase)} ACPC` })
}

/** Opens the account of a command, sends its call, and prints what became of it. */
export async function sendCall(call: Call, options: SendOptions): Promise<void> {
  await sendFrom(await openSender(options), call, options)
}
