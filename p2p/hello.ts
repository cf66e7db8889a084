// The first frame each way on every channel. Owns: what two nodes must agree on before they exchange messages.
import { equalBytes, toHex } from '../base/bytes.ts'
import type { Hash32 } from '../base/ids.ts'
import { message, t } from '../base/schema.ts'
import { P2P_VERSION } from './limits.ts'

export const HELLO_BYTES_MAX = 512
const REFUSAL_CHARS_MAX = 200

const helloSchema = message('Hello', {
  version: t.u32,
  genesisHash: t.hash,
  /** Set when the sender refuses the channel: the reason, for the receiver's log. */
  refusal: t.optional(t.text(REFUSAL_CHARS_MAX)),
})

export function encodeHello(genesisHash: Hash32, refusal?: string): Uint8Array {
  return helloSchema.encode({
    version: P2P_VERSION,
    genesisHash,
    ...(refusal === undefined ? {} : { refusal: refusal.slice(0, REFUSAL_CHARS_MAX) }),
  })
}

export type HelloVerdict =
  | { readonly kind: 'agreed' }
  /** The peer declined; its reason may be temporary, so this is no offence. */
  | { readonly kind: 'refused'; readonly reason: string }
  /** A node on another chain or version. */
  | { readonly kind: 'foreign'; readonly reason: string }

/** Checks a peer's hello. Throws SchemaError when it is malformed. */
export function checkHello(bytes: Uint8Array, genesisHash: Hash32): HelloVerdict {
  const hello = helloSchema.decode(bytes)
  if (hello.version !== P2P_VERSION) {
    return { kind: 'foreign', reason: `peer speaks p2p version ${hello.version}, this node ${P2P_VERSION}` }
  }
  if (!equalBytes(hello.genesisHash, genesisHash)) {
    const theirs = toHex(hello.genesisHash)
    return {
      kind: 'foreign',
      reason: `peer is on another chain: genesis ${theirs}, ours ${toHex(genesisHash)}`,
    }
  }
  if (hello.refusal !== undefined) return { kind: 'refused', reason: `peer refused: ${hello.refusal}` }
  return { kind: 'agreed' }
}
