// Multicall3's functions, answered natively at its usual address (WALLETS §2): libraries batch reads through them.
// Owns: the functions, their exact ABI, and the limits of a batch. Not: the calls in a batch (call.ts).
import { encodeAbi } from '../base/abi.ts'
import { bytesToBigint, concatBytes, utf8 } from '../base/bytes.ts'
import { keccak256 } from '../base/crypto/hash.ts'
import type { AbiType, AbiValue, Fields } from '../base/field.ts'
import type { Address, Hash32 } from '../base/ids.ts'
import type { Header } from '../base/protocol/header.ts'
import { TX_BYTES_MAX } from '../base/protocol/limits.ts'
import { message, t } from '../base/schema.ts'
import { selectorOf } from '../base/selector.ts'
import { type AbiEntry, decodeArguments, selectorNumber } from './abiTable.ts'
import type { CallOutcome } from './dispatch.ts'
import { getAccount } from './modules/accounts/ledger.ts'
import type { StateReader } from './view.ts'

/** Most calls in one batch. */
const CALLS_MAX = 1024
/** Most bytes that the calls of one batch may return together. */
const RETURN_BYTES_MAX = 4 * 1024 * 1024

/** The block whose state a call reads: what Solidity's `block` is on other chains. */
export interface ViewedBlock {
  readonly header: Header
  readonly hash: Hash32
  /** Hash of an earlier block; undefined when the host does not have it at hand. */
  hashAt?(height: number): Hash32 | undefined
}

interface Multicall {
  readonly state: StateReader
  readonly chainId: number
  readonly viewed: ViewedBlock
  /** Runs one call of the batch, which may not be a batch itself. */
  run(target: Address, data: Uint8Array): CallOutcome
}

interface BatchCall {
  readonly target: Address
  readonly callData: Uint8Array
  readonly allowFailure?: boolean
  readonly value?: bigint
}

interface BatchArgs {
  readonly calls: readonly BatchCall[]
  readonly requireSuccess?: boolean
}

interface MulticallFunction extends AbiEntry {
  readonly returns: readonly AbiType[]
  /** Whether it runs further calls. */
  readonly isBatch: boolean
  answer(multicall: Multicall, args: Record<string, unknown>): readonly AbiValue[] | string
}

const UINT: AbiType = { kind: 'uint', bits: 256 }
const ADDRESS: AbiType = { kind: 'address' }
const HASH: AbiType = { kind: 'fixedBytes', size: 32 }
const BYTES_LIST: AbiType = { kind: 'array', of: { kind: 'bytes' } }
const RESULTS: AbiType = {
  kind: 'array',
  of: {
    kind: 'tuple',
    components: [
      { name: 'success', type: { kind: 'bool' } },
      { name: 'returnData', type: { kind: 'bytes' } },
    ],
  },
}

const callField = message('Call', { target: t.address, callData: t.bytes(TX_BYTES_MAX) })
const call3Field = message('Call3', {
  target: t.address,
  allowFailure: t.bool,
  callData: t.bytes(TX_BYTES_MAX),
})
const call3ValueField = message('Call3Value', {
  target: t.address,
  allowFailure: t.bool,
  value: t.amount,
  callData: t.bytes(TX_BYTES_MAX),
})

const CALL_FAILED = 'Multicall3: call failed'
const TOO_LARGE = `Multicall3: more than ${RETURN_BYTES_MAX} bytes returned`

type BatchResults = readonly (readonly [boolean, Uint8Array])[]

/** The results of a batch, or why it reverts. */
function runBatch(multicall: Multicall, args: BatchArgs, mustSucceed: (call: BatchCall) => boolean) {
  const results: [boolean, Uint8Array][] = []
  let bytes = 0
  for (const call of args.calls) {
    if ((call.value ?? 0n) > 0n) return 'Multicall3: value mismatch'
    const outcome = multicall.run(call.target, call.callData)
    if (outcome.failed && mustSucceed(call)) return CALL_FAILED
    const returnData = outcome.failed ? outcome.reason : outcome.output
    bytes += returnData.length
    if (bytes > RETURN_BYTES_MAX) return TOO_LARGE
    results.push([!outcome.failed, returnData])
  }
  return results as BatchResults
}

function batch(
  name: string,
  fields: Fields,
  returns: readonly AbiType[],
  form: {
    mustSucceed(call: BatchCall, args: BatchArgs): boolean
    values(results: BatchResults, viewed: ViewedBlock): readonly AbiValue[]
  },
): MulticallFunction {
  const answer: MulticallFunction['answer'] = (multicall, raw) => {
    const args = raw as unknown as BatchArgs
    const results = runBatch(multicall, args, (call) => form.mustSucceed(call, args))
    return typeof results === 'string' ? results : form.values(results, multicall.viewed)
  }
  return { ...entryOf(name, fields), returns, isBatch: true, answer }
}

function read(
  name: string,
  returns: AbiType,
  value: (multicall: Multicall, args: Record<string, unknown>) => AbiValue,
  fields: Fields = {},
): MulticallFunction {
  const answer: MulticallFunction['answer'] = (multicall, args) => [value(multicall, args)]
  return { ...entryOf(name, fields), returns: [returns], isBatch: false, answer }
}

