import { strict as assert } from 'node:assert'
import { readFileSync } from 'node:fs'
import { loadCatalogue } from '../../genesis/catalogue.ts'
import { parseCsv } from '../../genesis/catalogueFiles.ts'
import { isReferenceResult, loadReferences, referencesOf } from '../../genesis/references.ts'

describe('genesis.references', () => {
  // From dist/test/genesis to the package root.
  const text = readFileSync(new URL('../../../genesis/data/mlperf_inference.csv', import.meta.url), 'utf8')
  const rows = parseCsv(text)
  const references = loadReferences()

  it('are of one round, and only of results that count', () => {
    assert.ok(rows.length > 80)
    assert.ok(rows.every(({ cells }) => isReferenceResult(cells)))
    assert.deepEqual([...new Set(rows.map(({ cells }) => cells.get('round')))], ['v5.1'])
  })

  it('are the median of what was measured, per device and hour', () => {
    const found = references.get('h200-sxm')?.find(({ model }) => model === 'llama2-70b')
    const measured = rows
      .filter(
        ({ cells }) => cells.get('class_id') === 'h200-sxm' && cells.get('benchmark') === 'llama2-70b-99',
      )
      .map(({ cells }) => Number(cells.get('per_accelerator')))
      .sort((a, b) => a - b)
    assert.equal(measured.length, 8)
    assert.equal(found?.tokensPerHour, Math.floor(measured[3]! * 3_600))
    assert.match(found!.source, /^MLPerf Inference v5\.1, closed\/available, server: median of 8 results$/)
  })

  it('take both spellings of a model for one', () => {
    const models = references.get('h200-sxm')!.map(({ model }) => model)
    assert.deepEqual(models, ['llama2-70b', 'llama3.1-405b', 'llama3.1-8b', 'mixtral-8x7b'])
  })

  it('are few: classes without a result have none', () => {
    const classes = loadCatalogue().map(({ classId }) => classId)
    assert.ok(classes.includes('a100-sxm-80') && !references.has('a100-sxm-80'))
    assert.ok(['h100-sxm', 'h200-sxm', 'b200-sxm', 'mi300x'].every((slug) => references.has(slug)))
  })

  it('refuse a row that does not count, and one that is no number', () => {
    const [head, first] = text.split('\n')
    const preview = first!.replace('closed/available', 'closed/preview')
    assert.throws(() => referencesOf(`${head}\n${preview}\n`), /does not count/)
    const value = rows[0]!.cells.get('per_accelerator')!
    assert.throws(() => referencesOf(`${head}\n${first!.replace(value, 'many')}\n`), /many is no number/)
  })
})
