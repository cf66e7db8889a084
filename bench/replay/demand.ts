// What clients redeem, and its delivery: requests, grants and signed vouchers. Everything granted is delivered in full.
// Not: who serves whom (state/modules/redemption).
import { assert, mustExist } from '../../base/assert.ts'
import { bytesKey, utf8 } from '../../base/bytes.ts'
import { signHash } from '../../base/crypto/secp256k1.ts'
import { ZERO_ADDRESS, ZERO_HASH } from '../../base/ids.ts'
import { COIN, mulDivFloor, PPM } from '../../base/units.ts'
import type { ReadContext } from '../../state/context.ts'
import { currentWindow } from '../../state/modules/capacity/windows.ts'
import { SERVICES } from '../../state/modules/catalogue/schema.ts'
import { redemptionQueries } from '../../state/modules/redemption/queries.ts'
import { redemptionSchema } from '../../state/modules/redemption/schema.ts'
import { PAGE_MAX } from '../../state/modules/redemption/shapes.ts'
import { redemptionParams, redemptionTables } from '../../state/modules/redemption/tables.ts'
import { digestOf } from '../../state/modules/redemption/vouchers.ts'
import { act, type Call } from './chain.ts'
import { balanceOf } from './market.ts'
import { clients, operators, type Wallet } from './wallets.ts'

/** What of its balance a client redeems a day. */
const DAILY_PPM = 10_000n
const LEAST_BASE = COIN / 10n

const byAddress: ReadonlyMap<string, Wallet> = new Map(
  clients.map((client) => [bytesKey(client.address), client]),
)

/** Each client's request of a day; the services take turns. */
export function requests(ctx: ReadContext, day: number): readonly Call[] {
  return clients.flatMap((client, i) => {
    const amountBase = mulDivFloor(balanceOf(ctx, client), DAILY_PPM, PPM)
    if (amountBase < LEAST_BASE) return []
    const service = SERVICES[(day + i) % SERVICES.length]!
    const free = { provider: 0, ratingMin: 0n, region: '', startBy: 0, finishBy: 0 }
    const keys = { jobHash: ZERO_HASH, clientKey: new Uint8Array(32), voucherKey: ZERO_ADDRESS }
    return [act(client, redemptionSchema, 'request', { amountBase, service, ...free, ...keys })]
  })
}

/** Open assignments of a provider in a window. */
function* assignmentsOf(ctx: ReadContext, provider: number, window: number) {
  let cursor = 0
  do {
    const at = { provider, window, cursor, limit: PAGE_MAX }
    const { assignments, nextCursor } = redemptionQueries.assignments(ctx, at)
    yield* assignments
    cursor = nextCursor
  } while (cursor !== 0)
}

/** Access for everything that is assigned and has none. */
export function grants(ctx: ReadContext): readonly Call[] {
  const { assignAhead } = redemptionParams.get(ctx.state)
  const now = currentWindow(ctx.state)
  return operators.flatMap((operator) =>
    Array.from({ length: assignAhead }, (_, k) => [...assignmentsOf(ctx, operator.id, now + 1 + k)]).flatMap(
      (assignments) =>
        assignments
          .filter(({ grantedAtMs }) => grantedAtMs === 0)
          .map(({ redemptionId, assignment }) => {
            const args = { id: redemptionId, assignment, ciphertext: utf8('sealed for the client') }
            return act(operator, redemptionSchema, 'grant', args)
          }),
    ),
  )
}

export interface Delivered {
  readonly calls: readonly Call[]
  readonly deliveredBase: bigint
}

/** The vouchers of a window that is about to end, signed by the clients and handed in by the providers. */
export function settlements(ctx: ReadContext): Delivered {
  const window = currentWindow(ctx.state)
  const calls: Call[] = []
  let deliveredBase = 0n
  for (const operator of operators)
    for (const { redemptionId: id, assignment, amountBase, grantedAtMs } of assignmentsOf(
      ctx,
      operator.id,
      window,
    )) {
      assert(grantedAtMs > 0, 'what is assigned was granted in time')
      const { owner } = redemptionTables.redemption.mustGet(ctx.state, { id })
      const client = mustExist(byAddress.get(bytesKey(owner)), 'only clients redeem')
      const voucher = { id, assignment, provider: operator.address, deliveredBase: amountBase }
      const signature = signHash(digestOf(ctx.block, voucher), client.secretKey)
      const args = { id, assignment, deliveredBase: amountBase, signature }
      calls.push(act(operator, redemptionSchema, 'settle', args))
      deliveredBase += amountBase
    }
  return { calls, deliveredBase }
}
