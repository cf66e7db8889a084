// Time and blocks on a devnet, under anvil's and hardhat's names where they mean the same. Not: the clock (devnet/).
import type { Json } from '../../base/field.ts'
import { quantity } from '../eth/format.ts'
import { defineMethod, type Method, type Param } from '../method.ts'
import { invalidWhen, p, QUANTITY_SCHEMA, withDefault } from '../params.ts'
import { alsoAs } from './aliases.ts'
import { type DevControl, IN_TURN_COST } from './control.ts'

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

interface MineOptions {
  readonly count: number
  readonly atMs: number | undefined
}

/** `evm_mine` takes nothing, a moment, or an object with both. */
const mineOptions: Param<MineOptions> = {
  ...withDefault(p.json, {}),
  parse: (json) => {
    const isObject = typeof json === 'object' && json !== null && !Array.isArray(json)
    const { blocks: given, timestamp } = isObject
      ? (json as { readonly blocks?: Json; readonly timestamp?: Json })
      : { timestamp: json }
    return {
      count: blocks.parse(given ?? 1),
      atMs: timestamp === undefined || timestamp === null ? undefined : moment.parse(timestamp) * SECOND_MS,
    }
  },
  absent: () => ({ count: 1, atMs: undefined }),
}

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
    ...alsoAs(
      'anvil_increaseTime',
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
    ),
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
      cost: IN_TURN_COST,
      params: { options: mineOptions },
      returns: { type: 'string' },
      run: async ({ options }, { isGone }) => {
        const { count, atMs } = options
        if (atMs !== undefined) control.setNextTimestampMs(atMs)
        await control.mine({ count, intervalMs: 0, isGone })
        return MINED
      },
    }),
    ...alsoAs(
      ['hardhat_mine', 'ganache_mine'],
      defineMethod({
        name: 'anvil_mine',
        doc: 'Makes blocks, a number of seconds of the chain apart; one by default, a second apart.',
        cost: IN_TURN_COST,
        params: { blocks, interval: withDefault(seconds, 1) },
        returns: { type: ['null', 'boolean'] },
        run: async ({ blocks: count, interval }, { isGone }) => {
          await control.mine({ count, intervalMs: interval * SECOND_MS, isGone })
          return null
        },
      }),
    ),
    ...alsoAs(
      'anvil_snapshot',
      defineMethod({
        name: 'evm_snapshot',
        doc: 'Remembers the newest block; returns the number that evm_revert takes.',
        cost: IN_TURN_COST,
        params: {},
        returns: QUANTITY_SCHEMA,
        run: async () => quantity(await control.snapshot()),
      }),
    ),
    ...alsoAs(
      'anvil_revert',
      defineMethod({
        name: 'evm_revert',
        doc:
          'Goes back to the block of a snapshot, on all validators, and to its time; true once it is done. The snapshot and all later ' +
          'are forgotten, and so is what waited in the pools. False when there is no such snapshot.',
        cost: IN_TURN_COST,
        params: { snapshot: p.count },
        returns: { type: 'boolean' },
        run: ({ snapshot }) => control.revert(snapshot),
      }),
    ),
    defineMethod({
      name: 'dev_passWindows',
      doc:
        'Ends capacity windows one after another, each with the blocks that its end brings; one by default. Returns the time and ' +
        'how far the clock is ahead then. Stops at the next window once its caller has left.',
      cost: IN_TURN_COST,
      params: {
        count: withDefault(
          invalidWhen(p.count, (value) =>
            value >= 1 && value <= WINDOWS_MAX ? undefined : `expected 1 to ${WINDOWS_MAX} windows`,
          ),
          1,
        ),
      },
      returns: { type: 'object' },
      run: async ({ count }, { isGone }) => {
        await control.passWindows({ count, isGone })
        return { nowMs: control.nowMs(), aheadMs: control.aheadMs() }
      },
    }),
  ]
}
