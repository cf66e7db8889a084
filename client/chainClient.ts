// A typed client of one node: queries of the native modules, and calls sent until they are final. READ FIRST in client/.
// Not: transports/, who signs (accounts/), proofs (lightClient.ts). Answers are the node's word: see LightClient to verify.
import { parseHex, toHex } from '../base/bytes.ts'
import { keccak256 } from '../base/crypto/hash.ts'
import { errorText } from '../base/errors.ts'
import type { Infer, Json } from '../base/field.ts'
import type { Address } from '../base/ids.ts'
import type { Lane } from '../base/lanes.ts'
import type { ModuleDef } from '../base/moduleDefinition.ts'
import type { TransactionFields } from '../state/transaction.ts'
import { type Account, parseAddress } from './accounts/account.ts'
import type { Call } from './calls.ts'
import { type CallFailure, ClientError } from './clientError.ts'
import { type InputOf, readInput } from './input.ts'
import { type LogJson, parseLogs } from './logs.ts'
import { amountOf, countOf, type Members, membersOf, quantityOf, read, textOf } from './members.ts'
import type { RpcParams, Transport } from './transports/transport.ts'

/** JSON-RPC code of a call that the rules refuse. */
const REVERTED = 3
/** Multiple of the base fee to offer, in case it rises while the transaction waits. */
const FEE_HEADROOM = 2n
const FINAL_MS_DEFAULT = 60_000
/** How often a submitted transaction's status is asked for: soon at first, as blocks are final within a second. */
const POLL = { firstMs: 40, growth: 1.3, mostMs: 1_000 } as const

/** A balance and where the account's next transaction stands. */
export interface AccountState {
  readonly balanceBase: bigint
  readonly nonce: number
  /** Counting what waits in the node's pool. */
  readonly pendingNonce: number
}

/** A transaction in a final block. */
export interface SentReceipt {
  readonly transaction: string
  readonly height: number
  readonly blockHash: string
  readonly index: number
  /** `redemption.request`, `transfer`. */
  readonly action: string
  readonly gasUsed: number
  readonly feeBase: bigint
  /** For `eventsOf`. */
  readonly logs: readonly LogJson[]
}

/** What the node knows of a transaction, with a sentence for people. */
export interface TransactionStatus {
  readonly status: 'unknown' | 'pending' | 'included' | 'dropped'
  readonly sentence: string
  /** Of an included one: whether the rules accepted it. */
  readonly succeeded?: boolean
  readonly failure?: CallFailure
  readonly height?: number
}

export interface SendOptions {
  /** How long to wait for finality; default 60,000. */
  readonly timeoutMs?: number
  /** Default: the next one, counting what waits in the node's pool. */
  readonly nonce?: number
  /** Base units per gas for the proposer; default: what the node suggests for the lane. */
  readonly tipPerGas?: bigint
}

/** `execution reverted: BelowMinimum(amountBase=1, minimumBase=5)` as a refusal. */
function refusedBy(error: ClientError): ClientError {
  const [, words = 'the rules refuse it'] = /execution reverted: (.*)$/.exec(error.message) ?? []
  const [name = ''] = /^\w+/.exec(words) ?? []
  const failure: CallFailure = { name, arguments: undefined }
  return new ClientError('failed', words, {
    failure,
    cause: error,
    ...(error.data === undefined ? {} : { data: error.data }),
  })
}

/** No usable answer came: the node may be back soon. */
function isAway(error: unknown): error is ClientError {
  return error instanceof ClientError && error.code === 'transport'
}

/** Whether the node took a transaction before it fell silent is not known. */
function unsure(transaction: string, cause: ClientError): ClientError {
  const text = `${cause.message}; ${transaction} may be submitted all the same: look for it before you send it again`
  return new ClientError('transport', text, { transaction, cause })
}

