// Users that call the chain's modules with viem or cast. Owns: how each tool calls. Not: expected results.
import {
  type Abi,
  BaseError,
  ContractFunctionRevertedError,
  createPublicClient,
  createWalletClient,
  decodeErrorResult,
  decodeEventLog,
  encodeFunctionData,
  getAbiItem,
  type Hex,
  http,
  toFunctionSignature,
} from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { issuanceAbi, issuanceAddress } from '../../abi/issuance.ts'
import { redemptionAbi, redemptionAddress } from '../../abi/redemption.ts'
import { DEVNET_CHAIN_ID } from '../../genesis/devnet.ts'
import { CastError, cast } from './castCommand.ts'

const MODULES: Readonly<Record<ModuleName, { readonly address: Hex; readonly abi: Abi }>> = {
  issuance: { address: issuanceAddress, abi: issuanceAbi },
  redemption: { address: redemptionAddress, abi: redemptionAbi },
}
type ModuleName = 'issuance' | 'redemption'

export interface Action {
  readonly module: ModuleName
  readonly name: string
  readonly args: readonly (bigint | number | Hex | string)[]
}

export interface Receipt {
  readonly hash: Hex
  readonly status: number
  readonly height: number
  readonly gasUsed: bigint
  readonly feeBase: bigint
  readonly logs: readonly { readonly address: Hex; readonly topics: readonly Hex[]; readonly data: Hex }[]
}

export interface Voucher {
  readonly redemptionId: bigint
  readonly assignment: number
  readonly provider: Hex
  readonly deliveredBase: bigint
  readonly genesis: Hex
}

export interface Actor {
  readonly name: 'viem' | 'cast'
  /** Sends coins and awaits the receipt. */
  pay(key: Hex, to: Hex, valueBase: bigint): Promise<Receipt>
  /** Sends an action and awaits the receipt; `gas` skips the estimate. */
  act(key: Hex, action: Action, gas?: bigint): Promise<Receipt>
  /** Names of the errors from eth_call and eth_estimateGas. */
  refusals(from: Hex, action: Action): Promise<readonly [string, string]>
  sign(key: Hex, voucher: Voucher): Promise<Hex>
}

const POLL_MS = 25

/** The typed data that EIP-712 wallets show and sign (WALLETS §1). */
function typedVoucher(voucher: Voucher) {
  return {
    domain: {
      name: 'Suanli',
      version: '1',
      chainId: DEVNET_CHAIN_ID,
      verifyingContract: redemptionAddress,
    },
    types: {
      Voucher: [
        { name: 'redemptionId', type: 'uint64' },
        { name: 'assignment', type: 'uint32' },
        { name: 'provider', type: 'address' },
        { name: 'deliveredBase', type: 'uint256' },
        { name: 'genesis', type: 'bytes32' },
      ],
    },
    primaryType: 'Voucher',
    message: voucher,
  } as const
}

function signatureOf({ module, name, args }: Action): string {
  const item = getAbiItem({ abi: MODULES[module].abi, name, args: args as never })
  if (item?.type !== 'function') throw new Error(`${module}.${name} is not an action`)
  return toFunctionSignature(item)
}

export function viemActor(url: string): Actor {
  const transport = http(url, { retryCount: 0 })
  const client = createPublicClient({ transport, pollingInterval: POLL_MS })
  const chain = {
    id: DEVNET_CHAIN_ID,
    name: 'Suanli devnet',
    nativeCurrency: { name: 'ACPC', symbol: 'ACPC', decimals: 18 },
    rpcUrls: { default: { http: [url] } },
  }
  const walletOf = (key: Hex) => createWalletClient({ account: privateKeyToAccount(key), chain, transport })
  const follow = async (hash: Hex): Promise<Receipt> => {
    const receipt = await client.waitForTransactionReceipt({ hash })
    return {
      hash,
      status: receipt.status === 'success' ? 1 : 0,
      height: Number(receipt.blockNumber),
      gasUsed: receipt.gasUsed,
      feeBase: receipt.gasUsed * receipt.effectiveGasPrice,
      logs: receipt.logs,
    }
  }
  const ruleOf = (error: unknown): string => {
    const reverted =
      error instanceof BaseError ? error.walk((e) => e instanceof ContractFunctionRevertedError) : undefined
    if (reverted instanceof ContractFunctionRevertedError) return reverted.data?.errorName ?? 'unnamed'
    throw error
  }
  return {
    name: 'viem',
    pay: async (key, to, value) => follow(await walletOf(key).sendTransaction({ to, value })),
    async act(key, { module, name, args }, gas) {
      const { address, abi } = MODULES[module]
      const given = gas === undefined ? {} : { gas }
      return follow(await walletOf(key).writeContract({ address, abi, functionName: name, args, ...given }))
    },
    async refusals(account, { module, name, args }) {
      const call = { ...MODULES[module], functionName: name, args, account }
      const named = (asked: Promise<unknown>) => asked.then(() => 'accepted', ruleOf)
      return Promise.all([named(client.simulateContract(call)), named(client.estimateContractGas(call))])
    },
    sign: (key, voucher) => privateKeyToAccount(key).signTypedData(typedVoucher(voucher)),
  }
}

