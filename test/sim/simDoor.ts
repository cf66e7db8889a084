// A simulated host's door: the allowances and penalties of a node (p2p/), on virtual time. Lost in a crash, as a node's are.
import { OFFENCE_POINTS } from '../../node/network.ts'
import { FrameLimits } from '../../p2p/frameLimits.ts'
import { Penalties } from '../../p2p/penalties.ts'
import type { Scheduler } from '../support/random.ts'

/** An honest node's backlog after a clog may exceed its allowance, but not by more than this. */
export const BACKLOG_WAIT_MAX_MS = 500
/** Frames of one peer that wait here; a node leaves them to the sender, which is cut off when it has more. */
const LINE_MAX = 20_000

type SimTime = Pick<Scheduler, 'nowMs' | 'after'>

interface Line {
  readonly waiting: { readonly bytes: Uint8Array; readonly deliver: () => void }[]
  isBusy: boolean
}

export class SimDoor {
  readonly #scheduler: SimTime
  readonly #limits: FrameLimits
  readonly #penalties: Penalties
  readonly #lines = new Map<string, Line>()

  constructor(scheduler: SimTime) {
    this.#scheduler = scheduler
    this.#limits = new FrameLimits(() => scheduler.nowMs)
    this.#penalties = new Penalties({ nowMs: () => scheduler.nowMs })
  }

  refuses(peer: string): boolean {
    return this.#penalties.refusedForMs(peer) > 0
  }

  /** Adds one offence; returns how long the peer is refused from now. Its frames that wait are lost. */
  penalise(peer: string): number {
    const refusedMs = this.#penalties.add(peer, OFFENCE_POINTS, true)
    if (refusedMs > 0) this.#lines.get(peer)?.waiting.splice(0)
    return refusedMs
  }

  /** Delivers a frame now, or after its peer's earlier ones and no sooner than allowed; returns the wait if it is known. */
  enter(peer: string, bytes: Uint8Array, deliver: () => void): number {
    let line = this.#lines.get(peer)
    if (line === undefined) {
      line = { waiting: [], isBusy: false }
      this.#lines.set(peer, line)
    }
    if (line.isBusy) {
      if (line.waiting.length < LINE_MAX) line.waiting.push({ bytes, deliver })
      return 0
    }
    const waitMs = this.#limits.take(peer, bytes)
    if (waitMs === 0) deliver()
    else this.#deliverLater(peer, line, waitMs, deliver)
    return waitMs
  }

  #deliverLater(peer: string, line: Line, waitMs: number, deliver: () => void): void {
    line.isBusy = true
    this.#scheduler.after(waitMs, () => {
      line.isBusy = false
      if (!this.refuses(peer)) deliver()
      while (!line.isBusy) {
        const next = line.waiting.shift()
        if (next === undefined) return
        this.enter(peer, next.bytes, next.deliver)
      }
    })
  }
}
