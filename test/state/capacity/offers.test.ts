// What the index says that lots offer, beside a look at every lot group.
import assert from 'node:assert/strict'
import { getGroup, groupIdsOf, offers } from '../../../state/modules/capacity/groups.ts'
import { isRatingOffered } from '../../../state/modules/capacity/offers.ts'
import { SERVICES } from '../../../state/modules/catalogue/schema.ts'
import { catalogueTables } from '../../../state/modules/catalogue/tables.ts'
import { RedemptionChain } from '../../support/redemptionFixture.ts'

const PROVIDERS = [1, 2, 3]
const REGIONS = ['', 'tw-north', 'us-east', 'nowhere']
const RATINGS = [0n, 500_000n, 1_000_000n, 1_000_001n, 2_000_000n]

/** Compares the index with all lot groups, for all terms; returns how many terms are met. */
function compare(c: RedemptionChain): number {
  const groups = PROVIDERS.flatMap((id) => groupIdsOf(c.state, id)).map((id) => getGroup(c.state, id)!)
  let met = 0
  for (const service of SERVICES)
    for (const provider of [0, ...PROVIDERS])
      for (const region of REGIONS)
        for (const ratingMin of RATINGS) {
          const expected = groups.some(
            (group) =>
              (provider === 0 || group.provider === provider) &&
              (region === '' || group.region === region) &&
              offers(group, service) &&
              group.inForce[service] >= ratingMin,
          )
          const terms = `${service} of ${provider} in '${region}' at ${ratingMin}`
          assert.equal(isRatingOffered(c.state, { service, provider, region }, ratingMin), expected, terms)
          met += Number(expected)
        }
  return met
}

describe('capacity.offers', () => {
  it('are what the lot groups of a provider, or of any, have in a region, or in any', () => {
    const c = new RedemptionChain({ providers: PROVIDERS.map(() => ({ devices: 1 })) })
    const counts = [compare(c)]
    c.addLot(2, { classId: 2, devices: 1, region: 'us-east' })
    c.addLot(3, { classId: 3, devices: 1, region: 'us-east', services: 1 })
    counts.push(compare(c))
    // A cut is in force from the window's end on, and taken back with the next one.
    const record = catalogueTables.class.mustGet(c.state, { id: 2 })
    for (const trainPpm of [400_000n, record.trainPpm]) {
      c.run(() => catalogueTables.class.set(c.state, { id: 2 }, { ...record, trainPpm }))
      c.endWindow()
      counts.push(compare(c))
    }
    const [first, more, fewer, again] = counts
    assert.ok(first! < more! && fewer! < more! && again === more, counts.join())
  })
})
