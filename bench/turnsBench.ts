// `npm run bench:turns`: the longest turns of the event loop of a node's chain with very many accounts, phase by phase.
// Owns: phases, processes, the report. Not: the probe (turnMeter.ts), the chain (chainMaker.ts).
import { execFileSync } from 'node:child_process'
import { copyFileSync, cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { Command } from 'commander'
import { mustExist } from '../base/assert.ts'
import { concatBytes, u32be } from '../base/bytes.ts'
import { openBlock, openInSteps, type SealedBlock, sealBlock } from '../base/protocol/header.ts'
import { BLOCK_BYTES_MAX, TX_BYTES_MAX } from '../base/protocol/limits.ts'
import { wholeNumber } from '../cli/common.ts'
import { developmentGenesis } from '../devnet/genesisOptions.ts'
import { buildGenesis } from '../genesis/build.ts'
import { STEP_BYTES } from '../node/bodyOpener.ts'
import { startRecounts } from '../node/chain/recount.ts'
import { type OpenChainOptions, type OpenedChain, openChain } from '../node/openChain.ts'
import { writeSnapshot } from '../node/sync/snapshotWriter.ts'
import { blockContextOf } from '../state/engine.ts'
import { accountsTables } from '../state/modules/accounts/tables.ts'
import { openChainStore } from '../storage/chainStore.ts'
import { ChainMaker } from './chainMaker.ts'
import { spreadAddress } from './manyAccounts.ts'
import { type PhaseFigures, TurnMeter } from './turnMeter.ts'

const BLOCK_TIME_MS = 250
const WINDOW_MS = 60_000
/** Transfers of 21,000 gas that fit: their lane takes half of a block's 60 million gas. */
const FULL_BLOCK_TXS = 1_428
const FULL_BLOCKS = 8
/** Ordinary blocks, enough to push the full ones below the trees that are kept. */
const PLAIN_BLOCKS = 100
const PLAIN_BLOCK_TXS = 50
/** Heights of one write while catching up; one synced write holds up to 64. */
const RANGE_BLOCKS = 50
const PROOFS = 50

const genesisDocument = () =>
  developmentGenesis({ validators: 4, blockTimeMs: BLOCK_TIME_MS, windowMs: WINDOW_MS })

const files = (dir: string) => ({
  base: join(dir, 'base'),
  grown: join(dir, 'grown'),
  run: join(dir, 'run'),
  blocks: join(dir, 'blocks'),
})

/** Makes the state at height 0 and a file of blocks above it. */
async function make(dir: string, accounts: number): Promise<void> {
  const paths = files(dir)
  rmSync(dir, { recursive: true, force: true })
  mkdirSync(dir, { recursive: true })
  const options = { genesis: genesisDocument(), validators: 4, blockTimeMs: BLOCK_TIME_MS, accounts }
  const first = await ChainMaker.open({ ...options, dir: paths.base })
  await first.close()
  cpSync(paths.base, paths.grown, { recursive: true })
  const maker = await ChainMaker.open({ ...options, dir: paths.grown })
  await maker.grow({ blocks: FULL_BLOCKS, transactionsPerBlock: FULL_BLOCK_TXS })
  await maker.grow({ blocks: PLAIN_BLOCKS, transactionsPerBlock: PLAIN_BLOCK_TXS })
  await maker.grow({ blocks: 1, transactionsPerBlock: PLAIN_BLOCK_TXS, blockTimeMs: WINDOW_MS })
  const { height } = maker.importer.head().header
  const parts: Uint8Array[] = []
  for (let at = 1; at <= height; at++) {
    const bytes = mustExist(maker.store.blockBytesAt(at), `block ${at}`)
    parts.push(u32be(bytes.length), bytes)
  }
  writeFileSync(paths.blocks, concatBytes(...parts))
  await maker.close()
}

function readBlocks(path: string): SealedBlock[] {
  const bytes = new Uint8Array(readFileSync(path))
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  const blocks: SealedBlock[] = []
  for (let at = 0; at < bytes.length; ) {
    const end = at + 4 + view.getUint32(at)
    blocks.push(openBlock(bytes.slice(at + 4, end)))
    at = end
  }
  return blocks
}

/** The chain's constants and its block 0; a node has checked its genesis before it opens the store. */
async function readGenesis(dir: string): Promise<OpenChainOptions['genesis']> {
  const { chain, tree } = buildGenesis(genesisDocument())
  tree.release()
  const store = await openChainStore(files(dir).run)
  const block = mustExist(store.blockAt(0), 'block 0')
  await store.close()
  return { chain, block, changes: new Map() }
}

function openRun(dir: string, genesis: OpenChainOptions['genesis']): Promise<OpenedChain> {
  const paths = files(dir)
  return openChain({
    genesis,
    openStore: () => openChainStore(paths.run),
    signatureWorkers: 1,
  })
}

/** Resolves with the findings of the recount that the next window's end starts. */
function nextRecount(opened: OpenedChain): Promise<readonly string[]> {
  return new Promise((done) => {
    const findings: string[] = []
    const stop = startRecounts({
      modules: opened.chain.modules,
      importer: opened.importer,
      store: opened.store,
      contextOf: (height) => {
        const { header } = mustExist(opened.store.headerAt(height - 1), 'a parent')
        const state = mustExist(opened.store.stateAt(height - 1), 'its state')
        const facts = mustExist(opened.store.headerAt(height), 'a header').header
        const now = mustExist(opened.store.stateAt(height), 'a state')
        return { state: now, block: blockContextOf(opened.chain, { header, state }, facts) }
      },
      onFinding: ({ invariant, reason }) => void findings.push(`${invariant}: ${reason}`),
      onSkipped: (reason) => void findings.push(`skipped: ${reason}`),
      onEnd: () => {
        done(findings)
        void stop()
      },
    })
  })
}

async function importBlock(opened: OpenedChain, block: SealedBlock): Promise<void> {
  const verdict = await opened.importer.execute(block)
  if (verdict.kind !== 'valid') throw new Error(`block ${block.header.height}: ${JSON.stringify(verdict)}`)
  await opened.importer.finalize([block.hash])
}

/** Builds the recorded block again from its own transactions. */
async function rebuildBlock(opened: OpenedChain, block: SealedBlock): Promise<void> {
  await opened.senders.prepare(block.transactions)
  const candidates = block.transactions.map((raw) => {
    const decoded = opened.senders.decode(raw)
    if ('failure' in decoded) throw new Error(decoded.failure.message)
    const sender = mustExist(opened.senders.senderOf(decoded.transaction), 'a sender')
    return { transaction: decoded.transaction, sender }
  })
  const { epoch, view, timestampMs, proposer, randaoReveal, gasLimit } = block.header
  const built = await opened.importer.build(block.header.parentHash, {
    ...{ epoch, view, timestampMs, proposer, randaoReveal, candidates },
    gasBudget: gasLimit,
    bytesBudget: 4 * 1024 * 1024,
  })
  if (built === undefined) throw new Error(`block ${block.header.height} was not built`)
  await opened.importer.finalize([built.executed.block.hash])
}

async function runPhases(meter: TurnMeter, dir: string): Promise<void> {
  const paths = files(dir)
  const genesis = await readGenesis(dir)
  const opened = await meter.phase('start with tree.cache', () => openRun(dir, genesis))
  const blocks = readBlocks(paths.blocks)
  const last = blocks.pop()!
  const full = blocks.splice(0, FULL_BLOCKS)
  const half = FULL_BLOCKS / 2
  // The first one of each kind compiles the code.
  await importBlock(opened, full[0]!)
  await meter.phase('full blocks verified', async () => {
    for (const block of full.slice(1, half)) await importBlock(opened, block)
  })
  await rebuildBlock(opened, full[half]!)
  await meter.phase('full blocks built', async () => {
    for (const block of full.slice(half + 1)) await rebuildBlock(opened, block)
  })
  await meter.phase('blocks of 50 transfers', async () => {
    for (const block of blocks.splice(0, RANGE_BLOCKS)) await importBlock(opened, block)
  })
  await meter.phase('50 blocks in one write', async () => {
    for (const block of blocks) await opened.importer.execute(block)
    await opened.importer.finalize(blocks.map(({ hash }) => hash))
  })
  await meter.phase("window's end and recount", async () => {
    const recounted = nextRecount(opened)
    await importBlock(opened, last)
    const findings = await recounted
    if (findings.length > 0) throw new Error(`the recount found ${findings.join('; ')}`)
  })
  await meter.phase('proofs of a kept height', async () => {
    for (let i = 0; i < PROOFS; i++) await prove(opened, i, last.header.height)
  })
  await meter.phase('proofs of old heights', async () => {
    for (const height of [0, 1, full.length]) await prove(opened, height, height)
  })
  await meter.phase('snapshot', () => snapshot(opened, paths.run, last.header.height))
  await meter.phase('tree.cache written at the stop', () => opened.close())
}

async function prove(opened: OpenedChain, i: number, height: number): Promise<void> {
  const key = accountsTables.account.key({ address: spreadAddress(i) })
  const proof = await opened.importer.provePast(key, height)
  if (proof?.value === undefined) throw new Error(`no proof at height ${height}`)
}

async function snapshot({ store }: OpenedChain, dir: string, height: number): Promise<void> {
  const { header, hash } = mustExist(store.headerAt(height), 'a header')
  await writeSnapshot({
    dir: join(dir, 'snapshot'),
    header,
    blockHash: hash,
    pieces: store.pastStatePieces(height),
    signal: new AbortController().signal,
  })
}

/** As a node opens the first full block that it gets, before any code is compiled. */
async function openFullBlock(bytes: Uint8Array): Promise<void> {
  for (const _ of openInSteps(bytes, STEP_BYTES)) await new Promise((done) => setTimeout(done, 0))
}

/** Bytes of a block of the largest size; its transactions are no transactions, which costs the same. */
function fullBlock(): Uint8Array {
  const { block, tree } = buildGenesis(genesisDocument())
  tree.release()
  const size = TX_BYTES_MAX - 64
  const count = Math.floor((BLOCK_BYTES_MAX - TX_BYTES_MAX) / TX_BYTES_MAX)
  const transactions = Array.from({ length: count }, (_, i) => new Uint8Array(size).fill(i))
  return sealBlock({ header: block.header, transactions }).bytes
}

/** One process per start, so that each has its own memory and compiles its own code. */
const PROCESSES = ['body', 'cold', 'run', 'behind'] as const

async function child(dir: string, name: string): Promise<void> {
  const meter = new TurnMeter()
  const { base, run } = files(dir)
  if (name === 'make') return make(dir, Number(process.argv[4]))
  if (name === 'body') {
    const bytes = fullBlock()
    await meter.phase('the first block of 4 MiB opened', () => openFullBlock(bytes))
  }
  if (name === 'cold') {
    rmSync(run, { recursive: true, force: true })
    cpSync(base, run, { recursive: true })
    rmSync(join(run, 'tree.cache'))
    const genesis = await readGenesis(dir)
    const opened = await meter.phase('start without tree.cache', () => openRun(dir, genesis))
    await opened.close()
    copyFileSync(join(run, 'tree.cache'), join(dir, 'tree.cache.0'))
  }
  if (name === 'run') await runPhases(meter, dir)
  if (name === 'behind') {
    copyFileSync(join(dir, 'tree.cache.0'), join(run, 'tree.cache'))
    const genesis = await readGenesis(dir)
    const opened = await meter.phase('start with a tree.cache 109 blocks old', () => openRun(dir, genesis))
    await opened.close()
  }
  process.stdout.write(`${JSON.stringify(meter.figures)}\n`)
}

function spawnChild(dir: string, name: string, accounts: number): string {
  const args = ['--max-old-space-size=8192', import.meta.filename, '--child', dir, String(accounts), name]
  return execFileSync(process.execPath, args, { encoding: 'utf8', maxBuffer: 2 ** 24 })
}

function print(figures: readonly PhaseFigures[]): void {
  for (const f of figures) {
    const cells = [
      f.phase,
      `${f.seconds.toFixed(1)} s`,
      `${f.cpuSeconds.toFixed(1)} s`,
      `${f.turnMaxCpuMs.toFixed(0)} ms`,
      `${f.turnMaxMs.toFixed(0)} ms`,
      String(f.longTurns),
      `${f.rssMiB.toFixed(0)} MiB`,
    ]
    process.stdout.write(`| ${cells.join(' | ')} |\n`)
  }
}

async function main(): Promise<void> {
  if (process.argv[2] === '--child') return child(process.argv[3]!, process.argv[5]!)
  const program = new Command('bench:turns')
    .description('measure the longest turns of the event loop of a chain with many accounts')
    .option('-a, --accounts <count>', 'accounts in genesis', wholeNumber(3_000, 5_000_000), 1_000_000)
    .option('-k, --keep', 'use the chain that an earlier run made in the directory', false)
    .requiredOption('-o, --out <dir>', 'working directory; replaced')
  const { accounts, keep, out } = program.parse().opts()
  const dir = resolve(out)
  if (!(keep && existsSync(files(dir).blocks))) spawnChild(dir, 'make', accounts)
  process.stdout.write(
    '| phase | time | CPU | longest turn, CPU | longest turn, clock | turns > 50 ms | memory |\n',
  )
  process.stdout.write('|---|---|---|---|---|---|---|\n')
  for (const name of PROCESSES) print(JSON.parse(spawnChild(dir, name, accounts)))
}

if (process.argv[1] !== undefined && import.meta.filename === resolve(process.argv[1])) await main()
