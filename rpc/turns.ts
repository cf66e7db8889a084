// Shares the thread with consensus. Owns: how much of a turn of the event loop JSON-RPC takes, and who goes next.
// Not: what the work is (dispatch.ts, timeSlice.ts, subscriptions.ts).

/** Two of these may fall between two looks at the timers, so a turn serves at most 20 ms. */
const PERIOD_MS = 10
/** Long work waits for at most this many periods of prompt work. */
const PROMPT_PERIODS_MAX = 4

/**
 * A period begins with the first work after a turn of the event loop that the last period asked for, and serves for its
 * length. Only then is the loop asked to turn: that costs a system call, too much for each small request.
 */
export class Turns {
  #beganMs = Number.NEGATIVE_INFINITY
  /** Between periods: the next work begins one. */
  #isFresh = true
  #isTurning = false
  #promptPeriods = 0
  readonly #prompt: (() => void)[] = []
  /** Prompt work is being done: it has waited for its turn. */
  #isPrompt = false
  /** By client, in the order in which they go; each holds at least one waiter. */
  readonly #long = new Map<string, (() => void)[]>()

  /** Whether this turn may serve more. */
  hasRoom(): boolean {
    const nowMs = performance.now()
    if (this.#isFresh) {
      this.#isFresh = false
      this.#beganMs = nowMs
      return true
    }
    if (nowMs - this.#beganMs < PERIOD_MS) return true
    this.#turn()
    return false
  }

  /** Whether a request that is read now may be answered at once: there is room, and nobody waits before it. */
  mayStart(): boolean {
    return this.hasRoom() && (this.#isPrompt || this.#prompt.length === 0)
  }

  /** Runs `work`, which is short, in a turn with room. The caller bounds how many wait. */
  prompt(work: () => void): void {
    this.#prompt.push(work)
    this.#turn()
  }

  /** Resolves in a turn with room, after the prompt work; clients take turns. The caller bounds how many wait. */
  long(client: string): Promise<void> {
    return new Promise((resolve) => {
      const waiting = this.#long.get(client)
      if (waiting === undefined) this.#long.set(client, [resolve])
      else waiting.push(resolve)
      this.#turn()
    })
  }

  #turn(): void {
    if (this.#isTurning) return
    this.#isTurning = true
    setImmediate(() => this.#next())
  }

  #next(): void {
    this.#isTurning = false
    this.#isFresh = true
    if (this.#prompt.length === 0 && this.#long.size === 0) return
    this.#turn()
    const isLongDue = this.#long.size > 0 && ++this.#promptPeriods >= PROMPT_PERIODS_MAX
    let done = 0
    this.#isPrompt = true
    while (!isLongDue && done < this.#prompt.length && this.hasRoom()) this.#prompt[done++]!()
    this.#isPrompt = false
    if (done > 0) this.#prompt.splice(0, done)
    // One waiter: it continues after this function returns, and uses what is left of the period.
    if (isLongDue || this.hasRoom()) this.#resumeOne()
  }

  #resumeOne(): void {
    const [first] = this.#long
    if (first === undefined) return
    const [client, waiting] = first
    const resume = waiting.shift()!
    this.#long.delete(client)
    if (waiting.length > 0) this.#long.set(client, waiting)
    this.#promptPeriods = 0
    resume()
  }
}

/** One per thread, as the event loop is. */
export const turns = new Turns()
