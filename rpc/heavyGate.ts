// How many heavy calls are in progress. Owns: a limit per client and in total; clients take turns. Not: the calls.

export interface GateLimits {
  readonly perClientMax: number
  readonly totalMax: number
}

export const GATE_LIMITS: GateLimits = { perClientMax: 4, totalMax: 8 }

export class HeavyGate {
  readonly #limits: GateLimits
  readonly #running = new Map<string, number>()
  readonly #waiting = new Map<string, (() => void)[]>()
  #total = 0

  constructor(limits: GateLimits = GATE_LIMITS) {
    this.#limits = limits
  }

  /** Undefined when the call may run at once; otherwise resolves when it may. Each entry needs one `leave`. */
  enter(client: string): Promise<void> | undefined {
    if (this.#fits(client)) {
      this.#take(client)
      return undefined
    }
    return new Promise((resolve) => {
      const waiting = this.#waiting.get(client)
      if (waiting === undefined) this.#waiting.set(client, [resolve])
      else waiting.push(resolve)
    })
  }

  leave(client: string): void {
    const running = this.#running.get(client)! - 1
    if (running === 0) this.#running.delete(client)
    else this.#running.set(client, running)
    this.#total--
    for (const [next, waiting] of this.#waiting) {
      if (!this.#fits(next)) continue
      const resume = waiting.shift()!
      this.#waiting.delete(next)
      if (waiting.length > 0) this.#waiting.set(next, waiting)
      this.#take(next)
      resume()
      return
    }
  }

  #fits(client: string): boolean {
    return this.#total < this.#limits.totalMax && (this.#running.get(client) ?? 0) < this.#limits.perClientMax
  }

  #take(client: string): void {
    this.#running.set(client, (this.#running.get(client) ?? 0) + 1)
    this.#total++
  }
}
