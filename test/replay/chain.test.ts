import { strict as assert } from 'node:assert'
import { AssertionFailed } from '../../base/assert.ts'
import { COIN } from '../../base/units.ts'
import { auditModule } from '../../bench/replay/audits.ts'
import { START_MS } from '../../bench/replay/calendar.ts'
import { act, pay, ReplayChain, ReplayFault } from '../../bench/replay/chain.ts'
import { readHistory } from '../../bench/replay/history.ts'
import { replayGenesis } from '../../bench/replay/replayGenesis.ts'
import { WorldStock } from '../../bench/replay/stock.ts'
import { clients, operators, savers } from '../../bench/replay/wallets.ts'
import { mintCoins } from '../../state/modules/accounts/ledger.ts'
import { issuanceSchema } from '../../state/modules/issuance/schema.ts'
import { MODULES } from '../../state/registry.ts'

const HOUR_MS = 3_600_000

function newChain(): ReplayChain {
  const stock = new WorldStock(readHistory())
  const document = replayGenesis({ day: 0, anchorPpm: 388_000n, priceBase: 2_430_000n, stock })
  return new ReplayChain(document, [...MODULES, auditModule])
}

describe('replay.chain', () => {
  it('stops when a transaction fails, and names the rule', () => {
    const chain = newChain()
    const [operator] = operators
    const mint = act(operator!, issuanceSchema, 'mint', {
      to: operator!.address,
      amountBase: 10n ** 9n * COIN,
    })
    assert.throws(
      () => chain.next([mint], START_MS + HOUR_MS),
      (error) =>
        error instanceof ReplayFault && /issuance\.mint of alder fails: QuotaExceeded/.test(error.message),
    )
    chain.close()
  })

  it('stops when an invariant does not hold', () => {
    const chain = newChain()
    chain.next([pay(clients[0]!, savers[0]!, COIN)], START_MS + HOUR_MS)
    chain.recount()
    // Coins that nobody owes.
    const ctx = { ...chain.context(), state: chain.state, emit: () => {} }
    mintCoins(ctx, { to: clients[0]!.address, amountBase: 1n })
    assert.throws(() => chain.recount(), /invariant 2/)
    assert.throws(() => chain.next([], START_MS + 2 * HOUR_MS), AssertionFailed)
    chain.close()
  })
})
