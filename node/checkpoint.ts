// A block that the operator trusts, from outside the chain. Owns: its shape and its text form.
import { type Hash32, parseHash32 } from '../base/ids.ts'

/** The operator's word for one block of the chain. */
export interface Checkpoint {
  readonly height: number
  readonly hash: Hash32
}

/** `12000:0x…` as height and block hash; undefined when it is anything else. */
export function parseCheckpoint(text: string): Checkpoint | undefined {
  const match = /^(\d{1,15}):(0x[0-9a-fA-F]{64})$/.exec(text)
  const hash = match === null ? undefined : parseHash32(match[2]!)
  return match === null || hash === undefined ? undefined : { height: Number(match[1]), hash }
}
