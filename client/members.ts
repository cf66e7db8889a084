// Reads the members of a node's answers. Owns: their shapes, and errors that name the member. Not: what they mean.
import type { Json } from '../base/field.ts'
import { ClientError } from './clientError.ts'

export type Members = { readonly [name: string]: Json }

export function membersOf(json: Json, method: string): Members {
  if (typeof json === 'object' && json !== null && !Array.isArray(json)) return json as Members
  throw new ClientError('transport', `${method}: the answer has the wrong shape`)
}

/** A member read by `read`; what it throws becomes ClientError. */
export function read<T>(method: string, members: Members, name: string, reader: (json: Json) => T): T {
  try {
    return reader(members[name] ?? null)
  } catch (cause) {
    throw new ClientError('transport', `${method}: ${name} has the wrong shape`, { cause })
  }
}

export function amountOf(json: Json): bigint {
  if (typeof json !== 'string' || !/^\d{1,78}$/.test(json)) throw new Error('no amount')
  return BigInt(json)
}

/** An amount as the methods of Ethereum write it. */
export function quantityOf(json: Json): bigint {
  if (typeof json !== 'string' || !/^0x[0-9a-f]{1,64}$/.test(json)) throw new Error('no quantity')
  return BigInt(json)
}

export function countOf(json: Json): number {
  const value = typeof json === 'string' && /^0x[0-9a-f]{1,13}$/.test(json) ? Number(json) : json
  if (!Number.isSafeInteger(value)) throw new Error('no number')
  return value as number
}

export function textOf(json: Json): string {
  if (typeof json !== 'string') throw new Error('no text')
  return json
}
