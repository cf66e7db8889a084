// What scripts for anvil, hardhat and ganache call, on a devnet in one process: every action of viem's test client in its three modes,
// and every method name of the three tools. Each does what it says, or answers the sentence why not.
import assert from 'node:assert/strict'
import { createTestClient, type Hex, http, parseEther, publicActions, testActions, walletActions } from 'viem'
import { createDevnet, type Devnet } from '../../devnet/devnet.ts'
import { post } from '../support/jsonRpc.ts'

const MODES = ['anvil', 'hardhat', 'ganache'] as const
type Mode = (typeof MODES)[number]

/** Of the three tools, their versions of 2025; `eth_` and the like where one of them has more than a node of this chain. */
const NAMES: { readonly [prefix: string]: string } = {
  anvil:
    'addBalance addCapability autoImpersonateAccount dealERC20 dropAllTransactions dropTransaction dumpState enableTraces getAutomine ' +
    'getBlobByHash getBlobsByTransactionHash getGenesisTime getIntervalMining impersonateAccount impersonateSignature increaseTime loadState ' +
    'metadata mine mine_detailed nodeInfo removeBlockTimestampInterval removePoolTransactions reorg reset revert rollback setAutomine ' +
    'setBalance setBlockGasLimit setBlockTimestampInterval setChainId setCode setCoinbase setERC20Allowance setExecutor ' +
    'setIntervalMining setLoggingEnabled setMinGasPrice setNextBlockBaseFeePerGas setNextBlockTimestamp setNonce setRpcUrl ' +
    'setStorageAt setTime snapshot stopImpersonatingAccount',
  hardhat:
    'addCompilationResult autoImpersonateAccount dropAllTransactions dropTransaction dumpState getAutomine getStackTraceFailuresCount ' +
    'impersonateAccount intervalMine loadState metadata mine reset setBalance setCode setCoinbase setLoggingEnabled setMinGasPrice ' +
    'setNextBlockBaseFeePerGas setNonce setPrevRandao setStorageAt stopImpersonatingAccount',
  evm:
    'addAccount increaseTime mine mine_detailed removeAccount revert setAccountBalance setAccountCode setAccountNonce ' +
    'setAccountStorageAt setAutomine setBlockGasLimit setIntervalMining setNextBlockTimestamp setTime snapshot',
  miner: 'setEtherbase setExtra setGasPrice start stop',
  personal:
    'ecRecover importRawKey listAccounts lockAccount newAccount sendTransaction sign signTransaction unlockAccount',
  eth:
    'accounts blobBaseFee blockNumber call chainId coinbase compileLLL compileSerpent compileSolidity createAccessList estimateGas ' +
    'feeHistory gasPrice getAccount getBalance getBlockByHash getBlockByNumber getBlockReceipts getBlockTransactionCountByHash ' +
    'getBlockTransactionCountByNumber getCode getCompilers getFilterChanges getFilterLogs getLogs getProof ' +
    'getRawTransactionByBlockHashAndIndex getRawTransactionByBlockNumberAndIndex getRawTransactionByHash getStorageAt ' +
    'getTransactionByBlockHashAndIndex getTransactionByBlockNumberAndIndex getTransactionByHash getTransactionCount ' +
    'getTransactionReceipt getUncleByBlockHashAndIndex getUncleByBlockNumberAndIndex getUncleCountByBlockHash ' +
    'getUncleCountByBlockNumber getWork hashrate maxPriorityFeePerGas mining networkId newBlockFilter newFilter ' +
    'newPendingTransactionFilter pendingTransactions protocolVersion requestAccounts sendRawTransaction sendTransaction ' +
    'sendUnsignedTransaction sign signTransaction signTypedData signTypedData_v3 signTypedData_v4 submitHashrate submitWork subscribe ' +
    'syncing uninstallFilter unsubscribe',
  debug: 'getRawTransaction storageRangeAt traceCall traceTransaction',
  trace: 'block filter transaction',
  txpool: 'content inspect status',
  ots:
    'getApiLevel getBlockDetails getBlockDetailsByHash getBlockTransactions getContractCreator getInternalOperations ' +
    'getTransactionBySenderAndNonce getTransactionError hasCode searchTransactionsAfter searchTransactionsBefore traceTransaction',
  erigon: 'getHeaderByNumber',
  net: 'listening peerCount version',
  web3: 'clientVersion sha3',
  rpc: 'modules',
  wallet: 'getCapabilities sendTransaction',
  bzz: 'hive info',
  db: 'getHex getString putHex putString',
  shh: 'addToGroup getFilterChanges getMessages hasIdentity newFilter newGroup newIdentity post uninstallFilter version',
}

