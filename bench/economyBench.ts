// `npm run bench:economy -- [--row P,L,R …]`: what one block costs on chains of many sizes, at rest and at a window's end.
// Owns: the sizes and the table. Not: the chains (economyChain.ts), the blocks (economyBlocks.ts).
import { parseArgs } from 'node:util'
import { EconomyBlocks } from './economyBlocks.ts'
import { type EconomySize, makeEconomy } from './economyChain.ts'
import { percentile } from './statistics.ts'

const BLOCKS_AT_REST = 15
/** Blocks measured after a recount has ended: sleeping requests wake, obligations fall due. */
const BLOCKS_AFTER = 10
const SIZES: readonly EconomySize[] = [
  { providers: 10, lots: 100, openRequests: 3_000 },
  { providers: 100, lots: 100, openRequests: 3_000 },
  { providers: 256, lots: 256, openRequests: 3_000 },
  { providers: 256, lots: 1_000, openRequests: 3_000 },
  { providers: 256, lots: 10_000, openRequests: 3_000 },
  { providers: 256, lots: 60_000, openRequests: 3_000 },
  { providers: 10, lots: 100, openRequests: 10_000 },
  { providers: 10, lots: 100, openRequests: 100_000 },
  { providers: 256, lots: 10_000, openRequests: 100_000 },
  // A few seats of the table are left for the requests of the measured blocks.
  { providers: 10, lots: 100, openRequests: 990_000 },
]

interface Row {
  readonly restMs: number
  readonly endMs: number
  readonly endBlocks: number
  readonly worstMs: number
}

function measure(size: EconomySize): Row {
  const blocks = new EconomyBlocks(makeEconomy(size))
  blocks.open()
  for (let i = 0; i < BLOCKS_AT_REST; i++) blocks.work()
  const rest = Array.from({ length: BLOCKS_AT_REST }, () => blocks.work())
  blocks.grantNext()
  const end = [blocks.work(blocks.untilEndMs)]
  while (blocks.isEnding) end.push(blocks.work())
  const after = Array.from({ length: BLOCKS_AFTER }, () => blocks.work())
  blocks.close()
  return {
    restMs: percentile(rest, 50),
    endMs: percentile(end, 50),
    endBlocks: end.length,
    worstMs: Math.max(...end, ...after),
  }
}

function sizesFrom(rows: readonly string[] | undefined): readonly EconomySize[] {
  if (rows === undefined) return SIZES
  return rows.map((row) => {
    const [providers, lots, openRequests] = row.split(',').map(Number)
    if (!providers || !lots || openRequests === undefined) throw new Error(`--row ${row}: expected P,L,R`)
    return { providers, lots, openRequests }
  })
}

const { values } = parseArgs({ options: { row: { type: 'string', multiple: true } } })
// Once before, so that the first row is not the one that waits for the compiler.
measure({ providers: 100, lots: 1_000, openRequests: 2_000 })
console.log('providers    lots  requests   at rest   window’s end: blocks, median, dearest (ms)')
for (const size of sizesFrom(values.row)) {
  const { restMs, endMs, endBlocks, worstMs } = measure(size)
  const cells = [
    String(size.providers).padStart(9),
    String(size.lots).padStart(7),
    String(size.openRequests).padStart(9),
    restMs.toFixed(2).padStart(9),
    String(endBlocks).padStart(21),
    endMs.toFixed(1).padStart(8),
    worstMs.toFixed(1).padStart(8),
  ]
  console.log(cells.join(' '))
}
