// Calls with which operators decide on membership: builds calldata and sends it from a data directory's account.
// Owns: building and sending. Not: options and output (commands/member.ts), the rules (state/modules/governance).
import { encodeAbi } from '../base/abi.ts'
import { secretKeyAddress } from '../base/address.ts'
import { concatBytes, fromHex, toHex } from '../base/bytes.ts'
import { errorText, OperatorError } from '../base/errors.ts'
import type { Address } from '../base/ids.ts'
import { type ModuleDef, moduleAddress } from '../base/moduleDefinition.ts'
import { PROTOCOL_VERSION } from '../base/protocol/version.ts'
import { selectorOf } from '../base/selector.ts'
import { dispatcherOf, laneOf } from '../state/dispatch.ts'
import { MODULES } from '../state/registry.ts'
import { signTransaction } from '../state/transaction.ts'

/** What a wallet needs to send the call. */
export interface MemberCall {
  readonly to: Address
  readonly data: Uint8Array
  /** Value to send, base units; absent = none. */
  readonly valueBase?: bigint
}

/** Encodes an action of a module from plain values. Throws OperatorError naming the argument that is out of bounds. */
export function memberCall(
  definition: ModuleDef,
  action: string,
  args: { readonly [name: string]: unknown },
): MemberCall {
  const { args: fields } = definition.actions[action]!
  for (const [name, field] of Object.entries(fields)) {
    const reason = field.check(args[name])
    if (reason !== undefined) throw new OperatorError(`${name}: ${reason}`)
  }
  const entries = Object.entries(fields)
  const data = concatBytes(
    selectorOf(action, fields),
    encodeAbi(
      entries.map(([, field]) => field.abi!),
      entries.map(([name, field]) => field.toAbi(args[name])),
    ),
  )
  return { to: moduleAddress(definition), data }
}

/** How long a node may take to answer. */
const ANSWER_MS = 30_000
/** How long a submission waits for finality: a chain that lacks a validator or is busy needs more than a node's default. */
const FINAL_MS = 60_000
/** JSON-RPC error of a submission that was accepted and is not final yet; `data` is its hash (EIP-7966). */
const NOT_FINAL_YET = 4
/** Multiple of the base fee to offer, in case it rises while the transaction waits. */
const FEE_HEADROOM = 2n
const TIP_PER_GAS = 1_000_000_000n

interface Answer {
  readonly result?: unknown
  readonly error?: { readonly code?: number; readonly message: string; readonly data?: unknown }
}

async function ask(
  url: string,
  method: string,
  params: readonly unknown[],
  answerMs: number = ANSWER_MS,
): Promise<unknown> {
  let answer: Answer
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
      signal: AbortSignal.timeout(answerMs),
    })
    answer = (await response.json()) as Answer
  } catch (cause) {
    throw new OperatorError(`${url} does not answer ${method}: ${errorText(cause)}`)
  }
  const { error } = answer
  if (error?.code === NOT_FINAL_YET && typeof error.data === 'string') {
    throw new OperatorError(
      `${error.data} is submitted and waits, but was not final within ${FINAL_MS / 1_000} s: do not send the call again; ` +
        'ask tx_status, and see why the chain is slow',
    )
  }
  if (error !== undefined) throw new OperatorError(`${method}: ${error.message}`)
  return answer.result
}

export interface SentCall {
  readonly transaction: string
  readonly blockNumber: number
}

/** The next base fee of the lane that a call is in. */
function nextBaseFee(fees: unknown, call: MemberCall): bigint {
  const { lanes } = fees as { lanes: readonly { lane: string; nextBaseFeePerGas: string }[] }
  const lane = laneOf(dispatcherOf(MODULES, PROTOCOL_VERSION), call)
  const found = lanes.find((entry) => entry.lane === lane)
  if (found === undefined) throw new OperatorError(`the node names no base fee of the ${lane} lane`)
  return BigInt(found.nextBaseFeePerGas)
}

/**
 * Signs, submits and waits until the call is final, at most a minute. Throws OperatorError with the chain's reason when it
 * fails, with the transaction's hash when it still waits.
 */
export async function sendMemberCall(
  url: string,
  secretKey: Uint8Array,
  call: MemberCall,
): Promise<SentCall> {
  const from = toHex(secretKeyAddress(secretKey))
  const { to, data, valueBase = 0n } = call
  const asked = { from, to: toHex(to), data: toHex(data), value: `0x${valueBase.toString(16)}` }
  // The estimate also fails, naming the reason, for a call that would fail.
  const gasLimit = Number(await ask(url, 'eth_estimateGas', [asked]))
  const [chainId, nonce, fees] = await Promise.all([
    ask(url, 'eth_chainId', []),
    ask(url, 'eth_getTransactionCount', [from, 'pending']),
    ask(url, 'chain_fees', []),
  ])
  const raw = signTransaction(
    {
      type: 2,
      chainId: Number(chainId),
      nonce: Number(nonce),
      maxPriorityFeePerGas: TIP_PER_GAS,
      maxFeePerGas: nextBaseFee(fees, call) * FEE_HEADROOM + TIP_PER_GAS,
      gasLimit,
      to,
      valueBase,
      data,
      accessList: [],
    },
    secretKey,
  )
  const receipt = (await ask(
    url,
    'eth_sendRawTransactionSync',
    [toHex(raw), FINAL_MS],
    FINAL_MS + ANSWER_MS,
  )) as {
    readonly status: string
    readonly transactionHash: string
    readonly blockNumber: string
  }
  const transaction = receipt.transactionHash
  if (receipt.status !== '0x1') {
    const { sentence } = (await ask(url, 'tx_status', [transaction])) as { readonly sentence: string }
    throw new OperatorError(`${transaction}: ${sentence}`)
  }
  return { transaction, blockNumber: Number(receipt.blockNumber) }
}

/** Bytes from a command line. Throws OperatorError. */
export function hexOption(name: string, text: string): Uint8Array {
  try {
    return fromHex(text.replace(/^0x/, ''))
  } catch {
    throw new OperatorError(`${name}: expected 0x hex, not ${text.slice(0, 100)}`)
  }
}
