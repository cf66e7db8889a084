import { strict as assert } from 'node:assert'
import {
  type Abi,
  decodeAbiParameters,
  decodeErrorResult,
  decodeFunctionResult,
  encodeFunctionData,
  multicall3Abi,
  parseAbi,
} from 'viem'
import { checksumAddress } from '../../base/address.ts'
import { concatBytes, toHex } from '../../base/bytes.ts'
import { type ModuleDef, moduleAddress, systemAddress } from '../../base/moduleDefinition.ts'
import { abiOf } from '../../state/abiExport.ts'
import { estimateGas, failureReader, simulateCall } from '../../state/call.ts'
import { callSchema, hasCode, MULTICALL_ADDRESS } from '../../state/dispatch.ts'
import { accountsSchema } from '../../state/modules/accounts/schema.ts'
import { assetAddress } from '../../state/modules/assets/ledger.ts'
import { assetsSchema, erc20Schema } from '../../state/modules/assets/schema.ts'
import { catalogueSchema } from '../../state/modules/catalogue/schema.ts'
import { providersSchema } from '../../state/modules/providers/schema.ts'
import { TRANSFER_EMITTER } from '../../state/transferLog.ts'
import { calldata } from '../support/calldata.ts'
import { addressOf, blockContext, COIN, DOLLAR, LEDGER_MODULES, TestChain } from '../support/chainHarness.ts'

const TOKEN = assetAddress(DOLLAR)
const chain = new TestChain({ balances: { alice: 10n * COIN } })
const view = { state: chain.full, block: blockContext({ height: 1 }), viewed: chain.parent }
const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex.slice(2), 'hex'))

interface CallDraft {
  readonly to: Uint8Array
  readonly from?: Uint8Array
  readonly valueBase?: bigint
  readonly data?: Uint8Array
}

function fullCall(call: CallDraft) {
  return { from: addressOf('alice'), valueBase: 0n, data: new Uint8Array(0), ...call }
}

function call(draft: CallDraft): Uint8Array {
  const result = simulateCall(view, LEDGER_MODULES, fullCall(draft))
  assert.ok('returnData' in result, 'revert' in result ? result.revert.message : '')
  return result.returnData
}

function revert(draft: CallDraft): { data: Uint8Array; message: string } {
  const result = simulateCall(view, LEDGER_MODULES, fullCall(draft))
  assert.ok('revert' in result)
  return result.revert
}

/** Encodes and decodes with viem and the published ABI. */
function ask(definition: ModuleDef, to: Uint8Array, functionName: string, args: readonly unknown[] = []) {
  const abi = abiOf(definition, callSchema) as unknown as Abi
  const data = bytes(encodeFunctionData({ abi, functionName, args }))
  return decodeFunctionResult({ abi, functionName, data: toHex(call({ to, data })) })
}

