// The page as a node in memory serves it: no consensus, blocks are made at will, and as many figures as a test wants.
import type { SeriesBucket, SeriesReader } from '../../rpc/backend.ts'
import { FIGURE_NAMES, placeOf } from '../../rpc/native/figures.ts'
import type { OperatorFigures } from '../../rpc/native/operatorFigures.ts'
import type { Served } from './rpcHarness.ts'

/** A week of blocks six seconds apart. */
export const WEEK_BLOCKS = 100_000
const BLOCK_MS = 6_000

const gasAt = (height: number): bigint => BigInt((height * 7_919) % 30_000_000)

/** Figures of `blocks` blocks up to now, made when they are asked for: what a point shows is of its blocks. */
function seriesOf(blocks: number): SeriesReader {
  const firstMs = Date.now() - blocks * BLOCK_MS
  const gas = placeOf('gasUsed')
  const bucketOf = (fromHeight: number, height: number): SeriesBucket => {
    let [low, high] = [gasAt(height), gasAt(height)]
    for (let at = fromHeight; at < height; at++) {
      const value = gasAt(at)
      if (value < low) low = value
      if (value > high) high = value
    }
    const of = (value: bigint): bigint[] => FIGURE_NAMES.map((_, i) => (i === gas ? value : 5n))
    return {
      fromHeight,
      height,
      timestampMs: firstMs + height * BLOCK_MS,
      least: of(low),
      greatest: of(high),
      last: of(gasAt(height)),
    }
  }
  return {
    range: () => ({ from: 1, to: blocks }),
    evenStep: (step) => Math.max(1, Math.ceil(step)),
    async *buckets({ from, to, step }) {
      for (let at = from; at <= to; ) {
        const end = Math.min(to, Math.floor(at / step) * step + step - 1)
        yield bucketOf(at, end)
        at = end + 1
      }
    },
    heightAt: async (timeMs) => Math.min(blocks + 1, Math.max(1, Math.ceil((timeMs - firstMs) / BLOCK_MS))),
  }
}

/** Gives a node in memory a long past, of which it has the figures alone. */
export function withPast(served: Served, blocks: number): void {
  const { backend } = served
  backend.series = seriesOf(blocks)
  const head = backend.head()
  backend.head = () => ({
    ...head,
    header: { ...head.header, height: blocks, timestampMs: Date.now() - 1_000 },
  })
}

/** What an operator sees of a node with this many peers; one has a name that wants to be more than a name. */
export function operatorFiguresOf(peerCount: number): OperatorFigures {
  return {
    leader: 0,
    isNeeded: false,
    isValidator: false,
    clockOffsetMs: 40,
    disk: { bytes: { chain: 5_000_000, journal: 70_000 }, freeBytes: 80e9 },
    residentBytes: 150e6,
    heapBytes: 60e6,
    startedAtMs: Date.now() - 90_000,
    lanes: { general: 2, proof: 1 },
    peers: Array.from({ length: peerCount }, (_, i) => ({
      peer: `12D3KooW${String(i).padStart(44, 'A')}`,
      validatorIndex: i < 3 ? i : undefined,
      provider: i < 3 ? i + 1 : undefined,
      legalName: i === 0 ? '<img src=x onerror=alert(1)>\u202Egnp' : i < 3 ? `Provider ${i}` : undefined,
      isConnected: i % 5 !== 4,
      isNamed: i < 3,
      address: `/ip4/10.0.${i % 200}.1/tcp/26600`,
      penaltyPoints: i % 7,
      roundTripMs: i % 3 === 0 ? undefined : 1.5 * i,
    })),
  }
}