/** What a transaction offers per gas. */
interface Fees {
  /** Headroom included. */
  readonly baseFeeMaxPerGas: bigint
  readonly tipPerGas: bigint
}

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/**
 * Made by `createClient`.
 *
 * @example
 * const client: ChainClient = createClient(httpTransport('http://127.0.0.1:8545'))
 * const { mintableBase } = (await client.query(issuance, 'quota', { provider: 1 }))!
 */
export class ChainClient {
  readonly transport: Transport
  #chainId: number | undefined
  /** One transaction of an account is numbered and submitted at a time. */
  readonly #turns = new Map<string, Promise<void>>()

  constructor(transport: Transport) {
    this.transport = transport
  }

  /** Any method of the node. Throws ClientError. */
  request(method: string, params: RpcParams = []): Promise<Json> {
    return this.transport.request(method, params)
  }

  async chainId(): Promise<number> {
    const method = 'eth_chainId'
    this.#chainId ??= read(method, { id: await this.request(method) }, 'id', countOf)
    return this.#chainId
  }

  async account(
    address: Address | string,
    options: { readonly atBlock?: number } = {},
  ): Promise<AccountState> {
    const method = 'account_get'
    const answer = membersOf(
      await this.request(method, { address: toHex(parseAddress(address)), ...options }),
      method,
    )
    return {
      balanceBase: read(method, answer, 'balanceBase', amountOf),
      nonce: read(method, answer, 'nonce', countOf),
      pendingNonce: read(method, answer, 'pendingNonce', countOf),
    }
  }

  /**
   * A query of a native module; undefined when there is no such thing. `atBlock`: a recent height instead of the newest.
   *
   * @example
   * const { mintableBase } = (await client.query(issuance, 'quota', { provider: 1 }))!
   */
  async query<D extends ModuleDef, Q extends keyof D['queries'] & string>(
    module: { readonly definition: D },
    name: Q,
    args: InputOf<D['queries'][Q]['args']>,
    options: { readonly atBlock?: number } = {},
  ): Promise<Infer<D['queries'][Q]['returns']> | undefined> {
    const { definition } = module
    const query = Object.hasOwn(definition.queries, name) ? definition.queries[name] : undefined
    if (query === undefined) throw new ClientError('input', `${definition.name} has no query ${name}`)
    const values = readInput(query.args, args as { readonly [name: string]: unknown })
    const params = Object.fromEntries(
      Object.entries(query.args)
        .filter(([key]) => values[key] !== undefined)
        .map(([key, field]) => [key, field.toJson(values[key])]),
    )
    const method = `${definition.name}_${name}`
    const answer = await this.request(method, { ...params, ...options })
    if (answer === null) return undefined
    try {
      return query.returns.fromJson(answer) as Infer<D['queries'][Q]['returns']>
    } catch (cause) {
      throw new ClientError('transport', `${method}: ${errorText(cause)}`, { cause })
    }
  }

  /** Gas of a call, or ClientError `failed` with the rule that would refuse it now. */
  async estimate(from: Address | string, call: Call): Promise<number> {
    const method = 'eth_estimateGas'
    const answer = await this.request(method, [callJson(parseAddress(from), call)]).catch(
      (error: unknown) => {
        throw error instanceof ClientError && error.rpcCode === REVERTED ? refusedBy(error) : error
      },
    )
    return read(method, { gas: answer }, 'gas', countOf)
  }

  /**
   * Checks, signs, submits, and waits until the call is final. Throws ClientError: `failed` with the rule's name, `waiting`
   * when it is not final in time, `dropped`; each names the transaction once there is one. Calls of one account may be sent
   * without waiting for each other.
   *
   * @example
   * const receipt = await client.send(account, transfer('0x70997970C51812dc3A010C7d01b50e0d17dc79C8', 10n ** 18n))
   */
  async send(account: Account, call: Call, options: SendOptions = {}): Promise<SentReceipt> {
    const transaction = await this.submit(account, call, options)
    return this.receipt(transaction, options)
  }

