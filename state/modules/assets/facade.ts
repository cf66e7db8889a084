// The ERC-20 interface of every registered asset, at the asset's own address, so that wallets can import it as a token.
// Owns: the rules of the interface. Not: the ledger (ledger.ts), finding the address (dispatch.ts).
import { assert, mustExist } from '../../../base/assert.ts'
import { equalBytes, fromHex } from '../../../base/bytes.ts'
import type { Address } from '../../../base/ids.ts'
import type { ActionContext, Log, ReadContext, WriteContext } from '../../context.ts'
import { ledger, type MoveRefusal } from '../../ledger.ts'
import { logOf } from '../../rules.ts'
import {
  acceptsAsset,
  assetAddress,
  getAllowance,
  getAsset,
  getAssetBalance,
  setAllowance,
} from './ledger.ts'
import { erc20Schema } from './schema.ts'
import { erc20Fail } from './tables.ts'

const UNLIMITED = 2n ** 256n - 1n
const ERC165_ID = fromHex('01ffc9a7')
const ERC20_ID = fromHex('36372b07')

function emitApproval(
  ctx: WriteContext,
  asset: number,
  approval: { owner: Address; spender: Address; value: bigint },
): void {
  const log: Log = logOf('Approval', erc20Schema.events.Approval, assetAddress(asset), approval)
  ctx.emit(log)
}

/** The error of ERC-6093, or the chain's own, for a move that did not happen. */
function failureOf(sender: Address, refusal: MoveRefusal | undefined) {
  if (refusal === undefined || refusal.code === 'DebitRefused') return refusal
  assert(refusal.code === 'InsufficientFunds', 'the called asset exists')
  const { balanceBase, neededBase } = refusal
  return erc20Fail.ERC20InsufficientBalance({ sender, balance: balanceBase, needed: neededBase })
}

function transfer(ctx: ActionContext, asset: number, { to, value }: { to: Address; value: bigint }) {
  if (!acceptsAsset(to)) return erc20Fail.ERC20InvalidReceiver({ receiver: to })
  const from = ctx.sender
  return failureOf(from, ledger.move(ctx, { asset, from, to, amountBase: value }))
}

function approve(ctx: ActionContext, asset: number, args: { spender: Address; value: bigint }) {
  const at = { asset, owner: ctx.sender, spender: args.spender }
  // After this point the action must succeed.
  setAllowance(ctx.state, at, args.value)
  emitApproval(ctx, asset, { owner: ctx.sender, spender: args.spender, value: args.value })
  return undefined
}

function transferFrom(
  ctx: ActionContext,
  asset: number,
  args: { from: Address; to: Address; value: bigint },
) {
  const { from, to, value } = args
  const at = { asset, owner: from, spender: ctx.sender }
  const allowance = getAllowance(ctx.state, at)
  if (!acceptsAsset(to)) return erc20Fail.ERC20InvalidReceiver({ receiver: to })
  if (allowance < value)
    return erc20Fail.ERC20InsufficientAllowance({ spender: ctx.sender, allowance, needed: value })
  const failure = failureOf(from, ledger.move(ctx, { asset, from, to, amountBase: value }))
  if (failure !== undefined) return failure
  if (allowance !== UNLIMITED) setAllowance(ctx.state, at, allowance - value)
  return undefined
}

/** Rules by name; each gets the asset whose address was called. Actions return true when they succeed. */
export const erc20Rules = {
  actions: { transfer, approve, transferFrom },
  queries: {
    name: (ctx: ReadContext, asset: number) => mustGetAsset(ctx, asset).name,
    symbol: (ctx: ReadContext, asset: number) => mustGetAsset(ctx, asset).symbol,
    decimals: (ctx: ReadContext, asset: number) => mustGetAsset(ctx, asset).decimals,
    totalSupply: (ctx: ReadContext, asset: number) => mustGetAsset(ctx, asset).supplyBase,
    balanceOf: (ctx: ReadContext, asset: number, args: { account: Address }) =>
      getAssetBalance(ctx.state, { asset, owner: args.account }),
    allowance: (ctx: ReadContext, asset: number, args: { owner: Address; spender: Address }) =>
      getAllowance(ctx.state, { asset, ...args }),
    supportsInterface: (_ctx: ReadContext, _asset: number, args: { interfaceId: Uint8Array }) =>
      equalBytes(args.interfaceId, ERC165_ID) || equalBytes(args.interfaceId, ERC20_ID),
  },
} as const

function mustGetAsset(ctx: ReadContext, asset: number) {
  return mustExist(getAsset(ctx.state, asset), 'the called asset exists')
}
