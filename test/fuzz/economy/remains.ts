// What is left of the economy once everything is wound up: escrows that hold units, records that nothing ends.
// Owns: what each document says may stay. Not: winding up (drain.ts).
import type { Address } from '../../../base/ids.ts'
import { escrowsOf, ledger } from '../../../state/ledger.ts'
import { getAsset, receiptAsset } from '../../../state/modules/assets/ledger.ts'
import { openCases } from '../../../state/modules/default/cases.ts'
import { defaultTables } from '../../../state/modules/default/tables.ts'
import { governanceTables } from '../../../state/modules/governance/tables.ts'
import { compensationOf } from '../../../state/modules/issuance/compensations.ts'
import { getLiability } from '../../../state/modules/issuance/ledger.ts'
import { issuanceTables } from '../../../state/modules/issuance/tables.ts'
import { getTotals as marketTotals } from '../../../state/modules/market/books.ts'
import { marketTables } from '../../../state/modules/market/tables.ts'
import { getBonds } from '../../../state/modules/providers/bonds.ts'
import { redemptionTables } from '../../../state/modules/redemption/tables.ts'
import { getTotals as seriesTotals } from '../../../state/modules/series/books.ts'
import { seriesTables } from '../../../state/modules/series/tables.ts'
import { schemas } from '../../../state/schemas.ts'
import type { Table } from '../../../state/table.ts'
import type { Scene } from './scene.ts'
import { ASSETS } from './world.ts'

const redemption = escrowsOf(schemas.redemption)
const series = escrowsOf(schemas.series)
const issuance = escrowsOf(schemas.issuance)
const providers = escrowsOf(schemas.providers)
const defaults = escrowsOf(schemas.default)
const market = escrowsOf(schemas.market)

/** Records of what goes on; each must end with it. */
const PASSING: readonly (readonly [string, Table<never, unknown>])[] = [
  ...(
    [
      'redemption',
      'place',
      'assignment',
      'grant',
      'booked',
      'held',
      'settlement',
      'failure',
      'victim',
      'failures',
    ] as const
  ).map(
    (name) => [`redemption.${name}`, redemptionTables[name] as unknown as Table<never, unknown>] as const,
  ),
  ...(['filter', 'filterName', 'bucket', 'bucketName', 'closed'] as const).map(
    (name) => [`redemption.${name}`, redemptionTables[name] as unknown as Table<never, unknown>] as const,
  ),
  ...(['series', 'purchase', 'closed', 'position', 'buyer', 'clocks'] as const).map(
    (name) => [`series.${name}`, seriesTables[name] as unknown as Table<never, unknown>] as const,
  ),
  ...(['auction', 'waiting', 'level', 'entry', 'trader', 'stand'] as const).map(
    (name) => [`market.${name}`, marketTables[name] as unknown as Table<never, unknown>] as const,
  ),
  ...(['bid', 'room', 'novation'] as const).map(
    (name) => [`default.${name}`, defaultTables[name] as unknown as Table<never, unknown>] as const,
  ),
  ...(['proposal', 'votes', 'admission', 'changes', 'attestation', 'reporters', 'spending'] as const).map(
    (name) => [`governance.${name}`, governanceTables[name] as unknown as Table<never, unknown>] as const,
  ),
]

export function remainsOf(scene: Scene, treasurer: number | undefined): readonly string[] {
  const { full } = scene.chain
  const left: string[] = []
  const held = (what: string, owner: Address, allowed: (asset: number) => bigint = () => 0n): void => {
    for (const asset of [0, ...ASSETS]) {
      const balanceBase = ledger.balanceOf(full, { asset, owner })
      if (balanceBase !== allowed(asset))
        left.push(`${what}: ${balanceBase} of asset ${asset}, expected ${allowed(asset)}`)
    }
  }
  held('redemption.locked', redemption.locked(0))
  for (let id = 1; id < seriesTotals(full).nextSeries; id++) {
    held(`series.held ${id}`, series.held(id))
    const supplyBase = getAsset(full, receiptAsset(id))?.supplyBase ?? 0n
    if (supplyBase > 0n) left.push(`receipts of series ${id}: ${supplyBase}`)
  }
  const receipts = Array.from({ length: seriesTotals(full).nextSeries - 1 }, (_, i) => receiptAsset(i + 1))
  for (let book = 1; book < marketTotals(full).nextBook; book++)
    for (const asset of [0, ...ASSETS, ...receipts]) {
      const heldBase = ledger.balanceOf(full, { asset, owner: market.held(book) })
      if (heldBase > 0n) left.push(`market.held ${book}: ${heldBase} of asset ${asset}`)
    }
  for (const id of scene.ids) {
    held(`default.estates ${id}`, defaults.estates(id))
    held(`default.deposits ${id}`, defaults.deposits(id))
    held(`default.novations ${id}`, defaults.novations(id))
    left.push(...memberRemains(scene, id, id === treasurer, held))
  }
  for (const provider of openCases(full)) left.push(`the default of provider ${provider} is open`)
  for (const [name, table] of PASSING) {
    const count = [...table.values(full)].length
    if (count > 0) left.push(`${name}: ${count} records`)
  }
  return left
}

type Held = (what: string, owner: Address, allowed?: (asset: number) => bigint) => void

/** The treasurer may owe and lock something; of whoever cannot give up its vote the bond stays, exactly as its books say. */
function memberRemains(scene: Scene, id: number, isTreasurer: boolean, held: Held): readonly string[] {
  const { full } = scene.chain
  const left: string[] = []
  const bonds = new Map(getBonds(full, id).map(({ asset, amountBase }) => [asset, amountBase]))
  held(`providers.bonds ${id}`, providers.bonds(id), (asset) => bonds.get(asset) ?? 0n)
  const promised = issuanceTables.promise.get(full, { provider: id })?.promisedBase ?? 0n
  if (promised > 0n) left.push(`member ${id} has promised ${promised}`)
  const { liabilityBase, lockedBase, exemptBase } = getLiability(full, id)
  if (exemptBase > liabilityBase) left.push(`member ${id}: ${exemptBase} needs no bond, of ${liabilityBase}`)
  const compensation = compensationOf(full, id)
  const paid = new Map(compensation.assets.map(({ asset, amountBase }) => [asset, amountBase]))
  held(`issuance.compensations ${id}`, issuance.compensations(id), (asset) =>
    isTreasurer ? (paid.get(asset) ?? 0n) : 0n,
  )
  const proceeds = new Map(
    ASSETS.map((asset) => [
      asset as number,
      issuanceTables.proceeds.get(full, { provider: id, asset })?.lockedBase ?? 0n,
    ]),
  )
  held(`issuance.locks ${id}`, issuance.locks(id), (asset) =>
    isTreasurer ? (asset === 0 ? lockedBase : (proceeds.get(asset) ?? 0n)) : 0n,
  )
  if (isTreasurer) return left
  const { status, removed } = scene.member(id)
  if (liabilityBase > 0n) left.push(`member ${id}, ${status}, owes ${liabilityBase}`)
  const isOut = removed || status === 'defaulted'
  if (isOut && [...bonds.values()].some((amountBase) => amountBase > 0n))
    left.push(`member ${id}, ${status}, still has a bond`)
  return left
}
