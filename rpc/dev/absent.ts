// Methods of anvil, hardhat and ganache that this chain has no answer for: each says why, or what to call instead, in place of "method
// not found". With those that work, every name of the three is known: test/e2e/devTools.test.ts goes through them.

import { RPC_CODE, RpcError } from '../errors.ts'
import type { Method } from '../method.ts'
import { defineMethod } from '../method.ts'

const NO_EVM = 'this chain has no EVM: there is neither code nor storage'
const NO_TRACE = `${NO_EVM}, and so no trace of it: eth_simulateV1 tells what a call would do, tx_status what one did`
const FEES = "fees follow from the blocks' load by the rules of the chain: no block sets them"
const AT_WORK =
  'validators make a block whenever one is needed: that is not switched off. evm_mine makes one at any time'
const NONCE = 'a nonce is how many transactions an account has sent: it is not set'
const FINAL = 'a block of this devnet is final, as on the real chain'
const FRESH =
  'a chain from the beginning is a new devnet: createDevnet, or devnet --fresh; evm_revert goes back'
const PROPOSER = 'the proposer of a block is its validator'
const GAS_LIMIT = 'the gas limit of a block is a parameter that the members vote on'
const INTERVAL =
  'a block has the time at which it was made: evm_mine, or anvil_mine with an interval, sets it'
const FORKED_ONCE = 'a forked chain took its state when it began: devnet --fork begins another'
const LOGGING = 'the log level is set at the start: devnet --log-level'
const NO_DELEGATION = 'accounts of this chain delegate to no code (EIP-7702)'
const KEYS =
  'the accounts of a devnet are those of its mnemonic, and always unlocked: anvil_impersonateAccount lets it send as any other'
const NO_MINING = 'blocks of this chain are signed by its validators, not mined'
const NO_COMPILER = 'a node compiles nothing'
const NO_SWARM = 'this node is part of neither Swarm nor Whisper, and has no database for its callers'
const INSTEAD = (name: string): string => `call ${name}`

/** Reasons by what follows the prefix, for all three tools: scripts for one of them run with another's prefix. */
const OF_TOOLS: { readonly [name: string]: string } = {
  setCode: NO_EVM,
  setStorageAt: NO_EVM,
  setNonce: NONCE,
  setCoinbase: PROPOSER,
  setNextBlockBaseFeePerGas: FEES,
  setMinGasPrice: FEES,
  setPrevRandao: 'the random value of a block is signed by its proposer',
  setBlockGasLimit: GAS_LIMIT,
  intervalMine: AT_WORK,
  setBlockTimestampInterval: INTERVAL,
  removeBlockTimestampInterval: INTERVAL,
  setChainId: 'the chain id is part of the genesis: devnet --chain-id',
  setRpcUrl: FORKED_ONCE,
  setLoggingEnabled: LOGGING,
  enableTraces: NO_TRACE,
  reset: FRESH,
  rollback: `${FINAL}: evm_revert goes back to a snapshot, on a devnet alone`,
  reorg: `${FINAL}: there are no reorganisations`,
  nodeInfo: INSTEAD('web3_clientVersion, eth_chainId, node_health or dev_time'),
  metadata: INSTEAD('web3_clientVersion, eth_chainId or chain_genesis'),
  mine_detailed: INSTEAD('evm_mine, then eth_getBlockByNumber'),
  removePoolTransactions: INSTEAD('txpool_contentFrom, then anvil_dropTransaction for each'),
  impersonateSignature: `${NO_EVM} that would recover one`,
  dealERC20: `${NO_EVM}: tokens are assets of the chain (module assets)`,
  setERC20Balance: `${NO_EVM}: tokens are assets of the chain (module assets)`,
  setERC20Allowance: `${NO_EVM}: tokens are assets of the chain (module assets)`,
  addCapability: NO_DELEGATION,
  setExecutor: NO_DELEGATION,
  getBlobByHash: 'no transaction of this chain carries blobs',
  getBlobsByTransactionHash: 'no transaction of this chain carries blobs',
  getGenesisTime: INSTEAD('chain_genesis'),
  getLastBlockWallTime: INSTEAD('dev_time, or eth_getBlockByNumber'),
  addCompilationResult: NO_EVM,
  getStackTraceFailuresCount: NO_EVM,
}
const TOOLS = ['anvil', 'hardhat', 'ganache'] as const

