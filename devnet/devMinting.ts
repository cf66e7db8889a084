// Coins for any account of a devnet, minted by its providers against their pledges. Owns: which provider mints how much.
// Not: whose turn it is (devChain.ts).
import type { Address } from '../base/ids.ts'
import { minBigint, PPM } from '../base/units.ts'
import { encodeCall, transfer } from '../client/calls.ts'
import { type ChainClient, createClient } from '../client/chainClient.ts'
import { httpTransport } from '../client/transports/http.ts'
import { RPC_CODE, RpcError } from '../rpc/errors.ts'
import { issuanceSchema } from '../state/modules/issuance/schema.ts'
import type { DevAccounts } from './devAccounts.ts'

/** What one operator mints to itself, and how much of it it passes on. */
interface Mint {
  readonly provider: number
  readonly mintedBase: bigint
  readonly passedBase: bigint
}

interface Minting {
  readonly rpcUrl: string
  readonly accounts: DevAccounts
  /** Operators by provider, from provider 1 on. */
  readonly operators: readonly Address[]
  /** Share of a mint that stays locked. */
  readonly retainPpm: bigint
}

/**
 * An operator mints to itself and passes on exactly what is wanted: part of each mint stays locked. Throws RpcError or ClientError with
 * the rule that forbids it.
 */
export async function mintTo(options: Minting, account: Address, amountBase: bigint): Promise<void> {
  const { accounts, operators } = options
  const client = createClient(httpTransport(options.rpcUrl))
  const mints = await planMints(client, options, amountBase)
  // An account that takes no coins, such as a module's, is refused before anything is minted.
  await client.estimate(operators[0]!, transfer(account, 0n))
  for (const { provider, mintedBase, passedBase } of mints) {
    const operator = accounts.local(operators[provider - 1]!)
    const minting = encodeCall(issuanceSchema, 'mint', { to: operator.address, amountBase: mintedBase })
    await client.send(operator, minting)
    await client.send(operator, transfer(account, passedBase))
  }
}

/** Which providers mint how much. Throws before anything is minted when all together may not. */
async function planMints(
  client: ChainClient,
  { operators, retainPpm }: Minting,
  amountBase: bigint,
): Promise<readonly Mint[]> {
  const mints: Mint[] = []
  let leftBase = amountBase
  let blocked = 'QuotaExceeded'
  for (let provider = 1; leftBase > 0n && provider <= operators.length; provider++) {
    const limits = await client.query({ definition: issuanceSchema }, 'quota', { provider })
    if (limits === undefined || limits.blocked !== '') {
      blocked = limits?.blocked ?? blocked
      continue
    }
    const wantedBase = (leftBase * PPM + PPM - retainPpm - 1n) / (PPM - retainPpm)
    const mintedBase = minBigint(wantedBase, limits.mintableBase)
    const passedBase = minBigint(leftBase, (mintedBase * (PPM - retainPpm)) / PPM)
    if (passedBase === 0n) continue
    mints.push({ provider, mintedBase, passedBase })
    leftBase -= passedBase
  }
  if (leftBase === 0n) return mints
  throw new RpcError(
    RPC_CODE.refused,
    `${blocked}: the providers may issue ${amountBase - leftBase} of these ${amountBase} base units`,
  )
}
