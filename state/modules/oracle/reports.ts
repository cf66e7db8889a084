// The actions of reporting: a commitment in the first half of a window, the report in the second (ECONOMY §5).
import { equalBytes } from '../../../base/bytes.ts'
import type { Address } from '../../../base/ids.ts'
import type { ActionArgs } from '../../../base/moduleDefinition.ts'
import { type OracleReport, reportCommitment } from '../../../base/protocol/oracleReport.ts'
import type { ActionContext, ReadContext } from '../../context.ts'
import type { StateReader, StateWriter } from '../../view.ts'
import { noteCommitment, putReport, reportOf, type Seat, seatOf } from './chambers.ts'
import { phaseOf, runningWindow } from './clock.ts'
import { PRICE_MAX } from './decide.ts'
import { ANCHOR_MAX } from './drift.ts'
import { pricedAssets } from './prices.ts'
import { notePresence } from './reporters.ts'
import type { oracleSchema, Report } from './schema.ts'
import type { Outcome } from './shapes.ts'
import { events, fail, oracleTables } from './tables.ts'
import { addValue, RATING_TOPIC } from './values.ts'

type Args<A extends keyof (typeof oracleSchema)['actions']> = ActionArgs<typeof oracleSchema, A>

/** The seat of whoever reports in this window and phase, or why it may not. */
function openSeat(
  ctx: ReadContext & { readonly sender: Address },
  at: { readonly window: number; readonly phase: 'commit' | 'reveal' },
) {
  const { state, sender } = ctx
  const seat = seatOf(state, sender)
  if (seat === undefined) return { refused: fail.NotReporter({ sender }) }
  const running = runningWindow(state)
  if (at.window !== running) return { refused: fail.WrongWindow({ window: at.window, running }) }
  if (seat.chamber === 'reporters') {
    const { sinceWindow } = oracleTables.reporter.mustGet(state, { id: seat.member })
    if (sinceWindow > running) return { refused: fail.NotReporterYet({ sinceWindow }) }
  }
  const { phase, untilMs } = phaseOf(state, ctx.block)
  return phase === at.phase ? { seat } : { refused: fail.WrongPhase({ phase, untilMs }) }
}

export function commit(ctx: ActionContext, { window, commitment }: Args<'commit'>) {
  const { seat, refused } = openSeat(ctx, { window, phase: 'commit' })
  if (seat === undefined) return refused
  // After this point the action must succeed.
  if (reportOf(ctx.state, seat, window) === undefined) noteCommitment(ctx.state, seat, window)
  const committed = { outcome: 'committed', rating: 0n, prices: [] } as const
  putReport(ctx.state, seat, { windowIndex: window, account: ctx.sender, commitment, ...committed })
  events.ReportCommitted(ctx, { ...seat, window })
  return undefined
}

export function reveal(ctx: ActionContext, { window, salt, rating, prices }: Args<'reveal'>) {
  const { seat, refused } = openSeat(ctx, { window, phase: 'reveal' })
  if (seat === undefined) return refused
  const known = reportOf(ctx.state, seat, window)
  if (known === undefined || !equalBytes(known.account, ctx.sender)) return fail.NoCommitment({ window })
  if (known.outcome === 'revealed') return fail.AlreadyRevealed({ window })
  // After this point the action must succeed.
  const report = { rating, prices }
  const outcome = outcomeOf(ctx, { salt, known, report })
  if (outcome !== 'revealed') {
    // It stays open until the window ends: a wrong salt may be mended.
    putReport(ctx.state, seat, { ...known, outcome })
    events.ReportRefused(ctx, { ...seat, window, outcome })
    return undefined
  }
  putReport(ctx.state, seat, { ...known, outcome, ...report })
  enter(ctx.state, seat, { window, report })
  if (seat.chamber === 'reporters') notePresence(ctx.state, seat.member)
  events.ReportRevealed(ctx, { ...seat, window, rating })
  return undefined
}

/** What becomes of a commitment by a reveal. */
function outcomeOf(
  ctx: ActionContext,
  revealed: { readonly salt: Uint8Array; readonly known: Report; readonly report: OracleReport },
): Outcome {
  const { salt, known, report } = revealed
  const { genesisHash } = ctx.block
  const wanted = reportCommitment({
    genesisHash,
    window: known.windowIndex,
    account: ctx.sender,
    salt,
    report,
  })
  if (!equalBytes(wanted, known.commitment)) return 'mismatched'
  return isWellFormed(ctx.state, report) ? 'revealed' : 'malformed'
}

/** A rating that an anchor can have, and positive prices, ascending by asset, of assets that have one; not of all. */
function isWellFormed(state: StateReader, { rating, prices }: OracleReport): boolean {
  if (rating === 0n || rating > ANCHOR_MAX) return false
  const known = pricedAssets(state)
  return prices.every(({ asset, priceBase }, i) => {
    const isNext = i === 0 || asset > prices[i - 1]!.asset
    return isNext && known.includes(asset) && priceBase > 0n && priceBase <= PRICE_MAX
  })
}

function enter(
  state: StateWriter,
  { chamber }: Seat,
  { window, report }: { readonly window: number; readonly report: OracleReport },
): void {
  addValue(state, { chamber, topic: RATING_TOPIC, window }, report.rating)
  for (const { asset, priceBase } of report.prices)
    addValue(state, { chamber, topic: asset, window }, priceBase)
}
