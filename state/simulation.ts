// Simulated blocks on a throw-away overlay: eth_simulateV1, and balances that an eth_call supposes (WALLETS §2).
// Owns: fees and nonces of simulated transactions. Not: running a call (call.ts), hooks, which a simulation leaves out.
import { assert } from '../base/assert.ts'
import type { Address, TxId } from '../base/ids.ts'
import { type Lane, type PerLane, perLane } from '../base/lanes.ts'
import { isSystemAddress } from '../base/moduleDefinition.ts'
import type { Receipt } from '../base/protocol/receipt.ts'
import { AMOUNT_MAX } from '../base/units.ts'
import { callCost, type Revert, runOnOverlay, type SimulationView } from './call.ts'
import { failedLog } from './dispatch.ts'
import { checkTransaction, gasPrice, type InvalidCode } from './fees.ts'
import { getAccount, getSupply, setAccount } from './modules/accounts/ledger.ts'
import { REASON_BYTES_MAX } from './modules/accounts/schema.ts'
import type { Overlay } from './overlay.ts'
import type { Module } from './rules.ts'
import type { TransactionFields } from './transaction.ts'
import type { StateWriter } from './view.ts'

export interface BalanceOverride {
  readonly address: Address
  readonly balanceBase: bigint
}

/** Coins that overrides may make up together: what is credited on top stays within the ledger's bound. */
export const OVERRIDES_BASE_MAX = AMOUNT_MAX / 2n

/**
 * Gives accounts other balances on a throw-away state. Returns why not: modules rely on what their escrows hold, and
 * the ledger on the sum of all coins.
 */
export function overrideBalances(
  state: StateWriter,
  overrides: readonly BalanceOverride[],
): string | undefined {
  const totalBase = overrides.reduce((sum, { balanceBase }) => sum + balanceBase, getSupply(state))
  if (totalBase > OVERRIDES_BASE_MAX) return `balances: together more than ${OVERRIDES_BASE_MAX}`
  if (overrides.some(({ address }) => isSystemAddress(address))) {
    return 'balance: that of a system address is what its module holds'
  }
  for (const { address, balanceBase } of overrides) {
    assert(balanceBase >= 0n, 'a balance is not negative')
    setAccount(state, address, { nonce: getAccount(state, address).nonce, balanceBase })
  }
  return undefined
}

/** Why a transaction cannot be in the simulated block. */
export type SimulationRefusal = InvalidCode | 'BlockGasExceeded'

export type SimulatedResult = { readonly returnData: Uint8Array } | { readonly revert: Revert }

export interface SimulationFacts extends Omit<SimulationView, 'state'> {
  /** Kept from block to block. */
  readonly state: Overlay
  readonly modules: readonly Module[]
  readonly baseFees: PerLane<bigint>
  readonly gasLimit: number
  /** Whether nonces, fees and funds are checked as on the chain; otherwise only what the calls move must be there. */
  readonly validates: boolean
}

/** One simulated block: `apply` per transaction. */
export class SimulatedBlock {
  readonly receipts: Receipt[] = []
  readonly laneGas: Record<Lane, number> = { ...perLane(() => 0) }
  readonly #facts: SimulationFacts
  #gasUsed = 0

  constructor(facts: SimulationFacts) {
    this.#facts = facts
  }

  get gasUsed(): number {
    return this.#gasUsed
  }

  /** Runs one transaction; a refused one changes nothing. Its fee leaves the sender and goes nowhere. */
  apply(
    fields: TransactionFields,
    { sender, txId }: { readonly sender: Address; readonly txId: TxId },
  ): { readonly refused: SimulationRefusal } | { readonly result: SimulatedResult } {
    const { state, modules, baseFees, gasLimit, block } = this.#facts
    const cost = callCost({ block }, modules, fields)
    const refused = this.#check(fields, sender)
    if (refused !== undefined) return { refused }
    const { gas, lane } = cost
    assert(lane !== undefined, 'a checked transaction has one lane')
    if (this.#gasUsed + gas > gasLimit) return { refused: 'BlockGasExceeded' }
    // After this point the transaction is in the block.
    const { price } = gasPrice(fields, baseFees[lane])
    const account = getAccount(state, sender)
    const balanceBase = account.balanceBase - BigInt(gas) * price
    setAccount(state, sender, { nonce: account.nonce + 1, balanceBase })
    this.#gasUsed += gas
    this.laneGas[lane] += gas
    return { result: this.#run(fields, { sender, txId, gas, price, lane }) }
  }

  #check(fields: TransactionFields, sender: Address): InvalidCode | undefined {
    const { state, modules, baseFees, validates, block } = this.#facts
    const cost = callCost({ block }, modules, fields)
    const account = getAccount(state, sender)
    if (validates) return checkTransaction(fields, { account, baseFees, cost })
    if (cost.lane === undefined) return 'MixedLanes'
    if (fields.gasLimit < cost.gas) return 'IntrinsicGasTooLow'
    if (fields.maxFeePerGas < baseFees[cost.lane]) return 'FeeCapTooLow'
    const feeBase = BigInt(cost.gas) * gasPrice(fields, baseFees[cost.lane]).price
    return account.balanceBase < feeBase + fields.valueBase ? 'InsufficientFunds' : undefined
  }

  #run(
    { type, to, valueBase, data }: TransactionFields,
    paid: {
      readonly sender: Address
      readonly txId: TxId
      readonly gas: number
      readonly price: bigint
      readonly lane: Lane
    },
  ): SimulatedResult {
    const { modules } = this.#facts
    const call = { from: paid.sender, to, valueBase, data, txId: paid.txId, txIndex: this.receipts.length }
    const { logs, outcome } = runOnOverlay(this.#facts, modules, call)
    const failure = 'revert' in outcome ? outcome.revert.data.slice(0, REASON_BYTES_MAX) : undefined
    this.receipts.push({
      type,
      succeeded: failure === undefined,
      cumulativeGasUsed: this.#gasUsed,
      gasUsed: paid.gas,
      effectiveGasPrice: paid.price,
      logs: failure === undefined ? [...logs] : [failedLog({ to, data }, failure)],
      failure: failure ?? new Uint8Array(0),
      lane: paid.lane,
    })
    return outcome
  }
}
