// What a provider must do next, by when, and what happens otherwise: one answer for every state it can be in.
import type { StateReader } from '../../view.ts'
import { getCase } from './cases.ts'
import { unlocksFrom } from './exits.ts'
import {
  bondMissing,
  bondsOf,
  cureOf,
  cureWindows,
  getMember,
  liabilityOf,
  noticeOf,
  resumesFrom,
  runningWindow,
  securityNow,
  shortfallOf,
  suspensionOf,
} from './external.ts'
import type { STEPS } from './records.ts'
import { suspendedWindows } from './watch.ts'

interface Duty {
  readonly step: (typeof STEPS)[number]
  readonly what: string
  readonly otherwise: string
  readonly untilWindow?: number
}

const DEFAULT = 'it defaults: its lock burns, its bond is the estate, and others take what it owes'
const NOTHING: Duty = { step: 'nothing', what: 'nothing', otherwise: 'nothing changes' }

/** What somebody must do who has lost its vote, or has defaulted. */
function dutyOfLeaver(state: StateReader, provider: number): Duty {
  const { liabilityBase } = liabilityOf(state, provider)
  if (liabilityBase > 0n)
    return {
      step: 'handOver',
      what: 'serve, retire or hand over what it owes; until then it keeps its bond and its capacity',
      otherwise: 'its bond stays locked',
    }
  if (bondsOf(state, provider).every(({ amountBase }) => amountBase === 0n)) return NOTHING
  const untilWindow = unlocksFrom(state, provider)
  if (runningWindow(state) < untilWindow)
    return {
      step: 'wait',
      what: 'wait until the bond unlocks: default.withdrawBond pays it then',
      otherwise: 'nothing changes',
      untilWindow,
    }
  return { step: 'withdrawBond', what: 'take the bond back: default.withdrawBond', otherwise: 'it waits' }
}

function dutyOfDefaulted(state: StateReader, provider: number): Duty {
  const known = getCase(state, provider)
  if (known === undefined || known.stage === 'closed') return dutyOfLeaver(state, provider)
  return {
    step: 'wait',
    what: 'nothing can be done any more: what it owes goes to others',
    otherwise: 'nothing changes',
    untilWindow: known.auctionWindow,
  }
}

/** What somebody must do whose time to cure runs. */
function dutyToCure(state: StateReader, provider: number): Duty | undefined {
  const cure = cureOf(state, provider)
  if (cure === undefined) return undefined
  const { shortfallBase, untilWindow, bondUntilWindow } = cure
  const isBondFirst = bondUntilWindow !== undefined && (shortfallBase === 0n || bondUntilWindow < untilWindow)
  if (isBondFirst)
    return {
      step: 'postBond',
      what: 'post settlement assets until the bond is at its maintenance level, or owe less: providers.postBond',
      otherwise: DEFAULT,
      untilWindow: bondUntilWindow,
    }
  if (cure.cause === 'jail')
    return {
      step: 'leaveJail',
      what: 'ask the other validators to let it out: governance.proposeUnjail',
      otherwise: DEFAULT,
      untilWindow,
    }
  return {
    step: 'restoreCapacity',
    what: 'bring capacity, burn coins with issuance.retire, or hand liability over with default.offerNovation',
    otherwise: DEFAULT,
    untilWindow,
  }
}

function dutyOf(state: StateReader, provider: number): Duty {
  const member = getMember(state, provider)
  if (member?.status === 'defaulted') return dutyOfDefaulted(state, provider)
  const cure = dutyToCure(state, provider)
  if (cure !== undefined) return cure
  const isGone = member?.removed === true && liabilityOf(state, provider).liabilityBase === 0n
  if (member?.status === 'jailed' && !isGone)
    return {
      step: 'leaveJail',
      what: 'ask the other validators to let it out: governance.proposeUnjail',
      otherwise: 'it owes nothing and stays in jail',
    }
  if (suspensionOf(state, provider) !== undefined) {
    const from = resumesFrom(state, provider) ?? 0
    return {
      step: 'resume',
      what: `offer capacity again from window ${from} on: redemption.resume`,
      otherwise: `after more than ${cureWindows(state)} suspended windows of K it defaults`,
    }
  }
  if (member?.removed === true) return dutyOfLeaver(state, provider)
  if (member?.status === 'retiring') {
    const { liabilityBase } = liabilityOf(state, provider)
    return liabilityBase > 0n
      ? {
          step: 'handOver',
          what: 'serve, retire or hand over what it owes: issuance.retire, default.offerNovation',
          otherwise: 'it goes on serving and voting',
        }
      : {
          step: 'completeExit',
          what: 'give up the vote: default.completeExit',
          otherwise: 'its bond stays locked',
        }
  }
  const notice = noticeOf(state, provider)
  if (notice === undefined) return NOTHING
  return {
    step: 'nothing',
    what: 'nothing yet: some of its pledges end, and what it owes must be covered without them',
    otherwise: 'an own shortfall must be cured and costs a penalty',
    untilWindow: notice,
  }
}

/** The answer of `default.status`; undefined for an unknown provider. */
export function standingOf(state: StateReader, provider: number) {
  const member = getMember(state, provider)
  if (member === undefined) return undefined
  const { liabilityBase, unsecuredBase } = securityNow(state, provider)
  return {
    provider,
    status: member.status,
    suspended: suspensionOf(state, provider) !== undefined,
    ...dutyOf(state, provider),
    windowIndex: runningWindow(state),
    liabilityBase,
    shortfallBase: shortfallOf(state, provider),
    bondMissingBase: bondMissing(state, provider),
    unsecuredBase,
    suspendedWindows: suspendedWindows(state, provider),
    suspendedWindowsMax: cureWindows(state),
  }
}
