// Long computations as steps of a few milliseconds: pure, without a clock; whoever runs them may do other work between two.
// Owns: the type, running all at once. Not: running them beside other work (storage/turns.ts).

/** Yields after each step and returns the result. Closing it early frees what it holds. */
export type Steps<T> = Generator<undefined, T, undefined>

/** Runs every step at once. */
export function runSteps<T>(steps: Steps<T>): T {
  let step = steps.next()
  while (step.done !== true) step = steps.next()
  return step.value
}