/** Why an action does nothing here. */
const REFUSED: { readonly [action: string]: RegExp } = {
  removeBlockTimestampInterval: /the time at which it was made/,
  reset: /a new devnet/,
  setBlockGasLimit: /members vote on/,
  setBlockTimestampInterval: /the time at which it was made/,
  setCode: /no EVM/,
  setCoinbase: /its validator/,
  setIntervalMining: /whenever one is needed/,
  setLoggingEnabled: /--log-level/,
  setMinGasPrice: /fees follow/,
  setNextBlockBaseFeePerGas: /fees follow/,
  setNonce: /how many transactions/,
  setRpcUrl: /--fork/,
  setStorageAt: /no EVM/,
}
const REFUSED_ARGUMENTS: { readonly [action: string]: unknown } = {
  reset: {},
  setBlockGasLimit: { gasLimit: 1n },
  setBlockTimestampInterval: { interval: 5 },
  setCode: { address: `0x${'00'.repeat(20)}`, bytecode: '0x00' },
  setCoinbase: { address: `0x${'00'.repeat(20)}` },
  setIntervalMining: { interval: 5 },
  setLoggingEnabled: true,
  setMinGasPrice: { gasPrice: 1n },
  setNextBlockBaseFeePerGas: { baseFeePerGas: 1n },
  setNonce: { address: `0x${'00'.repeat(20)}`, nonce: 1 },
  setRpcUrl: 'http://127.0.0.1:9',
  setStorageAt: { address: `0x${'00'.repeat(20)}`, index: 0, value: `0x${'00'.repeat(32)}` },
}

type TestClient = ReturnType<typeof clientFor>
type Steps = { readonly [action: string]: () => Promise<void> }
interface Accounts {
  readonly own: Hex
  readonly address: Hex
}

const clientFor = (mode: Mode, url: string) =>
  createTestClient({ mode, transport: http(url, { retryCount: 0 }), cacheTime: 0, pollingInterval: 20 })
    .extend(publicActions)
    .extend(walletActions)

/** What a script does with each action that works. */
const stepsOf = (client: TestClient, accounts: Accounts): Steps => ({
  ...accountSteps(client, accounts),
  ...stateSteps(client, accounts),
})

function accountSteps(client: TestClient, { own, address }: Accounts): Steps {
  const now = async () => Number((await client.getBlock()).timestamp)
  return {
    increaseTime: async () => {
      const before = await now()
      await client.increaseTime({ seconds: 3_600 })
      await client.mine({ blocks: 1 })
      assert.ok((await now()) >= before + 3_600)
    },
    setNextBlockTimestamp: async () => {
      const at = (await now()) + 5_000
      await client.setNextBlockTimestamp({ timestamp: BigInt(at) })
      await client.mine({ blocks: 1 })
      assert.equal(await now(), at)
    },
    mine: async () => {
      const before = await client.getBlockNumber()
      await client.mine({ blocks: 3 })
      assert.ok((await client.getBlockNumber()) >= before + 3n)
    },
    setBalance: async () => {
      await client.setBalance({ address, value: parseEther('3') })
      assert.equal(await client.getBalance({ address }), parseEther('3'))
    },
    impersonateAccount: async () => {
      await client.impersonateAccount({ address })
      const hash = await client.sendTransaction({ account: address, to: own, value: 7n, chain: null })
      assert.equal((await client.waitForTransactionReceipt({ hash })).from, address)
    },
    stopImpersonatingAccount: async () => {
      await client.stopImpersonatingAccount({ address })
      await assert.rejects(client.sendTransaction({ account: address, to: own, value: 7n, chain: null }))
    },
    sendUnsignedTransaction: async () => {
      const hash = await client.sendUnsignedTransaction({ from: address, to: own, value: 9n })
      assert.equal((await client.waitForTransactionReceipt({ hash })).from, address)
    },
  }
}

