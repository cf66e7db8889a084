// The seed of every property test, loaded by mocha before the tests. Fixed: the same code passes or fails on every machine; other
// seeds are tried by `npm run test:properties`. Not: the properties.
import fc from 'fast-check'
import { parseWholeNumber } from '../../base/integers.ts'

export const SEED_VARIABLE = 'SUANLI_PROPERTY_SEED'
/** Shrinking a long history may take far longer than finding that it fails. */
const SHRINK_MS = 120_000

const text = process.env[SEED_VARIABLE] ?? '1'
const seed = parseWholeNumber(text, 1)
if (seed === undefined) throw new Error(`${SEED_VARIABLE}: expected a whole number from 1 on, here ${text}`)
fc.configureGlobal({ seed, interruptAfterTimeLimit: SHRINK_MS, markInterruptAsFailure: true })
