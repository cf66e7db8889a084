// What `suanli redeem` tells while it waits and serves: one line per change, on a terminal one line that counts down.
// Owns: the sentences. Not: where they come from (client/redemption/states.ts).
import { formatCoins } from '../../base/units.ts'
import type { Redeemer } from '../../client/redemption/redeemer.ts'
import type { RedeemState } from '../../client/redemption/states.ts'

const seconds = (ms: number): string => `${Math.ceil(ms / 1_000)} s`
/** At most six decimals: for people. */
const coins = (base: bigint): string => formatCoins(base - (base % 10n ** 12n))

/** One line, of at most 80 columns where its figures allow. */
export function stateLine(state: RedeemState): string {
  switch (state.kind) {
    case 'queued':
      return state.place === 0
        ? `queued: ${coins(state.queuedBase)} coins, the place is drawn in a later block`
        : `queued: ${coins(state.queuedBase)} coins, place ${state.place}, all are assigned in about ${state.expectedWindows} windows`
    case 'assigned': {
      const when = state.startsInMs === 0 ? 'has begun' : `begins in ${seconds(state.startsInMs)}`
      const granted = state.isGranted ? 'access is granted' : 'access is not granted yet'
      return `assigned: provider ${state.provider}, window ${state.window} ${when}, ${granted}`
    }
    case 'serving':
      return `serving: provider ${state.provider}, ${coins(state.leftBase)} coins left, window ends in ${seconds(state.endsInMs)}`
    case 'ended':
      return `ended: ${state.reason}, ${coins(state.deliveredBase)} coins delivered, ${coins(state.refundedBase)} refunded, ${coins(state.feesBase)} fees`
  }
}

/** What of a state is a change worth a line of its own: not the countdown. */
const keyOf = (state: RedeemState): string => {
  switch (state.kind) {
    case 'queued':
      return `queued ${state.place}`
    case 'assigned':
      return `assigned ${state.window} ${state.provider} ${state.isGranted}`
    case 'serving':
      return `serving ${state.assignment}`
    case 'ended':
      return 'ended'
  }
}

/** Tells what happens on standard error, until the returned function is called. */
export function follow(redeemer: Redeemer): () => void {
  const { stderr } = process
  const isTerminal = stderr.isTTY === true
  let isOpen = false
  let told = ''
  let isOver = false
  const line = (text: string): void => {
    stderr.write(`${isOpen ? '\r\x1b[K' : ''}${text}\n`)
    isOpen = false
  }
  redeemer.on('state', ({ state }) => {
    if (isOver) return
    const key = keyOf(state)
    if (key !== told) line(stateLine(state))
    else if (isTerminal) {
      stderr.write(`\r${stateLine(state)}\x1b[K`)
      isOpen = true
    }
    told = key
  })
  redeemer.on('problem', ({ error, isRejected }) => {
    if (!isOver) line(`${error.code}: ${error.message}${isRejected ? ' (rejected on the chain)' : ''}`)
  })
  return () => {
    isOver = true
    if (isOpen) stderr.write('\r\x1b[K')
  }
}
