import assert from 'node:assert/strict'
import { AssertionFailed } from '../../base/assert.ts'
import { defineModule, type ModuleDef, presetOf } from '../../base/moduleDefinition.ts'
import { between, PRESETS, param } from '../../base/parameters.ts'
import { t } from '../../base/schema.ts'
import { PPM } from '../../base/units.ts'
import { DEV_PARAMETERS, type Parameters } from '../../genesis/parameters.ts'
import { MemoryState } from '../../state/overlay.ts'
import type { Sections } from '../../state/parameterRules.ts'
import { checkParameters, readParameters, writeParameters } from '../../state/parameters.ts'
import { MODULES } from '../../state/registry.ts'
import { implement, type Module } from '../../state/rules.ts'
import { schemas } from '../../state/schemas.ts'

const FACTS = { protocolVersion: 1, providerCount: 4, groupCount: 4 }

/** The fault of the dev set with some parameters of one module changed. */
function fault<M extends keyof Parameters>(module: M, change: Partial<Parameters[M]>) {
  const sections = { ...DEV_PARAMETERS, [module]: { ...DEV_PARAMETERS[module], ...change } }
  return checkParameters(MODULES, sections, FACTS)
}

describe('parameters.checkParameters', () => {
  it('accepts the sets of ECONOMY §13', () => {
    for (const preset of PRESETS) {
      assert.equal(checkParameters(MODULES, presetOf(schemas, preset), FACTS), undefined, preset)
    }
  })

  it('requires m ≥ G_K', () => {
    assert.equal(fault('issuance', { marginPpm: 1_485_956n }), undefined)
    assert.deepEqual(fault('issuance', { marginPpm: 1_485_955n }), {
      path: 'issuance.marginPpm',
      reason: '1485955 is below 1485956, the growth of the anchor over 20 windows',
    })
  })

  it('names the path of every other value out of range', () => {
    const paths = [
      ['accounts.protocolVersion', fault('accounts', { protocolVersion: 0 })],
      ['accounts.protocolVersion', fault('accounts', { protocolVersion: 9 })],
      ['providers.epochBlocksMax', fault('providers', { epochBlocksMax: 1 })],
      ['oracle.driftPpm', fault('oracle', { driftPpm: PPM + 1n })],
      ['capacity.horizonWindows', fault('capacity', { horizonWindows: 121 })],
      ['capacity.horizonWindows', fault('capacity', { horizonWindows: 3 })],
      ['capacity.windowMs', fault('capacity', { windowMs: 999 })],
      ['capacity.windowHours', fault('capacity', { windowHours: 0 })],
      ['capacity.lotsPerProviderMax', fault('capacity', { lotsPerProviderMax: 257 })],
      ['capacity.availabilityHaircutPpm', fault('capacity', { availabilityHaircutPpm: PPM + 1n })],
      ['capacity.coverN', fault('capacity', { coverN: 0 })],
      ['capacity.coverN', fault('capacity', { coverN: 17 })],
      ['capacity.coverN', fault('capacity', { coverN: 4 })],
      // Three of four groups would do, but not beyond the first quarter of twelve windows.
      ['capacity.coverN', fault('capacity', { coverN: 3, horizonWindows: 12 })],
      ['capacity.crumbBase', fault('capacity', { crumbBase: 0n })],
      ['capacity.recountStepsMax', fault('capacity', { recountStepsMax: 0 })],
      ['capacity.recountStepsMax', fault('capacity', { recountStepsMax: 50 })],
      ['oracle.priceFreshWindows', fault('oracle', { priceFreshWindows: 0 })],
      ['issuance.lockFloorPpm', fault('issuance', { lockFloorPpm: 500_001n })],
      ['issuance.bondMaintenancePpm', fault('issuance', { bondMaintenancePpm: 200_001n })],
      ['issuance.retainPpm', fault('issuance', { retainPpm: PPM + 1n })],
      ['issuance.frontLoadPpm', fault('issuance', { frontLoadPpm: PPM + 1n })],
      ['redemption.assignAhead', fault('redemption', { assignAhead: 0 })],
      ['redemption.assignAhead', fault('redemption', { assignAhead: 3 })],
      ['redemption.openRequestsMax', fault('redemption', { stepsPerBlockMax: 32 })],
      ['governance.approvalPpm', fault('governance', { approvalPpm: 666_666n })],
      ['governance.approvalPpm', fault('governance', { approvalPpm: PPM })],
      ['governance.votingMs', fault('governance', { votingMs: 0 })],
      ['governance.memberLockWindows', fault('governance', { memberLockWindows: 121 })],
      ['capacity.coverN', checkParameters(MODULES, DEV_PARAMETERS, { ...FACTS, groupCount: 1 })],
      ['governance.openPerMemberMax', fault('governance', { openPerMemberMax: 0 })],
      ['governance.openPerMemberMax', fault('governance', { openPerMemberMax: 5 })],
    ] as const
    for (const [path, found] of paths) assert.equal(found?.path, path)
  })

  it('rejects a value outside its field, a missing section and an unknown one', () => {
    assert.equal(fault('capacity', { windowMs: -1 })?.path, 'capacity.windowMs')
    const { oracle, ...rest } = DEV_PARAMETERS
    assert.deepEqual(checkParameters(MODULES, rest, FACTS), { path: 'oracle', reason: 'missing' })
    assert.equal(checkParameters(MODULES, { ...DEV_PARAMETERS, orcale: oracle }, FACTS)?.path, 'orcale')
  })
})

