// Which ratings attested lots offer, by service, provider and region: tells at once whether any lot can meet a request's
// constraints. Owns: the index. Not: free hours, which any of these groups may lack.
import { assert } from '../../../base/assert.ts'
import { utf8 } from '../../../base/bytes.ts'
import { sha256 } from '../../../base/crypto/hash.ts'
import type { Hash32 } from '../../../base/ids.ts'
import type { StateReader, StateWriter } from '../../view.ts'
import { SERVICES, type Service } from '../catalogue/schema.ts'
import { type LotGroup, SERVICE_BITS } from './schema.ts'
import { capacityTables } from './tables.ts'

interface Offered {
  readonly service: Service
  /** 0 stands for any. */
  readonly provider: number
  /** The empty region stands for all. */
  readonly region: string
}

function offerName({ service, provider, region }: Offered): Hash32 {
  return sha256(utf8(`suanli/capacity/offer/${service}/${provider}/${region}`))
}

type Kind = Pick<LotGroup, 'provider' | 'services' | 'region'>
type Ratings = LotGroup['inForce']

/** Adds a lot group with its ratings to the index, takes it out, or gives it other ratings; at most 12 records. */
export function changeOffers(
  state: StateWriter,
  group: Kind,
  change: { readonly from?: Ratings; readonly to?: Ratings },
): void {
  const { from, to } = change
  for (const service of SERVICES) {
    if ((group.services & SERVICE_BITS[service]) === 0 || from?.[service] === to?.[service]) continue
    for (const provider of [0, group.provider])
      for (const region of ['', group.region])
        changeOffer(state, offerName({ service, provider, region }), {
          from: from?.[service],
          to: to?.[service],
        })
  }
}

function changeOffer(
  state: StateWriter,
  name: Hash32,
  change: { readonly from: bigint | undefined; readonly to: bigint | undefined },
): void {
  const known = capacityTables.offer.get(state, { name })?.ratings ?? []
  const counts = new Map(known.map(({ ratingPpm, count }) => [ratingPpm, count]))
  const move = (ratingPpm: bigint | undefined, by: 1 | -1): void => {
    if (ratingPpm === undefined) return
    const count = (counts.get(ratingPpm) ?? 0) + by
    assert(count >= 0, 'a group leaves the index once')
    counts.set(ratingPpm, count)
  }
  move(change.from, -1)
  move(change.to, 1)
  const ratings = [...counts]
    .flatMap(([ratingPpm, count]) => (count === 0 ? [] : [{ ratingPpm, count }]))
    .sort((a, b) => (a.ratingPpm < b.ratingPpm ? -1 : 1))
  if (ratings.length === 0) capacityTables.offer.delete(state, { name })
  else capacityTables.offer.set(state, { name }, { ratings })
}

/** Whether attested lots of a provider, or of any, offer a service in a region, or in any, at a rating that is at least this high. */
export function isRatingOffered(state: StateReader, at: Offered, ratingMin: bigint): boolean {
  const highest = capacityTables.offer.get(state, { name: offerName(at) })?.ratings.at(-1)
  return highest !== undefined && highest.ratingPpm >= ratingMin
}
