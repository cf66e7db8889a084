// Counts how often something happens within one turn of the event loop, which no load on the machine can raise.

export class TurnCount {
  #isOpen = true
  #inTurn = 0
  most = 0

  constructor() {
    const next = (): void => {
      this.#inTurn = 0
      if (this.#isOpen) setImmediate(next)
    }
    setImmediate(next)
  }

  /** It happens. */
  add(): void {
    this.most = Math.max(this.most, ++this.#inTurn)
  }

  close(): void {
    this.#isOpen = false
  }
}

/** Keeps the thread busy. */
export function busy(ms: number): void {
  const endMs = performance.now() + ms
  while (performance.now() < endMs);
}
