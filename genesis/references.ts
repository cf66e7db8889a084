// Published throughputs of the catalogue's classes, from genesis/data/mlperf_inference.csv (genesis/data/README.md).
// Owns: which results are taken, and the median of them. Not: what a tariff makes of them (client/redemption/parity.ts).
import type { ModelReference } from '../state/modules/catalogue/schema.ts'
import { dataFile, parseCsv } from './catalogueFiles.ts'

/** The one round that is read: software alone moves a class by a half from round to round. */
const ROUND = 'v5.1'
/** What a gateway does: answers within bounds on the time to the first token and between tokens. */
const SCENARIO = 'server'
/** Systems that one can have; not previews, nor what was changed in the model. */
const DIVISION = 'closed/available'
/** Models as tariffs name them, by what submitters call the benchmark. */
const MODELS: ReadonlyMap<string, string> = new Map([
  ['deepseek-r1', 'deepseek-r1'],
  ['llama2-70b-99', 'llama2-70b'],
  ['llama3.1-405b', 'llama3.1-405b'],
  ['llama3_1-405b', 'llama3.1-405b'],
  ['llama3.1-8b', 'llama3.1-8b'],
  ['llama3_1-8b', 'llama3.1-8b'],
  ['mixtral-8x7b', 'mixtral-8x7b'],
])

type Cells = ReadonlyMap<string, string>

/** Whether a row of the collected results is one of those that count. */
export function isReferenceResult(cells: Cells): boolean {
  const is = (name: string, value: string): boolean => cells.get(name) === value
  return (
    is('suite', 'inference') &&
    is('round', ROUND) &&
    is('scenario', SCENARIO) &&
    is('division_status', DIVISION) &&
    is('metric', 'tokens/s') &&
    cells.get('class_id') !== '' &&
    MODELS.has(cells.get('benchmark') ?? '')
  )
}

/** Thousandths of a decimal number. */
function milliOf(text: string): bigint {
  const match = /^(\d+)(?:\.(\d+))?$/.exec(text)
  if (match === null) throw new Error(`${text} is no number`)
  return BigInt(match[1]!) * 1_000n + BigInt((match[2] ?? '').padEnd(3, '0').slice(0, 3))
}

/** The middle one, or of an even number the lower one of the two: no result is invented. */
function median(values: readonly bigint[]): bigint {
  const sorted = [...values].sort((a, b) => (a < b ? -1 : 1))
  return sorted[Math.floor((sorted.length - 1) / 2)]!
}

/** References by class, models in byte order. Throws on a row that does not belong into the file. */
export function referencesOf(text: string): ReadonlyMap<string, readonly ModelReference[]> {
  const results = new Map<string, Map<string, bigint[]>>()
  for (const { cells, line } of parseCsv(text)) {
    if (!isReferenceResult(cells))
      throw new Error(`mlperf_inference.csv: ${line.slice(0, 80)}: does not count`)
    const model = MODELS.get(cells.get('benchmark')!)!
    const models = results.get(cells.get('class_id')!) ?? new Map<string, bigint[]>()
    results.set(cells.get('class_id')!, models)
    models.set(model, [...(models.get(model) ?? []), milliOf(cells.get('per_accelerator') ?? '')])
  }
  const referenceOf = ([model, perSecondMilli]: readonly [string, readonly bigint[]]): ModelReference => ({
    model,
    tokensPerHour: Number((median(perSecondMilli) * 3_600n) / 1_000n),
    source: `MLPerf Inference ${ROUND}, ${DIVISION}, ${SCENARIO}: median of ${perSecondMilli.length} results`,
  })
  return new Map(
    [...results].map(([classId, models]) => [
      classId,
      [...models].sort(([a], [b]) => (a < b ? -1 : 1)).map(referenceOf),
    ]),
  )
}

export function loadReferences(): ReadonlyMap<string, readonly ModelReference[]> {
  return referencesOf(dataFile('mlperf_inference.csv'))
}
