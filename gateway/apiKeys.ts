// The keys that grants hand out. Owns: how they follow from the provider's own key, and finding an assignment by one.
// All gateways of one provider derive the same keys, so that any of them opens to a client whichever granted. Nothing is kept
// of a key but its hash, in memory.
import { createHash, hkdfSync, timingSafeEqual } from 'node:crypto'
import { concatBytes, u32be, u64be, utf8 } from '../base/bytes.ts'
import type { AssignmentId } from './store/records.ts'

const SALT = utf8('suanli/gateway/api-key/v1')
export const API_KEY_BYTES = 32
/** Of a header: longer ones are not hashed. */
const TEXT_CHARS_MAX = 128

/** 32 bytes, from the provider's secret key, the chain and the assignment. */
export function deriveApiKey(
  providerSecret: Uint8Array,
  genesisHash: Uint8Array,
  { redemptionId, assignment }: AssignmentId,
): Uint8Array {
  const info = concatBytes(genesisHash, u64be(redemptionId), u32be(assignment))
  return new Uint8Array(hkdfSync('sha256', providerSecret, SALT, info, API_KEY_BYTES))
}

export const apiKeyText = (key: Uint8Array): string => Buffer.from(key).toString('base64url')

const hashOf = (text: string): Buffer => createHash('sha256').update(text).digest()

/** Assignments by the hash of their key. Bounded by what the chain assigns to one provider. */
export class ApiKeys<T> {
  readonly #byHash = new Map<string, { readonly hash: Buffer; readonly value: T }>()

  add(keyText: string, value: T): void {
    const hash = hashOf(keyText)
    this.#byHash.set(hash.toString('latin1'), { hash, value })
  }

  remove(keyText: string): void {
    this.#byHash.delete(hashOf(keyText).toString('latin1'))
  }

  get size(): number {
    return this.#byHash.size
  }

  /** By `Authorization: Bearer …`; what the time tells is of the hash, which nobody chooses. */
  find(authorization: string | undefined): T | undefined {
    const given = /^Bearer ([\w-]+)$/i.exec(authorization ?? '')?.[1]
    if (given === undefined || given.length > TEXT_CHARS_MAX) return undefined
    const hash = hashOf(given)
    const found = this.#byHash.get(hash.toString('latin1'))
    return found !== undefined && timingSafeEqual(found.hash, hash) ? found.value : undefined
  }
}
