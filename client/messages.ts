// What messages of `subscribe` say. Owns: their shapes, typed by topic, and reading them. Not: resuming (subscription.ts).
import type { AnyField, Fields, InferFields, Json } from '../base/field.ts'
import type { ModuleDef } from '../base/moduleDefinition.ts'
import { amountOf, countOf, type Members, membersOf, read, textOf } from './members.ts'

const METHOD = 'subscribe'

/** A block as the topic `blocks` tells of it. */
export interface BlockItem {
  /** In its JSON form, as `chain_header` shows its fields. */
  readonly header: { readonly [name: string]: Json }
  readonly sizeBytes: number
  readonly transactionCount: number
}
export interface TransactionItem {
  readonly hash: string
  readonly index: number
  readonly from: string
  readonly nonce: number
  readonly to: string
  readonly valueBase: bigint
  readonly succeeded: boolean
  readonly gasUsed: number
  readonly feeBase: bigint
}
/** A movement of coins. */
export interface TransferItem {
  readonly from: string
  readonly to: string
  readonly amountBase: bigint
  /** Undefined: the block itself moved them. */
  readonly transaction: string | undefined
  /** Among all logs of the block. */
  readonly logIndex: number
}
/** An event of a module; an indexed text is known by its hash alone and is left out. */
export type EventItem<D extends ModuleDef> = {
  readonly [E in keyof D['events'] & string]: {
    readonly name: E
    readonly args: InferFields<D['events'][E]>
    readonly transaction: string | undefined
    readonly logIndex: number
  }
}[keyof D['events'] & string]

interface ItemsOfTopics {
  readonly blocks: BlockItem
  readonly transactions: TransactionItem
  readonly transfers: TransferItem
}
/** A topic of every chain, or a module: its events. */
export type SubscriptionTopic = keyof ItemsOfTopics | { readonly definition: ModuleDef }
export type ItemOf<T extends SubscriptionTopic> = T extends keyof ItemsOfTopics
  ? ItemsOfTopics[T]
  : T extends { readonly definition: infer D extends ModuleDef }
    ? EventItem<D>
    : never

/** Where a subscription continues: pass it to `subscribe` again. */
export interface ResumePoint {
  readonly fromBlock: number
  /** Items of that block that were told already. */
  readonly fromIndex: number
  readonly sequence: number
}

/** What a block holds for a topic. A large block comes in several; now and then one without items tells how far it is. */
export interface ChainMessage<T> {
  /** 1, 2, 3, …: none is missing and none comes twice. */
  readonly sequence: number
  readonly height: number
  readonly hash: string
  readonly timestampMs: number
  readonly items: readonly T[]
  /** Save it when the message is done, and go on after it whenever you like. */
  readonly resume: ResumePoint
}

const transactionOf = (json: Json): string | undefined => (json === null ? undefined : textOf(json))

function memberReader(item: Members): <T>(name: string, reader: (json: Json) => T) => T {
  return (name, reader) => read(METHOD, item, name, reader)
}

const READERS: { readonly [T in keyof ItemsOfTopics]: (item: Members) => ItemsOfTopics[T] } = {
  blocks(item) {
    const of = memberReader(item)
    return {
      header: of('header', (json) => membersOf(json, METHOD)),
      sizeBytes: of('sizeBytes', countOf),
      transactionCount: of('transactionCount', countOf),
    }
  },
  transactions(item) {
    const of = memberReader(item)
    return {
      hash: of('hash', textOf),
      index: of('index', countOf),
      from: of('from', textOf),
      nonce: of('nonce', countOf),
      to: of('to', textOf),
      valueBase: of('valueBase', amountOf),
      succeeded: item.succeeded === true,
      gasUsed: of('gasUsed', countOf),
      feeBase: of('feeBase', amountOf),
    }
  },
  transfers(item) {
    const of = memberReader(item)
    return {
      from: of('from', textOf),
      to: of('to', textOf),
      amountBase: of('amountBase', amountOf),
      transaction: of('transaction', transactionOf),
      logIndex: of('logIndex', countOf),
    }
  },
}

/** The topics that go by a name here: a module goes by itself, as its definition types its events. */
export const TOPIC_NAMES: readonly string[] = Object.keys(READERS)

/** False for what an untyped program may pass in place of a topic, such as a module's name. */
export function isTopic(topic: unknown): topic is SubscriptionTopic {
  if (typeof topic === 'string') return TOPIC_NAMES.includes(topic)
  return typeof topic === 'object' && topic !== null && 'definition' in topic
}

function eventOf({ events }: ModuleDef, item: Members): EventItem<ModuleDef> | undefined {
  const of = memberReader(item)
  const name = of('event', textOf)
  // Of a later version of the rules than this client's.
  if (!Object.hasOwn(events, name)) return undefined
  const fields: Fields = events[name]!
  const args = of('arguments', (json) => {
    const given = membersOf(json, METHOD)
    const known: (readonly [string, AnyField])[] = Object.entries(fields)
    return Object.fromEntries(
      known.flatMap(([field, type]) => (field in given ? [[field, type.fromJson(given[field]!)]] : [])),
    )
  })
  const place = { transaction: of('transaction', transactionOf), logIndex: of('logIndex', countOf) }
  return { name, args, ...place } as EventItem<ModuleDef>
}

function itemsOf<T extends SubscriptionTopic>(topic: T, list: Json): readonly ItemOf<T>[] {
  if (!Array.isArray(list)) throw new Error('no list')
  return (list as readonly Json[]).flatMap((json) => {
    const item = membersOf(json, METHOD)
    const found =
      typeof topic === 'string'
        ? READERS[topic as keyof ItemsOfTopics](item)
        : eventOf(topic.definition, item)
    return found === undefined ? [] : [found as ItemOf<T>]
  })
}

/** The place that a node's answer or message names. Throws ClientError. */
export function resumePointOf(holder: Json): ResumePoint {
  const of = memberReader(
    read(METHOD, membersOf(holder, METHOD), 'resume', (json) => membersOf(json, METHOD)),
  )
  return {
    fromBlock: of('fromBlock', countOf),
    fromIndex: of('fromIndex', countOf),
    sequence: of('sequence', countOf),
  }
}

/** Throws ClientError `transport` for another shape. */
export function messageOf<T extends SubscriptionTopic>(topic: T, json: Json): ChainMessage<ItemOf<T>> {
  const of = memberReader(membersOf(json, METHOD))
  return {
    sequence: of('sequence', countOf),
    height: of('height', countOf),
    hash: of('hash', textOf),
    timestampMs: of('timestampMs', countOf),
    items: of('items', (list) => itemsOf(topic, list)),
    resume: resumePointOf(json),
  }
}
