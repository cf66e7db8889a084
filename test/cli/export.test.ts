// `suanli export`: the same tables from a running node and from its data directory, as CSV and as Parquet, and its state as a file.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet'
import { parseEther } from 'viem'
import { AUDITED } from '../../cli/export/audit.ts'
import { privateKeyAccount } from '../../client/accounts/account.ts'
import { createClient } from '../../client/chainClient.ts'
import { issuance, redemption } from '../../client/modules.ts'
import { httpTransport } from '../../client/transports/http.ts'
import { createDevnet, type Devnet } from '../../devnet/devnet.ts'
import { developmentValidator } from '../../genesis/devKeys.ts'
import { runSuanli, temporaryDir } from '../support/devnetHarness.ts'
import { call } from '../support/jsonRpc.ts'

const TABLES = ['blocks', 'reserve', 'coverage', 'redemptions'] as const

/** Rows of a CSV file by its names; undefined for null. */
function readCsv(file: string): readonly Record<string, string | undefined>[] {
  const text = readFileSync(file, 'utf8')
  const rows: (string | undefined)[][] = []
  const field = /(?:"((?:[^"]|"")*)"|([^",\n]*))(,|\n)/g
  let row: (string | undefined)[] = []
  for (const [, quoted, plain, end] of text.matchAll(field)) {
    row.push(quoted === undefined ? (plain === '' ? undefined : plain) : quoted.replaceAll('""', '"'))
    if (end !== '\n') continue
    rows.push(row)
    row = []
  }
  const [names, ...cells] = rows
  return cells.map((each) => Object.fromEntries(names!.map((name, i) => [name!, each[i]])))
}

async function readParquet(file: string): Promise<readonly Record<string, string | undefined>[]> {
  const rows = await parquetReadObjects({ file: await asyncBufferFromFile(file) })
  return rows.map((row) =>
    Object.fromEntries(
      Object.entries(row).map(([name, cell]) => [
        name,
        cell === null || cell === undefined ? undefined : String(cell),
      ]),
    ),
  )
}

