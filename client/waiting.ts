// Waiting that a signal ends: for a time, or for somebody's word. Not: what is waited for.

/** Resolves after so many milliseconds, or at once when the signal aborts or has. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return untilWoken((wake) => {
    const timer = setTimeout(wake, ms)
    return () => clearTimeout(timer)
  }, signal)
}

/** Resolves when what was subscribed to calls, or the signal aborts or has; then it is unsubscribed. */
export async function untilWoken(
  subscribe: (wake: () => void) => () => void,
  signal: AbortSignal,
): Promise<void> {
  if (signal.aborted) return
  await new Promise<void>((resolve) => {
    const wake = (): void => {
      unsubscribe()
      signal.removeEventListener('abort', wake)
      resolve()
    }
    const unsubscribe = subscribe(wake)
    signal.addEventListener('abort', wake, { once: true })
  })
}

/** Resolves when all who wait in the set are woken, or the signal aborts or has. */
export function untilCalled(waiting: Set<() => void>, signal: AbortSignal): Promise<void> {
  return untilWoken((wake) => {
    waiting.add(wake)
    return () => void waiting.delete(wake)
  }, signal)
}
