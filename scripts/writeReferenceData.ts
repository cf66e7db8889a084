// `node dist/scripts/writeReferenceData.js --from DIR`: makes genesis/data/mlperf_inference.csv from a folder with the collected
// mlperf.csv. Owns: the file alone; which rows count: genesis/references.ts.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { parseCsv } from '../genesis/catalogueFiles.ts'
import { isReferenceResult } from '../genesis/references.ts'

const { values } = parseArgs({ options: { from: { type: 'string' } } })
if (values.from === undefined) throw new Error('--from DIR: a folder with mlperf.csv')
const text = readFileSync(join(values.from, 'mlperf.csv'), 'utf8')
const rows = parseCsv(text).filter(({ cells }) => isReferenceResult(cells))
// From dist/scripts/ to the package root.
const file = fileURLToPath(new URL('../../genesis/data/mlperf_inference.csv', import.meta.url))
writeFileSync(file, `${[text.split('\n')[0], ...rows.map(({ line }) => line)].join('\n')}\n`)
