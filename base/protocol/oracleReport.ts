// A report of the oracle and what commits to it (ECONOMY §5): wallets, programs and the chain compute the same bytes.
import { concatBytes, u64be, utf8 } from '../bytes.ts'
import { sha256 } from '../crypto/hash.ts'
import type { Address, Hash32 } from '../ids.ts'
import { message, t } from '../schema.ts'

/** Prices in one report: one for each settlement asset that is reported; as many assets as a bond may hold. */
export const PRICES_MAX = 16

/** What one SCU-hour, which is one coin, costs in base units of an asset. */
export const priceReportSchema = message('PriceReport', { asset: t.u64, priceBase: t.amount })

const reportSchema = message('OracleReport', {
  rating: t.ppm,
  prices: t.list(priceReportSchema, PRICES_MAX),
})
export type OracleReport = ReturnType<typeof reportSchema.decode>

const COMMITMENT_TAG = utf8('suanli.oracle.report.v1')

/**
 * The commitment to a report: SHA-256 of the tag, genesis hash, window (u64, big-endian), account, salt and the canonical
 * protobuf bytes of the report. With the account in it nobody can commit to what another has committed to.
 */
export function reportCommitment(committed: {
  readonly genesisHash: Hash32
  readonly window: number
  readonly account: Address
  /** 32 random bytes: ratings and prices are easily guessed. */
  readonly salt: Hash32
  readonly report: OracleReport
}): Hash32 {
  const { genesisHash, window, account, salt, report } = committed
  const bytes = reportSchema.encode(report)
  return sha256(concatBytes(COMMITMENT_TAG, genesisHash, u64be(window), account, salt, bytes))
}
