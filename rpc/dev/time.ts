// Time and blocks on a devnet, under anvil's and hardhat's names where they mean the same. Not: the clock (devnet/).
import type { Json } from '../../base/field.ts'
import { limitExceeded } from '../errors.ts'
import { defineMethod, type Method } from '../method.ts'
import { invalidWhen, optional, p, parseUint, withDefault } from '../params.ts'
import { alsoAs } from './aliases.ts'
import type { DevControl } from './control.ts'

/** Blocks of one call: they take some milliseconds each. */
const BLOCKS_MAX = 10_000
const WINDOWS_MAX = 10_000
const SECOND_MS = 1_000
/** Later moments are surely given in milliseconds. */
const SECONDS_MAX = 100_000_000_000
const YEARS_MAX_SECONDS = 100 * 366 * 86_400
const MINED = '0x0'

const seconds = invalidWhen(p.count, (value) =>
  value <= YEARS_MAX_SECONDS ? undefined : `expected at most ${YEARS_MAX_SECONDS} seconds`,
)
const moment = invalidWhen(p.count, (value) =>
  value <= SECONDS_MAX ? undefined : 'expected Unix time in seconds',
)
const blocks = withDefault(
  invalidWhen(p.count, (value) =>
    value <= BLOCKS_MAX ? undefined : `expected at most ${BLOCKS_MAX} blocks`,
  ),
  1,
)

/** `evm_mine` takes nothing, a moment, or an object with both. */
function mineOptions(json: Json | undefined): { readonly count: number; readonly atMs: number | undefined } {
  if (json === undefined || json === null) return { count: 1, atMs: undefined }
  const isObject = typeof json === 'object' && !Array.isArray(json)
  const { blocks: given = 1, timestamp } = isObject
    ? (json as { readonly blocks?: Json; readonly timestamp?: Json })
    : { timestamp: json }
  const count = numberOf(given ?? 1)
  if (count > BLOCKS_MAX) throw limitExceeded(`at most ${BLOCKS_MAX} blocks at once`)
  return {
    count,
    atMs: timestamp === undefined || timestamp === null ? undefined : numberOf(timestamp) * SECOND_MS,
  }
}

const numberOf = (json: Json): number => (typeof json === 'number' ? p.count.parse(json) : parseUint(json))

export function timeMethods(control: DevControl): readonly Method[] {
  return [...clockMethods(control), ...blockMethods(control)]
}

function clockMethods(control: DevControl): readonly Method[] {
  return [
    defineMethod({
      name: 'dev_time',
      doc: "The chain's clock in Unix milliseconds, and how far it is ahead of this machine's.",
      cost: 1,
      params: {},
      returns: { type: 'object' },
      run: () => ({ nowMs: control.nowMs(), aheadMs: control.aheadMs() }),
    }),
    defineMethod({
      name: 'evm_increaseTime',
      doc:
        "Sets the chain's clock forward by seconds; returns how far it is ahead now. The next block has the new time, and ends at " +
        'most the running window: dev_passWindows ends one after another.',
      cost: 2,
      params: { seconds },
      returns: { type: 'integer' },
      run: ({ seconds: by }) => {
        control.setTimeMs(control.nowMs() + by * SECOND_MS)
        return Math.round(control.aheadMs() / SECOND_MS)
      },
    }),
    ...alsoAs(
      'anvil_setNextBlockTimestamp',
      defineMethod({
        name: 'evm_setNextBlockTimestamp',
        doc: 'The Unix time in seconds that the next block has; the clock goes on from there.',
        cost: 2,
        params: { timestamp: moment },
        returns: { type: 'null' },
        run: ({ timestamp }) => {
          control.setNextTimestampMs(timestamp * SECOND_MS)
          return null
        },
      }),
    ),
    ...alsoAs(
      'anvil_setTime',
      defineMethod({
        name: 'evm_setTime',
        doc: "Sets the chain's clock forward to a Unix time in seconds; returns by how many seconds.",
        cost: 2,
        params: { timestamp: moment },
        returns: { type: 'integer' },
        run: ({ timestamp }) => {
          const byMs = timestamp * SECOND_MS - control.nowMs()
          control.setTimeMs(timestamp * SECOND_MS)
          return Math.round(byMs / SECOND_MS)
        },
      }),
    ),
  ]
}

function blockMethods(control: DevControl): readonly Method[] {
  return [
    defineMethod({
      name: 'evm_mine',
      doc: 'Makes a block, although nothing waits: now, at a Unix time in seconds, or as many as {blocks, timestamp} says.',
      cost: 20,
      params: { options: optional(p.json) },
      returns: { type: 'string' },
      run: async ({ options }) => {
        const { count, atMs } = mineOptions(options)
        if (atMs !== undefined) control.setNextTimestampMs(atMs)
        await control.mine({ count, intervalMs: 0 })
        return MINED
      },
    }),
    ...alsoAs(
      'hardhat_mine',
      defineMethod({
        name: 'anvil_mine',
        doc: 'Makes blocks, a number of seconds of the chain apart; one by default, a second apart.',
        cost: 20,
        params: { blocks, interval: withDefault(seconds, 1) },
        returns: { type: ['null', 'boolean'] },
        run: async ({ blocks: count, interval }) => {
          await control.mine({ count, intervalMs: interval * SECOND_MS })
          return null
        },
      }),
    ),
    defineMethod({
      name: 'dev_passWindows',
      doc:
        'Ends capacity windows one after another, each with the blocks that its end brings; one by default. Returns the time and ' +
        'how far the clock is ahead then.',
      cost: 20,
      params: {
        count: withDefault(
          invalidWhen(p.count, (value) =>
            value >= 1 && value <= WINDOWS_MAX ? undefined : `expected 1 to ${WINDOWS_MAX} windows`,
          ),
          1,
        ),
      },
      returns: { type: 'object' },
      run: async ({ count }) => {
        await control.passWindows(count)
        return { nowMs: control.nowMs(), aheadMs: control.aheadMs() }
      },
    }),
  ]
}
