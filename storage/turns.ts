// Runs long computations step by step, one per turn of the event loop. Not: the computations.
import { setImmediate } from 'node:timers/promises'
import type { Steps } from '../state/steps.ts'

/** One step per turn: consensus, timers and requests go on between two. Without a step the result is there at once. */
export async function inTurns<T>(steps: Steps<T>): Promise<T> {
  let step = steps.next()
  while (step.done !== true) {
    await setImmediate()
    step = steps.next()
  }
  return step.value
}
