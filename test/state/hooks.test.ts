import { strict as assert } from 'node:assert'
import { defineModule } from '../../base/moduleDefinition.ts'
import { atLeast, param } from '../../base/parameters.ts'
import { t } from '../../base/schema.ts'
import { dueAtMs, hasWork } from '../../state/hooks.ts'
import { accountsParams, accountsTables } from '../../state/modules/accounts/tables.ts'
import { MemoryState } from '../../state/overlay.ts'
import { writeParameters } from '../../state/parameters.ts'
import { readReserve } from '../../state/reserve.ts'
import { type Hooks, implement, type Module, type Rules } from '../../state/rules.ts'
import { paramsOf } from '../../state/table.ts'
import { isUpgrading, openVersion } from '../../state/upgrade.ts'
import { LEDGER_MODULES, TestChain } from '../support/chainHarness.ts'

const EMPTY = { doc: 'A module of the test.', records: {}, errors: {}, events: {}, actions: {}, queries: {} }
const size = param({ field: t.u32, doc: 'A size.', main: 5, check: atLeast(1) })

function defineTest(name: string, id: number, since = 1) {
  return defineModule({ ...EMPTY, name, id, since, params: { size } })
}
type Definition = ReturnType<typeof defineTest>

function moduleOf(definition: Definition, hooks: Partial<Rules<Definition>>): Module {
  return implement(definition, { actions: {}, queries: {}, ...hooks })
}

const first = defineTest('first', 220)
const second = defineTest('second', 221)

/** A chain of the ledger's modules and these, with the parameters of these in state. */
function chainOf(...modules: readonly Module[]): TestChain {
  const chain = new TestChain({ modules: [...LEDGER_MODULES, ...modules] })
  for (const { definition } of modules)
    writeParameters(chain.full, modules, { [definition.name]: { size: 5 } })
  return chain
}

/** Puts a version into force for the next block. */
function setVersion(chain: Pick<TestChain, 'full'>, protocolVersion: number): void {
  accountsParams.set(chain.full, { ...accountsParams.get(chain.full), protocolVersion })
}

/** Builds the next block; a proposer's run alone, so that hooks run once. */
function build(chain: TestChain) {
  const { executed } = chain.build([])
  chain.commit(executed)
  return executed
}

describe('hooks: a block', () => {
  const noting = (ran: string[], name: string, more: Partial<Rules<Definition>> = {}) => ({
    beginBlock: () => void ran.push(`${name}.beginBlock`),
    endBlock: () => void ran.push(`${name}.endBlock`),
    onWindowEnd: (_: unknown, ended: number) => void ran.push(`${name}.onWindowEnd ${ended}`),
    onParametersChanged: () => void ran.push(`${name}.onParametersChanged`),
    ...more,
  })

  it('that ends no window runs beginBlock and endBlock in registry order', () => {
    const ran: string[] = []
    const clock = noting(ran, 'second', { endWindow: () => undefined })
    build(chainOf(moduleOf(first, noting(ran, 'first')), moduleOf(second, clock)))
    assert.deepEqual(ran, ['first.beginBlock', 'second.beginBlock', 'first.endBlock', 'second.endBlock'])
  })

  it('that ends a window changes parameters, then tells every module of it, then of the window', () => {
    const ran: string[] = []
    const due = noting(ran, 'second', { endWindow: () => 7, dueParameters: () => ({ first: { size: 8 } }) })
    const chain = chainOf(
      moduleOf(first, {
        ...noting(ran, 'first'),
        onParametersChanged: ({ state }, before) =>
          void ran.push(`first changed ${before.of(first).size} to ${paramsOf(first).get(state).size}`),
      }),
      moduleOf(second, due),
    )
    build(chain)
    assert.deepEqual(ran.slice(2), [
      'first changed 5 to 8',
      'second.onParametersChanged',
      'first.onWindowEnd 7',
      'second.onWindowEnd 7',
      'first.endBlock',
      'second.endBlock',
    ])
    assert.deepEqual(paramsOf(first).get(chain.full), { size: 8 })
    assert.deepEqual(paramsOf(second).get(chain.full), { size: 5 })
  })

  it('changes no parameters except at the end of a window, and calls nobody when none are due', () => {
    const ran: string[] = []
    const running = { endWindow: () => undefined, dueParameters: () => ({ first: { size: 8 } }) }
    const chain = chainOf(
      moduleOf(first, noting(ran, 'first')),
      moduleOf(second, noting(ran, 'second', running)),
    )
    build(chain)
    assert.deepEqual(paramsOf(first).get(chain.full), { size: 5 })
    const quiet = noting(ran, 'second', { endWindow: () => 1, dueParameters: () => undefined })
    build(chainOf(moduleOf(first, noting(ran, 'first')), moduleOf(second, quiet)))
    assert.deepEqual(
      ran.filter((what) => what.endsWith('Changed')),
      [],
    )
  })

  it('halts on due parameters that break a rule, and on two window clocks', () => {
    const invalid = { endWindow: () => 1, dueParameters: () => ({ first: { size: 0 } }) }
    const broken = chainOf(moduleOf(first, {}), moduleOf(second, invalid))
    assert.throws(() => broken.build([]), /due parameters are valid: first\.size: expected at least 1/)
    const clock = { endWindow: () => undefined }
    const two = chainOf(moduleOf(first, clock), moduleOf(second, clock))
    assert.throws(() => two.build([]), /at most one module keeps the window clock/)
  })
})

