// Calldata for tests: encodes a call of a module's or token's function from plain values.
import { encodeAbi } from '../../base/abi.ts'
import { concatBytes } from '../../base/bytes.ts'
import type { ModuleDef } from '../../base/moduleDefinition.ts'
import { selectorOf } from '../../base/selector.ts'

export function calldata(
  definition: ModuleDef,
  name: string,
  args: { readonly [name: string]: unknown },
): Uint8Array {
  const source = definition.actions[name] ?? definition.queries[name]
  if (source === undefined) throw new Error(`no ${definition.name}.${name}`)
  const fields = Object.entries(source.args)
  return concatBytes(
    selectorOf(name, source.args),
    encodeAbi(
      fields.map(([, field]) => field.abi!),
      fields.map(([field, of]) => of.toAbi(args[field])),
    ),
  )
}