describe('cli.export', function () {
  this.timeout(60_000)
  const dir = temporaryDir()
  const dataDir = join(dir.path, 'devnet')
  const at = (name: string): string => join(dir.path, name)
  let devnet: Devnet | undefined
  let height = 0
  let stateRoot = ''
  before(async () => {
    devnet = await createDevnet({
      validators: 1,
      isInProcess: true,
      isGranting: true,
      dataDir,
      windowMs: 60_000,
    })
    const client = createClient(httpTransport(devnet.rpcUrl))
    const holder = privateKeyAccount(devnet.accounts[4]!.privateKey)
    const hash = `0x${'00'.repeat(32)}` as const
    const wanted = {
      amountBase: parseEther('25'),
      service: 'infer',
      provider: 0,
      ratingMin: 0n,
      region: '',
      startBy: 0,
      finishBy: 0,
      jobHash: hash,
      clientKey: '0x',
      voucherKey: `0x${'00'.repeat(20)}`,
    } as const
    await client.send(holder, redemption.request(wanted))
    await devnet.passWindows(3)
    await devnet.stopValidator(0)
    await devnet.startValidator(0)
    const block = await call<{ number: string; stateRoot: string }>(devnet.rpcUrl, 'eth_getBlockByNumber', [
      'latest',
      false,
    ])
    height = Number(block.number)
    stateRoot = block.stateRoot
  })
  after(async () => {
    await devnet?.close()
    dir.remove()
  })

  const run = async (...args: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await runSuanli(['export', ...args])
    assert.equal(code, 0, stderr)
    return stdout
  }
  const online = (): readonly string[] => ['--rpc', devnet!.rpcUrl, '--to', String(height)]

  it('writes the same rows as CSV and as Parquet', async () => {
    for (const table of TABLES) {
      await run(table, ...online(), '--out', at(`${table}.csv`))
      await run(table, ...online(), '--format', 'parquet', '-o', at(`${table}.parquet`))
      const rows = readCsv(at(`${table}.csv`))
      assert.ok(rows.length > 3, table)
      assert.deepEqual(await readParquet(at(`${table}.parquet`)), rows, table)
    }
  })

  it('has every block and event, and the figures that the node answers', async () => {
    const blocks = readCsv(at('blocks.csv'))
    assert.deepEqual(
      blocks.map((row) => Number(row.height)),
      Array.from({ length: height + 1 }, (_, i) => i),
    )
    assert.equal(blocks.at(-1)!.state_root, stateRoot)
    assert.equal(blocks[7]!.parent_hash, blocks[6]!.hash)
    const { reserve } = await call<{ reserve: { supplyBase: string; liabilitiesBase: string } }>(
      devnet!.rpcUrl,
      'chain_reserve',
      [height],
    )
    const last = readCsv(at('reserve.csv')).at(-1)!
    assert.deepEqual([last.supply_base, last.liabilities_base], [reserve.supplyBase, reserve.liabilitiesBase])
    const events = readCsv(at('redemptions.csv'))
    const requested = events.find(({ event }) => event === 'Requested')!
    assert.equal(requested.amount_base, String(parseEther('25')))
    assert.equal(requested.service, 'infer')
    assert.equal(requested.provider, undefined)
    assert.ok(events.some(({ event, provider }) => event === 'Granted' && provider === '1'))
    const coverage = readCsv(at('coverage.csv')).at(-1)!
    assert.equal(coverage.liabilities_base, reserve.liabilitiesBase)
  })

  it('takes a range, and refuses what it cannot write', async () => {
    await run('blocks', '--rpc', devnet!.rpcUrl, '--from', '3', '--to', '5', '-o', at('three.csv'))
    assert.deepEqual(
      readCsv(at('three.csv')).map((row) => row.height),
      ['3', '4', '5'],
    )
    const refused: readonly [readonly string[], RegExp][] = [
      [['blocks', '--rpc', devnet!.rpcUrl, '-o', at('three.csv')], /three\.csv exists already: --force/],
      [
        ['blocks', '--format', 'parquet', '--rpc', devnet!.rpcUrl],
        /give the file to write: -o blocks\.parquet/,
      ],
      [['blocks', '--rpc', devnet!.rpcUrl], /give the file to write: -o blocks\.csv/],
      [
        ['blocks', '--rpc', devnet!.rpcUrl, '--to', '999999', '-o', at('no.csv')],
        /--to 999999: the newest block is/,
      ],
      [['accounts', '--rpc', devnet!.rpcUrl, '-o', at('no.csv')], /accounts are read from a data directory/],
      [['accounts', '-d', join(dataDir, 'validator-0'), '-o', at('no.csv')], /is in use: stop the node/],
    ]
    for (const [args, message] of refused) {
      const { code, stderr } = await runSuanli(['export', ...args])
      assert.notEqual(code, 0)
      assert.match(stderr, message)
      assert.equal(stderr.trim().split('\n').length, 1, stderr)
    }
    assert.ok(!existsSync(at('no.csv')) && !existsSync(at('no.csv.part')))
    const columns = await run('coverage', '--columns')
    assert.match(columns, /^height +integer +of the block$/m)
    assert.match(columns, /^shortfall_base +text .*base units/m)
  })

  it('writes audited tables whose sums are the differences of header totals, and finds what is missing or false', async () => {
    const client = createClient(httpTransport(devnet!.rpcUrl))
    const operator = privateKeyAccount(developmentValidator(0).operator.secretKey)
    await client.send(operator, issuance.mint({ to: operator.address, amountBase: parseEther('3') }))
    await client.send(operator, issuance.retire({ amountBase: parseEther('1') }))
    await devnet!.passWindows(1)
    const to = String((await call<{ height: number }>(devnet!.rpcUrl, 'chain_info')).height)
    for (const table of AUDITED) {
      for (const format of ['csv', 'parquet']) {
        const file = at(`${table}.${format}`)
        await run(table, '--rpc', devnet!.rpcUrl, '--to', to, '-o', file)
        const verified = await run('verify', file, '--rpc', devnet!.rpcUrl, '--json')
        const { rows, periods } = JSON.parse(verified) as { rows: number; periods: number }
        assert.ok(rows >= 1 && periods >= 3, `${table}: ${verified}`)
      }
    }
    const issued = readCsv(at('issuance.csv'))
    const sum = (wanted: string): bigint =>
      issued.reduce((all, { kind, amount_base }) => all + (kind === wanted ? BigInt(amount_base!) : 0n), 0n)
    // A part of a mint goes into its lock; what redemption delivered is burned, too.
    assert.equal(sum('mint'), parseEther('3'))
    assert.ok(sum('burn') >= parseEther('1'))
    const locked = readCsv(at('redemption.csv'))
    assert.ok(
      locked.some(({ kind, amount_base }) => kind === 'lock' && amount_base === String(parseEther('25'))),
    )
    const last = readCsv(at('circulation.csv')).at(-1)!
    assert.equal(
      BigInt(last.circulating_base!),
      BigInt(last.supply_base!) - BigInt(last.locked_in_redemption_base!),
    )

    const text = readFileSync(at('issuance.csv'), 'utf8')
    const manifest = readFileSync(at('issuance.csv.manifest.json'), 'utf8')
    const [names, first, ...rest] = text.split('\n')
    const sha256Of = (content: string): string => `0x${createHash('sha256').update(content).digest('hex')}`
    const tampered = async (content: string, adapt = true): Promise<string> => {
      writeFileSync(at('false.csv'), content)
      const known = JSON.parse(manifest) as object
      const own = adapt ? { ...known, sha256: sha256Of(content) } : known
      writeFileSync(at('false.csv.manifest.json'), JSON.stringify(own))
      const { code, stderr } = await runSuanli(['export', 'verify', at('false.csv')])
      assert.equal(code, 1)
      return stderr
    }
    assert.match(await tampered([names, ...rest].join('\n'), false), /SHA-256 differs/)
    assert.match(await tampered([names, ...rest].join('\n')), /the rows sum to .*, the headers differ by/)
    assert.match(await tampered([names, first, first, ...rest].join('\n')), /out of order|the rows sum to/)
    assert.match(await tampered(text.replace('mint', 'burn')), /the rows sum to/)
    writeFileSync(at('false.csv.manifest.json'), '{}')
    const { stderr } = await runSuanli(['export', 'verify', at('false.csv')])
    assert.match(stderr, /is no manifest of an audited export/)
    const zero = await runSuanli([
      'export',
      'issuance',
      '--rpc',
      devnet!.rpcUrl,
      '--from',
      '0',
      '-o',
      at('zero.csv'),
    ])
    assert.match(zero.stderr, /--from 0: genesis has the first totals/)
  })

  it('writes the same from the data directory once the node is stopped, and every account', async () => {
    await devnet!.close()
    devnet = undefined
    const offline = ['-d', join(dataDir, 'validator-0'), '--to', String(height)]
    for (const table of TABLES) {
      await run(table, ...offline, '-o', at(`${table}.offline.csv`))
      assert.deepEqual(
        readCsv(at(`${table}.offline.csv`)).slice(-10),
        readCsv(at(`${table}.csv`)).slice(-10),
        table,
      )
    }
    await run('accounts', ...offline, '-o', at('accounts.csv'))
    // The name says which format it is.
    await run('accounts', ...offline, '-o', at('accounts.parquet'))
    const accounts = readCsv(at('accounts.csv'))
    assert.deepEqual(await readParquet(at('accounts.parquet')), accounts)
    const total = accounts.reduce((sum, row) => sum + BigInt(row.balance_base!), 0n)
    const supply = readCsv(at('reserve.csv')).at(-1)!.supply_base!
    assert.ok(accounts.length > 10 && total > 0n && total <= BigInt(supply))
    await run('accounts', ...offline.slice(0, 2), '--to', '1', '-o', at('early.csv'))
    assert.notDeepEqual(readCsv(at('early.csv')), accounts)
  })

  it('writes its state, from which a devnet goes on with the same root', async () => {
    const validator = join(dataDir, 'validator-0')
    await run('state', '-d', validator, '--out', at('state.txt'))
    await run('state', '-d', validator, '--out', at('state.gz'))
    const lines = readFileSync(at('state.txt'), 'utf8').trim().split('\n')
    assert.equal(lines[0], 'suanli state 1')
    const head = JSON.parse(lines[1]!.replace('head ', '')) as { height: number; stateRoot: string }
    assert.ok(head.height >= height)
    assert.match(
      lines.at(-1)!,
      new RegExp(`^end ${lines.filter((line) => line.startsWith('record ')).length} `),
    )
    for (const stateFile of [at('state.txt'), at('state.gz')]) {
      const loaded = await createDevnet({ stateFile, isInProcess: true, logLevel: 'warn' })
      const found = await call<{ stateRoot: string }>(loaded.rpcUrl, 'eth_getBlockByNumber', [
        `0x${head.height.toString(16)}`,
        false,
      ])
      assert.equal(found.stateRoot, head.stateRoot)
      await loaded.mine()
      await loaded.close()
    }
    const text = readFileSync(at('state.txt'), 'utf8')
    writeFileSync(at('cut.txt'), text.slice(0, -200))
    await assert.rejects(createDevnet({ stateFile: at('cut.txt'), isInProcess: true }), /state file/)
  })
})
