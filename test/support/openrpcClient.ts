// Writes a TypeScript client from an OpenRPC document, as generators do: one type per component, one function per method.
import type { Loose } from './rpcHarness.ts'

function typeOf(schema: Loose): string {
  if (schema.$ref !== undefined) return schema.$ref.split('/').at(-1)
  if (schema.anyOf !== undefined) return schema.anyOf.map((one: Loose) => `(${typeOf(one)})`).join(' | ')
  if (schema.allOf !== undefined) return schema.allOf.map((one: Loose) => `(${typeOf(one)})`).join(' & ')
  if (schema.const !== undefined) return JSON.stringify(schema.const)
  if (schema.enum !== undefined) return schema.enum.map((one: Loose) => JSON.stringify(one)).join(' | ')
  switch (schema.type) {
    case 'integer':
    case 'number':
      return 'number'
    case 'string':
    case 'boolean':
    case 'null':
      return schema.type
    case 'array':
      return `readonly (${typeOf(schema.items)})[]`
    case 'object':
      return objectType(schema)
    default:
      return 'unknown'
  }
}

function objectType(schema: Loose): string {
  const required = new Set(schema.required ?? [])
  const members = Object.entries(schema.properties ?? {}).map(
    ([name, one]) => `readonly ${JSON.stringify(name)}${required.has(name) ? '' : '?'}: ${typeOf(one)}`,
  )
  if (members.length > 0) return `{ ${members.join('; ')} }`
  const free = schema.additionalProperties
  return `{ readonly [name: string]: ${typeof free === 'object' ? typeOf(free) : 'unknown'} }`
}

function parameterOf(document: Loose, given: Loose): Loose {
  return given.$ref === undefined
    ? given
    : document.components.contentDescriptors[given.$ref.split('/').at(-1)]
}

export function clientOf(document: Loose): string {
  const types = Object.entries(document.components.schemas).map(
    ([name, schema]) => `export type ${name} = ${typeOf(schema)}`,
  )
  const functions = document.methods.map((method: Loose) => {
    const members = method.params.map((given: Loose) => {
      const { name, required, schema } = parameterOf(document, given)
      return `readonly ${JSON.stringify(name)}${required ? '' : '?'}: ${typeOf(schema)}`
    })
    const result = typeOf(method.result.schema)
    return `  ${JSON.stringify(method.name)}: (params: { ${members.join('; ')} }) => send(${JSON.stringify(method.name)}, params) as Promise<${result}>`
  })
  return `${types.join('\n')}
export type Send = (method: string, params: object) => Promise<unknown>
export const client = (send: Send) => ({
${functions.join(',\n')}
})
`
}