  /** Like `send`, but resolves with the hash as soon as the node has taken it. */
  async submit(account: Account, call: Call, options: SendOptions = {}): Promise<string> {
    if (account.kind === 'wallet') return this.#submitByWallet(account.address, call)
    const gasLimit = await this.estimate(account.address, call)
    return this.#inTurn(toHex(account.address), async () => {
      const raw = account.sign(await this.#fill(account.address, call, gasLimit, options))
      const method = 'eth_sendRawTransaction'
      const answer = await this.request(method, [toHex(raw)]).catch((error: unknown) => {
        throw isAway(error) ? unsure(toHex(keccak256(raw)), error) : error
      })
      return read(method, { hash: answer }, 'hash', textOf)
    })
  }

  /** What the node knows of a transaction. */
  async status(transaction: string): Promise<TransactionStatus> {
    return statusOf(membersOf(await this.request('tx_status', [transaction]), 'tx_status'))
  }

  /** Waits for a submitted transaction, also while the node is away, as when it restarts; throws as `send`. */
  async receipt(
    transaction: string,
    { timeoutMs = FINAL_MS_DEFAULT }: { readonly timeoutMs?: number } = {},
  ): Promise<SentReceipt> {
    const startMs = performance.now()
    for (let pauseMs: number = POLL.firstMs; ; pauseMs = Math.min(POLL.mostMs, pauseMs * POLL.growth)) {
      const answer = await this.#requestOrSilence('tx_status', transaction)
      const { status, sentence, succeeded, failure } = statusOf(answer)
      // A node may know where a transaction is a moment before it can show the block.
      if (!(answer instanceof ClientError) && status === 'included' && succeeded !== undefined) {
        if (!succeeded) {
          throw new ClientError('failed', sentence, {
            transaction,
            ...(failure === undefined ? {} : { failure }),
          })
        }
        const receipt = await this.#requestOrSilence('eth_getTransactionReceipt', transaction)
        if (!(receipt instanceof ClientError)) return receiptOf(transaction, { status: answer, receipt })
      }
      if (status === 'dropped') throw new ClientError('dropped', sentence, { transaction })
      if (performance.now() - startMs >= timeoutMs) {
        const seconds = Math.round(timeoutMs / 1_000)
        throw new ClientError(
          'waiting',
          `${transaction} is submitted, but not final after ${seconds} s; do not send it again: ${sentence}`,
          {
            transaction,
          },
        )
      }
      await wait(pauseMs)
    }
  }

  /** What a node answers about a transaction, or what keeps it from answering. */
  async #requestOrSilence(method: string, transaction: string): Promise<Members | ClientError> {
    let answer: Json
    try {
      answer = await this.request(method, [transaction])
    } catch (error) {
      if (isAway(error)) return error
      throw error
    }
    return membersOf(answer, method)
  }

  async #submitByWallet(from: Address, call: Call): Promise<string> {
    try {
      const method = 'eth_sendTransaction'
      return read(method, { hash: await this.request(method, [callJson(from, call)]) }, 'hash', textOf)
    } catch (error) {
      throw error instanceof ClientError && error.rpcCode === REVERTED ? refusedBy(error) : error
    }
  }

  async #fill(from: Address, call: Call, gasLimit: number, options: SendOptions): Promise<TransactionFields> {
    const [chainId, { pendingNonce }, fees] = await Promise.all([
      this.chainId(),
      this.account(from),
      call.lane === undefined ? this.#feesOfBytes(from, call) : this.#feesOfLane(call.lane),
    ])
    const { nonce = pendingNonce, tipPerGas = fees.tipPerGas } = options
    return {
      type: 2,
      chainId,
      nonce,
      maxPriorityFeePerGas: tipPerGas,
      maxFeePerGas: fees.baseFeeMaxPerGas + tipPerGas,
      gasLimit,
      to: call.to,
      valueBase: call.valueBase,
      data: call.data,
      accessList: [],
    }
  }

  async #feesOfLane(lane: Lane): Promise<Fees> {
    const method = 'chain_fees'
    const { lanes } = membersOf(await this.request(method), method)
    const found = (Array.isArray(lanes) ? (lanes as readonly Json[]) : []).find(
      (entry) => membersOf(entry, method).lane === lane,
    )
    if (found === undefined) throw new ClientError('transport', `${method}: the node names no ${lane} lane`)
    const members = membersOf(found, method)
    return {
      baseFeeMaxPerGas: read(method, members, 'nextBaseFeePerGas', amountOf) * FEE_HEADROOM,
      tipPerGas: read(method, members, 'tipPerGas', amountOf),
    }
  }

  /** The node finds the lane that a call of calls is in, and adds its own headroom. */
  async #feesOfBytes(from: Address, call: Call): Promise<Fees> {
    const method = 'eth_fillTransaction'
    const answer = membersOf(await this.request(method, [callJson(from, call)]), method)
    const tx = read(method, answer, 'tx', (json) => membersOf(json, method))
    const tipPerGas = read(method, tx, 'maxPriorityFeePerGas', quantityOf)
    return { baseFeeMaxPerGas: read(method, tx, 'maxFeePerGas', quantityOf) - tipPerGas, tipPerGas }
  }

  /** After the earlier submissions of the account, whatever became of them. */
  #inTurn<T>(account: string, task: () => Promise<T>): Promise<T> {
    const result = (this.#turns.get(account) ?? Promise.resolve()).then(task)
    const done = result.then(
      () => undefined,
      () => undefined,
    )
    this.#turns.set(account, done)
    void done.then(() => {
      if (this.#turns.get(account) === done) this.#turns.delete(account)
    })
    return result
  }
}

