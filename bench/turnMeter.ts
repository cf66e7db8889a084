// Measures the turns of the event loop: how long the thread works before it looks at its timers again.
// Owns: the probe and the figures of a phase. Not: what runs meanwhile (turnsBench.ts).

/** The probe's timer; shorter turns cannot be told from waiting. */
const PROBE_MS = 1
/** Turns longer than this are counted. */
const LONG_MS = 50

export interface PhaseFigures {
  readonly phase: string
  readonly seconds: number
  readonly cpuSeconds: number
  /** Longest turn by the clock. On a busy machine it contains time in which other processes ran. */
  readonly turnMaxMs: number
  /** Longest turn, counting no more than the CPU time that the process used in it. */
  readonly turnMaxCpuMs: number
  /** Turns above 50 ms, counted like `turnMaxCpuMs`. */
  readonly longTurns: number
  readonly rssMiB: number
}

/** Runs one phase after another; each resolves with the phase's result and is recorded. */
export class TurnMeter {
  readonly figures: PhaseFigures[] = []

  async phase<T>(name: string, work: () => Promise<T>): Promise<T> {
    let turnMaxMs = 0
    let turnMaxCpuMs = 0
    let longTurns = 0
    let lastMs = performance.now()
    let lastCpuMs = cpuMs()
    const startedAtMs = lastMs
    const startedCpuMs = lastCpuMs
    const look = (): void => {
      const nowMs = performance.now()
      const nowCpuMs = cpuMs()
      const turnMs = nowMs - lastMs
      const workMs = Math.min(turnMs, nowCpuMs - lastCpuMs)
      turnMaxMs = Math.max(turnMaxMs, turnMs)
      turnMaxCpuMs = Math.max(turnMaxCpuMs, workMs)
      if (workMs > LONG_MS) longTurns++
      lastMs = nowMs
      lastCpuMs = nowCpuMs
    }
    const probe = setInterval(look, PROBE_MS)
    const result = await work()
    // The turn that ended the work counts too.
    await new Promise((done) => setTimeout(done, 2 * PROBE_MS))
    clearInterval(probe)
    this.figures.push({
      phase: name,
      seconds: (performance.now() - startedAtMs) / 1000,
      cpuSeconds: (cpuMs() - startedCpuMs) / 1000,
      turnMaxMs,
      turnMaxCpuMs,
      longTurns,
      rssMiB: process.memoryUsage.rss() / 2 ** 20,
    })
    return result
  }
}

/** CPU time of all threads of this process. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}
