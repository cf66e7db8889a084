// What somebody trusts from outside the chain, as one word for command lines and files. Owns: the two forms. Not: what
// follows from them (node/sync/trust.ts, client/trust.ts).
import { toHex } from '../bytes.ts'
import { type Hash32, parseHash32 } from '../ids.ts'
import { parseWholeNumber } from '../integers.ts'

/** A node's operator's word for one final block of its chain. */
export interface BlockCheckpoint {
  readonly height: number
  readonly hash: Hash32
}

/** `12000:0x…` as height and block hash; undefined when it is anything else. */
export function parseBlockCheckpoint(text: string): BlockCheckpoint | undefined {
  const [first = '', second = '', ...others] = text.split(':')
  const height = parseWholeNumber(first, 0, 10 ** 15 - 1)
  const hash = parseHash32(second)
  return height === undefined || hash === undefined || others.length > 0 ? undefined : { height, hash }
}

/** A boundary that changed the validator set, by its hash: everything before it needs no trust any more. */
export interface BoundaryCheckpoint {
  readonly genesisHash: Hash32
  /** The epoch that the boundary ended. */
  readonly epoch: number
  readonly hash: Hash32
}

/** `<genesis hash>:<epoch>:<boundary hash>`. */
export function formatBoundaryCheckpoint({ genesisHash, epoch, hash }: BoundaryCheckpoint): string {
  return `${toHex(genesisHash)}:${epoch}:${toHex(hash)}`
}

/** What `formatBoundaryCheckpoint` wrote; undefined when it is anything else. */
export function parseBoundaryCheckpoint(text: string): BoundaryCheckpoint | undefined {
  const [first = '', second = '', third = '', ...others] = text.split(':')
  const [genesisHash, epoch, hash] = [parseHash32(first), parseWholeNumber(second), parseHash32(third)]
  if (genesisHash === undefined || epoch === undefined || hash === undefined || others.length > 0)
    return undefined
  return { genesisHash, epoch, hash }
}
