import assert from 'node:assert/strict'
import { PPM } from '../../../base/units.ts'
import {
  checkParameters,
  DEV_PARAMETERS,
  MAIN_PARAMETERS,
  TEST_PARAMETERS,
} from '../../../state/modules/parameters.ts'

describe('parameters.checkParameters', () => {
  it('accepts the sets of ECONOMY §13', () => {
    for (const set of [MAIN_PARAMETERS, DEV_PARAMETERS, TEST_PARAMETERS])
      assert.equal(checkParameters(set), undefined)
  })

  it('requires m ≥ G_K', () => {
    const { issuance } = DEV_PARAMETERS
    assert.equal(
      checkParameters({ ...DEV_PARAMETERS, issuance: { ...issuance, marginPpm: 1_485_956n } }),
      undefined,
    )
    assert.deepEqual(
      checkParameters({ ...DEV_PARAMETERS, issuance: { ...issuance, marginPpm: 1_485_955n } }),
      {
        path: 'issuance.marginPpm',
        reason: '1485955 is below 1485956, the growth of the anchor over 20 windows',
      },
    )
  })

  it('names the path of every other value out of range', () => {
    const { oracle, capacity, issuance } = DEV_PARAMETERS
    const faults: readonly (readonly [string, object])[] = [
      ['oracle.driftPpm', { oracle: { ...oracle, driftPpm: PPM + 1n } }],
      ['capacity.horizonWindows', { capacity: { ...capacity, horizonWindows: 121 } }],
      ['capacity.horizonWindows', { capacity: { ...capacity, horizonWindows: 3 } }],
      ['capacity.windowMs', { capacity: { ...capacity, windowMs: 999 } }],
      ['capacity.windowHours', { capacity: { ...capacity, windowHours: 0 } }],
      ['capacity.lotsPerProviderMax', { capacity: { ...capacity, lotsPerProviderMax: 257 } }],
      ['capacity.availabilityHaircutPpm', { capacity: { ...capacity, availabilityHaircutPpm: PPM + 1n } }],
      ['capacity.coverN', { capacity: { ...capacity, coverN: 4 } }],
      ['issuance.bondMaintenancePpm', { issuance: { ...issuance, bondMaintenancePpm: 200_001n } }],
      ['issuance.retainPpm', { issuance: { ...issuance, retainPpm: PPM + 1n } }],
      ['issuance.frontLoadPpm', { issuance: { ...issuance, frontLoadPpm: PPM + 1n } }],
    ]
    for (const [path, change] of faults)
      assert.equal(checkParameters({ ...DEV_PARAMETERS, ...change })?.path, path)
  })
})
