// How a command that runs on is told to end. Owns: which signals count, and that one which arrives twice is one.

/**
 * Ctrl-C reaches every process of a terminal, and what runs this one (npm, timeout, a supervisor) often sends it once more: within this
 * time it is the same wish, and a close under way goes on.
 */
const SAME_WISH_MS = 1_000

export type StopSignal = 'SIGINT' | 'SIGTERM' | 'SIGHUP'

/** Calls `stop` at the first of these signals. A later one ends the process at once, as if nothing handled it. Returns the unsubscriber. */
export function onStopSignal(signals: readonly StopSignal[], stop: (signal: StopSignal) => void): () => void {
  let firstMs: number | undefined
  const release = (): void => {
    for (const signal of signals) process.off(signal, handle)
  }
  const handle = (signal: NodeJS.Signals): void => {
    if (firstMs === undefined) {
      firstMs = performance.now()
      stop(signal as StopSignal)
    } else if (performance.now() - firstMs > SAME_WISH_MS) {
      release()
      process.kill(process.pid, signal)
    }
  }
  for (const signal of signals) process.on(signal, handle)
  return release
}
