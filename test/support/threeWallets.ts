// Redemption's most common start: four equal providers, and three wallets with coins of the first three.
import assert from 'node:assert/strict'
import { ALICE, BOB, type ChainOptions, coins, RedemptionChain } from './redemptionFixture.ts'

export const CAROL = 22

/** Four providers of 228 coins per window; three wallets of 300 coins issued by providers 1, 2 and 3. */
export function chainOfThree(options: Partial<ChainOptions> = {}): RedemptionChain {
  const made = new RedemptionChain({
    providers: [{ devices: 10 }, { devices: 10 }, { devices: 10 }, { devices: 10 }],
    ...options,
  })
  made.run(() => {
    made.fund(ALICE, 1, coins(300))
    made.fund(BOB, 2, coins(300))
    made.fund(CAROL, 3, coins(300))
  })
  return made
}

/** A request in a block of its own. */
export function ask(c: RedemptionChain, wallet: number, amount: number, provider = 0): void {
  c.run(() => assert.equal(c.request(wallet, coins(amount), { provider }), undefined))
}
