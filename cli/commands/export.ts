// `suanli export`: figures of a chain as CSV or Parquet, and its whole state as a file. Owns: options, the file that appears whole or
// not at all. Not: the tables (cli/export/), the state file (node/stateFile.ts).
import { existsSync, rmSync } from 'node:fs'
import { type FileHandle, open, rename, writeFile } from 'node:fs/promises'
import { type Command, Option } from 'commander'
import { OperatorError } from '../../base/errors.ts'
import type { Json } from '../../base/field.ts'
import { RPC_VARIABLE } from '../chain/send.ts'
import { print, printJson, wholeNumber } from '../common.ts'
import type { AuditedName } from '../export/audit.ts'
import type { Manifest } from '../export/auditCheck.ts'
import type { Dataset } from '../export/dataset.ts'
import type { Source } from '../export/source.ts'
import { UsageError } from '../usageError.ts'

type Format = 'csv' | 'parquet'

interface ExportOptions {
  readonly rpc: string
  readonly dataDir?: string
  readonly from?: number
  readonly to?: number
  readonly format?: Format
  readonly out?: string
  readonly columns?: true
  readonly force?: true
  readonly json?: true
}

/** In the order of the help; the datasets themselves load what reads a chain. */
const TABLES = [
  'blocks',
  'reserve',
  'coverage',
  'redemptions',
  'accounts',
  'issuance',
  'redemption',
  'circulation',
] as const

export function addExport(program: Command): void {
  const command = program
    .command('export')
    .description('write figures of a chain as CSV or Parquet, or its state, to a file')
  for (const name of TABLES) {
    withOptions(command.command(name).description(TEXTS[name]))
      .addOption(
        new Option('--from <height>', 'first block').argParser(wholeNumber(0, Number.MAX_SAFE_INTEGER)),
      )
      .addOption(
        new Option('--to <height>', 'last block; default: the newest').argParser(
          wholeNumber(0, Number.MAX_SAFE_INTEGER),
        ),
      )
      .addOption(
        new Option('--format <format>', 'of the file; default: by its name, else csv').choices([
          'csv',
          'parquet',
        ]),
      )
      .addOption(new Option('--columns', 'print what each column is, and write nothing'))
      .action((options: ExportOptions) => exportTable(name, options))
  }
  withOptions(
    command
      .command('state')
      .description('every record of the newest state, for suanli devnet --load-state or --fork'),
  ).action(exportState)
  command
    .command('verify')
    .description('check that an audited file is complete: its rows sum to the header totals of its manifest')
    .argument('<file>', 'of issuance, redemption or circulation, beside its manifest')
    .option('--rpc <url>', 'compare the totals with the headers of this node too')
    .addOption(new Option('--json', 'print the manifest as JSON'))
    .action(verifyFile)
  command.addHelpText(
    'after',
    `
From a running node (--rpc), or a stopped one's data directory (--data-dir).
Amounts are text in base units, 10^-18 coin; empty means that there is none.
accounts and state are read from a data directory; of a running devnet in one
process, state is also answered over JSON-RPC. docs/devnet.md has the columns.
Audited tables get a manifest, FILE.manifest.json, which verify reads.`,
  )
}

const TEXTS: Readonly<Record<(typeof TABLES)[number], string>> = {
  blocks: 'one row per block: hash, time, proposer, transactions, gas',
  reserve: 'supply, liabilities, capacity and shortfall in each header',
  coverage: 'coverage of liabilities after each block whose state is kept',
  redemptions: 'every event of redemption: requests, assignments, vouchers, ends',
  accounts: 'coins and nonce of every account after one block',
  issuance: 'audited: every coin created and destroyed, with the header totals that prove it',
  redemption: 'audited: every coin locked in redemption and leaving it, with the totals',
  circulation: 'audited: supply, created, destroyed, locked coins of each window',
}

function withOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--rpc <url>', 'JSON-RPC of a node').env(RPC_VARIABLE).default('http://127.0.0.1:8545'),
    )
    .addOption(new Option('-d, --data-dir <dir>', 'the data directory of a stopped node, instead'))
    .addOption(new Option('-o, --out <file>', 'the file to write'))
    .addOption(new Option('--force', 'replace the file if there is one'))
    .addOption(new Option('--json', 'print what was written as JSON'))
}

