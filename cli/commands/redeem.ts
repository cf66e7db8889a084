// `suanli redeem`: coins into AI work, as a holder does it. Owns: options, and what is printed. Not: the work (cli/redeem/,
// client/redemption/).
import { type Command, InvalidArgumentError, Option } from 'commander'
import { parseCoins } from '../../base/units.ts'
import type { Service } from '../../state/modules/catalogue/schema.ts'
import { withAccount } from '../chain/accountOptions.ts'
import { askNodeOf, withNode } from '../chain/send.ts'
import { wholeNumber } from '../common.ts'
import type { ProviderOptions, RedeemOptions } from '../redeem/runRedeem.ts'
import type { ServeOptions } from '../redeem/runServe.ts'
import type { StatusOptions } from '../redeem/runStatus.ts'

/** What people say, and what the chain calls it. */
const SERVICES: Readonly<Record<string, Service>> = {
  inference: 'infer',
  training: 'train',
  finetuning: 'finetune',
  infer: 'infer',
  train: 'train',
  finetune: 'finetune',
}
export const LOCAL_PORT = 11_435

function coins(text: string): bigint {
  const parsed = parseCoins(text)
  if (parsed === undefined || parsed === 0n)
    throw new InvalidArgumentError('expected coins such as 5 or 1.5, with at most 18 decimals')
  return parsed
}

function service(text: string): Service {
  const found = Object.hasOwn(SERVICES, text) ? SERVICES[text] : undefined
  if (found === undefined) throw new InvalidArgumentError('expected inference, training or finetuning')
  return found
}

const stateOption = (): Option =>
  new Option('--state <dir>', 'where counts are kept; default: .suanli/redeem at home').env(
    'SUANLI_REDEEM_STATE',
  )

const idOption = (): Option =>
  new Option('--id <number>', 'which redemption; default: the newest open one').argParser(
    wholeNumber(1, Number.MAX_SAFE_INTEGER),
  )

/** Options of whatever goes to a provider. */
function withProvider(command: Command): Command {
  return askNodeOf(withNode(withAccount(command)), 'dataDir')
    .addOption(stateOption())
    .addOption(new Option('--model <name>', 'a model that the provider must serve'))
    .addOption(
      new Option('--budget <coins>', 'most to sign vouchers for; default: all of it').argParser(coins),
    )
    .addOption(new Option('--above-par', 'take prices more than 2 % above par'))
    .addOption(new Option('--plain-http', 'take foreign providers without TLS: others can read along'))
}

export function addRedeem(program: Command, finish: (code: number) => void): void {
  // The command and those below it have options of the same names: each takes what comes after its own name.
  const redeem = program
    .enablePositionalOptions()
    .command('redeem')
    .enablePositionalOptions()
    .description('turn coins into AI work: request, wait, and get a base URL and a key for any OpenAI client')
    .argument('[coins]', 'how many, such as 5', coins)
    .addOption(
      new Option('--service <name>', 'inference, training or finetuning')
        .default('infer', 'inference')
        .argParser(service),
    )
    .addOption(
      new Option('--provider <number>', 'only this provider')
        .default(0, 'any')
        .argParser(wholeNumber(1, 256)),
    )
    .addOption(new Option('--region <name>', 'only in this region').default('', 'any'))
    .addOption(new Option('--keep', 'stay, and pay for what programs use with the printed key'))
  withProvider(redeem).action(async (amountBase: bigint | undefined, options: RedeemOptions) => {
    const { runRedeem } = await import('../redeem/runRedeem.ts')
    await runRedeem(amountBase, options)
  })
  withProvider(
    redeem
      .command('serve')
      .summary('keep a local OpenAI endpoint that forwards, checks costs and pays')
      .description(
        'Keeps an OpenAI endpoint on this machine until Ctrl-C: forwards to whichever provider serves the redemption, checks ' +
          'what each answer costs, signs vouchers up to the budget, and moves on at the end of a window.',
      ),
  )
    .addOption(idOption())
    .addOption(
      new Option('--port <number>', 'of the endpoint, on 127.0.0.1; 0: any')
        .default(LOCAL_PORT)
        .argParser(wholeNumber(0, 65_535)),
    )
    .action(async (options: ServeOptions) => {
      const { runServe } = await import('../redeem/runServe.ts')
      finish(await runServe(options))
    })
  askNodeOf(
    withNode(
      withAccount(
        redeem
          .command('keys')
          .summary('print the client key and the voucher key of an account')
          .description(
            'Prints the two public keys that follow from the key of an account on this chain. A request of another program that ' +
              'names them is served by `suanli redeem serve --id`.',
          ),
      ),
    ),
    'dataDir',
  ).action(async (options: ProviderOptions) => {
    const { runKeys } = await import('../redeem/runKeys.ts')
    await runKeys(options)
  })
  withNode(
    redeem
      .command('status')
      .description('show the redemptions that were made here: where they are, and what is left'),
  )
    .addOption(stateOption())
    .addOption(idOption())
    .action(async (options: StatusOptions) => {
      const { runStatus } = await import('../redeem/runStatus.ts')
      await runStatus(options)
    })
}
