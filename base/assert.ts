// Assertions stay on in production: a broken one is a bug and halts the node with a diagnosis.

/** Thrown by `assert`; in state or consensus it means the node must stop, not continue. */
export class AssertionFailed extends Error {
  readonly code = 'AssertionFailed'
  constructor(message: string) {
    super(`assertion failed: ${message}`)
    this.name = 'AssertionFailed'
  }
}

export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new AssertionFailed(message)
}

export function mustExist<T>(value: T | undefined | null, message: string): T {
  if (value === undefined || value === null) throw new AssertionFailed(message)
  return value
}

export function unreachable(value: never): never {
  throw new AssertionFailed(`unreachable: ${String(value)}`)
}