/** What a wallet or a miner of Ethereum has beside them. */
const BY_NAME: { readonly [method: string]: string } = {
  evm_mine_detailed: OF_TOOLS.mine_detailed!,
  evm_setBlockGasLimit: GAS_LIMIT,
  evm_setAccountCode: NO_EVM,
  evm_setAccountStorageAt: NO_EVM,
  evm_setAccountNonce: NONCE,
  evm_addAccount: KEYS,
  evm_removeAccount: KEYS,
  personal_newAccount: KEYS,
  personal_importRawKey: KEYS,
  personal_lockAccount: KEYS,
  personal_unlockAccount: KEYS,
  personal_sendTransaction: INSTEAD('eth_sendTransaction'),
  personal_signTransaction: INSTEAD('eth_signTransaction'),
  personal_ecRecover: 'whoever has message and signature recovers the signer: no node is needed',
  miner_setEtherbase: PROPOSER,
  miner_setExtra: 'a header has no field for it',
  miner_setGasPrice: FEES,
  wallet_getCapabilities: NO_DELEGATION,
  wallet_sendTransaction: NO_DELEGATION,
  odyssey_sendTransaction: NO_DELEGATION,
  debug_traceCall: NO_TRACE,
  debug_storageRangeAt: NO_EVM,
  debug_getRawTransaction: INSTEAD('eth_getRawTransactionByHash'),
  trace_transaction: NO_TRACE,
  trace_filter: NO_TRACE,
  erigon_getHeaderByNumber: INSTEAD('eth_getHeaderByNumber'),
  eth_networkId: INSTEAD('net_version'),
  eth_getAccount: INSTEAD('eth_getBalance and eth_getTransactionCount, or account_balance with its proof'),
  eth_getProof:
    'proofs of this chain are not Merkle-Patricia ones: account_balance and the modules give theirs',
  eth_getWork: NO_MINING,
  eth_submitWork: NO_MINING,
  eth_submitHashrate: NO_MINING,
  eth_hashrate: NO_MINING,
  eth_getCompilers: NO_COMPILER,
  eth_compileSolidity: NO_COMPILER,
  eth_compileLLL: NO_COMPILER,
  eth_compileSerpent: NO_COMPILER,
}
const OF_SWARM = [
  ...['bzz_hive', 'bzz_info', 'db_getHex', 'db_getString', 'db_putHex', 'db_putString'],
  ...['shh_addToGroup', 'shh_getFilterChanges', 'shh_getMessages', 'shh_hasIdentity', 'shh_newFilter'],
  ...['shh_newGroup', 'shh_newIdentity', 'shh_post', 'shh_uninstallFilter', 'shh_version'],
]

function reasons(): readonly (readonly [name: string, reason: string])[] {
  return [
    ...TOOLS.flatMap((tool) =>
      Object.entries(OF_TOOLS).map(([name, reason]) => [`${tool}_${name}`, reason] as const),
    ),
    ...Object.entries(BY_NAME),
    ...OF_SWARM.map((name) => [name, NO_SWARM] as const),
  ]
}

/** Not in the node's own description: there is nothing to call. A method that a node has is left out. */
export function absentMethods(known: readonly Method[]): readonly Method[] {
  const names = new Set(known.map(({ name }) => name))
  return reasons()
    .filter(([name]) => !names.has(name))
    .map(([name, reason]) => absent(name, reason))
}

function absent(name: string, reason: string): Method {
  const method = defineMethod({
    name,
    doc: `Absent: ${reason}.`,
    cost: 1,
    params: {},
    returns: {},
    run: () => null,
  })
  // Whatever the arguments are.
  return {
    ...method,
    invoke: () => {
      throw new RpcError(RPC_CODE.methodNotFound, `${name} is not available: ${reason}`)
    },
  }
}
