// Wraps the schema module and records every message that any file defines, exported or not. Owns: the list.
// The loader (tapHooks.ts) takes its import of the schema module as the one to replace.
import type { Fields, InferFields } from '../../base/field.ts'
import { message as define, type Message } from '../../base/schema.ts'

export * from '../../base/schema.ts'

/** In the order in which files are loaded. */
export const defined: Message<unknown>[] = []

export function message<const F extends Fields>(
  name: string,
  fields: F,
  numbers?: { readonly [N in keyof F]: number },
): Message<InferFields<F>> {
  const made = define(name, fields, numbers)
  defined.push(made as Message<unknown>)
  return made
}
