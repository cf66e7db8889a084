// An account that pays itself, one transfer after the other, through one node. Owns: its nonce and fee. Not: how often.
import {
  fundAccounts,
  generousFeeCap,
  type LoadAccount,
  nonceOf,
  signTransfer,
} from '../../bench/accounts.ts'
import type { RpcClient } from '../../bench/rpcClient.ts'

export class Payer {
  readonly #client: RpcClient
  readonly #account: LoadAccount
  readonly #chainId: number
  readonly #maxFeePerGas: bigint
  #nonce: number

  private constructor(client: RpcClient, account: LoadAccount, chainId: number, fee: bigint, nonce: number) {
    this.#client = client
    this.#account = account
    this.#chainId = chainId
    this.#maxFeePerGas = fee
    this.#nonce = nonce
  }

  /** Funds the account if it is given what to have. */
  static async create(client: RpcClient, account: LoadAccount, fundedBase?: bigint): Promise<Payer> {
    const chainId = Number(await client.call<string>('eth_chainId'))
    if (fundedBase !== undefined) await fundAccounts(client, [account], { chainId, valueBase: fundedBase })
    const fee = await generousFeeCap(client)
    return new Payer(client, account, chainId, fee, await nonceOf(client, account.address))
  }

  /** Resolves when the transfer is final, with the milliseconds from its submission. */
  async pay(): Promise<number> {
    const { raw } = signTransfer({
      from: this.#account,
      to: this.#account.address,
      nonce: this.#nonce++,
      chainId: this.#chainId,
      valueBase: 1n,
      maxFeePerGas: this.#maxFeePerGas,
    })
    const beganMs = performance.now()
    const receipt = await this.#client.call<{ status: string }>('eth_sendRawTransactionSync', [raw, 20_000])
    if (receipt.status !== '0x1') throw new Error('a transfer failed')
    return performance.now() - beganMs
  }
}
