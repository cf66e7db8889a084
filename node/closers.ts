// What a part of the node must undo when it ends. Owns: the order, the newest first. Not: what is closed.

export class Closers {
  #closers: (() => Promise<void> | void)[] = []

  add(close: () => Promise<void> | void): void {
    this.#closers.push(close)
  }

  /** Closes everything once, in the reverse order of its opening. */
  async close(): Promise<void> {
    const closers = this.#closers.reverse()
    this.#closers = []
    for (const close of closers) await close()
  }
}

/** Runs `open`; when it throws, closes what it had opened and throws the same. `onError` hears when even closing fails. */
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
