// How often a stream tells its sender that it has read. Owns: this one rule. Not: the window's size (transport.ts).
//
// libp2p's yamux answers every piece of data with a window update of its own: each vote then costs a second frame, encrypted,
// written, read and decrypted, to allow what was allowed before. An update is needed once half of the window is used, as in
// yamux for Go: the sender never waits for it.
import { assert } from '../base/assert.ts'

/** The part of a yamux stream that decides this. */
interface Windowed {
  readonly state: number
  /** Bytes that a whole window holds. */
  readonly recvWindow: number
  /** Bytes of it that the sender may still use. */
  readonly recvWindowCapacity: number
  sendWindowUpdate(): void
}

/** `StreamState.Established` of yamux: flags that open a stream travel on updates too, so they are not held back before. */
const ESTABLISHED = 3

/** Makes a yamux stream update its sender's window when half of it is used. */
export function updateWindowByHalves(stream: object): void {
  const windowed = stream as Windowed
  assert(
    typeof windowed.sendWindowUpdate === 'function' &&
      typeof windowed.recvWindow === 'number' &&
      typeof windowed.recvWindowCapacity === 'number',
    'a stream of libp2p has a window',
  )
  const update = windowed.sendWindowUpdate.bind(windowed)
  windowed.sendWindowUpdate = () => {
    const isAmple = 2 * windowed.recvWindowCapacity > windowed.recvWindow
    if (windowed.state !== ESTABLISHED || !isAmple) update()
  }
}
