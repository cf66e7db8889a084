// The node's own description of its methods. Owns: reading rpc.discover, following references. Not: forms (draft.ts, form.ts).
import type { Json, JsonSchema } from '../../base/field.ts'
import type { ChainClient } from '../../client/chainClient.ts'
import { type Members, membersOf, read, textOf } from '../../client/members.ts'

export interface Parameter {
  readonly name: string
  readonly isRequired: boolean
  readonly schema: JsonSchema
}

export interface MethodText {
  readonly name: string
  readonly summary: string
  readonly cost: number
  readonly parameters: readonly Parameter[]
  /** Of the example, by position. */
  readonly example: readonly Json[]
}

export interface Description {
  readonly methods: ReadonlyMap<string, MethodText>
  /** A schema without the reference that it may be. */
  resolve(schema: JsonSchema): JsonSchema
}

const METHOD = 'rpc.discover'
/** A chain of references longer than this is a circle. */
const REFERENCES_MAX = 16

function listOf(json: Json | undefined): readonly Json[] {
  return Array.isArray(json) ? (json as readonly Json[]) : []
}

/** `#/components/schemas/Hash` in the document. */
function at(document: Members, reference: string): Members {
  const names = reference.replace(/^#\//, '').split('/')
  const found = names.reduce<Json | undefined>(
    (json, name) => (typeof json === 'object' && json !== null ? (json as Members)[name] : undefined),
    document,
  )
  return membersOf(found ?? null, METHOD)
}

export async function loadDescription(client: Pick<ChainClient, 'request'>): Promise<Description> {
  return descriptionOf(await client.request(METHOD, {}))
}

export function descriptionOf(json: Json): Description {
  const document = membersOf(json, METHOD)
  const open = (given: Json): Members => {
    let members = membersOf(given, METHOD)
    for (let i = 0; typeof members.$ref === 'string' && i < REFERENCES_MAX; i++)
      members = at(document, members.$ref)
    return members
  }
  const parameterOf = (given: Json): Parameter => {
    const members = open(given)
    return {
      name: read(METHOD, members, 'name', textOf),
      isRequired: members.required === true,
      schema: (members.schema ?? {}) as JsonSchema,
    }
  }
  const methodOf = (given: Json): MethodText => {
    const members = membersOf(given, METHOD)
    const parameters = listOf(members.params).map(parameterOf)
    const [example] = listOf(members.examples)
    const values = new Map(
      listOf((example as Members | undefined)?.params).map((one) => {
        const { name, value = null } = membersOf(one, METHOD)
        return [name, value] as const
      }),
    )
    const given_ = parameters.map(({ name }) => values.get(name))
    const last = given_.findLastIndex((value) => value !== undefined)
    return {
      name: read(METHOD, members, 'name', textOf),
      summary: typeof members.summary === 'string' ? members.summary : '',
      cost: typeof members['x-cost'] === 'number' ? members['x-cost'] : 0,
      parameters,
      example: given_.slice(0, last + 1).map((value) => value ?? null),
    }
  }
  const methods = listOf(document.methods).map(methodOf)
  return {
    methods: new Map(methods.map((method) => [method.name, method])),
    resolve: (schema) => open(schema as unknown as Json) as unknown as JsonSchema,
  }
}

/** `eth_call` is of `eth`; what has no other name is of `rpc`. */
export function spaceOf(name: string): string {
  const end = name.search(/[_.]/)
  return end < 0 ? 'rpc' : name.slice(0, end)
}
