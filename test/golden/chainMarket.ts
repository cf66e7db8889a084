// The market in the recorded chain: orders that trade, rest, and are cancelled, with refusals of each kind. Owns: these calls.
// Run only by the recorder.
import { DEVNET_ASSET_ID } from '../../genesis/devnet.ts'
import { receiptAsset } from '../../state/modules/assets/ledger.ts'
import { getTotals } from '../../state/modules/market/books.ts'
import { schemas } from '../../state/schemas.ts'
import { accounts, act, COIN, operator } from './chainActors.ts'
import type { GoldenChain, Send, Wallet } from './goldenChain.ts'

const { market } = schemas
const [alice, bob, carol] = accounts as readonly [Wallet, Wallet, Wallet]

const PAIR = { base: 0, quote: DEVNET_ASSET_ID }
/** Prices in units of the development dollar, six decimals. */
const order = (from: Wallet, side: 'buy' | 'sell', priceBase: bigint, over: object = {}): Send =>
  act(from, market, 'place', {
    ...PAIR,
    side,
    priceBase,
    amountBase: COIN,
    kind: 'goodTillCancelled',
    ...over,
  })
const cancel = (from: Wallet, id: number): Send => act(from, market, 'cancel', { order: id })
const NOW = { kind: 'immediateOrCancel' }

/** By height; orders are numbered as they are placed. */
const SCENES: { readonly [height: number]: (chain: GoldenChain) => readonly Send[] } = {
  // Nobody meets: orders 1 to 4.
  20: () => [
    order(alice, 'sell', 3_050_000n, { amountBase: 2n * COIN }),
    order(alice, 'sell', 3_060_000n),
    order(bob, 'buy', 3_000_000n),
    order(bob, 'buy', 2_990_000n),
    order(bob, 'buy', 3_000_001n),
    order(bob, 'buy', 0n),
    order(bob, 'buy', 3_000_000n, { amountBase: COIN + 1n }),
    order(bob, 'buy', 3_000_000n, { amountBase: 0n }),
    order(bob, 'buy', 3_000_000n, { quote: 77 }),
    order(alice, 'buy', 3_050_000n),
    order(carol, 'buy', 3_000_000n, { amountBase: 10n ** 30n }),
  ],
  // Several at one price, of which less than is bid for comes; what is left of an immediate one goes back.
  21: () => [
    order(carol, 'buy', 3_050_000n, { ...NOW, amountBase: COIN / 2n }),
    order(bob, 'buy', 3_055_000n, { ...NOW, amountBase: 3n * COIN }),
    order(alice, 'sell', 3_055_000n, { amountBase: COIN / 10n }),
  ],
  22: () => [cancel(alice, 2), cancel(alice, 2), cancel(alice, 3), cancel(alice, 999)],
  // Of two sellers at one price the mix says who is in front.
  23: () => [
    order(alice, 'sell', 2_995_000n, { amountBase: COIN / 4n }),
    order(carol, 'sell', 2_995_000n, { amountBase: COIN / 2n }),
    order(operator(2), 'buy', 2_995_000n, { ...NOW, amountBase: 10n * COIN }),
  ],
  // Receipts of the first series are for sale for a while.
  166: () => [order(bob, 'sell', 3_100_000n, { base: receiptAsset(1) })],
  168: (chain) => [cancel(bob, getTotals(chain.state).nextOrder - 1)],
}

/** The market's calls for the block above `chain`. */
export function trading(chain: GoldenChain): readonly Send[] {
  return SCENES[chain.height + 1]?.(chain) ?? []
}