async function exportTable(name: string, options: ExportOptions): Promise<void> {
  const [{ DATASETS }, { AUDITED_DATASETS }] = await Promise.all([
    import('../export/datasets.ts'),
    import('../export/audit.ts'),
  ])
  const dataset = DATASETS[name] ?? AUDITED_DATASETS[name as AuditedName]
  if (options.columns === true) {
    printColumns(dataset, options)
    return
  }
  const format = options.format ?? formatOf(options.out)
  const out = mustHaveOut(options, `${name}.${format}`)
  if (dataset.isOffline === true && options.dataDir === undefined)
    throw new UsageError(`${name} are read from a data directory: give --data-dir of a stopped node`)
  const source = await sourceOf(options)
  try {
    const range = await rangeOf(source, dataset, options)
    let rows = 0
    await intoFile(out, options, async (file) => {
      const table = await tableFile(format, file, dataset)
      for await (const piece of dataset.rows(source, range)) {
        rows += piece.length
        await table.write(piece)
      }
      await table.close()
    })
    if (dataset.isAudited === true)
      await writeManifest(source, { dataset: name as AuditedName, format, file: out, rows, ...range })
    tell(options, { file: out, ...(dataset.isAtBlock ? { block: range.to } : range), rows })
  } finally {
    await source.close()
  }
}

/** Beside the file: what its rows must sum to, and of which chain. */
async function writeManifest(
  source: Source,
  written: Pick<Manifest, 'dataset' | 'format' | 'rows' | 'from' | 'to'> & { readonly file: string },
): Promise<void> {
  const { fileHash, manifestFile, PROVES } = await import('../export/auditCheck.ts')
  const { checkpointsOf } = await import('../export/audit.ts')
  const { file, ...facts } = written
  const info = (await source.ask('chain_info')) as { readonly [name: string]: Json }
  const manifest = {
    suanliExport: 1,
    ...facts,
    sha256: await fileHash(file),
    chainId: info.chainId!,
    genesisHash: info.genesisHash!,
    proves: PROVES[facts.dataset],
    checkpoints: await checkpointsOf(source, written),
  }
  await writeFile(manifestFile(file), `${JSON.stringify(manifest, null, 1)}\n`)
}

async function verifyFile(
  file: string,
  { rpc, json }: { readonly rpc?: string; readonly json?: true },
): Promise<void> {
  const { checkAudited } = await import('../export/auditCheck.ts')
  const { nodeSource } = await import('../export/source.ts')
  const source = rpc === undefined ? undefined : await nodeSource(rpc)
  try {
    const { dataset, from, to, rows, checkpoints, proves } = await checkAudited(file, source?.ask)
    const periods = checkpoints.length - 1
    if (json === true) printJson({ file, dataset, from, to, rows, periods, proves, headers: rpc ?? null })
    else
      print(
        `${file} is complete: ${dataset} of blocks ${from} to ${to}, ${rows} rows, ${periods} periods; ${proves}`,
      )
  } finally {
    await source?.close()
  }
}

const formatOf = (file: string | undefined): Format =>
  file?.endsWith('.parquet') === true ? 'parquet' : 'csv'

async function tableFile(format: Format, file: FileHandle, { columns }: Dataset) {
  if (format === 'csv') return (await import('../export/csvFile.ts')).csvFile(file, columns)
  return (await import('../export/parquetFile.ts')).parquetFile(file, columns)
}

async function sourceOf({ rpc, dataDir }: ExportOptions): Promise<Source> {
  const { directorySource, nodeSource } = await import('../export/source.ts')
  return dataDir === undefined ? nodeSource(rpc) : directorySource(dataDir)
}

