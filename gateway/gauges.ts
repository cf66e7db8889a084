// Figures that are read when they are asked for. Not: counters (metrics.ts).
import type { Alarms } from './chain/alarms.ts'
import { ALARMS } from './chain/alarms.ts'
import type { Granter } from './chain/granter.ts'
import type { Settler } from './chain/settler.ts'
import type { Transactor } from './chain/transactor.ts'
import type { GatewayContext } from './http/context.ts'
import type { GatewayServer } from './http/server.ts'
import type { Jobs } from './jobs/jobs.ts'
import type { GatewayMetrics, Gauge } from './metrics.ts'

export function addGauges(
  metrics: GatewayMetrics,
  parts: {
    readonly context: GatewayContext
    readonly server: GatewayServer
    readonly jobs: Jobs
    readonly alarms: Alarms
    readonly granter: Granter
    readonly settler: Settler
    readonly transactor: Transactor
  },
): void {
  const { context, server, jobs, alarms, granter, settler, transactor } = parts
  const { book, ledger, sessions, backends } = context
  const one = (name: string, help: string, read: () => number): void =>
    metrics.gauge({ name, help, read: () => [{ value: read() }] })
  one('active_requests', 'Requests under way.', () => server.active)
  one('jobs_running', 'Jobs that hold a slot.', () => jobs.running)
  one('jobs_queued', 'Jobs that wait for a slot.', () => jobs.queued)
  one('sessions', 'Assignments that are known, ended ones of the last windows included.', () => sessions.size)
  one('window', 'The running window.', () => book.clock?.window ?? -1)
  one('node_silent_seconds', 'Since the node last answered.', () => Math.floor(book.silentMs / 1_000))
  one('follows_events', '1 while the node sends events.', () => (book.isFollowing ? 1 : 0))
  one('clock_skew_seconds', 'The chain minus this machine.', () => Math.round(book.time.skewMs / 1_000))
  one('grants_posted', 'Grants that this process posted.', () => granter.granted)
  one('vouchers_settled', 'Vouchers that this process handed in.', () => settler.settled)
  one('fee_raises', 'Fees that were raised.', () => transactor.raises)
  one('unvouchered_coins', 'Metered and not vouchered, all assignments.', () => {
    let sum = 0
    for (const { meter } of ledger.meters) sum += Number(meter.meteredBase - meter.voucheredBase) / 1e18
    return sum
  })
  const perBackend = (
    name: string,
    help: string,
    read: (queue: { inUse: number; waiting: number }) => number,
  ): Gauge => ({
    name,
    help,
    read: () =>
      [...new Set(backends.values())].map((backend) => ({
        labels: { backend: backend.name },
        value: read(backend.queue),
      })),
  })
  metrics.gauge(perBackend('slots_in_use', 'Slots in use, by backend.', ({ inUse }) => inUse))
  metrics.gauge(
    perBackend('queued_requests', 'Requests that wait for a slot, by backend.', ({ waiting }) => waiting),
  )
  metrics.gauge({
    name: 'alarm',
    help: '1 while an alarm stands.',
    read: () => ALARMS.map((alarm) => ({ labels: { alarm }, value: alarms.standing.has(alarm) ? 1 : 0 })),
  })
}
