// The node's clocks and timers. Owns: the source of chain time, and the test-only switch that shifts it.
import type { Logger } from 'pino'
import { OperatorError } from '../base/errors.ts'
import type { Clock } from '../consensus/ports.ts'
import { DEVNET_CHAIN_ID } from '../genesis/devnet.ts'

/** Shifts the chain time of a devnet node, milliseconds; for tests of wrong clocks. */
export const CLOCK_OFFSET_VARIABLE = 'SUANLI_TEST_CLOCK_OFFSET_MS'

/** This machine's clock, the wall clock shifted by `offsetMs`; timers are not affected. */
export function systemClock(offsetMs = 0): Clock {
  return {
    nowMs: () => Date.now() + offsetMs,
    monotonicMs: () => Math.floor(performance.now()),
    after(delayMs, callback) {
      const timer = setTimeout(callback, delayMs)
      return () => clearTimeout(timer)
    },
  }
}

/** The clock of a node of this chain. Throws OperatorError when the test switch is set on a chain other than a devnet. */
export function nodeClock(chainId: number, logger: Logger): Clock {
  const text = process.env[CLOCK_OFFSET_VARIABLE]
  if (text === undefined || text === '') return systemClock()
  if (chainId !== DEVNET_CHAIN_ID) {
    throw new OperatorError(`${CLOCK_OFFSET_VARIABLE} is for tests: only a devnet's clock can be shifted`)
  }
  if (!/^-?\d{1,12}$/.test(text)) {
    throw new OperatorError(`${CLOCK_OFFSET_VARIABLE}: expected milliseconds, a whole number`)
  }
  const offsetMs = Number(text)
  logger.warn({ offsetMs }, 'the clock of this node is shifted for a test')
  return systemClock(offsetMs)
}
