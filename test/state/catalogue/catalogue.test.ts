import { strict as assert } from 'node:assert'
import { AssertionFailed } from '../../../base/assert.ts'
import {
  addClass,
  classIds,
  effectiveRatings,
  getClass,
  getRatings,
  leastRating,
  setReferences,
} from '../../../state/modules/catalogue/classes.ts'
import { catalogueModule } from '../../../state/modules/catalogue/module.ts'
import { catalogueTables } from '../../../state/modules/catalogue/tables.ts'
import { blockContext, TestChain } from '../../support/chainHarness.ts'

function catalogue() {
  const chain = new TestChain()
  const state = chain.full
  const ctx = { state, block: blockContext(), emit: () => undefined }
  const h100 = getClass(state, 1)!
  addClass(ctx, 7, { ...h100, slug: 'new-1', trainPpm: 1_333_333n, inferPpm: 900_001n, specOnly: true })
  return { chain, state, ctx, h100 }
}

describe('catalogue.addClass', () => {
  it('lists classes by id and asserts a new id', () => {
    const { chain, state, ctx, h100 } = catalogue()
    assert.deepEqual(classIds(state), [1, 7])
    assert.throws(() => addClass(ctx, 7, { ...h100, slug: 'other' }), AssertionFailed)
    assert.deepEqual(chain.recount(), [])
  })

  it('has an invariant that detects two classes with the same slug', () => {
    const { chain, ctx, h100 } = catalogue()
    addClass(ctx, 8, h100)
    assert.deepEqual(chain.recount(), ['catalogue.index: two classes have the same slug'])
  })
})

describe('catalogue.references', () => {
  const reference = { model: 'llama2-70b', tokensPerHour: 13_747_791, source: 'a round' }

  it('are listed by class, and absent where there are none', () => {
    const { chain, ctx } = catalogue()
    setReferences(ctx, 7, [reference, { ...reference, model: 'llama3.1-8b' }])
    setReferences(ctx, 1, [])
    const listed = catalogueModule.rules.queries.references!(ctx, {} as never) as readonly {
      classId: number
      model: string
    }[]
    assert.deepEqual(
      listed.map(({ classId, model }) => [classId, model]),
      [
        [7, 'llama2-70b'],
        [7, 'llama3.1-8b'],
      ],
    )
    assert.deepEqual(chain.recount(), [])
  })

  it('are asserted to be of a class, one per model, and possible', () => {
    const { ctx } = catalogue()
    const wrong = [
      [reference, reference],
      [{ ...reference, tokensPerHour: 0 }],
      [{ ...reference, model: '' }],
    ]
    for (const references of wrong) assert.throws(() => setReferences(ctx, 7, references), AssertionFailed)
    assert.throws(() => setReferences(ctx, 8, [reference]), AssertionFailed)
  })

  it('have an invariant that detects some of no class', () => {
    const { chain, state, ctx } = catalogue()
    setReferences(ctx, 7, [reference])
    catalogueTables.references.set(state, { id: 9 }, { references: [reference] })
    assert.match(chain.recount().join(), /references of no class/)
  })
})

describe('catalogue.ratings', () => {
  it('count in full with a benchmark, and reduced and rounded down without', () => {
    const { state } = catalogue()
    assert.deepEqual(getRatings(state, 1), { train: 1_000_000n, finetune: 1_000_000n, infer: 1_000_000n })
    assert.deepEqual(getRatings(state, 7), { train: 999_999n, finetune: 750_000n, infer: 675_000n })
    assert.equal(getRatings(state, 2), undefined)
    assert.equal(leastRating(getRatings(state, 7)!), 675_000n)
    assert.equal(effectiveRatings(getClass(state, 7)!, 1_000_000n).train, 1_333_333n)
  })
})

describe('catalogue.queries', () => {
  it('return effective ratings beside the published ones', () => {
    const { state } = catalogue()
    const ctx = { state, block: blockContext() }
    const { queries } = catalogueModule.rules
    const listed = queries.classes!(ctx, {} as never) as readonly {
      id: number
      effective: { train: bigint }
    }[]
    assert.deepEqual(
      listed.map((c) => [c.id, c.effective.train]),
      [
        [1, 1_000_000n],
        [7, 999_999n],
      ],
    )
    assert.equal(queries.class!(ctx, { id: 3 } as never), undefined)
    assert.deepEqual(queries.rating!(ctx, { id: 7 } as never), getRatings(state, 7))
  })
})
