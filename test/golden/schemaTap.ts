// The schema module with an ear: remembers every message that any file defines, exported or not.
// Owns: the list. Its only import is the module it stands in for; the loader (tapHooks.ts) learns from that which one it is.
import type { Fields, InferFields } from '../../base/field.ts'
import { message as define, type Message } from '../../base/schema.ts'

export * from '../../base/schema.ts'

/** In the order in which files were loaded. */
export const defined: Message<unknown>[] = []

export function message<const F extends Fields>(name: string, fields: F): Message<InferFields<F>> {
  const made = define(name, fields)
  defined.push(made as Message<unknown>)
  return made
}
