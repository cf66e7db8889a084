// The ERC-20 face of every registered asset, at the asset's own address, so that wallets can import it as a token.
// Owns: definition and rules of the face. Not: the ledger (module.ts), finding the address (dispatch.ts).
import { assert, mustExist } from '../../../base/assert.ts'
import { equalBytes, fromHex } from '../../../base/bytes.ts'
import type { Address } from '../../../base/ids.ts'
import { defineModule } from '../../../base/moduleDefinition.ts'
import { indexed, t } from '../../../base/schema.ts'
import type { ActionContext, Log, ReadContext, WriteContext } from '../../context.ts'
import { failuresOf, logOf } from '../../rules.ts'
import {
  acceptsAsset,
  assetAddress,
  getAllowance,
  getAsset,
  getAssetBalance,
  setAllowance,
  transferAsset,
} from './module.ts'

/** ERC-20, ERC-165 and the errors of ERC-6093. Not a native module: it has no address of its own and no records. */
export const erc20Schema = defineModule({
  name: 'erc20',
  id: 0,
  doc: 'ERC-20 face of an asset; actions return true.',
  params: {},
  records: {},
  errors: {
    ERC20InsufficientBalance: { sender: t.address, balance: t.amount, needed: t.amount },
    ERC20InsufficientAllowance: { spender: t.address, allowance: t.u256, needed: t.amount },
    ERC20InvalidReceiver: { receiver: t.address },
  },
  events: {
    Transfer: { from: indexed(t.address), to: indexed(t.address), value: t.u256 },
    Approval: { owner: indexed(t.address), spender: indexed(t.address), value: t.u256 },
  },
  actions: {
    transfer: {
      args: { to: t.address, value: t.amount },
      fails: ['ERC20InsufficientBalance', 'ERC20InvalidReceiver'],
      gas: 15_000,
      doc: 'Moves own units.',
    },
    approve: {
      args: { spender: t.address, value: t.u256 },
      fails: [],
      gas: 10_000,
      doc: 'Lets a spender move own units.',
    },
    transferFrom: {
      args: { from: t.address, to: t.address, value: t.amount },
      fails: ['ERC20InsufficientBalance', 'ERC20InsufficientAllowance', 'ERC20InvalidReceiver'],
      gas: 20_000,
      doc: 'Moves units of an owner who allowed it.',
    },
  },
  queries: {
    name: { args: {}, returns: t.text(64), doc: 'Name of the asset.' },
    symbol: { args: {}, returns: t.text(16), doc: 'Symbol of the asset.' },
    decimals: { args: {}, returns: t.u8, doc: 'Decimals of one unit.' },
    totalSupply: { args: {}, returns: t.amount, doc: 'All units in existence.' },
    balanceOf: { args: { account: t.address }, returns: t.amount, doc: 'Units of an account.' },
    allowance: {
      args: { owner: t.address, spender: t.address },
      returns: t.u256,
      doc: 'Units that the spender may still move.',
    },
    supportsInterface: { args: { interfaceId: t.fixed(4) }, returns: t.bool, doc: 'ERC-165.' },
  },
})

const fail = failuresOf(erc20Schema)
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

function transfer(ctx: ActionContext, asset: number, { to, value }: { to: Address; value: bigint }) {
  const balance = getAssetBalance(ctx.state, { asset, owner: ctx.sender })
  if (!acceptsAsset(to)) return fail.ERC20InvalidReceiver({ receiver: to })
  if (balance < value) return fail.ERC20InsufficientBalance({ sender: ctx.sender, balance, needed: value })
  // After this point the action must succeed.
  assert(transferAsset(ctx, { asset, from: ctx.sender, to, amountBase: value }), 'checked balance suffices')
  return undefined
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
  const balance = getAssetBalance(ctx.state, { asset, owner: from })
  if (!acceptsAsset(to)) return fail.ERC20InvalidReceiver({ receiver: to })
  if (allowance < value)
    return fail.ERC20InsufficientAllowance({ spender: ctx.sender, allowance, needed: value })
  if (balance < value) return fail.ERC20InsufficientBalance({ sender: from, balance, needed: value })
  // After this point the action must succeed.
  if (allowance !== UNLIMITED) setAllowance(ctx.state, at, allowance - value)
  assert(transferAsset(ctx, { asset, from, to, amountBase: value }), 'checked balance suffices')
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
