// Shares the thread with consensus. Owns: how much of a turn of the event loop JSON-RPC takes, and who goes next.
// Not: what the work is (dispatch.ts, timeSlice.ts, subscriptions.ts).

/** Two of these may fall between two looks at the timers, so a turn serves at most 20 ms. */
const PERIOD_MS = 10
/** The event loop accepts one connection a turn: while they arrive, more may wait, and an honest one among them. */
const ARRIVAL_PERIOD_MS = 1
/** Long work waits for at most this many periods of prompt work. */
const PROMPT_PERIODS_MAX = 4

/**
 * A period begins with the first work after a turn of the event loop that the last period asked for, and serves for its
 * length. Only then is the loop asked to turn: that costs a system call, too much for each small request.
 */
export class Turns {
  #beganMs = Number.NEGATIVE_INFINITY
  #periodMs = PERIOD_MS
  #hasArrival = false
  /** Between periods: the next work begins one. */
  #isFresh = true
  #isTurning = false
  #promptPeriods = 0
  /** By client, in the order in which they go; each holds at least one piece of work. */
  readonly #prompt = new Map<string, (() => void)[]>()
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
    if (nowMs - this.#beganMs < this.#periodMs) return true
    this.#turn()
    return false
  }

  /** Tells of a connection that was accepted: the next period is short, and the loop soon accepts the next one. */
  arrived(): void {
    this.#hasArrival = true
  }

  /** Whether a request that is read now may be answered at once: there is room, and nobody waits before it. */
  mayStart(): boolean {
    return this.hasRoom() && (this.#isPrompt || this.#prompt.size === 0)
  }

  /** Runs `work`, which is short, in a turn with room; clients take turns. The caller bounds how many wait. */
  prompt(client: string, work: () => void): void {
    addTo(this.#prompt, client, work)
    this.#turn()
  }

  /** Resolves in a turn with room, after the prompt work; clients take turns. The caller bounds how many wait. */
  long(client: string): Promise<void> {
    return new Promise((resolve) => {
      addTo(this.#long, client, resolve)
      this.#turn()
    })
  }

  #turn(): void {
    if (this.#isTurning) return
    this.#isTurning = true
    setImmediate(() => void this.#next())
  }

  async #next(): Promise<void> {
    this.#isTurning = false
    this.#isFresh = true
    this.#periodMs = this.#hasArrival ? ARRIVAL_PERIOD_MS : PERIOD_MS
    this.#hasArrival = false
    if (this.#prompt.size === 0 && this.#long.size === 0) return
    this.#turn()
    const isLongDue = this.#long.size > 0 && ++this.#promptPeriods >= PROMPT_PERIODS_MAX
    while (!isLongDue && this.#prompt.size > 0 && this.hasRoom()) {
      this.#isPrompt = true
      takeFrom(this.#prompt)!()
      this.#isPrompt = false
      // What waits for it, such as sending the answer, belongs to the same turn's time. No other turn begins meanwhile.
      await undefined
    }
    // One waiter: it continues after this function returns, and uses what is left of the period.
    if (isLongDue || this.hasRoom()) this.#resumeOne()
  }

  #resumeOne(): void {
    const resume = takeFrom(this.#long)
    if (resume === undefined) return
    this.#promptPeriods = 0
    resume()
  }
}

type Lines = Map<string, (() => void)[]>

function addTo(lines: Lines, client: string, work: () => void): void {
  const line = lines.get(client)
  if (line === undefined) lines.set(client, [work])
  else line.push(work)
}

/** The first work of the client whose turn it is, which then goes to the end. */
function takeFrom(lines: Lines): (() => void) | undefined {
  const [first] = lines
  if (first === undefined) return undefined
  const [client, line] = first
  const work = line.shift()
  lines.delete(client)
  if (line.length > 0) lines.set(client, line)
  return work
}

/** One per thread, as the event loop is. */
export const turns = new Turns()
