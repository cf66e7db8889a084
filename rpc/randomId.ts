// Ids of filters and subscriptions: unguessable, and quantities as the execution-apis require.
import { randomBytes } from 'node:crypto'
import { bytesToBigint } from '../base/bytes.ts'

/** 128 random bits as a quantity: `0x`, no leading zeros. `bytes` replaces the randomness in tests. */
export function randomId(bytes: Uint8Array = randomBytes(16)): string {
  return `0x${bytesToBigint(bytes).toString(16)}`
}
