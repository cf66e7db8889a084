// What is typed into a form, and the JSON that it means. Owns: the conversion both ways, by schema. Not: how it looks (form.ts).
import type { Json, JsonSchema } from '../../base/field.ts'

/** Text as typed, or parts; '' and undefined are what is left out. */
export type Draft = string | undefined | DraftList | DraftObject
export type DraftList = readonly Draft[]
export interface DraftObject {
  readonly [name: string]: Draft
}

type Resolve = (schema: JsonSchema) => JsonSchema

/** Deeper than this, and where a schema says nothing, JSON is typed. */
const DEPTH_MAX = 7
/** Items that a form shows. */
export const ITEMS_MAX = 64

export type Shape =
  | { readonly kind: 'choice'; readonly values: readonly Json[] }
  /** `isNumber`: digits become a number where one is allowed. */
  | {
      readonly kind: 'text'
      readonly isNumber: boolean
      readonly isText: boolean
      readonly hints: readonly string[]
    }
  | { readonly kind: 'list'; readonly item: JsonSchema; readonly most: number }
  | {
      readonly kind: 'object'
      readonly members: readonly {
        readonly name: string
        readonly isRequired: boolean
        readonly schema: JsonSchema
      }[]
    }
  | { readonly kind: 'json' }

const listed = (json: unknown): readonly JsonSchema[] =>
  Array.isArray(json) ? (json as readonly JsonSchema[]) : []

/** What can be typed in one field. */
function scalarsOf(schemas: readonly JsonSchema[]): Shape | undefined {
  const hints: string[] = []
  let [isNumber, isText] = [false, false]
  for (const schema of schemas) {
    if (Array.isArray(schema.enum)) {
      hints.push(...(schema.enum as readonly Json[]).map(String))
      isText = true
    } else if (schema.type === 'integer' || schema.type === 'number') isNumber = true
    else if (schema.type === 'string') isText = true
    else if (schema.type !== 'null') return undefined
  }
  return isNumber || isText ? { kind: 'text', isNumber, isText, hints } : undefined
}

/** How a value of a schema is typed. */
export function shapeOf(given: JsonSchema, resolve: Resolve, depth = 0): Shape {
  const schema = resolve(given)
  const choices = [...listed(schema.anyOf), ...listed(schema.oneOf)].map(resolve)
  if (choices.length > 0) {
    const flat = choices.flatMap((one) => (one.anyOf === undefined ? [one] : listed(one.anyOf).map(resolve)))
    const scalars = scalarsOf(flat)
    if (scalars !== undefined) return scalars
    const known = flat.filter(({ type }) => type !== 'null')
    // Text stands for the simple forms; whoever wants the others types JSON.
    const simple = scalarsOf(known.filter(({ type }) => type !== 'object' && type !== 'array'))
    return simple ?? (known.length === 1 ? shapeOf(known[0]!, resolve, depth) : { kind: 'json' })
  }
  if (Array.isArray(schema.enum)) return { kind: 'choice', values: schema.enum as readonly Json[] }
  if (schema.type === 'boolean') return { kind: 'choice', values: [true, false] }
  const scalars = scalarsOf([schema])
  if (scalars !== undefined) return scalars
  if (depth >= DEPTH_MAX) return { kind: 'json' }
  if (schema.type === 'array' && typeof schema.items === 'object') {
    const most = typeof schema.maxItems === 'number' ? Math.min(schema.maxItems, ITEMS_MAX) : ITEMS_MAX
    return { kind: 'list', item: schema.items as JsonSchema, most }
  }
  const { properties } = schema
  if (schema.type === 'object' && typeof properties === 'object' && properties !== null) {
    const required = (Array.isArray(schema.required) ? schema.required : []) as readonly string[]
    const members = Object.entries(properties as { readonly [name: string]: JsonSchema }).map(
      ([name, one]) => ({
        name,
        isRequired: required.includes(name),
        schema: one,
      }),
    )
    return { kind: 'object', members }
  }
  return { kind: 'json' }
}

export class DraftError extends Error {
  readonly path: readonly (string | number)[]
  readonly reason: 'missing' | 'json' | 'number'
  constructor(path: readonly (string | number)[], reason: 'missing' | 'json' | 'number') {
    super(`${path.join('.')}: ${reason}`)
    this.path = path
    this.reason = reason
  }
}

const isEmpty = (draft: Draft): boolean =>
  draft === undefined ||
  draft === '' ||
  (Array.isArray(draft) && draft.length === 0) ||
  (typeof draft === 'object' && !Array.isArray(draft) && Object.values(draft).every(isEmpty))

function textJson(
  text: string,
  shape: Shape & { readonly kind: 'text' },
  path: readonly (string | number)[],
): Json {
  // An object or a list where text is the simple form.
  if (/^[[{]/.test(text)) return parsed(text, path)
  if (shape.isNumber && /^-?\d+(?:\.\d+)?$/.test(text) && Number.isSafeInteger(Math.trunc(Number(text))))
    return Number(text)
  if (!shape.isText) throw new DraftError(path, 'number')
  return text
}

function parsed(text: string, path: readonly (string | number)[]): Json {
  try {
    return JSON.parse(text) as Json
  } catch {
    throw new DraftError(path, 'json')
  }
}

/** Undefined when nothing was typed. Throws DraftError. */
export function jsonOf(
  draft: Draft,
  schema: JsonSchema,
  resolve: Resolve,
  path: readonly (string | number)[] = [],
): Json | undefined {
  const shape = shapeOf(schema, resolve, path.length)
  if (shape.kind === 'list') {
    if (!Array.isArray(draft) || draft.length === 0) return undefined
    return (draft as DraftList).map((one, i) => jsonOf(one, shape.item, resolve, [...path, i]) ?? null)
  }
  if (shape.kind === 'object') {
    if (typeof draft !== 'object' || Array.isArray(draft) || isEmpty(draft)) return undefined
    const members = shape.members.flatMap(({ name, isRequired, schema: of }) => {
      const value = jsonOf((draft as DraftObject)[name], of, resolve, [...path, name])
      if (value === undefined && isRequired) throw new DraftError([...path, name], 'missing')
      return value === undefined ? [] : [[name, value] as const]
    })
    return Object.fromEntries(members)
  }
  if (typeof draft !== 'string' || draft === '') return undefined
  switch (shape.kind) {
    case 'choice':
      return shape.values.find((value) => String(value) === draft)
    case 'json':
      return parsed(draft, path)
    case 'text':
      return textJson(draft.trim(), shape, path)
  }
}

/** The draft that means a value. */
export function draftOf(json: Json | undefined, schema: JsonSchema, resolve: Resolve, depth = 0): Draft {
  if (json === undefined || json === null) return undefined
  const shape = shapeOf(schema, resolve, depth)
  if (shape.kind === 'list' && Array.isArray(json)) {
    return (json as readonly Json[])
      .slice(0, shape.most)
      .map((one) => draftOf(one, shape.item, resolve, depth + 1))
  }
  if (shape.kind === 'object' && typeof json === 'object' && !Array.isArray(json)) {
    const given = json as { readonly [name: string]: Json }
    return Object.fromEntries(
      shape.members.map(({ name, schema: of }) => [name, draftOf(given[name], of, resolve, depth + 1)]),
    )
  }
  return typeof json === 'object' || shape.kind === 'json' ? JSON.stringify(json) : String(json)
}
