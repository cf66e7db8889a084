// Calldata of an action from plain values. Not: envelopes and signatures (state/transaction.ts).
import { encodeAbi } from '../base/abi.ts'
import { concatBytes } from '../base/bytes.ts'
import type { ModuleDef } from '../base/moduleDefinition.ts'
import { selectorOf } from '../base/selector.ts'

/** The bytes that call an action; values that it does not take are left out. */
export function calldata(
  definition: ModuleDef,
  name: string,
  values: { readonly [name: string]: unknown },
): Uint8Array {
  const { args } = definition.actions[name]!
  const fields = Object.entries(args)
  return concatBytes(
    selectorOf(name, args),
    encodeAbi(
      fields.map(([, field]) => field.abi!),
      fields.map(([field, of]) => of.toAbi(values[field])),
    ),
  )
}
