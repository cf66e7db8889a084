// A genesis state with any number of accounts, for measurements. Owns: the accounts and where their coins come from.
import { mustExist } from '../base/assert.ts'
import { u64be } from '../base/bytes.ts'
import { sha256 } from '../base/crypto/hash.ts'
import type { Address } from '../base/ids.ts'
import { sealBlock } from '../base/protocol/header.ts'
import { COIN } from '../base/units.ts'
import type { GenesisBlock } from '../genesis/build.ts'
import { developmentAccounts } from '../genesis/devKeys.ts'
import { getAccount, setAccount } from '../state/modules/accounts/ledger.ts'
import { TreeVersion } from '../state/tree/tree.ts'
import type { StateKey } from '../state/view.ts'
import { loadAccounts } from './accounts.ts'

/** Accounts with keys, whose transfers fill a block with one sender each. */
const PAYERS_MAX = 3_000
const PAYER_BASE = COIN / 2n
/** The others: 500 coins in all at 10^6 accounts. */
const OTHER_BASE = COIN / 2_000n
/** Leaves of the tree per update, to bound the memory of one. */
const SLICE = 65_536

export interface Payer {
  readonly address: Address
  readonly secretKey: Uint8Array
}

/** Who pays in a chain with that many accounts: one sender per transfer of a block, if there are enough. */
export function payersOf(accounts: number): readonly Payer[] {
  return accounts === 0 ? developmentAccounts() : loadAccounts(Math.min(PAYERS_MAX, accounts), 'payer')
}

/** The i-th account without a key. */
export function spreadAddress(i: number): Address {
  return sha256(u64be(i)).slice(0, 20)
}

/** Block 0 with these accounts; the development accounts pay for them, so that every invariant holds. */
export function withAccounts(genesis: GenesisBlock, accounts: number): GenesisBlock {
  const { state } = genesis
  const sources = developmentAccounts()
  const share = Math.ceil(accounts / sources.length)
  const payers = payersOf(accounts)
  const pay = (from: Address, to: Address, amountBase: bigint): void => {
    const account = getAccount(state, from)
    setAccount(state, from, { ...account, balanceBase: account.balanceBase - amountBase })
    const before = getAccount(state, to)
    setAccount(state, to, { ...before, balanceBase: before.balanceBase + amountBase })
  }
  for (const [i, { address }] of payers.entries()) {
    pay(sources[i % sources.length]!.address, address, PAYER_BASE)
  }
  for (let i = 0; i < accounts; i++) {
    const source = mustExist(sources[Math.floor(i / share)], 'a source')
    pay(source.address, spreadAddress(i), OTHER_BASE)
  }
  const changes = new Map(state.entries(''))
  const tree = treeOf(changes)
  const header = { ...genesis.block.header, stateRoot: tree.rootHash }
  tree.release()
  const block = sealBlock({ header, transactions: [] })
  return { ...genesis, block, hash: block.hash, changes }
}

/** The tree of a whole state. The caller releases it. */
export function treeOf(changes: Iterable<readonly [StateKey, Uint8Array]>): TreeVersion {
  let tree = TreeVersion.empty()
  let slice = new Map<string, Uint8Array>()
  const grow = (): void => {
    const next = tree.update(slice)
    tree.release()
    tree = next
    slice = new Map()
  }
  for (const [key, value] of changes) {
    slice.set(key, value)
    if (slice.size === SLICE) grow()
  }
  grow()
  return tree
}
