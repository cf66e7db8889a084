// `suanli send`, `suanli balance`, `suanli tx`: coins and transactions.
import { type Command, InvalidArgumentError } from 'commander'
import { checksumAddress } from '../../base/address.ts'
import { formatCoins } from '../../base/units.ts'
import { parseAddress } from '../../client/accounts/account.ts'
import { isTransactionHash } from '../../client/chainClient.ts'
import { transfer } from '../../client/modules.ts'
import { coinsBase } from '../chain/fieldText.ts'
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
  const parsed = coinsBase(text)
  if (parsed === undefined)
    throw new InvalidArgumentError('expected coins such as 1.5, with at most 18 decimals')
  return parsed
}

function hash(text: string): string {
  if (!isTransactionHash(text)) throw new InvalidArgumentError('expected 0x and 64 hex digits')
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
    const address = parseAddress(text)
    const { balanceBase, nonce, pendingNonce } = await clientOf(options).account(address)
    printAnswer(options, {
      address: checksumAddress(address),
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
    printAnswer(options, await clientOf(options).request('tx_status', [transaction]))
  })
}