const EMPTY = { doc: 'A module of the test.', records: {}, errors: {}, events: {}, actions: {}, queries: {} }

function moduleOf(definition: ModuleDef, checkOwn?: Module['rules']['checkParameters']): Module {
  const rules = { actions: {}, queries: {}, ...(checkOwn === undefined ? {} : { checkParameters: checkOwn }) }
  return implement(definition, rules as never)
}

describe('parameters of several versions', () => {
  const early = defineModule({
    ...EMPTY,
    name: 'early',
    id: 240,
    params: {
      size: param({ field: t.u32, doc: 'A size.', main: 3, check: between(1, 9) }),
      spare: param({ field: t.u32, doc: 'Gone after version 1.', main: 4, check: between(4, 4), until: 1 }),
      depth: param({ field: t.u32, doc: 'New in version 2.', main: 5, check: between(2, 9), since: 2 }),
    },
  })
  const late = defineModule({
    ...EMPTY,
    name: 'late',
    id: 239,
    since: 2,
    params: { width: param({ field: t.u32, doc: 'A width.', main: 7 }) },
  })
  const modules = [
    moduleOf(early),
    moduleOf(late, (own: { width: number }, all) =>
      own.width < all.of(early).size ? { path: 'width', reason: 'below early.size' } : undefined,
    ),
  ]
  const at = (protocolVersion: number, sections: Sections) =>
    checkParameters(modules, sections, { protocolVersion, providerCount: 0, groupCount: 0 })

  it('a later parameter is absent before its version and checked from it on', () => {
    assert.equal(at(1, { early: { size: 3, spare: 4 } }), undefined)
    assert.equal(at(1, { early: { size: 3, spare: 4, depth: 0 } }), undefined)
    assert.deepEqual(at(1, { early: { size: 3, spare: 4, depth: 5 } }), {
      path: 'early.depth',
      reason: 'unknown before version 2',
    })
    const two = { late: { width: 7 } }
    assert.equal(at(2, { early: { size: 3, spare: 4, depth: 5 }, ...two }), undefined)
    assert.equal(at(2, { early: { size: 3, spare: 4, depth: 1 }, ...two })?.path, 'early.depth')
  })

  it('a parameter that ended is not checked any more', () => {
    assert.equal(at(1, { early: { size: 3, spare: 5 } })?.path, 'early.spare')
    assert.equal(at(2, { early: { size: 3, spare: 5, depth: 5 }, late: { width: 7 } }), undefined)
  })

  it('a module has a section from its first version on', () => {
    assert.equal(at(1, { early: { size: 3, spare: 4 }, late: { width: 7 } })?.path, 'late')
    assert.equal(at(2, { early: { size: 3, spare: 4, depth: 5 } })?.path, 'late')
  })

  it('a module sees the parameters of those before it', () => {
    assert.deepEqual(at(2, { early: { size: 8, spare: 4, depth: 5 }, late: { width: 7 } }), {
      path: 'late.width',
      reason: 'below early.size',
    })
  })

  it('state has the sections of the modules of its version', () => {
    const state = new MemoryState()
    writeParameters(state, modules, { early: { size: 3, spare: 4 } })
    assert.deepEqual(readParameters(state, modules, 1), { early: { size: 3, spare: 4, depth: 0 } })
    writeParameters(state, modules, { late: { width: 7 } })
    assert.deepEqual(Object.keys(readParameters(state, modules, 2)), ['early', 'late'])
  })
})

describe('parameters.param', () => {
  it('asserts that each preset keeps the bounds', () => {
    const declare = (dev: number) => () => param({ field: t.u8, doc: '', main: 1, dev, check: between(1, 9) })
    assert.equal(declare(9)().test, 1)
    assert.throws(declare(10), AssertionFailed)
    assert.throws(declare(256), AssertionFailed)
  })
})
