// Definition of assets: registered settlement assets, their ledger, and each one's ERC-20 interface at its own address.
import type { InferFields } from '../../../base/field.ts'
import { defineModule } from '../../../base/moduleDefinition.ts'
import { indexed, message, t } from '../../../base/schema.ts'

/** Most assets ever registered; the index record lists them all. */
export const ASSETS_MAX = 1024

/** Receipts of series (ECONOMY §4) are assets from this number on: this one and the number of the series. */
export const RECEIPTS_FROM = 2 ** 40

/** Most decimals of an asset. */
export const DECIMALS_MAX = 36
const SYMBOL = /^[A-Za-z][A-Za-z0-9.-]{0,15}$/
const COIN_SYMBOL = 'acpc'

/** Whether an asset may have this symbol: letters and digits, not the coin's. */
export const isSymbol = (symbol: string): boolean =>
  SYMBOL.test(symbol) && symbol.toLowerCase() !== COIN_SYMBOL

export const assetInfo = message('Asset', {
  id: t.u64,
  issuer: t.address,
  name: t.text(64),
  symbol: t.text(16),
  decimals: t.u8,
  supplyBase: t.amount,
})

export const assetsSchema = defineModule({
  name: 'assets',
  id: 2,
  doc: 'Registered assets besides the coin: issue, redeem, and balances with the same transfer rules.',
  params: {},
  records: {
    asset: {
      id: 1,
      key: { asset: t.u64 },
      value: {
        issuer: t.address,
        name: t.text(64),
        symbol: t.text(16),
        decimals: t.u8,
        supplyBase: t.amount,
      },
      doc: 'A registered asset.',
    },
    balance: {
      id: 2,
      key: { asset: t.u64, owner: t.address },
      value: { amountBase: t.amount },
      doc: 'Units of an asset that an owner holds; absent when zero.',
    },
    allowance: {
      id: 3,
      key: { asset: t.u64, owner: t.address, spender: t.address },
      value: { amountBase: t.u256 },
      doc: 'Units that a spender may still move; absent when zero, 2^256 − 1 never decreases.',
    },
    index: {
      id: 4,
      key: {},
      value: { assets: t.list(t.u64, ASSETS_MAX) },
      doc: 'Ids of all assets that genesis or governance has registered, ascending.',
    },
  },
  errors: {
    UnknownAsset: { asset: t.u64 },
    NotIssuer: { asset: t.u64, issuer: t.address },
    InsufficientAsset: { asset: t.u64, balanceBase: t.amount, neededBase: t.amount },
    AssetSupplyTooLarge: { asset: t.u64, maximumBase: t.amount },
    AssetRecipientRefused: { recipient: t.address },
    /** What the chain has issued, it redeems itself: receipts, by claiming from their series. */
    IssuedByChain: { asset: t.u64 },
  },
  events: {},
  actions: {
    issue: {
      args: { asset: t.u64, to: t.address, amountBase: t.amount },
      fails: ['UnknownAsset', 'NotIssuer', 'AssetSupplyTooLarge', 'AssetRecipientRefused'],
      gas: 35_000,
      doc: 'The issuer creates units for a holder.',
    },
    redeem: {
      args: { asset: t.u64, amountBase: t.amount },
      fails: ['UnknownAsset', 'InsufficientAsset', 'IssuedByChain'],
      gas: 30_000,
      doc: 'A holder destroys its own units, for which the issuer pays off chain.',
    },
  },
  queries: {
    asset: { args: { asset: t.u64 }, returns: t.optional(assetInfo), doc: 'A registered asset, or null.' },
    assets: {
      args: {},
      returns: t.list(assetInfo, ASSETS_MAX),
      doc: 'All assets that genesis or governance has registered, by id.',
    },
    balance: {
      args: { asset: t.u64, owner: t.address },
      returns: t.amount,
      doc: 'Units of an asset that an owner holds.',
    },
  },
})

export type Asset = InferFields<(typeof assetsSchema)['records']['asset']['value']>

/** ERC-20, ERC-165 and the errors of ERC-6093. Not a native module: it has no address of its own and no records. */
export const erc20Schema = defineModule({
  name: 'erc20',
  id: 0,
  doc: 'ERC-20 interface of an asset; actions return true.',
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
      doc: 'Moves units of the sender.',
    },
    approve: {
      args: { spender: t.address, value: t.u256 },
      fails: [],
      gas: 18_000,
      doc: 'Lets a spender move units of the sender.',
    },
    transferFrom: {
      args: { from: t.address, to: t.address, value: t.amount },
      fails: ['ERC20InsufficientBalance', 'ERC20InsufficientAllowance', 'ERC20InvalidReceiver'],
      gas: 35_000,
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
