// A sign of life for anything longer than a second, on a terminal only: nothing of it is in a pipe or a file.

const AFTER_MS = 1_000
const EVERY_MS = 500

/** Runs a task; after a second stderr counts the seconds, and is left clean. */
export async function withProgress<T>(what: string, task: () => Promise<T>): Promise<T> {
  const { stderr } = process
  if (stderr.isTTY !== true) return task()
  const startMs = performance.now()
  let isShown = false
  const timer = setInterval(() => {
    const elapsedMs = performance.now() - startMs
    if (elapsedMs < AFTER_MS) return
    isShown = true
    stderr.write(`\r${what}, ${Math.round(elapsedMs / 1_000)} s`)
  }, EVERY_MS)
  try {
    return await task()
  } finally {
    clearInterval(timer)
    if (isShown) stderr.write('\r\x1b[K')
  }
}
