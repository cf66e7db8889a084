// Requests that wait for a door. Owns: their number, their time. Not: which doors there are (redeemer.ts).
import { RedeemError } from './redeemError.ts'

const WAITERS_MAX = 1_024

interface Waiter<T> {
  readonly mayTake: (door: T) => boolean
  readonly take: (door: T) => void
  readonly fail: (error: RedeemError) => void
}

export class DoorWaiters<T> {
  readonly #waitMs: number
  readonly #waiters = new Set<Waiter<T>>()

  constructor(waitMs: number) {
    this.#waitMs = waitMs
  }

  /** Resolves with the first door offered that suits. Throws RedeemError: `budget` for too many, `ended` when none comes in time. */
  wait(mayTake: (door: T) => boolean): Promise<T> {
    if (this.#waiters.size >= WAITERS_MAX)
      return Promise.reject(new RedeemError('budget', `${WAITERS_MAX} requests wait for a provider already`))
    return new Promise((resolve, reject) => {
      const done = (): void => {
        clearTimeout(timer)
        this.#waiters.delete(waiter)
      }
      const waiter: Waiter<T> = {
        mayTake,
        take: (door) => {
          done()
          resolve(door)
        },
        fail: (error) => {
          done()
          reject(error)
        },
      }
      const timer = setTimeout(
        () => waiter.fail(new RedeemError('ended', `no provider's door opened within ${this.#waitMs} ms`)),
        this.#waitMs,
      )
      this.#waiters.add(waiter)
    })
  }

  /** A door opened: whoever it suits goes there. */
  offer(door: T): void {
    for (const waiter of [...this.#waiters]) if (waiter.mayTake(door)) waiter.take(door)
  }

  /** Nobody waits any more. */
  fail(error: RedeemError): void {
    for (const waiter of [...this.#waiters]) waiter.fail(error)
  }
}
