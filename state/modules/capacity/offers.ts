// Which ratings attested lots offer, by service and region: tells at once whether any lot can meet a request's
// constraints. Owns: the index. Not: free hours, which any of these groups may lack.
import { assert } from '../../../base/assert.ts'
import { utf8 } from '../../../base/bytes.ts'
import { sha256 } from '../../../base/crypto/hash.ts'
import type { Hash32 } from '../../../base/ids.ts'
import type { StateReader, StateWriter } from '../../view.ts'
import { SERVICES, type Service } from '../catalogue/schema.ts'
import { type LotGroup, SERVICE_BITS } from './schema.ts'
import { capacityTables } from './tables.ts'

/** The empty region stands for all. */
function offerName(at: { readonly service: Service; readonly region: string }): Hash32 {
  return sha256(utf8(`suanli/capacity/offer/${at.service}/${at.region}`))
}

/** Adds a lot group to the index, or takes it out. */
export function changeOffers(
  state: StateWriter,
  group: Pick<LotGroup, 'services' | 'inForce' | 'region'>,
  change: 1 | -1,
): void {
  for (const service of SERVICES) {
    if ((group.services & SERVICE_BITS[service]) === 0) continue
    for (const region of ['', group.region])
      changeOffer(state, offerName({ service, region }), group.inForce[service], change)
  }
}

function changeOffer(state: StateWriter, name: Hash32, ratingPpm: bigint, change: 1 | -1): void {
  const known = capacityTables.offer.get(state, { name })?.ratings ?? []
  const count = (known.find((rating) => rating.ratingPpm === ratingPpm)?.count ?? 0) + change
  assert(count >= 0, 'a group leaves the index once')
  const others = known.filter((rating) => rating.ratingPpm !== ratingPpm)
  const ratings = (count === 0 ? others : [...others, { ratingPpm, count }]).sort((a, b) =>
    a.ratingPpm < b.ratingPpm ? -1 : 1,
  )
  if (ratings.length === 0) capacityTables.offer.delete(state, { name })
  else capacityTables.offer.set(state, { name }, { ratings })
}

/** Whether attested lots offer a service in a region, or in any, at a rating that is at least this high. */
export function isRatingOffered(
  state: StateReader,
  at: { readonly service: Service; readonly region: string },
  ratingMin: bigint,
): boolean {
  const highest = capacityTables.offer.get(state, { name: offerName(at) })?.ratings.at(-1)
  return highest !== undefined && highest.ratingPpm >= ratingMin
}
