// A stack of close functions. Owns: the order, newest first. Not: what is closed.

export class Closers {
  #closers: (() => Promise<void> | void)[] = []

  add(close: () => Promise<void> | void): void {
    this.#closers.push(close)
  }

  /** Closes everything once, in reverse order of opening. */
  async close(): Promise<void> {
    const closers = this.#closers.reverse()
    this.#closers = []
    for (const close of closers) await close()
  }
}

/** Runs `open`; if it throws, closes what it opened and rethrows. `onError` gets the error if closing fails too. */
export async function openWithClosers<T>(
  open: (closers: Closers) => Promise<T>,
  onError: (cause: unknown) => void = () => {},
): Promise<T> {
  const closers = new Closers()
  try {
    return await open(closers)
  } catch (error) {
    await closers.close().catch(onError)
    throw error
  }
}
