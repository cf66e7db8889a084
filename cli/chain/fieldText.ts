// Arguments of native actions and queries on a command line: their names and help, from the schemas alone.
// Not: their values (fieldInput.ts), which need more code than help does.
import type { AnyField } from '../../base/field.ts'

/** `amountBase` → `--amount-base`. */
export function optionName(field: string): string {
  return `--${field.replace(/([a-z0-9])([A-Z])/g, '$1-$2').toLowerCase()}`
}

/** The value a field has when it is left out; undefined when it must be given. */
export function defaultOf(field: AnyField): { readonly value: unknown } | undefined {
  try {
    return { value: field.absent() }
  } catch {
    return undefined
  }
}

export function isList(field: AnyField): boolean {
  return field.list !== undefined
}

/** What to write for a value, for help. */
export function valueHint(field: AnyField): string {
  const inner = field.inner ?? field
  if (isList(inner) || inner.struct !== undefined) return 'json'
  switch (inner.kind) {
    case 'amount':
      return 'amount'
    case 'bool':
      return 'true|false'
    case 'text':
      return 'text'
    case 'oneOf':
      return ((inner.jsonSchema.enum as readonly string[] | undefined) ?? ['name']).join('|')
    default:
      return inner.abi?.kind === 'address' ? 'address' : isBytes(inner) ? 'hex' : 'number'
  }
}

export function isBytes(field: AnyField): boolean {
  return ['bytes', 'fixedBytes', 'address'].includes(field.abi?.kind ?? '') || field.kind === 'fixed'
}
