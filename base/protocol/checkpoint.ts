// Checkpoints trusted from outside the chain, as text for command lines and files. Owns: the two forms. Not: how they
// are used (node/sync/trust.ts, client/trust.ts).
import { toHex } from '../bytes.ts'
import { type Hash32, parseHash32 } from '../ids.ts'
import { parseWholeNumber } from '../integers.ts'

/** A final block that the node's operator vouches for. */
export interface BlockCheckpoint {
  readonly height: number
  readonly hash: Hash32
}

/** Parses `12000:0x…` (height and block hash); undefined when malformed. */
export function parseBlockCheckpoint(text: string): BlockCheckpoint | undefined {
  const [first = '', second = '', ...others] = text.split(':')
  const height = parseWholeNumber(first, 0, 10 ** 15 - 1)
  const hash = parseHash32(second)
  return height === undefined || hash === undefined || others.length > 0 ? undefined : { height, hash }
}

/** A trusted boundary that changed the validator set: earlier epochs need no proof. */
export interface BoundaryCheckpoint {
  readonly genesisHash: Hash32
  /** The epoch that the boundary ended. */
  readonly epoch: number
  readonly hash: Hash32
}

/**
 * `<genesis hash>:<epoch>:<boundary hash>`.
 *
 * @example
 * const hash = new Uint8Array(32)
 * formatCheckpoint({ genesisHash: hash, epoch: 7, hash }).includes(':7:') // true
 */
export function formatBoundaryCheckpoint({ genesisHash, epoch, hash }: BoundaryCheckpoint): string {
  return `${toHex(genesisHash)}:${epoch}:${toHex(hash)}`
}

/** Inverse of `formatBoundaryCheckpoint`; undefined when malformed. */
export function parseBoundaryCheckpoint(text: string): BoundaryCheckpoint | undefined {
  const [first = '', second = '', third = '', ...others] = text.split(':')
  const [genesisHash, epoch, hash] = [parseHash32(first), parseWholeNumber(second), parseHash32(third)]
  if (genesisHash === undefined || epoch === undefined || hash === undefined || others.length > 0)
    return undefined
  return { genesisHash, epoch, hash }
}
