// `suanli send`, `suanli balance`, `suanli tx`: coins and transactions.
import { type Command, InvalidArgumentError } from 'commander'
import { formatCoins, parseCoins } from '../../base/units.ts'
import { withProgress } from '../chain/progress.ts'
import {
  clientOf,
  type NodeOptions,
  printAnswer,
  type SendOptions,
  sendCall,
  withNode,
  withSending,
} from '../chain/send.ts'

function coins(text: string): bigint {
  const parsed = parseCoins(text)
  if (parsed === undefined)
    throw new InvalidArgumentError('expected coins such as 1.5, with at most 18 decimals')
  return parsed
}

function hash(text: string): string {
  if (!/^0x[0-9a-f]{64}$/i.test(text)) throw new InvalidArgumentError('expected 0x and 64 hex digits')
  return text.toLowerCase()
}

export function addSend(program: Command): void {
  withSending(
    program
      .command('send')
      .description('send coins, and wait until they have arrived for good')
      .argument('<to>', 'address of the recipient')
      .argument('<coins>', 'such as 1.5', coins),
  ).action(async (to: string, valueBase: bigint, options: SendOptions) => {
    const { transfer } = await import('../../client/calls.ts')
    await sendCall(transfer(to, valueBase), options)
  })
}

export function addBalance(program: Command): void {
  withNode(
    program
      .command('balance')
      .description('show the coins of an address')
      .argument('<address>', 'whose coins'),
  ).action(async (text: string, options: NodeOptions) => {
    const { formatAddress, parseAddress } = await import('../../client/accounts/account.ts')
    const address = parseAddress(text)
    const client = await clientOf(options)
    const { balanceBase, nonce, pendingNonce } = await withProgress('waiting for the node', () =>
      client.account(address),
    )
    printAnswer(options, {
      address: formatAddress(address),
      coins: `${formatCoins(balanceBase)} ACPC`,
      balanceBase: balanceBase.toString(),
      nonce,
      pendingNonce,
    })
  })
}

export function addTx(program: Command): void {
  withNode(
    program
      .command('tx')
      .description('show what became of a transaction')
      .argument('<hash>', 'of the transaction', hash),
  ).action(async (transaction: string, options: NodeOptions) => {
    const client = await clientOf(options)
    const ask = () => client.request('tx_status', [transaction])
    printAnswer(options, await withProgress('waiting for the node', ask))
  })
}