function stateSteps(client: TestClient, { own, address }: Accounts): Steps {
  return {
    snapshot: async () => {
      await client.snapshot()
    },
    revert: async () => {
      const id = await client.snapshot()
      const before = await client.getBalance({ address: own })
      await client.sendTransaction({ account: own, to: address, value: 1n, chain: null })
      await client.revert({ id })
      assert.equal(await client.getBalance({ address: own }), before)
    },
    dumpState: async () => {
      assert.match(await client.dumpState(), /^0x1f8b/)
    },
    loadState: async () => {
      const state = await client.dumpState()
      const before = await client.getBalance({ address: own })
      await client.sendTransaction({ account: own, to: address, value: 1n, chain: null })
      await client.loadState({ state })
      assert.equal(await client.getBalance({ address: own }), before)
    },
    getAutomine: async () => {
      assert.equal(await client.getAutomine(), true)
    },
    setAutomine: async () => {
      await client.setAutomine(true)
      await assert.rejects(client.setAutomine(false), /whenever one is needed/)
    },
    dropTransaction: async () => {
      const hash = await client.sendTransaction({
        account: own,
        to: address,
        value: 1n,
        nonce: 99,
        chain: null,
      })
      await client.dropTransaction({ hash })
      assert.equal((await client.getTxpoolStatus()).queued, 0)
    },
    getTxpoolContent: async () => {
      await client.getTxpoolContent()
    },
    getTxpoolStatus: async () => {
      await client.getTxpoolStatus()
    },
    inspectTxpool: async () => {
      await client.inspectTxpool()
    },
  }
}

describe('tools of Ethereum on a devnet in one process', function () {
  this.timeout(120_000)
  let devnet: Devnet
  before(async () => {
    devnet = await createDevnet({ validators: 1, isInProcess: true, logLevel: 'warn', windowMs: 3_600_000 })
  })
  after(() => devnet?.close())

  for (const [i, mode] of MODES.entries()) {
    it(`runs a script of viem's test client for ${mode} unchanged, with every action that it has`, async () => {
      const client = clientFor(mode, devnet.rpcUrl)
      const own = devnet.accounts[i]!.address
      const address = `0x${`a${i}`.repeat(20)}` as Hex
      const steps = stepsOf(client, { own, address })
      const actions = Object.keys(testActions({ mode })(client)).sort()
      assert.deepEqual([...Object.keys(steps), ...Object.keys(REFUSED)].sort(), actions)
      for (const run of Object.values(steps)) await run()
      const any = client as unknown as { readonly [action: string]: (given?: unknown) => Promise<unknown> }
      for (const [action, reason] of Object.entries(REFUSED))
        await assert.rejects(any[action]!(REFUSED_ARGUMENTS[action]), reason, action)
    })
  }

  it('knows every method of anvil, hardhat and ganache: it works, or says in a sentence why not', async () => {
    const names = Object.entries(NAMES).flatMap(([prefix, list]) =>
      list.split(' ').map((name) => `${prefix}_${name}`),
    )
    assert.equal(new Set(names).size, names.length)
    for (const method of names) {
      const { error } = await post(
        devnet.rpcUrl,
        JSON.stringify({ jsonrpc: '2.0', id: 1, method, params: [] }),
      )
      if (error === undefined) continue
      assert.notEqual(error.code, -32603, `${method}: ${error.message}`)
      if (error.code === -32601)
        assert.match(error.message, /^\w+ is not available: [a-z].{15,}$|WebSocket/, method)
    }
    const { error } = await post(
      devnet.rpcUrl,
      '{"jsonrpc":"2.0","id":1,"method":"anvil_noSuch","params":[]}',
    )
    assert.doesNotMatch(error!.message, /is not available: /)
  })
})