function entryOf(name: string, args: Fields): AbiEntry {
  const fields = Object.entries(args)
  return { name, fields, types: fields.map(([, field]) => field.abi!) }
}

/** Blocks whose hash an EVM knows. */
const HASHES_MAX = 256
const ZERO_HASH: Hash32 = new Uint8Array(32)

/** The viewed block's own hash too, which an EVM cannot know while the block runs. */
function hashOf(viewed: ViewedBlock, height: bigint): Hash32 {
  const age = BigInt(viewed.header.height) - height
  if (age === 0n) return viewed.hash
  if (age === 1n) return viewed.header.parentHash
  if (age < 0n || age > BigInt(HASHES_MAX)) return ZERO_HASH
  return viewed.hashAt?.(Number(height)) ?? ZERO_HASH
}

const calls = t.list(callField, CALLS_MAX)
const asResults = (results: BatchResults): readonly AbiValue[] => [results]
const withBlock = (results: BatchResults, viewed: ViewedBlock): readonly AbiValue[] => [
  BigInt(viewed.header.height),
  viewed.hash,
  results,
]
const unlessAllowed = (call: BatchCall): boolean => call.allowFailure !== true
const whenRequired = (_: BatchCall, args: BatchArgs): boolean => args.requireSuccess === true
const always = (): boolean => true

const FUNCTIONS: readonly MulticallFunction[] = [
  batch('aggregate', { calls }, [UINT, BYTES_LIST], {
    mustSucceed: always,
    values: (results, viewed) => [BigInt(viewed.header.height), results.map(([, data]) => data)],
  }),
  batch('tryAggregate', { requireSuccess: t.bool, calls }, [RESULTS], {
    mustSucceed: whenRequired,
    values: asResults,
  }),
  batch('blockAndAggregate', { calls }, [UINT, HASH, RESULTS], { mustSucceed: always, values: withBlock }),
  batch('tryBlockAndAggregate', { requireSuccess: t.bool, calls }, [UINT, HASH, RESULTS], {
    mustSucceed: whenRequired,
    values: withBlock,
  }),
  batch('aggregate3', { calls: t.list(call3Field, CALLS_MAX) }, [RESULTS], {
    mustSucceed: unlessAllowed,
    values: asResults,
  }),
  batch('aggregate3Value', { calls: t.list(call3ValueField, CALLS_MAX) }, [RESULTS], {
    mustSucceed: unlessAllowed,
    values: asResults,
  }),
  read('getEthBalance', UINT, ({ state }, { addr }) => getAccount(state, addr as Address).balanceBase, {
    addr: t.address,
  }),
  read('getBlockNumber', UINT, ({ viewed }) => BigInt(viewed.header.height)),
  read('getBlockHash', HASH, ({ viewed }, { blockNumber }) => hashOf(viewed, blockNumber as bigint), {
    blockNumber: t.amount,
  }),
  read('getLastBlockHash', HASH, ({ viewed }) => viewed.header.parentHash),
  read('getCurrentBlockTimestamp', UINT, ({ viewed }) =>
    BigInt(Math.floor(viewed.header.timestampMs / 1000)),
  ),
  read('getCurrentBlockGasLimit', UINT, ({ viewed }) => BigInt(viewed.header.gasLimit)),
  // Solidity's block.difficulty: the random value of the block.
  read('getCurrentBlockDifficulty', UINT, ({ viewed }) => bytesToBigint(viewed.header.mix)),
  read('getCurrentBlockCoinbase', ADDRESS, ({ viewed }) => viewed.header.proposer),
  read('getBasefee', UINT, ({ viewed }) => viewed.header.baseFeePerGas),
  read('getChainId', UINT, ({ chainId }) => BigInt(chainId)),
]

const BY_SELECTOR: ReadonlyMap<number, MulticallFunction> = new Map(
  FUNCTIONS.map((entry) => [
    selectorNumber(selectorOf(entry.name, Object.fromEntries(entry.fields)))!,
    entry,
  ]),
)

/** The function that calldata names. */
export function multicallFunction(data: Uint8Array): MulticallFunction | undefined {
  const selector = selectorNumber(data)
  return selector === undefined ? undefined : BY_SELECTOR.get(selector)
}

const ERROR_SELECTOR = keccak256(utf8('Error(string)')).slice(0, 4)

/** Answers a function; undefined when the calldata is not its canonical encoding. Reverts with `Error(string)`, as the contract does. */
export function answerMulticall(
  entry: MulticallFunction,
  data: Uint8Array,
  multicall: Multicall,
): CallOutcome | undefined {
  const args = decodeArguments(entry, data)
  if (args === undefined) return undefined
  const values = entry.answer(multicall, args)
  if (typeof values !== 'string') return { failed: false, output: encodeAbi(entry.returns, values) }
  return { failed: true, reason: concatBytes(ERROR_SELECTOR, encodeAbi([{ kind: 'string' }], [values])) }
}
