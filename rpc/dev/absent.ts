// Methods of anvil and hardhat that this chain has no answer for: each says why, instead of "method not found".

import { RPC_CODE, RpcError } from '../errors.ts'
import type { Method } from '../method.ts'
import { defineMethod } from '../method.ts'

const NO_EVM = 'this chain has no EVM: there is neither code nor storage to set'
const FEES = "fees follow from the blocks' load by the rules of the chain: no block sets them"
const AT_WORK =
  'validators make a block whenever one is needed: that is not switched off. evm_mine makes one at any time'
const NONCE = 'a nonce is how many transactions an account has sent: it is not set'
const SIGNED = 'this chain takes signed transactions only: import the key instead'
const FINAL = 'a block of this devnet is final, as on the real chain'
const FRESH = 'a chain from the beginning is a new devnet: createDevnet, or devnet --fresh'

const REASONS: { readonly [method: string]: string } = {
  anvil_setCode: NO_EVM,
  hardhat_setCode: NO_EVM,
  anvil_setStorageAt: NO_EVM,
  hardhat_setStorageAt: NO_EVM,
  anvil_setNonce: NONCE,
  hardhat_setNonce: NONCE,
  anvil_setCoinbase: 'the proposer of a block is its validator',
  hardhat_setCoinbase: 'the proposer of a block is its validator',
  anvil_setNextBlockBaseFeePerGas: FEES,
  hardhat_setNextBlockBaseFeePerGas: FEES,
  anvil_setMinGasPrice: FEES,
  hardhat_setMinGasPrice: FEES,
  hardhat_setPrevRandao: 'the random value of a block is signed by its proposer',
  evm_setBlockGasLimit: 'the gas limit of a block is a parameter that the members vote on',
  anvil_setBlockGasLimit: 'the gas limit of a block is a parameter that the members vote on',
  evm_setAutomine: AT_WORK,
  anvil_setAutomine: AT_WORK,
  evm_setIntervalMining: AT_WORK,
  anvil_setIntervalMining: AT_WORK,
  anvil_autoImpersonateAccount: SIGNED,
  anvil_reset: FRESH,
  hardhat_reset: FRESH,
  anvil_rollback: `${FINAL}: it is not reverted`,
  anvil_reorg: `${FINAL}: there are no reorganisations`,
}

/** Not in the node's own description: there is nothing to call. */
export function absentMethods(): readonly Method[] {
  return Object.entries(REASONS).map(([name, reason]) => {
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
  })
}
