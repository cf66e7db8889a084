// Which alarms of the manual hold now. Owns: their conditions, of what the node knows by itself. Not: the same for Prometheus
// (docs/monitoring/alerts.yml has the same names and, over time, more).
import type { Json } from '../../base/field.ts'
import { quorum } from '../../base/protocol/validators.ts'
import type { Backend } from '../backend.ts'
import { readiness } from '../pages.ts'
import type { OperatorFigures } from './operatorFigures.ts'

const LOOP_LAG_MS = 500
const CLOCK_BEHIND_MS = -500
const CLOCK_AHEAD_MS = 5_000
const DISK_FREE_BYTES = 5e9
const GRACE_MS = 15_000

export const SEVERITIES = ['critical', 'warning'] as const

export interface Alarm {
  /** As in docs/monitoring/alerts.yml. */
  readonly name: string
  readonly severity: (typeof SEVERITIES)[number]
  /** The figure behind it, in words of the node. */
  readonly text: string
  /** Page of the manual, below docs/. */
  readonly page: string
}

interface Facts {
  readonly health: ReturnType<Backend['health']>
  readonly failing: readonly string[]
  readonly evidenceCount: number
  readonly shortfallBase: bigint
  readonly mintStop: string | undefined
  readonly validatorCount: number
  /** Undefined where it is not told. */
  readonly figures: OperatorFigures | undefined
}

type Rule = Omit<Alarm, 'text'> & {
  /** Undefined while it does not hold. */
  text(facts: Facts): string | undefined
}

const when = (holds: boolean, text: string): string | undefined => (holds ? text : undefined)

function thinQuorum({ figures, validatorCount }: Facts): string | undefined {
  if (figures === undefined || validatorCount === 1) return undefined
  const connected = figures.peers.filter(
    ({ validatorIndex, isConnected }) => validatorIndex !== undefined && isConnected,
  ).length
  const here = connected + (figures.isValidator ? 1 : 0)
  return when(
    here <= quorum(validatorCount),
    `${here} validators are connected, ${quorum(validatorCount)} decide`,
  )
}

export const ALARM_RULES: readonly Rule[] = [
  {
    name: 'SuanliHalted',
    severity: 'critical',
    page: 'operations/state-mismatch.md',
    text: ({ health }) => health.halted,
  },
  {
    name: 'SuanliFinalityStuck',
    severity: 'critical',
    page: 'operations/troubleshooting.md',
    text: ({ health: { finalizedAgeMs, heartbeatMs } }) =>
      when(
        finalizedAgeMs > 2 * heartbeatMs + GRACE_MS,
        `the newest final block is ${Math.round(finalizedAgeMs / 1_000)} s old`,
      ),
  },
  {
    name: 'SuanliNotReady',
    severity: 'warning',
    page: 'operations/troubleshooting.md',
    text: ({ failing }) => when(failing.length > 0, `failing: ${failing.join(', ')}`),
  },
  { name: 'SuanliQuorumThin', severity: 'warning', page: 'operations/quorum-loss.md', text: thinQuorum },
  {
    name: 'SuanliSignerUnable',
    severity: 'critical',
    page: 'operations/remote-signer.md',
    text: ({ health: { signer, validatorIndex } }) =>
      when(validatorIndex !== undefined && signer !== 'ready', `the signer is ${signer ?? 'absent'}`),
  },
  {
    name: 'SuanliClockWrong',
    severity: 'warning',
    page: 'operations/troubleshooting.md',
    text: ({ figures }) => {
      const offsetMs = figures?.clockOffsetMs
      if (offsetMs === undefined || (offsetMs >= CLOCK_BEHIND_MS && offsetMs <= CLOCK_AHEAD_MS))
        return undefined
      return `the clock differs by ${Math.round(offsetMs)} ms`
    },
  },
  {
    name: 'SuanliDoubleVote',
    severity: 'warning',
    page: 'operations/membership.md',
    text: ({ evidenceCount }) => when(evidenceCount > 0, `${evidenceCount} proofs are not on chain`),
  },
  {
    name: 'SuanliShortfall',
    severity: 'warning',
    page: 'when-a-provider-fails.md',
    text: ({ shortfallBase }) =>
      when(shortfallBase > 0n, `${shortfallBase} base units are not backed by capacity`),
  },
  {
    name: 'SuanliInvariantBroken',
    severity: 'critical',
    page: 'operations/state-mismatch.md',
    text: ({ mintStop }) => when(mintStop === 'invariant', 'an invariant of the chain is violated'),
  },
  {
    name: 'SuanliDiskFillsUp',
    severity: 'warning',
    page: 'operations/sizing.md',
    text: ({ figures }) => {
      const free = figures?.disk?.freeBytes
      return free === undefined ? undefined : when(free < DISK_FREE_BYTES, `${free} bytes are free`)
    },
  },
  {
    name: 'SuanliOverloaded',
    severity: 'warning',
    page: 'operations/troubleshooting.md',
    text: ({ health: { loopLagMaxMs } }) =>
      when(loopLagMaxMs > LOOP_LAG_MS, `a turn of ${Math.round(loopLagMaxMs)} ms in the last minute`),
  },
]

/** What is wrong now, in the order of the rules. */
export async function alarmsOf(
  backend: Backend,
  figures: OperatorFigures | undefined,
): Promise<readonly Alarm[]> {
  const { header } = backend.head()
  const set = await backend.validatorsAt(header.height)
  const { checks } = await readiness(backend)
  const facts: Facts = {
    health: backend.health(),
    failing: Object.entries(checks).flatMap(([name, holds]) => (holds ? [] : [name])),
    evidenceCount: backend.evidence().length,
    shortfallBase: header.reserve.shortfallBase,
    mintStop: header.reserve.mintStop?.reason,
    validatorCount: set?.validators.length ?? 1,
    figures,
  }
  return ALARM_RULES.flatMap(({ text, ...rule }) => {
    const found = text(facts)
    return found === undefined ? [] : [{ ...rule, text: found }]
  })
}

export const alarmJson = ({ name, severity, text, page }: Alarm): Json => ({ name, severity, text, page })
