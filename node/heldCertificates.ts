// Keeps back certificates for a moment, and for good when every validator can make them itself.
// Owns: how long, and when one is needless. Not: when the core wants one sent.
//
// A certificate's broadcast is as much traffic as a round of votes, and in good health it tells nobody anything: with the votes of
// all n validators seen here, the n − f honest ones among them have sent the same votes to everybody, which is a quorum. One that is
// silent or sends different votes leaves fewer than n, and the certificate goes out.
import type { Certificate, Vote } from '../base/protocol/vote.ts'
import { sameSubject } from '../base/protocol/vote.ts'
import type { Clock } from '../consensus/ports.ts'
import type { EpochState } from '../consensus/state.ts'

/** More at once are sent without waiting: a node that catches up. */
const HELD_MAX = 16

export interface HeldCertificatesOptions {
  readonly clock: Pick<Clock, 'after'>
  /** Part of the network's delay that a certificate may lose. */
  readonly holdMs: number
  readonly state: () => Pick<EpochState, 'epoch' | 'pool' | 'validatorCount'> | undefined
  readonly send: (certificate: Certificate) => void
}

export class HeldCertificates {
  readonly #options: HeldCertificatesOptions
  readonly #held = new Map<Certificate, () => void>()
  /** What is sent again is a repair: it never waits. */
  readonly #known = new WeakSet<Certificate>()

  constructor(options: HeldCertificatesOptions) {
    this.#options = options
  }

  /** Sends a new one to all when its time is over, unless that is needless then. */
  hold(certificate: Certificate): void {
    const { clock, holdMs, send } = this.#options
    const isNew = !this.#known.has(certificate)
    this.#known.add(certificate)
    if (!isNew || this.#held.size >= HELD_MAX) {
      send(certificate)
      return
    }
    const cancel = clock.after(holdMs, () => {
      this.#held.delete(certificate)
      if (!this.#isNeedless(certificate)) send(certificate)
    })
    this.#held.set(certificate, cancel)
  }

  /** Sends what is held: this node may not be there when its time is over. */
  flush(): void {
    for (const [certificate, cancel] of this.#held) {
      cancel()
      this.#options.send(certificate)
    }
    this.#held.clear()
  }

  #isNeedless({ subject }: Certificate): boolean {
    const state = this.#options.state()
    if (state === undefined || state.epoch !== subject.epoch) return false
    const same = ({ subject: other }: Vote): boolean => sameSubject(other, subject)
    return state.pool.votes(subject.view, subject.kind).filter(same).length === state.validatorCount
  }
}
