// What methods take, where their definitions say only "an object". Owns: these schemas, by the parameter's name.
import type { JsonSchema } from '../../base/field.ts'
import { QUANTITY_SCHEMA } from '../params.ts'
import { BOOLEAN, CALL, FILTER, listOf, mapOf, objectOf, TEXT } from './shapes.ts'

const OVERRIDES = mapOf(objectOf({ 'balance?': QUANTITY_SCHEMA }))
const BLOCK_OVERRIDES = objectOf({
  'number?': QUANTITY_SCHEMA,
  'time?': QUANTITY_SCHEMA,
  'gasLimit?': QUANTITY_SCHEMA,
  'baseFeePerGas?': QUANTITY_SCHEMA,
})

export const ARGUMENTS: { readonly [parameter: string]: JsonSchema } = {
  call: CALL,
  transaction: CALL,
  filter: FILTER,
  overrides: OVERRIDES,
  blockOverrides: BLOCK_OVERRIDES,
  payload: objectOf({
    blockStateCalls: listOf(
      objectOf({
        'calls?': listOf(CALL),
        'stateOverrides?': OVERRIDES,
        'blockOverrides?': BLOCK_OVERRIDES,
      }),
    ),
    'validation?': BOOLEAN,
    'traceTransfers?': BOOLEAN,
    'returnFullTransactions?': BOOLEAN,
  }),
  options: objectOf({
    'tracer?': TEXT,
    'tracerConfig?': objectOf({ 'onlyTopCall?': BOOLEAN, 'withLog?': BOOLEAN }),
  }),
}
