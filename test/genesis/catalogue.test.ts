import { strict as assert } from 'node:assert'
import { loadCatalogue } from '../../genesis/catalogue.ts'
import { parseCsv } from '../../genesis/catalogueFiles.ts'

describe('genesis.catalogue', () => {
  const classes = loadCatalogue()
  const bySlug = new Map(classes.map((c) => [c.classId, c]))

  it('rates the reference device at exactly one', () => {
    const reference = bySlug.get('h100-sxm')
    assert.ok(reference)
    assert.deepEqual(
      [reference.ratingTrain, reference.ratingFinetune, reference.ratingInfer],
      [1_000_000n, 1_000_000n, 1_000_000n],
    )
    assert.equal(reference.specOnly, false)
    assert.equal(reference.memoryGb, 80)
  })

  it('omits rows of low confidence', () => {
    for (const slug of ['ascend-910b', 'ascend-910c', 'h200-nvl']) assert.equal(bySlug.has(slug), false)
    assert.ok(classes.length >= 50)
  })

  it('marks exactly the classes without a benchmark', () => {
    assert.equal(bySlug.get('a100-sxm-80')?.specOnly, true)
    assert.equal(bySlug.get('mi300x')?.specOnly, false)
  })

  it('lists classes in byte order with distinct evidence', () => {
    const slugs = classes.map((c) => c.classId)
    assert.deepEqual(slugs, [...slugs].sort())
    assert.equal(new Set(classes.map((c) => c.evidenceHash.join())).size, classes.length)
  })
})

describe('genesis.parseCsv', () => {
  it('parses quoted cells with commas and quotes', () => {
    const [row] = parseCsv('a,b\n"x, ""y""",2\n')
    assert.equal(row?.cells.get('a'), 'x, "y"')
    assert.equal(row?.cells.get('b'), '2')
  })

  it('rejects a row of the wrong width', () => {
    assert.throws(() => parseCsv('a,b\n1\n'), /row 2: 1 cells, expected 2/)
  })
})
