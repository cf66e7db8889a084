// `npm run bench:economy -- [--row P,L,R …]`: what one block costs on chains of many sizes, at rest and at a window's end.
// Owns: the sizes and the table. Not: the chains (economyChain.ts), the blocks (economyBlocks.ts).
import { parseArgs } from 'node:util'
import { BlockSample } from './blockSample.ts'
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
  readonly rest: BlockSample
  readonly end: BlockSample
  readonly after: BlockSample
  readonly preparedS: number
}

function workSome(blocks: EconomyBlocks, count: number): BlockSample {
  const sample = new BlockSample()
  for (let i = 0; i < count; i++) blocks.work(sample)
  return sample
}

function measure(size: EconomySize, options: { readonly isChecked?: boolean } = {}): Row {
  const startMs = performance.now()
  const blocks = new EconomyBlocks(makeEconomy(size, options))
  blocks.open()
  workSome(blocks, BLOCKS_AT_REST)
  const preparedS = (performance.now() - startMs) / 1_000
  const rest = workSome(blocks, BLOCKS_AT_REST)
  blocks.grantNext()
  const end = new BlockSample()
  blocks.work(end, blocks.untilEndMs)
  while (blocks.isEnding) blocks.work(end)
  const after = workSome(blocks, BLOCKS_AFTER)
  blocks.close()
  return { rest, end, after, preparedS }
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
// Once before, so that the first row is not the one that waits for the compiler; and to see that invariants hold of such a queue.
measure({ providers: 10, lots: 100, openRequests: 5_000 }, { isChecked: true })
console.log(
  'providers    lots  requests  prepared (s)   at rest   window’s end: blocks, measured, median, dearest (ms)',
)
for (const size of sizesFrom(values.row)) {
  const { rest, end, after, preparedS } = measure(size)
  const cells = [
    String(size.providers).padStart(9),
    String(size.lots).padStart(7),
    String(size.openRequests).padStart(9),
    preparedS.toFixed(0).padStart(13),
    percentile(rest.drawn, 50).toFixed(2).padStart(9),
    String(end.blocks).padStart(21),
    String(end.measured).padStart(9),
    percentile(end.drawn, 50).toFixed(1).padStart(7),
    Math.max(end.dearestMs, after.dearestMs).toFixed(1).padStart(8),
  ]
  console.log(cells.join(' '))
}
