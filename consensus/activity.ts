// Which validators voted recently, measured in views, never in wall time (CONSENSUS §4 "leader inactive").

interface Heard {
  readonly view: number
  readonly signers: Set<number>
}

export class Activity {
  readonly #validatorCount: number
  readonly #quorum: number
  readonly #sinceView: number
  #heard: Heard[] = []

  /** `sinceView`: the view at the node's or the epoch's start; nothing before it counts. */
  constructor(options: { validatorCount: number; quorum: number; sinceView: number }) {
    this.#validatorCount = options.validatorCount
    this.#quorum = options.quorum
    this.#sinceView = options.sinceView
  }

  /** Records a verified vote of each of these validators in `view`, alone or inside a certificate. */
  note(view: number, signers: readonly number[]): void {
    let entry = this.#heard.find((h) => h.view === view)
    if (entry === undefined) {
      entry = { view, signers: new Set() }
      this.#heard.push(entry)
      this.#heard.sort((a, b) => b.view - a.view)
      // Twice the window: views without a quorum of others do not count towards it.
      this.#heard = this.#heard.slice(0, 4 * this.#validatorCount)
    }
    for (const signer of signers) entry.signers.add(signer)
  }

  /** No verified vote in the last 2n views in which q others voted; false until there are that many. */
  isInactive(validator: number, view: number): boolean {
    const window = 2 * this.#validatorCount
    if (view <= this.#sinceView + window) return false
    let counted = 0
    for (const { view: heardView, signers } of this.#heard) {
      if (heardView >= view) continue
      if (signers.has(validator)) return false
      if (signers.size >= this.#quorum) counted++
      if (counted >= window) return true
    }
    return false
  }
}
