// The reports of anchor and price: the only file that knows how they reach the chain. Two chambers, independent reporters and
// providers, commit in the first half of a window and reveal in the second (ECONOMY §5).
import { utf8 } from '../../base/bytes.ts'
import { sha256 } from '../../base/crypto/hash.ts'
import type { Hash32 } from '../../base/ids.ts'
import { type OracleReport, reportCommitment } from '../../base/protocol/oracleReport.ts'
import { mulDivFloor, PPM } from '../../base/units.ts'
import type { Genesis } from '../../genesis/schema.ts'
import type { ReadContext } from '../../state/context.ts'
import { currentWindow } from '../../state/modules/capacity/windows.ts'
import { oracleSchema } from '../../state/modules/oracle/schema.ts'
import { resultOf } from '../../state/modules/oracle/tally.ts'
import { act, type Call } from './chain.ts'
import { operators, reporters, type Wallet } from './wallets.ts'

/** What is to be reported of a window. */
export interface Report {
  readonly ratingPpm: bigint
  readonly asset: number
  /** Price of an SCU-hour, base units of the asset. */
  readonly priceBase: bigint
}

/** How far the prices of two neighbours in a chamber lie apart: nobody sees quite the same quotes. */
const SPREAD_PPM = 2_000n

/** The reporters of the genesis document. */
export const genesisReporters: NonNullable<Genesis['oracle']> = {
  reporters: reporters.map(({ address, name }) => ({ account: address, name })),
}

/** What each member of a chamber reports: prices in even steps around the one that is to come out. */
function reportsOf(chamber: readonly Wallet[], { ratingPpm, asset, priceBase }: Report) {
  return chamber.map((from, i): { readonly from: Wallet; readonly report: OracleReport } => {
    const apartPpm = (SPREAD_PPM * BigInt(2 * i - chamber.length + 1)) / 2n
    const price = { asset, priceBase: mulDivFloor(priceBase, PPM + apartPpm, PPM) }
    return { from, report: { rating: ratingPpm, prices: [price] } }
  })
}

const allReports = (report: Report) => [...reportsOf(reporters, report), ...reportsOf(operators, report)]

const saltOf = (from: Wallet, window: number): Hash32 => sha256(utf8(`suanli replay ${from.name} ${window}`))

/** What is sent in the first half of a window. */
export function commitReports(ctx: ReadContext, wanted: Report): readonly Call[] {
  const window = currentWindow(ctx.state)
  const { genesisHash } = ctx.block
  return allReports(wanted).map(({ from, report }) => {
    const sealed = { genesisHash, window, account: from.address, salt: saltOf(from, window), report }
    return act(from, oracleSchema, 'commit', { window, commitment: reportCommitment(sealed) })
  })
}

/** What is sent in the second half: the same reports, opened. */
export function revealReports(ctx: ReadContext, wanted: Report): readonly Call[] {
  const window = currentWindow(ctx.state)
  return allReports(wanted).map(({ from, report }) =>
    act(from, oracleSchema, 'reveal', { window, salt: saltOf(from, window), ...report }),
  )
}

/** Why the last window's reports did not decide as they should have; undefined when both chambers agreed. */
export function reportFault(ctx: ReadContext): string | undefined {
  const window = currentWindow(ctx.state) - 1
  const decision = resultOf(ctx.state, window)?.decision
  return decision === 'agreed' ? undefined : `the reports of window ${window}: ${decision ?? 'no result'}`
}