describe('call.simulateCall', () => {
  it('answers queries of modules encoded by viem', () => {
    const balance = ask(accountsSchema, moduleAddress(accountsSchema), 'balance', [toHex(addressOf('alice'))])
    assert.deepEqual(balance, { balanceBase: 10n * COIN, nonce: 0n })
    assert.equal(ask(accountsSchema, moduleAddress(accountsSchema), 'supply'), 10n * COIN)
    const listed = ask(providersSchema, moduleAddress(providersSchema), 'validators') as readonly {
      id: bigint
    }[]
    assert.deepEqual(
      listed.map((v) => v.id),
      [1n, 2n, 3n, 4n],
    )
    const one = ask(catalogueSchema, moduleAddress(catalogueSchema), 'rating', [1])
    assert.deepEqual(one, { train: 1_000_000n, finetune: 1_000_000n, infer: 1_000_000n })
  })

  it('exposes an asset as an ERC-20 token', () => {
    assert.equal(ask(erc20Schema, TOKEN, 'name'), 'Dollar')
    assert.equal(ask(erc20Schema, TOKEN, 'symbol'), 'USDX')
    assert.equal(ask(erc20Schema, TOKEN, 'decimals'), 6)
    assert.equal(ask(erc20Schema, TOKEN, 'totalSupply'), 4_000_000n)
    assert.equal(ask(erc20Schema, TOKEN, 'balanceOf', [toHex(addressOf('operator1'))]), 1_000_000n)
    const pair = [toHex(addressOf('operator1')), toHex(addressOf('alice'))]
    assert.equal(ask(erc20Schema, TOKEN, 'allowance', pair), 0n)
    assert.equal(ask(erc20Schema, TOKEN, 'supportsInterface', ['0x36372b07']), true)
    assert.equal(ask(erc20Schema, TOKEN, 'supportsInterface', ['0x01ffc9a7']), true)
    assert.equal(ask(erc20Schema, TOKEN, 'supportsInterface', ['0xffffffff']), false)
  })

  it('simulates actions without keeping anything', () => {
    const before = [...chain.full.entries('')]
    const data = calldata(erc20Schema, 'transfer', { to: addressOf('bob'), value: 5n })
    const returned = call({ from: addressOf('operator1'), to: TOKEN, data })
    assert.deepEqual(decodeAbiParameters([{ type: 'bool' }], toHex(returned)), [true])
    assert.equal(call({ to: addressOf('bob'), valueBase: COIN }).length, 0)
    assert.deepEqual([...chain.full.entries('')], before)
  })

  it('reverts with a custom error that viem decodes', () => {
    const data = calldata(erc20Schema, 'transfer', { to: addressOf('bob'), value: 5n })
    const { data: reason, message } = revert({ to: TOKEN, data })
    const sender = toHex(addressOf('alice'))
    assert.equal(
      message,
      `execution reverted: ERC20InsufficientBalance(sender=${sender}, balance=0, needed=5)`,
    )
    const abi = abiOf(erc20Schema, callSchema) as unknown as Abi
    assert.equal(decodeErrorResult({ abi, data: toHex(reason) }).errorName, 'ERC20InsufficientBalance')
  })

  it('names the error of calls that no rule handles', () => {
    const module = moduleAddress(accountsSchema)
    const message = (draft: CallDraft) => revert(draft).message.replace('execution reverted: ', '')
    assert.equal(message({ to: module }), 'NoAction()')
    assert.equal(message({ to: module, data: bytes('0xdeadbeef') }), 'UnknownAction(selector=0xdeadbeef)')
    assert.equal(
      message({ to: MULTICALL_ADDRESS, data: bytes('0xdeadbeef') }),
      'UnknownAction(selector=0xdeadbeef)',
    )
    assert.equal(message({ to: MULTICALL_ADDRESS }), 'MalformedCalldata()')
    const supply = calldata(accountsSchema, 'supply', {})
    assert.equal(message({ to: module, data: concatBytes(supply, bytes('0x00')) }), 'MalformedCalldata()')
    assert.equal(message({ to: module, data: supply, valueBase: 1n }), 'ValueNotAccepted()')
    const missing = calldata(assetsSchema, 'asset', { asset: 77 })
    assert.equal(message({ to: moduleAddress(assetsSchema), data: missing }), 'NotFound()')
    assert.match(message({ to: systemAddress(3, 1), valueBase: 1n }), /^UnreachableAddress\(to=0x/)
    assert.equal(
      message({ to: addressOf('bob'), valueBase: 11n * COIN }),
      'InsufficientCoins(balanceBase=10000000000000000000, neededBase=11000000000000000000)',
    )
  })
})

describe('call.aggregate3', () => {
  const token = toHex(TOKEN)
  const symbol = toHex(calldata(erc20Schema, 'symbol', {}))
  const encode = (calls: readonly { target: string; allowFailure: boolean; callData: string }[]) =>
    bytes(encodeFunctionData({ abi: multicall3Abi, functionName: 'aggregate3', args: [calls as never] }))

  it('answers many calls at once, including failures', () => {
    const data = encode([
      { target: token, allowFailure: false, callData: symbol },
      { target: token, allowFailure: true, callData: '0xdeadbeef' },
    ])
    const returned = toHex(call({ to: MULTICALL_ADDRESS, data }))
    const results = decodeFunctionResult({ abi: multicall3Abi, functionName: 'aggregate3', data: returned })
    assert.deepEqual(
      results.map((r) => r.success),
      [true, false],
    )
    assert.deepEqual(decodeAbiParameters([{ type: 'string' }], results[0]!.returnData), ['USDX'])
    assert.equal(
      failureReader(LEDGER_MODULES).describe(bytes(results[1]!.returnData)),
      'UnknownAction(selector=0xdeadbeef)',
    )
  })

  it('reverts as Multicall3 does when a call must not fail', () => {
    const data = encode([{ target: token, allowFailure: false, callData: '0xdeadbeef' }])
    const { message } = revert({ to: MULTICALL_ADDRESS, data })
    assert.equal(message, 'execution reverted: Error(message=Multicall3: call failed)')
  })

  it('does not nest', () => {
    const inner = toHex(encode([]))
    const data = encode([{ target: toHex(MULTICALL_ADDRESS), allowFailure: true, callData: inner }])
    const returned = toHex(call({ to: MULTICALL_ADDRESS, data }))
    const [result] = decodeFunctionResult({ abi: multicall3Abi, functionName: 'aggregate3', data: returned })
    assert.equal(failureReader(LEDGER_MODULES).describe(bytes(result!.returnData)), 'ReadOnly()')
  })
})

describe('call.multicall3', () => {
  const abi = parseAbi([
    'struct Call { address target; bytes callData; }',
    'struct Call3Value { address target; bool allowFailure; uint256 value; bytes callData; }',
    'struct Result { bool success; bytes returnData; }',
    'function aggregate(Call[] calls) payable returns (uint256 blockNumber, bytes[] returnData)',
    'function tryAggregate(bool requireSuccess, Call[] calls) payable returns (Result[] returnData)',
    'function blockAndAggregate(Call[] calls) payable returns (uint256 blockNumber, bytes32 blockHash, Result[] returnData)',
    'function tryBlockAndAggregate(bool requireSuccess, Call[] calls) payable returns (uint256 blockNumber, bytes32 blockHash, Result[] returnData)',
    'function aggregate3Value(Call3Value[] calls) payable returns (Result[] returnData)',
    'function getEthBalance(address addr) view returns (uint256 balance)',
    'function getBlockNumber() view returns (uint256 blockNumber)',
    'function getBlockHash(uint256 blockNumber) view returns (bytes32 blockHash)',
    'function getLastBlockHash() view returns (bytes32 blockHash)',
    'function getCurrentBlockTimestamp() view returns (uint256 timestamp)',
    'function getCurrentBlockGasLimit() view returns (uint256 gaslimit)',
    'function getCurrentBlockDifficulty() view returns (uint256 difficulty)',
    'function getCurrentBlockCoinbase() view returns (address coinbase)',
    'function getBasefee() view returns (uint256 basefee)',
    'function getChainId() view returns (uint256 chainid)',
  ])
  const to = MULTICALL_ADDRESS
  const { header, hash } = chain.parent
  const symbol = { target: toHex(TOKEN), callData: toHex(calldata(erc20Schema, 'symbol', {})) }
  const wrong = { target: toHex(TOKEN), callData: '0xdeadbeef' } as const
  const named = toHex(call({ to: TOKEN, data: bytes(symbol.callData) }))
  const encode = (functionName: never, args: readonly unknown[] = []) =>
    bytes(encodeFunctionData({ abi, functionName, args: args as never }))
  const answer = (functionName: string, args: readonly unknown[] = []): unknown => {
    const data = encode(functionName as never, args)
    return decodeFunctionResult({ abi: abi as Abi, functionName, data: toHex(call({ to, data })) })
  }
  const words = (functionName: string, args: readonly unknown[]): string =>
    revert({ to, data: encode(functionName as never, args) }).message

  it('answers every batch function with results in its own form', () => {
    const reason = toHex(revert({ to: TOKEN, data: bytes(wrong.callData) }).data)
    const [good, bad] = [
      { success: true, returnData: named },
      { success: false, returnData: reason },
    ]
    const [height, blockHash] = [BigInt(header.height), toHex(hash)]
    assert.deepEqual(answer('aggregate', [[symbol, symbol]]), [height, [named, named]])
    assert.deepEqual(answer('tryAggregate', [false, [symbol, wrong]]), [good, bad])
    assert.deepEqual(answer('blockAndAggregate', [[symbol]]), [height, blockHash, [good]])
    assert.deepEqual(answer('tryBlockAndAggregate', [false, [wrong]]), [height, blockHash, [bad]])
    const free = { allowFailure: true, value: 0n, ...wrong }
    assert.deepEqual(answer('aggregate3Value', [[free, { ...free, ...symbol }]]), [bad, good])
  })

  it('reverts with the words of the contract', () => {
    const failure = 'execution reverted: Error(message=Multicall3: call failed)'
    assert.equal(words('aggregate', [[symbol, wrong]]), failure)
    assert.equal(words('tryAggregate', [true, [wrong]]), failure)
    assert.equal(words('blockAndAggregate', [[wrong]]), failure)
    assert.equal(words('tryBlockAndAggregate', [true, [wrong]]), failure)
    const paid = { allowFailure: true, value: 1n, ...symbol }
    assert.match(words('aggregate3Value', [[paid]]), /Multicall3: value mismatch/)
  })

  it('reads balances and the viewed block, alone and in a batch', () => {
    const { gasLimit, baseFeePerGas, timestampMs } = header
    const expected: readonly [string, readonly unknown[], unknown][] = [
      ['getEthBalance', [toHex(addressOf('alice'))], 10n * COIN],
      ['getEthBalance', [toHex(addressOf('nobody'))], 0n],
      ['getBlockNumber', [], BigInt(header.height)],
      ['getLastBlockHash', [], toHex(header.parentHash)],
      ['getCurrentBlockTimestamp', [], BigInt(Math.floor(timestampMs / 1000))],
      ['getCurrentBlockGasLimit', [], BigInt(gasLimit)],
      ['getCurrentBlockDifficulty', [], BigInt(toHex(header.mix))],
      ['getCurrentBlockCoinbase', [], checksumAddress(header.proposer)],
      ['getBasefee', [], baseFeePerGas],
      ['getChainId', [], BigInt(view.block.chainId)],
    ]
    for (const [name, args, value] of expected) {
      assert.deepEqual(answer(name, args), value, name)
      const one = { target: toHex(to), callData: toHex(encode(name as never, args)) }
      const [result] = answer('tryAggregate', [true, [one]]) as { returnData: `0x${string}` }[]
      const data = result!.returnData
      assert.deepEqual(decodeFunctionResult({ abi: abi as Abi, functionName: name, data }), value, name)
    }
  })

  it('knows the hashes of the last 256 blocks, of others zero', () => {
    const [own, parent, older, zero] = [9, 8, 7, 0].map((n) => new Uint8Array(32).fill(n))
    const viewed = {
      header: { ...header, height: 1000, parentHash: parent! },
      hash: own!,
      hashAt: (height: number) => (height === 744 ? older : undefined),
    }
    const at = (height: bigint) => {
      const data = encode('getBlockHash' as never, [height])
      const result = simulateCall({ ...view, viewed }, LEDGER_MODULES, fullCall({ to, data }))
      assert.ok('returnData' in result)
      return result.returnData
    }
    const hashes = [1000n, 999n, 744n, 743n, 1001n, 2n ** 127n].map(at)
    assert.deepEqual(hashes, [own, parent, older, zero, zero, zero])
  })

  it('refuses coins, unknown functions and calldata that is not canonical', () => {
    const data = encode('getBlockNumber' as never)
    assert.match(revert({ to, data, valueBase: 1n }).message, /ValueNotAccepted/)
    assert.match(revert({ to, data: bytes('0xdeadbeef') }).message, /UnknownAction/)
    assert.match(revert({ to, data: concatBytes(data, new Uint8Array(1)) }).message, /MalformedCalldata/)
    assert.match(revert({ to, data: data.slice(0, 3) }).message, /MalformedCalldata/)
  })
})

describe('call.estimateGas', () => {
  it('equals the gas in the receipt', () => {
    const data = calldata(erc20Schema, 'transfer', { to: addressOf('bob'), value: 5n })
    const draft = { from: addressOf('operator1'), to: TOKEN, data }
    const estimate = estimateGas(view, LEDGER_MODULES, fullCall(draft))
    assert.deepEqual(estimate, { gas: 21_000 + 16 * data.length + 15_000 })
    assert.deepEqual(estimateGas(view, LEDGER_MODULES, fullCall({ to: addressOf('bob') })), { gas: 21_000 })
  })

  it('returns the error where the transaction would fail, including for queries', () => {
    const message = (draft: CallDraft) => {
      const result = estimateGas(view, LEDGER_MODULES, fullCall(draft))
      assert.ok('revert' in result)
      return result.revert.message
    }
    assert.match(message({ to: addressOf('bob'), valueBase: 11n * COIN }), /InsufficientCoins/)
    const supply = calldata(accountsSchema, 'supply', {})
    assert.match(message({ to: moduleAddress(accountsSchema), data: supply }), /UnknownAction/)
  })
})

describe('call.hasCode', () => {
  it('is true for addresses that answer calls', () => {
    const code = (address: Uint8Array) => hasCode(LEDGER_MODULES, chain.full, address)
    assert.deepEqual(
      [moduleAddress(accountsSchema), TOKEN, MULTICALL_ADDRESS].map((a) => code(a)),
      [true, true, true],
    )
    const silent = [
      addressOf('alice'),
      assetAddress(99),
      systemAddress(3, 1),
      TRANSFER_EMITTER,
      systemAddress(9, 1),
    ]
    assert.ok(silent.every((a) => !code(a)))
    const dirty = moduleAddress(accountsSchema)
    dirty[8] = 1
    assert.equal(code(dirty), false)
  })
})

describe('call.failureReader', () => {
  it('decodes nested, truncated and unknown reasons', () => {
    const reader = failureReader(LEDGER_MODULES)
    assert.equal(reader.describe(bytes('0x01020304')), '0x01020304')
    assert.equal(reader.decode(bytes('0x01020304')), undefined)
    const { data } = revert({ to: addressOf('bob'), valueBase: 11n * COIN })
    assert.equal(reader.describe(data.subarray(0, 40)), 'InsufficientCoins(…)')
    assert.deepEqual(reader.decode(data)!.args, { balanceBase: 10n * COIN, neededBase: 11n * COIN })
  })
})