/** Within what the node has; by default all of it. */
async function rangeOf(source: Source, dataset: Dataset, options: ExportOptions) {
  const info = (await source.ask('chain_info')) as { readonly [name: string]: Json }
  const height = info.height as number
  const to = options.to ?? height
  if (to > height) throw new OperatorError(`--to ${to}: the newest block is ${height}`)
  if (dataset.isAtBlock === true && options.from !== undefined)
    throw new UsageError('--from: this table is of one block, --to')
  // Block 0 is held however much was pruned.
  const blockHeld = info.blockHeightMin as number
  // Totals of the header below are the beginning.
  const blockMin = dataset.isAudited === true ? Math.max(1, blockHeld) : blockHeld
  const lowest = dataset.needsState === true ? Math.max(1, info.stateHeightMin as number) : blockMin
  const isFromGenesis = lowest === 1 && dataset.needsState !== true && dataset.isAudited !== true
  const from = options.from ?? Math.min(isFromGenesis ? 0 : lowest, to)
  if (dataset.isAudited === true && from < 1)
    throw new UsageError('--from 0: genesis has the first totals; this table begins with block 1')
  if (from > to) throw new UsageError(`--from ${from} is above --to ${to}`)
  return { from, to }
}

function printColumns({ columns }: Dataset, { json }: ExportOptions): void {
  if (json === true) printJson(columns)
  else for (const { name, kind, doc } of columns) print(`${name.padEnd(26)} ${kind.padEnd(8)} ${doc}`)
}

function mustHaveOut({ out, force }: ExportOptions, example: string): string {
  if (out === undefined) throw new UsageError(`give the file to write: -o ${example}`)
  if (force !== true && existsSync(out)) throw new OperatorError(`${out} exists already: --force replaces it`)
  return out
}

function tell({ json }: ExportOptions, written: { readonly [name: string]: Json }): void {
  if (json === true) printJson(written)
  else
    print(
      Object.entries(written)
        .map(([name, value]) => `${name} ${value}`)
        .join(', '),
    )
}

/** The file appears under its name once it is whole. */
async function intoFile(
  out: string,
  { force }: ExportOptions,
  write: (file: FileHandle) => Promise<void>,
): Promise<void> {
  const unfinished = `${out}.part`
  const file = await open(unfinished, force === true ? 'w' : 'wx')
  try {
    await write(file)
    await rename(unfinished, out)
  } catch (error) {
    await file.close().catch(() => {})
    rmSync(unfinished, { force: true })
    throw error
  }
}

async function exportState(options: ExportOptions): Promise<void> {
  const out = mustHaveOut(options, 'state.gz')
  const isZipped = out.endsWith('.gz')
  const [{ gunzipSync, createGzip }, { pipeline }, { Readable }] = await Promise.all([
    import('node:zlib'),
    import('node:stream/promises'),
    import('node:stream'),
  ])
  const { lines, close } = await stateOf(options, gunzipSync)
  try {
    await intoFile(out, options, async (file) => {
      const text = Readable.from(lines, { objectMode: true })
      const into = file.createWriteStream({ encoding: 'utf8', flush: true })
      await (isZipped ? pipeline(text, createGzip(), into) : pipeline(text, into))
    })
    tell(options, { file: out })
  } finally {
    await close()
  }
}

/** Of the data directory, or of a devnet in one process, which answers it whole. */
async function stateOf(
  { rpc, dataDir }: ExportOptions,
  gunzip: (bytes: Uint8Array) => Buffer,
): Promise<{ readonly lines: AsyncIterable<string> | Iterable<string>; close(): Promise<void> }> {
  if (dataDir === undefined) {
    const { nodeSource } = await import('../export/source.ts')
    const { fromHex } = await import('../../base/bytes.ts')
    const source = await nodeSource(rpc)
    const answer = (await source.ask('dev_dumpState')) as string
    return { lines: [gunzip(fromHex(answer)).toString('utf8')], close: source.close }
  }
  const [{ refusingRunning }, { openChainStore }, { stateFileLines }, nodeDir, { nodePaths }] =
    await Promise.all([
      import('../offlineNode.ts'),
      import('../../storage/chainStore.ts'),
      import('../../node/stateFile.ts'),
      import('../../node/nodeDir.ts'),
      import('../../node/nodePaths.ts'),
    ])
  const genesis = nodeDir.parseGenesis(nodeDir.genesisFile(dataDir))
  const store = await refusingRunning(dataDir, () => openChainStore(nodePaths(dataDir).chain))
  return { lines: stateFileLines(store, genesis), close: () => store.close() }
}
