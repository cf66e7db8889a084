// What the first page shows, asked for in two batches: the whole, and the providers that are in sight. Not: showing it.
import type { Json } from '../../base/field.ts'
import { type Reserve, reserveSchema } from '../../base/protocol/header.ts'
import type { ChainClient } from '../../client/chainClient.ts'
import { assets, capacity, catalogue, issuance, oracle, providers, redemption } from '../../client/modules.ts'

/** Providers whose windows are added up; the sum over all is in the recount's own figure. */
const WINDOWS_OF_MAX = 32

export interface WindowFigure {
  readonly windowIndex: number
  readonly freeBase: bigint
  readonly countedBase: bigint
}

function numberIn(json: Json, module: string, name: string): number {
  const section = (json as { readonly [name: string]: Json } | null)?.[module]
  return Number((section as { readonly [name: string]: Json } | undefined)?.[name] ?? 0)
}

async function windowsOf(client: ChainClient, ids: readonly number[]): Promise<readonly WindowFigure[]> {
  const sums = new Map<number, { freeBase: bigint; countedBase: bigint }>()
  const lists = await Promise.all(ids.map((provider) => client.query(capacity, 'windows', { provider })))
  for (const { windowIndex, freeBase, countedBase } of lists.flatMap((list) => list ?? [])) {
    const sum = sums.get(windowIndex) ?? { freeBase: 0n, countedBase: 0n }
    sum.freeBase += freeBase
    sum.countedBase += countedBase
    sums.set(windowIndex, sum)
  }
  return [...sums]
    .sort(([a], [b]) => a - b)
    .map(([windowIndex, { freeBase, countedBase }]) => ({ windowIndex, freeBase, countedBase }))
}

/** The whole. */
export async function loadReserves(client: ChainClient) {
  const [answer, parameters, coverage, totals, clock, queue, anchor, status, members, registered] =
    await Promise.all([
      client.request('chain_reserve', {}),
      client.request('chain_parameters', {}),
      client.query(issuance, 'coverage', {}),
      client.query(capacity, 'totals', {}),
      client.query(capacity, 'clock', {}),
      client.query(redemption, 'queue', {}),
      client.query(oracle, 'anchor', {}),
      client.query(oracle, 'status', {}),
      client.query(providers, 'providers', {}),
      client.query(assets, 'assets', {}),
    ])
  const { height, reserve } = answer as { readonly height: number; readonly reserve: Json }
  const summaries = [...totals!.summaries].sort((a, b) => (a.capacityBase < b.capacityBase ? 1 : -1))
  const counted = summaries.slice(0, WINDOWS_OF_MAX)
  const windows = await windowsOf(
    client,
    counted.map(({ provider }) => provider),
  )
  return {
    height,
    reserve: reserveSchema.fromJson(reserve) as Reserve,
    horizonWindows: numberIn(parameters, 'capacity', 'horizonWindows'),
    coverN: numberIn(parameters, 'capacity', 'coverN'),
    coverage: coverage!,
    totals: totals!,
    clock: clock!,
    queue: queue!,
    anchor: anchor!,
    status: status!,
    members: members!,
    assets: registered!,
    windows,
    windowsOf: counted.length,
  }
}
export type Reserves = Awaited<ReturnType<typeof loadReserves>>

/** What one coin buys: changes with the anchor and the catalogue alone. */
export async function loadBuying(client: ChainClient) {
  const [classes, references] = await Promise.all([
    client.query(catalogue, 'classes', {}),
    client.query(catalogue, 'references', {}),
  ])
  return { classes: classes!, references: references! }
}
export type Buying = Awaited<ReturnType<typeof loadBuying>>

async function loadProvider(client: ChainClient, provider: number) {
  const [security, liability, faults, lots] = await Promise.all([
    client.query(issuance, 'security', { provider }),
    client.query(issuance, 'liability', { provider }),
    client.query(providers, 'faults', { id: provider }),
    client.query(capacity, 'lots', { provider }),
  ])
  return { provider, security: security!, liability: liability!, faults: faults!, lots: lots! }
}
export type ProviderFigures = Awaited<ReturnType<typeof loadProvider>>

export async function loadProviders(
  client: ChainClient,
  ids: readonly number[],
): Promise<ReadonlyMap<number, ProviderFigures>> {
  const all = await Promise.all(ids.map((id) => loadProvider(client, id)))
  return new Map(all.map((one) => [one.provider, one]))
}

export interface Point {
  readonly height: number
  readonly timestampMs: number
  readonly reserve: Reserve
}

export async function loadHistory(client: ChainClient, points: number): Promise<readonly Point[]> {
  const answer = await client.request('chain_series', { fromBlock: 'earliest', toBlock: 'latest', points })
  const { points: list } = answer as { readonly points: readonly { readonly [name: string]: Json }[] }
  return list.map(({ height, timestampMs, reserve }) => ({
    height: Number(height),
    timestampMs: Number(timestampMs),
    reserve: reserveSchema.fromJson(reserve!) as Reserve,
  }))
}