function callJson(from: Address, { to, valueBase, data }: Call): Json {
  return { from: toHex(from), to: toHex(to), value: `0x${valueBase.toString(16)}`, data: toHex(data) }
}

function receiptOf(
  transaction: string,
  { status: answer, receipt }: { readonly status: Members; readonly receipt: Members },
): SentReceipt {
  const of = <T>(name: string, reader: (json: Json) => T): T => read('tx_status', answer, name, reader)
  return {
    transaction,
    height: of('height', countOf),
    blockHash: of('blockHash', textOf),
    index: of('index', countOf),
    action: of('action', textOf),
    gasUsed: of('gasUsed', countOf),
    feeBase: of('feeBase', amountOf),
    logs: parseLogs(receipt.logs),
  }
}

function failureOf(json: Json | undefined): CallFailure | undefined {
  if (json === null || json === undefined) return undefined
  const { name, arguments: args } = membersOf(json, 'tx_status')
  return {
    name: typeof name === 'string' ? name : 'unknown error',
    arguments: args === null || args === undefined ? undefined : membersOf(args, 'tx_status'),
  }
}

/** Of a silent node: nothing is known, and why. */
function statusOf(answer: Members | ClientError): TransactionStatus {
  if (answer instanceof ClientError) return { status: 'unknown', sentence: answer.message }
  const of = <T>(name: string, reader: (json: Json) => T): T => read('tx_status', answer, name, reader)
  const status = of('status', (json) => {
    if (json === 'unknown' || json === 'pending' || json === 'included' || json === 'dropped') return json
    throw new Error('no status')
  })
  const failure = failureOf(answer.failure)
  return {
    status,
    sentence: typeof answer.sentence === 'string' ? answer.sentence : status,
    ...(typeof answer.succeeded === 'boolean' ? { succeeded: answer.succeeded } : {}),
    ...(failure === undefined ? {} : { failure }),
    ...(typeof answer.height === 'number' ? { height: answer.height } : {}),
  }
}

/** Whether a text is a transaction's hash. */
export function isTransactionHash(text: string): boolean {
  return text.startsWith('0x') && parseHex(text.slice(2))?.length === 32
}

/**
 * A client of one node.
 *
 * @example
 * const client = createClient(httpTransport('http://127.0.0.1:8545'))
 * const account = mnemonicAccount('test test test test test test test test test test test junk')
 * const { balanceBase } = await client.account(account.address)
 */
export function createClient(transport: Transport): ChainClient {
  return new ChainClient(transport)
}
