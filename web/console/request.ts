// The request that the console is about: its parameters as drafts, as JSON, and as text for other programs.
import type { Json } from '../../base/field.ts'
import { type Draft, DraftError, draftOf, jsonOf } from './draft.ts'
import type { Description, MethodText } from './openrpc.ts'

/** Texts may be longer than any that the node takes: it says so itself. */
export type Params = readonly Json[] | { readonly [name: string]: Json }

/** By position while none between is left out, else by name. Throws DraftError. */
export function paramsOf(method: MethodText, drafts: readonly Draft[], description: Description): Params {
  const values = method.parameters.map(({ name, isRequired, schema }, i) => {
    const value = jsonOf(drafts[i], schema, description.resolve, [name])
    if (value === undefined && isRequired) throw new DraftError([name], 'missing')
    return value
  })
  const given = values.slice(0, values.findLastIndex((value) => value !== undefined) + 1)
  if (given.every((value) => value !== undefined)) return given as readonly Json[]
  return Object.fromEntries(
    method.parameters.flatMap(({ name }, i) =>
      values[i] === undefined ? [] : [[name, values[i]!] as const],
    ),
  )
}

export function draftsOf(method: MethodText, params: Json, description: Description): readonly Draft[] {
  const list = Array.isArray(params) ? (params as readonly Json[]) : undefined
  const named = list === undefined ? (params as { readonly [name: string]: Json } | null) : undefined
  return method.parameters.map(({ name, schema }, i) =>
    draftOf(list === undefined ? named?.[name] : list[i], schema, description.resolve, 1),
  )
}

/** A word of a POSIX shell. */
const quoted = (text: string): string =>
  /^[\w./:=-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`

export interface Copies {
  readonly curl: string
  readonly viem: string
  readonly cast: string
}

export function copiesOf(method: string, params: Params, url: string): Copies {
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params })
  const words = Array.isArray(params)
    ? (params as readonly Json[])
        .map((one) => quoted(typeof one === 'string' ? one : JSON.stringify(one)))
        .join(' ')
    : `--raw ${quoted(JSON.stringify(params))}`
  return {
    curl: `curl -s ${quoted(url)} -H 'content-type: application/json' -d ${quoted(body)}`,
    viem: `import { createPublicClient, http } from 'viem'\n\nconst client = createPublicClient({ transport: http(${JSON.stringify(url)}) })\nconsole.log(await client.request({ method: ${JSON.stringify(method)}, params: ${JSON.stringify(params)} }))`,
    cast: `cast rpc --rpc-url ${quoted(url)} ${quoted(method)}${words === '' ? '' : ` ${words}`}`,
  }
}
