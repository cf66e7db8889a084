// Puts coins into the queue (ECONOMY §6). Not: what follows (redeemer.ts).
import { type Hash32, ZERO_HASH } from '../../base/ids.ts'
import type { Service } from '../../state/modules/catalogue/schema.ts'
import type { Account } from '../accounts/account.ts'
import type { ChainClient } from '../chainClient.ts'
import { eventsOf } from '../logs.ts'
import { redemption } from '../modules.ts'
import type { RedeemKeys } from './keys.ts'
import { RedeemError } from './redeemError.ts'

/** What a request for redemption says; everything left out is no constraint. */
export interface RedeemRequest {
  readonly amountBase: bigint
  readonly service: Service
  readonly provider?: number
  /** Least rating for the service, ppm. */
  readonly ratingMin?: bigint
  readonly region?: string
  /** Latest windows in which delivery may begin, and end. */
  readonly startBy?: number
  readonly finishBy?: number
  readonly jobHash?: Hash32
}

/**
 * Puts coins into the queue, with the keys that its grants are sealed to and its vouchers signed by. Resolves with the redemption's
 * id once the request is final. Throws what `ChainClient.send` does.
 */
export async function requestRedemption(
  client: ChainClient,
  account: Account,
  keys: Pick<RedeemKeys, 'clientKey' | 'voucherKey'>,
  request: RedeemRequest,
): Promise<number> {
  const { amountBase, service, provider = 0, ratingMin = 0n, region = '' } = request
  const { startBy = 0, finishBy = 0, jobHash = ZERO_HASH } = request
  const { clientKey, voucherKey } = keys
  const constraints = { provider, ratingMin, region, startBy, finishBy, jobHash }
  const call = redemption.request({ amountBase, service, ...constraints, clientKey, voucherKey })
  const receipt = await client.send(account, call)
  const requested = eventsOf(redemption, receipt.logs).find(({ name }) => name === 'Requested')
  if (requested?.name !== 'Requested') throw new RedeemError('wire', 'the receipt tells of no request')
  return requested.args.id
}
