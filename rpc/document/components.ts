// Shares schemas by reference. Owns: which parts get a name, and the names. Not: the schemas.
import type { Json, JsonSchema } from '../../base/field.ts'

const PREFIX = '#/components/schemas/'
/** A part that is repeated and longer than this gets a name of its own. */
const REPEATED_LENGTH_MIN = 90

type Members = { readonly [name: string]: Json }

function isMembers(json: Json | undefined): json is Members {
  return json !== null && typeof json === 'object' && !Array.isArray(json)
}

/** Alternatives may overlap, so `anyOf`: a block hash fits two of them. Nested ones become one list without repetitions. */
function overlapping(schema: Json): Json {
  if (Array.isArray(schema)) return (schema as readonly Json[]).map(overlapping)
  if (!isMembers(schema)) return schema
  const { oneOf, anyOf, ...rest } = schema
  const inner = Object.fromEntries(Object.entries(rest).map(([name, value]) => [name, overlapping(value)]))
  const choices = oneOf ?? anyOf
  if (!Array.isArray(choices)) return inner
  const flat = (choices as readonly Json[]).map(overlapping).flatMap((choice): readonly Json[] => {
    if (isMembers(choice) && Object.keys(choice).length === 1 && Array.isArray(choice.anyOf)) {
      return choice.anyOf as readonly Json[]
    }
    return [choice]
  })
  const distinct = [...new Map(flat.map((choice) => [JSON.stringify(choice), choice])).values()]
  return distinct.length === 1 && isMembers(distinct[0])
    ? { ...inner, ...distinct[0] }
    : { ...inner, anyOf: distinct }
}

export class Components {
  readonly #names = new Map<string, string>()
  readonly #schemas: { [name: string]: Json } = {}
  readonly #counts = new Map<string, number>()

  constructor(shapes: { readonly [name: string]: JsonSchema }) {
    for (const [name, schema] of Object.entries(shapes))
      this.#names.set(JSON.stringify(overlapping(schema)), name)
  }

  /** First round: what is repeated among all schemas that the document will hold. */
  count(schema: JsonSchema): void {
    const visit = (json: Json): void => {
      if (Array.isArray(json)) {
        for (const item of json as readonly Json[]) visit(item)
        return
      }
      if (!isMembers(json)) return
      const key = JSON.stringify(json)
      const count = (this.#counts.get(key) ?? 0) + 1
      this.#counts.set(key, count)
      // Parts of a repeated part are repeated with it.
      if (count === 1) for (const value of Object.values(json)) visit(value)
    }
    visit(overlapping(schema))
  }

  /** The schema with its named and repeated parts replaced by references; `name` is for what has none yet. */
  share(schema: JsonSchema, name: string): Json {
    return this.#share(overlapping(schema), name)
  }

  #share(json: Json, name: string): Json {
    if (Array.isArray(json)) return (json as readonly Json[]).map((item) => this.#share(item, name))
    if (!isMembers(json)) return json
    const key = JSON.stringify(json)
    const known = this.#names.get(key)
    if (known !== undefined) return this.#reference(known, json)
    const isRepeated = (this.#counts.get(key) ?? 0) > 1 && key.length >= REPEATED_LENGTH_MIN
    if (!isRepeated) return this.#inside(json, name)
    let free = name
    for (let i = 2; this.#schemas[free] !== undefined || [...this.#names.values()].includes(free); i++)
      free = name + i
    this.#names.set(key, free)
    return this.#reference(free, json)
  }

  #reference(name: string, json: Members): Json {
    if (this.#schemas[name] === undefined) {
      // Taken before its parts are looked at, which may not take it.
      this.#schemas[name] = true
      this.#schemas[name] = this.#inside(json, name)
    }
    return { $ref: PREFIX + name }
  }

  #inside(json: Members, name: string): Json {
    const isProperties = isMembers(json.properties)
    return Object.fromEntries(
      Object.entries(json).map(([key, value]) => {
        if (key !== 'properties' || !isProperties) return [key, this.#share(value, name)]
        const own = Object.entries(value as Members).map(([property, one]) => [
          property,
          this.#share(one, name + pascal(property)),
        ])
        return [key, Object.fromEntries(own)]
      }),
    )
  }

  /** All that was referred to, by name in alphabetical order. */
  schemas(): { readonly [name: string]: Json } {
    return Object.fromEntries(Object.entries(this.#schemas).sort(([a], [b]) => (a < b ? -1 : 1)))
  }
}

/** `catalogue_class` → `CatalogueClass`. */
export function pascal(name: string): string {
  return name
    .split(/[_.]/)
    .map((word) => word.slice(0, 1).toUpperCase() + word.slice(1))
    .join('')
}