describe('hooks: onActivate', () => {
  /** `first` takes three steps for version 2 and one for version 3; `second`, new in version 3, takes one. */
  function upgrading() {
    const ran: string[] = []
    const step =
      (name: string, last: number): NonNullable<Hooks['onActivate']> =>
      ({ block }, { version, cursor }) => {
        ran.push(`${block.height}: ${name} version ${version} from ${cursor}`)
        return version === 2 && cursor < last ? cursor + 1 : undefined
      }
    const later = defineTest('second', 221, 3)
    const modules = [
      moduleOf(first, { onActivate: step('first', 2) }),
      moduleOf(later, { onActivate: step('second', 0) }),
    ]
    return { ran, chain: chainOf(...modules) }
  }
  const next = { height: 2, parentEndsEpoch: false }

  it('is not called while the version stays', () => {
    const { ran, chain } = upgrading()
    build(chain)
    assert.deepEqual(ran, [])
    assert.equal(accountsTables.upgrade.has(chain.full, {}), false)
  })

  it('goes on in later blocks from where it stopped, and no module starts before those ahead are done', () => {
    const { ran, chain } = upgrading()
    build(chain)
    setVersion(chain, 3)
    for (let i = 0; i < 5; i++) {
      assert.equal(hasWork(chain.chain.modules, chain.full, next), i < 3, `before block ${i + 2}`)
      build(chain)
    }
    assert.deepEqual(ran, [
      '2: first version 2 from 0',
      '3: first version 2 from 1',
      '4: first version 2 from 2',
      '4: first version 3 from 0',
      '4: second version 3 from 0',
    ])
    assert.deepEqual(accountsTables.upgrade.get(chain.full, {}), { version: 3, module: 0, cursor: 0 })
  })

  it('must advance its cursor', () => {
    const chain = chainOf(moduleOf(first, { onActivate: (_, { cursor }) => cursor }))
    setVersion(chain, 2)
    assert.throws(() => chain.build([]), /first\.onActivate advances/)
  })

  it('has nothing to do on a chain that began with the version', () => {
    const { ran, chain } = upgrading()
    setVersion(chain, 3)
    openVersion(chain.full, 3)
    assert.equal(isUpgrading(chain.full), false)
    build(chain)
    assert.deepEqual(ran, [])
    const fresh = new MemoryState()
    openVersion(fresh, 1)
    assert.equal(accountsTables.upgrade.has(fresh, {}), false)
  })
})

describe('hooks: due and work', () => {
  const later = defineTest('second', 221, 2)
  const modulesOf = (rules: Partial<Rules<Definition>>) => [
    moduleOf(first, { dueAtMs: () => 500, hasWork: () => false }),
    moduleOf(later, rules),
  ]
  const next = { height: 9, parentEndsEpoch: true }

  it('dueAtMs is the earliest of the live modules', () => {
    const { full } = new TestChain()
    assert.equal(dueAtMs([], full), Number.POSITIVE_INFINITY)
    assert.equal(dueAtMs(modulesOf({}), full), 500)
    assert.equal(dueAtMs(modulesOf({ dueAtMs: () => 400 }), full), 500)
    setVersion({ full }, 2)
    assert.equal(dueAtMs(modulesOf({ dueAtMs: () => 400 }), full), 400)
    assert.equal(dueAtMs(modulesOf({ dueAtMs: () => undefined }), full), 500)
  })

  it('hasWork asks the live modules about the next block', () => {
    const { full } = new TestChain()
    const asked: unknown[] = []
    const modules = modulesOf({
      hasWork: (_, about) => {
        asked.push(about)
        return true
      },
    })
    assert.equal(hasWork(modules, full, next), false)
    setVersion({ full }, 2)
    openVersion(full, 2)
    assert.equal(hasWork(modules, full, next), true)
    assert.deepEqual(asked, [next])
  })
})

describe('hooks: reserve', () => {
  it('joins the fields that modules give; those of absent modules are 0', () => {
    const { full, parent } = new TestChain({ balances: { alice: 5n } })
    const modules = [
      ...LEDGER_MODULES,
      moduleOf(first, { reserve: () => ({ anchor: 3n, shortfallBase: 4n }) }),
    ]
    const reserve = readReserve(modules, full)
    assert.deepEqual(reserve, { ...parent.header.reserve, supplyBase: 5n, anchor: 3n, shortfallBase: 4n })
    assert.equal(reserve.capacityBase, 0n)
  })

  it('asserts that no two modules give the same field', () => {
    const { full } = new TestChain()
    const supply = moduleOf(first, { reserve: () => ({ supplyBase: 1n }) })
    assert.throws(
      () => readReserve([...LEDGER_MODULES, supply], full),
      /supplyBase .* is from accounts and first/,
    )
  })
})
