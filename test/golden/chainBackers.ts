// Those who back members on the recorded chain: they come before the sales, leave, and take what is free.
import { schemas } from '../../state/schemas.ts'
import { accounts, act, COIN, operator } from './chainActors.ts'
import type { Send } from './goldenChain.ts'

const { backing } = schemas
const [alice, bob, carol] = accounts

const back = (from = alice!, provider = 1, amountBase = 10n * COIN): Send =>
  act(from, backing, 'back', { provider, amountBase })
const unback = (from = alice!, amountBase = 4n * COIN): Send =>
  act(from, backing, 'unback', { provider: 1, amountBase })
const move = (from: typeof alice, amountBase: bigint, to = 2): Send =>
  act(from!, backing, 'redelegate', { provider: 1, to, amountBase })
const claim = (from = alice!): Send => act(from, backing, 'claim', { provider: 1 })
const share = (from: typeof alice, sharePpm: bigint): Send => act(from!, backing, 'setShare', { sharePpm })

/** By height. */
export const BACKERS: { readonly [height: number]: () => readonly Send[] } = {
  18: () => [
    share(operator(1), 200_000n),
    share(operator(1), 200_000n),
    share(operator(1), 2_000_000n),
    share(alice, 1n),
    back(),
    back(bob, 1, 5n * COIN),
    back(carol, 99),
    back(carol, 1, 1n),
    back(carol, 1, 10n ** 30n),
  ],
  19: () => [unback(), unback(alice, 0n), unback(alice, 10n ** 30n), claim(carol)],
  // Alice's six coins that stayed; then a default of the first would still take them.
  20: () => [
    move(alice, 2n * COIN),
    move(alice, 100n * COIN),
    move(alice, 2n * COIN, 1),
    move(bob, 1n),
    act(alice!, backing, 'unback', { provider: 2, amountBase: COIN }),
  ],
  290: () => [claim(), claim(bob), share(operator(1), 100_000n)],
}
