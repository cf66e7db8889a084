// subscribe and unsubscribe: their parameters. Not: who receives what (followers.ts), eth_subscribe (subscriptionMethods.ts).
import { bytesKey } from '../base/bytes.ts'
import { errorText } from '../base/errors.ts'
import type { Json, JsonSchema } from '../base/field.ts'
import { isWholeNumber } from '../base/integers.ts'
import { invalidParams } from './errors.ts'
import type { Followers, FollowRequest } from './followers.ts'
import { defineMethod, type Method } from './method.ts'
import { ADDRESS_SCHEMA, optional, p, parseAddressJson, parseUint } from './params.ts'
import { mustBeConnected } from './subscriptionMethods.ts'
import { RESUME_SCHEMA, type Topic } from './topics.ts'

/** Addresses, or names of events, in one subscription. */
const CHOICES_MAX = 1_000
/** A message each millisecond takes nine thousand years to get here. */
const SEQUENCE_MAX = 2 ** 48

const INTEGER: JsonSchema = { type: 'integer', minimum: 0 }
const oneOrMore = (items: JsonSchema): JsonSchema => ({
  anyOf: [items, { type: 'array', items, maxItems: CHOICES_MAX }],
})

/** What `subscribe` takes beside the topic. */
const OPTIONS_SCHEMA: JsonSchema = {
  type: 'object',
  properties: {
    fromBlock: INTEGER,
    fromIndex: INTEGER,
    sequence: { ...INTEGER, minimum: 1, maximum: SEQUENCE_MAX },
    address: oneOrMore(ADDRESS_SCHEMA),
    event: oneOrMore({ type: 'string' }),
    book: oneOrMore({ ...INTEGER, minimum: 1 }),
  },
}

type Options = { readonly [name: string]: Json | undefined }

function integerOf(options: Options, name: string, min: number): number | undefined {
  const json = options[name] ?? undefined
  if (json === undefined) return undefined
  const value = typeof json === 'string' ? parseUint(json) : json
  if (!isWholeNumber(value, min)) throw new Error(`${name}: expected an integer from ${min}`)
  return value
}

/** `latest` is the next block, as when it is absent. */
function beginOf(options: Options): number | undefined {
  return options.fromBlock === 'latest' ? undefined : integerOf(options, 'fromBlock', 0)
}

/** A list may be written as its only element. */
function listOf(json: Json): readonly Json[] {
  const list = Array.isArray(json) ? (json as readonly Json[]) : [json]
  if (list.length === 0 || list.length > CHOICES_MAX) throw new Error(`expected 1 to ${CHOICES_MAX} of them`)
  return list
}

function addressKeys(topic: Topic, given: Json): ReadonlySet<string> {
  if (topic.choice !== 'address') throw new Error(`${topic.name} cannot be chosen by address`)
  return new Set(listOf(given).map((one) => bytesKey(parseAddressJson(one))))
}

function eventNames(topic: Topic, given: Json): readonly string[] {
  if (topic.choice !== 'event') throw new Error(`${topic.name} cannot be chosen by event`)
  for (const event of listOf(given)) {
    if (topic.events.includes(event as string)) continue
    throw new Error(
      `${topic.name} has no event ${JSON.stringify(event).slice(0, 80)}: choose ${topic.events.join(', ')}`,
    )
  }
  return listOf(given) as readonly string[]
}

function bookKeys(topic: Topic, given: Json): readonly string[] {
  if (!topic.hasBooks) throw new Error(`${topic.name} cannot be chosen by book`)
  return listOf(given).map((book) => {
    if (!isWholeNumber(book, 1)) throw new Error('book: expected an integer from 1')
    return `book ${book}`
  })
}

function keysOf(topic: Topic, options: Options): ReadonlySet<string> | undefined {
  const { address, event, book } = options
  const isGiven = (json: Json | undefined): json is Json => (json ?? null) !== null
  if (isGiven(address)) return addressKeys(topic, address)
  const events = isGiven(event) ? eventNames(topic, event) : undefined
  const books = isGiven(book) ? bookKeys(topic, book) : undefined
  if (events === undefined || books === undefined) {
    const names = events ?? books
    return names === undefined ? undefined : new Set(names)
  }
  if (events.length * books.length > CHOICES_MAX)
    throw new Error(`expected at most ${CHOICES_MAX} events times books`)
  return new Set(events.flatMap((name) => books.map((key) => `${name} ${key}`)))
}

/** Native options are strict: a misspelt choice would bring everything. */
function requestOf(topic: Topic, json: Json | undefined): FollowRequest {
  const options = (json ?? {}) as Options
  if (typeof options !== 'object' || Array.isArray(options)) throw new Error('expected an object')
  const known = Object.keys(OPTIONS_SCHEMA.properties as object)
  for (const name of Object.keys(options)) {
    if (!known.includes(name)) throw new Error(`${name.slice(0, 80)}: expected one of ${known.join(', ')}`)
  }
  const fromBlock = beginOf(options)
  const fromIndex = integerOf(options, 'fromIndex', 0) ?? 0
  if (fromIndex > 0 && fromBlock === undefined) throw new Error('fromIndex needs fromBlock')
  const sequence = integerOf(options, 'sequence', 1) ?? 1
  // Numbers beyond 2^53 would repeat.
  if (sequence > SEQUENCE_MAX) throw new Error(`sequence: expected an integer up to ${SEQUENCE_MAX}`)
  return { topic, keys: keysOf(topic, options), fromBlock, fromIndex, sequence }
}

export function followMethods(followers: Followers, topics: ReadonlyMap<string, Topic>): readonly Method[] {
  const names = [...topics.keys()].join(', ')
  return [
    defineMethod({
      name: 'subscribe',
      doc: `Tells of each block that has something for a topic (${names}), from any recent block on, over WebSocket. Messages are numbered; \`resume\` of the last one, passed again, continues after it.`,
      cost: 5,
      params: { topic: p.text(64), options: optional({ ...p.json, schema: OPTIONS_SCHEMA }) },
      returns: {
        type: 'object',
        properties: { subscription: { type: 'string' }, resume: RESUME_SCHEMA },
        required: ['subscription', 'resume'],
      },
      run: (args, call) => {
        const connection = mustBeConnected(call.connection)
        const topic = topics.get(args.topic)
        if (topic === undefined) throw invalidParams(`no topic "${args.topic}": choose ${names}`)
        let request: FollowRequest
        try {
          request = requestOf(topic, args.options)
        } catch (error) {
          throw invalidParams(`invalid argument 1 (options): ${errorText(error)}`)
        }
        const { id, resume } = followers.add(connection, call, request)
        return { subscription: id, resume: { ...resume } }
      },
    }),
    defineMethod({
      name: 'unsubscribe',
      doc: 'Ends a subscription of `subscribe`; false when the id is unknown.',
      cost: 1,
      params: { subscription: p.text(66) },
      returns: { type: 'boolean' },
      run: ({ subscription }, call) => followers.remove(mustBeConnected(call.connection), subscription),
    }),
  ]
}
