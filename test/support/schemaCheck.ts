// A small JSON Schema checker for the published Ethereum API document; supports only the keywords used there.
import { readFileSync } from 'node:fs'
import type { Loose } from './rpcHarness.ts'

const document = JSON.parse(readFileSync('test/rpc/fixtures/execution-apis.openrpc.json', 'utf8')) as Loose

const KEYWORDS = new Set([
  '$ref',
  'type',
  'pattern',
  'enum',
  'const',
  'required',
  'properties',
  'additionalProperties',
  'items',
  'oneOf',
  'anyOf',
  'allOf',
  'not',
  'title',
  'description',
  'example',
  'examples',
  'minItems',
  'maxItems',
  'uniqueItems',
  'minimum',
  'maximum',
  'multipleOf',
])

function typeOf(value: Loose): string {
  if (value === null) return 'null'
  return Array.isArray(value) ? 'array' : typeof value
}

function checkObject(schema: Loose, value: Loose, path: string): string | undefined {
  for (const name of schema.required ?? []) if (!(name in value)) return `${path}: ${name} is missing`
  for (const [name, inner] of Object.entries(value)) {
    const own = schema.properties?.[name]
    if (own === undefined && schema.additionalProperties === false) return `${path}: ${name} is extra`
    const problem = own === undefined ? undefined : check(own, inner, `${path}.${name}`)
    if (problem !== undefined) return problem
  }
  return undefined
}

function checkChoices(schema: Loose, value: Loose, path: string): string | undefined {
  for (const part of schema.allOf ?? []) {
    const problem = check(part, value, path)
    if (problem !== undefined) return problem
  }
  for (const key of ['oneOf', 'anyOf'] as const) {
    if (schema[key] === undefined) continue
    const problems = schema[key].map((choice: Loose) => check(choice, value, path))
    const fitting = problems.filter((problem: string | undefined) => problem === undefined).length
    // Accept an empty list, although it matches several list types of the document.
    const isEmptyList = Array.isArray(value) && value.length === 0
    if (fitting === 0 || (key === 'oneOf' && fitting > 1 && !isEmptyList)) {
      return `${path}: fits ${fitting} of ${key}: ${problems.join(' | ')}`
    }
  }
  return schema.not !== undefined && check(schema.not, value, path) === undefined
    ? `${path}: matches a schema under "not"`
    : undefined
}

/** The first problem, or undefined. */
export function check(schema: Loose, value: Loose, path = '$'): string | undefined {
  for (const key of Object.keys(schema)) if (!KEYWORDS.has(key)) return `${path}: unknown keyword ${key}`
  if (schema.$ref !== undefined) {
    return check(document.components.schemas[schema.$ref.split('/').at(-1)], value, path)
  }
  const type = typeOf(value)
  if (schema.type !== undefined && schema.type !== type) return `${path}: ${type} instead of ${schema.type}`
  if (schema.enum !== undefined && !schema.enum.includes(value)) return `${path}: not in the enum`
  if (schema.pattern !== undefined && type === 'string' && !new RegExp(schema.pattern).test(value)) {
    return `${path}: ${value} does not match ${schema.pattern}`
  }
  if (type === 'object') {
    const problem = checkObject(schema, value, path)
    if (problem !== undefined) return problem
  }
  if (type === 'array' && schema.items !== undefined) {
    for (let i = 0; i < value.length; i++) {
      const problem = check(schema.items, value[i], `${path}[${i}]`)
      if (problem !== undefined) return problem
    }
  }
  return checkChoices(schema, value, path)
}

/** The first problem of a method's result under the published document, or undefined. */
export function checkResult(method: string, result: Loose): string | undefined {
  const found = document.methods.find((m: Loose) => m.name === method)
  if (found === undefined) return `${method} is not in the document`
  return check(found.result.schema, result)
}
