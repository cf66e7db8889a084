// The links between the validators of a devnet: how slow and lossy each is, and who hears whom. Not: the links (devnet/).
import type { Json } from '../../base/field.ts'
import { invalidParams, RPC_CODE, RpcError } from '../errors.ts'
import { defineMethod, type Method } from '../method.ts'
import { p } from '../params.ts'
import type { LinkChange, LinkControl } from './linkTypes.ts'

const NULL = { type: 'null' }
const GROUPS_MAX = 16
const DELAY_MS_MAX = 60_000
const KIB_MAX = 10_000_000

type Members = { readonly [name: string]: Json }

const isNumber = (json: Json | undefined, max: number): json is number =>
  typeof json === 'number' && Number.isFinite(json) && json >= 0 && json <= max

/** Bounds of every member of a change, and what it is called when it is out of them. */
const FIELDS: {
  readonly [F in keyof LinkChange]-?: readonly [isGood: (json: Json) => boolean, expected: string]
} = {
  latencyMs: [(json) => isNumber(json, DELAY_MS_MAX), `0 to ${DELAY_MS_MAX} ms`],
  jitterMs: [(json) => isNumber(json, DELAY_MS_MAX), `0 to ${DELAY_MS_MAX} ms`],
  lossPercent: [(json) => isNumber(json, 99), '0 to 99 percent'],
  kibPerSecond: [
    (json) => json === null || (isNumber(json, KIB_MAX) && json > 0),
    `above 0 to ${KIB_MAX}, or null for no limit`,
  ],
  isStalled: [(json) => typeof json === 'boolean', 'true or false'],
}

function indexOf(members: Members, name: 'from' | 'to', count: number): number | undefined {
  const index = members[name]
  if (index === undefined || index === null) return undefined
  if (typeof index === 'number' && Number.isSafeInteger(index) && index >= 0 && index < count) return index
  throw invalidParams(`${name}: expected a validator, 0 to ${count - 1}`)
}

function parseChange(json: Json, count: number) {
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    throw invalidParams(
      'expected an object: {from, to, latencyMs, jitterMs, lossPercent, kibPerSecond, isStalled}',
    )
  const { from: _, to: __, ...given } = json as Members
  for (const [name, value] of Object.entries(given)) {
    if (!Object.hasOwn(FIELDS, name)) throw invalidParams(`unknown member ${name.slice(0, 80)}`)
    const [isGood, expected] = FIELDS[name as keyof LinkChange]
    if (!isGood(value)) throw invalidParams(`${name}: expected ${expected}`)
  }
  const from = indexOf(json as Members, 'from', count)
  const to = indexOf(json as Members, 'to', count)
  return { from, to, change: given as LinkChange }
}

function parseGroups(json: Json, count: number): readonly (readonly number[])[] {
  const groups = Array.isArray(json) && json.length >= 1 && json.length <= GROUPS_MAX ? json : []
  const isGood = groups.length > 0 && groups.every((group) => Array.isArray(group))
  const all = isGood ? (groups as readonly (readonly Json[])[]).flat() : []
  const isIndex = (one: Json): boolean =>
    typeof one === 'number' && Number.isSafeInteger(one) && one >= 0 && one < count
  if (!isGood || !all.every(isIndex) || new Set(all).size < all.length) {
    throw invalidParams(`expected groups of validators 0 to ${count - 1}, each once, as [[0, 1], [2, 3]]`)
  }
  return groups as readonly (readonly number[])[]
}

/** `links`: why there are none, as a full sentence, or their control. */
export function linkMethods(links: LinkControl | string): readonly Method[] {
  const mustHave = (): LinkControl => {
    if (typeof links !== 'string') return links
    throw new RpcError(RPC_CODE.refused, links)
  }
  return [
    defineMethod({
      name: 'dev_links',
      doc: 'Every link between two validators, by direction, as it is now.',
      cost: 5,
      params: {},
      returns: { type: 'array', items: { type: 'object' } },
      run: () => mustHave().list() as unknown as Json,
    }),
    defineMethod({
      name: 'dev_setLink',
      doc:
        'Changes the link from one validator to another, one direction: {from, to, latencyMs, jitterMs, lossPercent, kibPerSecond, ' +
        'isStalled}. Without from or to it changes all that match; what is not named stays.',
      cost: 5,
      params: { link: p.json },
      returns: NULL,
      run: ({ link }) => {
        const control = mustHave()
        control.set(parseChange(link, control.count))
        return null
      },
    }),
    defineMethod({
      name: 'dev_partition',
      doc:
        'Parts the validators: nothing passes between two groups, both ways, as if packets were lost. Validators that no group names ' +
        'form one more group.',
      cost: 5,
      params: { groups: p.json },
      returns: NULL,
      run: ({ groups }) => {
        const control = mustHave()
        control.partition(parseGroups(groups, control.count))
        return null
      },
    }),
    defineMethod({
      name: 'dev_heal',
      doc: 'Makes all links as they were at the start of the devnet.',
      cost: 5,
      params: {},
      returns: NULL,
      run: () => {
        mustHave().heal()
        return null
      },
    }),
  ]
}