const plain = (_: string, value: unknown): unknown => (typeof value === 'bigint' ? value.toString() : value)

export function castActor(url: string): Actor {
  const ask = (...args: readonly string[]) => cast(...args, '--rpc-url', url)
  const send = async (key: Hex, ...args: readonly string[]): Promise<Receipt> => {
    const out = await ask('send', '--json', '--private-key', key, ...args)
    const receipt = JSON.parse(out) as { [name: string]: Hex } & { logs: Receipt['logs'] }
    return {
      hash: receipt.transactionHash!,
      status: Number(receipt.status),
      height: Number(receipt.blockNumber),
      gasUsed: BigInt(receipt.gasUsed!),
      feeBase: BigInt(receipt.gasUsed!) * BigInt(receipt.effectiveGasPrice!),
      logs: receipt.logs,
    }
  }
  const ruleOf = (error: unknown): string => {
    const rule = error instanceof CastError ? /execution reverted: (\w+)\(/.exec(error.message) : null
    if (rule === null) throw error
    return rule[1]!
  }
  const words = (action: Action): readonly string[] => [
    MODULES[action.module].address,
    signatureOf(action),
    ...action.args.map(String),
  ]
  return {
    name: 'cast',
    pay: (key, to, value) => send(key, to, '--value', String(value)),
    act: (key, action, gas) =>
      send(key, ...words(action), ...(gas === undefined ? [] : ['--gas-limit', String(gas)])),
    async refusals(from, action) {
      const named = (command: string) =>
        ask(command, '--from', from, ...words(action)).then(() => 'accepted', ruleOf)
      return Promise.all([named('call'), named('estimate')])
    },
    async sign(key, voucher) {
      const { types, ...rest } = typedVoucher(voucher)
      const EIP712Domain = [
        { name: 'name', type: 'string' },
        { name: 'version', type: 'string' },
        { name: 'chainId', type: 'uint256' },
        { name: 'verifyingContract', type: 'address' },
      ]
      const data = JSON.stringify({ types: { EIP712Domain, ...types }, ...rest }, plain)
      return (await cast('wallet', 'sign', '--private-key', key, '--data', data)) as Hex
    },
  }
}

/** Events of a module in a receipt, decoded with its published ABI. */
export function eventsOf(
  module: ModuleName,
  receipt: Receipt,
): { readonly name: string; readonly args: unknown }[] {
  const { address, abi } = MODULES[module]
  return receipt.logs
    .filter((log) => log.address === address)
    .map(({ topics, data }) => {
      const { eventName, args } = decodeEventLog({ abi, topics: [...topics] as [Hex, ...Hex[]], data })
      return { name: String(eventName), args }
    })
}

/** Selector and custom error of a failed receipt's only log. */
export function failureOf(
  module: ModuleName,
  receipt: Receipt,
): { selector: Hex; rule: string; args: unknown } {
  const [event, ...others] = eventsOf(module, receipt)
  if (event?.name !== 'Failed' || others.length > 0) throw new Error('expected one log, Failed')
  const { selector, reason } = event.args as { selector: Hex; reason: Hex }
  const { errorName, args } = decodeErrorResult({ abi: MODULES[module].abi, data: reason })
  return { selector, rule: errorName, args }
}

export function selectorOf({ module, name, args }: Action): Hex {
  return encodeFunctionData({ abi: MODULES[module].abi, functionName: name, args }).slice(0, 10) as Hex
}
