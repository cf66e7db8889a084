// `npm run make-chain`: makes data directories of development validators with a long chain, in about a minute.
// Owns: options, directories, progress. Not: blocks and certificates (chainMaker.ts).
import { cpSync, existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { Command } from 'commander'
import { wholeNumber } from '../cli/common.ts'
import { DEVELOPMENT_PASSWORD, planDevnet } from '../devnet/directories.ts'
import { developmentGenesis } from '../devnet/genesisOptions.ts'
import { developmentValidator } from '../genesis/devKeys.ts'
import { DEFAULT_CONFIG } from '../node/config.ts'
import { writeNodeDir } from '../node/nodeDir.ts'
import { createKeys } from '../node/nodeKeys.ts'
import { nodePaths } from '../node/nodePaths.ts'
import { ChainMaker } from './chainMaker.ts'

const PROGRESS_BLOCKS = 1_000
const BLOCK_TIME_MS = 250
const WINDOW_MS = 60_000

export interface MakeChainOptions {
  readonly out: string
  readonly blocks: number
  readonly transactionsPerBlock: number
  readonly validators: number
  /** Block interval, ms; default 250. */
  readonly blockTimeMs?: number
  /** Maximum blocks per epoch; default: the devnet's. */
  readonly epochBlocks?: number
  readonly print: (line: string) => void
}

/** Writes `out/validator-0` to `validator-(n−1)`, each a complete data directory with development keys. */
export async function makeChain(options: MakeChainOptions): Promise<void> {
  const { out, validators, print, blockTimeMs = BLOCK_TIME_MS } = options
  if (existsSync(join(out, 'validator-0'))) throw new Error(`${out} already holds a chain`)
  const plain = developmentGenesis({ validators, blockTimeMs, windowMs: WINDOW_MS })
  const providers = {
    ...plain.params.providers,
    ...(options.epochBlocks === undefined ? {} : { epochBlocksMax: options.epochBlocks }),
  }
  const genesis = { ...plain, params: { ...plain.params, providers } }
  const members = planDevnet({ validators, port: DEFAULT_CONFIG.rpcPort, dataDir: out })
  for (const { dir, index } of members) {
    writeNodeDir(dir, genesis, DEFAULT_CONFIG)
    createKeys({
      dataDir: dir,
      password: DEVELOPMENT_PASSWORD,
      isValidator: true,
      given: developmentValidator(index),
      cost: 'light',
    })
  }
  const first = nodePaths(members[0]!.dir).chain
  const maker = await ChainMaker.open({ dir: first, genesis, validators, blockTimeMs })
  const startedAtMs = performance.now()
  try {
    for (let done = 0; done < options.blocks; ) {
      const blocks = Math.min(PROGRESS_BLOCKS, options.blocks - done)
      await maker.grow({ blocks, transactionsPerBlock: options.transactionsPerBlock })
      done += blocks
      const seconds = (performance.now() - startedAtMs) / 1000
      print(`${done} blocks, ${(done / seconds).toFixed(0)} /s`)
    }
  } finally {
    await maker.close()
  }
  for (const { dir } of members.slice(1)) cpSync(first, nodePaths(dir).chain, { recursive: true })
}

async function main(): Promise<void> {
  const program = new Command('make-chain')
    .description('make data directories of development validators with a long chain')
    .option('-b, --blocks <count>', 'blocks above genesis', wholeNumber(1, 10_000_000), 20_000)
    .option('-t, --txs <count>', 'transfers per block', wholeNumber(0, 1_400), 10)
    .option('-n, --validators <count>', 'number of validators', wholeNumber(4, 16), 4)
    .option(
      '-e, --epoch-blocks <count>',
      "maximum blocks per epoch, instead of the devnet's",
      wholeNumber(2, 1_000_000),
    )
    .requiredOption('-o, --out <dir>', 'output directory')
  const { blocks, txs, validators, epochBlocks, out } = program.parse().opts()
  await makeChain({
    out: resolve(out),
    blocks,
    transactionsPerBlock: txs,
    validators,
    ...(epochBlocks === undefined ? {} : { epochBlocks }),
    print: (line) => void process.stdout.write(`${line}\n`),
  })
}

if (process.argv[1] !== undefined && import.meta.filename === resolve(process.argv[1])) await main()
