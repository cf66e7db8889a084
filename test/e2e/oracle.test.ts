// `suanli oracle run` against a running devnet: whole windows, a restart between commit and reveal, and every alarm.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { runReporter } from '../../cli/oracle/runReporter.ts'
import { readSourcesFile } from '../../cli/oracle/sourcesFile.ts'
import { privateKeyAccount } from '../../client/accounts/account.ts'
import { createClient } from '../../client/chainClient.ts'
import { oracle } from '../../client/modules.ts'
import { httpTransport } from '../../client/transports/http.ts'
import { createDevnet, type Devnet } from '../../devnet/devnet.ts'
import { developmentGenesis } from '../../devnet/genesisOptions.ts'
import { developmentAccounts } from '../../genesis/devKeys.ts'
import { genesisSchema } from '../../genesis/schema.ts'
import { runSuanli, temporaryDir } from '../support/devnetHarness.ts'

const WINDOW_MS = 600_000
const REPORTERS = 3
const FLOOD = new Uint8Array(65_536).fill(49)

interface Line {
  readonly did?: string
  readonly alarm?: string
  readonly text: string
  readonly rating?: string
}

describe('suanli oracle run', function () {
  this.timeout(60_000)
  const dir = temporaryDir()
  let devnet: Devnet
  let server: Server
  let port = 0
  let said = { rating: '1.01', price: '3.05' }
  const path = (name: string): string => join(dir.path, name)

  before(async () => {
    const genesis = developmentGenesis({ validators: 1, blockTimeMs: 50, windowMs: WINDOW_MS })
    const reporters = developmentAccounts(REPORTERS).map(({ address: account }, i) => ({
      account,
      name: `Reporter ${i + 1}`,
    }))
    const document = genesisSchema.toJson({ ...genesis, oracle: { reporters } })
    writeFileSync(path('genesis.json'), JSON.stringify(document))
    devnet = await createDevnet({ genesisFile: path('genesis.json'), isInProcess: true, logLevel: 'warn' })
    server = await serveAt(0)
    port = (server.address() as AddressInfo).port
    writeFileSync(path('prices.csv'), 'day,rating,price\n1,1.009,3.04\n')
    writeSources()
  })
  after(async () => {
    server?.close()
    await devnet?.close()
    dir.remove()
  })

  async function serveAt(at: number): Promise<Server> {
    const made = createServer((_, answer) => answer.end(JSON.stringify(said)))
    made.listen(at, '127.0.0.1')
    await once(made, 'listening')
    return made
  }

  function writeSources(): void {
    const url = `http://127.0.0.1:${port}/`
    const quantity = (name: string) => ({
      sources: [
        { url, json: `/${name}` },
        { file: path('prices.csv'), column: name },
      ],
      sourcesMin: 2,
    })
    const sources = { rating: quantity('rating'), prices: { 1: quantity('price') } }
    writeFileSync(path('sources.json'), JSON.stringify(sources))
  }

  /** One step of the reporter with this account: its exit code and what it printed. */
  async function step(dev: number, over: readonly string[] = []) {
    const args = ['--sources', path('sources.json'), '--state', path(`reporter-${dev}`), '--dev', String(dev)]
    const rpc = over.includes('--rpc') ? [] : ['--rpc', devnet.rpcUrl]
    const { code, stdout } = await runSuanli(['oracle', 'run', '--once', '--json', ...args, ...rpc, ...over])
    const lines = stdout
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Line)
    const alarms = lines.flatMap(({ alarm }) => (alarm === undefined ? [] : [alarm]))
    return { code, alarms, did: lines.find(({ did }) => did !== undefined)?.did, lines }
  }
  const client = () => createClient(httpTransport(devnet.rpcUrl))
  const toReveals = async (): Promise<void> => {
    devnet.increaseTime(WINDOW_MS / 2)
    await devnet.mine()
  }
  const done = { code: 0, alarms: [] as readonly string[] }
  const isLike = (found: object, wanted: object): void => {
    assert.deepEqual({ ...found, ...wanted }, found)
  }

  it('commits, survives a restart, reveals, and the anchor follows', async () => {
    for (const dev of [0, 1, 2]) isLike(await step(dev), { ...done, did: 'committed' })
    assert.equal(statSync(path('reporter-0/report.json')).mode & 0o777, 0o600)
    // Nothing is in memory between two steps: each is a start of its own.
    isLike(await step(0), { ...done, did: 'nothing' })
    await toReveals()
    // What the sources say has changed since: the report is what was committed to.
    said = { rating: '2', price: '6' }
    for (const dev of [0, 1, 2]) {
      const revealed = await step(dev)
      isLike(revealed, { ...done, did: 'revealed' })
      assert.equal(revealed.lines.at(-1)!.rating, '1009500')
    }
    said = { rating: '1.01', price: '3.05' }
    await devnet.passWindows()
    assert.equal((await client().query(oracle, 'anchor', {}))?.anchor, 1_009_500n)
    const log = readFileSync(path('reporter-0/reports.jsonl'), 'utf8').trim().split('\n')
    const first = JSON.parse(log[0]!) as {
      readonly rating: { readonly sources: readonly { readonly value: string }[] }
    }
    assert.deepEqual(
      first.rating.sources.map(({ value }) => value),
      ['1010000', '1009000'],
    )
  })

  it('prints the status in words', async () => {
    const { code, stdout } = await runSuanli(['oracle', 'status', '--rpc', devnet.rpcUrl, '--json'])
    assert.equal(code, 0)
    const status = JSON.parse(stdout) as { readonly status: string; readonly anchor: string }
    assert.match(status.status, /^the providers lacked a quorum in the last window/)
    assert.equal(status.anchor, '1009500')
  })

  it('alarms while a source is dead, and reports once it is back', async () => {
    server.closeAllConnections()
    server.close()
    const dead = await step(0)
    isLike(dead, { code: 1, did: 'nothing', alarms: ['sourceDead', 'sourceDead'] })
    assert.match(
      dead.lines[0]!.text,
      /^rating: 1 of 2 sources answer with a fresh number, 2 are needed: .*ECONNREFUSED/,
    )
    server = await serveAt(port)
    isLike(await step(0), { ...done, did: 'committed' })
  })

  it('alarms when sources disagree: the rating stops the report, a price only itself', async () => {
    said = { rating: '1.5', price: '3.05' }
    isLike(await step(1), { code: 1, did: 'nothing', alarms: ['sourcesDisagree'] })
    said = { rating: '1.01', price: '9' }
    isLike(await step(1), { code: 1, did: 'committed', alarms: ['sourcesDisagree'] })
    said = { rating: '1.01', price: '3.05' }
  })

  it('alarms when the reveals have begun without a commitment, and when a salt is lost', async () => {
    await toReveals()
    isLike(await step(2), { code: 1, alarms: ['commitMissed'] })
    rmSync(path('reporter-1/report.json'))
    isLike(await step(1), { code: 1, alarms: ['saltLost'] })
  })

  it('alarms once when a reveal was missed, and commits in the next window', async () => {
    await devnet.passWindows()
    isLike(await step(0), { code: 1, did: 'committed', alarms: ['revealMissed'] })
    isLike(await step(0), { ...done, did: 'nothing' })
    const record = await client().query(oracle, 'reporter', { account: developmentAccounts(1)[0]!.address })
    assert.deepEqual([record?.revealed, record?.notRevealed], [1, 1])
  })

  it('alarms when it is not appointed, and when the node is away', async () => {
    isLike(await step(5), { code: 1, alarms: ['notReporter'] })
    isLike(await step(0, ['--rpc', 'http://127.0.0.1:1']), { code: 4, alarms: ['nodeUnreachable'] })
  })

  it('refuses a folder of another account', async () => {
    const other = ['--state', path('reporter-0')]
    const args = ['--sources', path('sources.json'), ...other, '--dev', '1', '--rpc', devnet.rpcUrl]
    const { code, stderr } = await runSuanli(['oracle', 'run', '--once', ...args])
    assert.equal(code, 1)
    assert.match(stderr, /report\.json is of the account 0x.*: use another folder/)
  })

  it('goes through a window by itself until it is ended', async () => {
    await devnet.passWindows()
    const ending = new AbortController()
    const lines: string[] = []
    const account = privateKeyAccount(developmentAccounts(3)[2]!.secretKey)
    const running = runReporter({
      ...{ client: client(), account, sources: readSourcesFile(path('sources.json')), folder: path('loop') },
      ...{
        timeoutMs: 20_000,
        isOnce: false,
        isJson: true,
        pollMs: 100,
        print: (line: string) => void lines.push(line),
        signal: ending.signal,
      },
    })
    const until = async (outcome: string): Promise<void> => {
      for (;;) {
        const record = await client().query(oracle, 'reporter', { account: account.address })
        if (record?.running === outcome) return
        await new Promise((resolve) => setTimeout(resolve, 50))
      }
    }
    await until('committed')
    await toReveals()
    await until('revealed')
    ending.abort()
    assert.equal(await running, 0)
    const did = lines.map((line) => (JSON.parse(line) as Line).did).filter((one) => one !== 'nothing')
    assert.deepEqual(did, ['committed', 'revealed'])
  })

  it('reports what the honest sources say beside some that hang, flood, drip, redirect in a circle or change their mind', async () => {
    await devnet.passWindows()
    let asked = 0
    const hostile = createServer(({ url }, answer) => {
      asked++
      if (url === '/hang') return
      if (url === '/drip') {
        answer.write('{"rating":')
        return
      }
      if (url === '/circle') {
        answer.writeHead(302, { location: '/circle' }).end()
        return
      }
      if (url === '/fickle') {
        const rating = asked % 2 === 0 ? '9.9' : '0.1'
        answer.end(JSON.stringify({ rating, price: rating }))
        return
      }
      // Without an end: whoever reads to it never gets there.
      const flood = (): void => {
        while (answer.write(FLOOD));
        answer.once('drain', flood)
      }
      flood()
    })
    hostile.listen(0, '127.0.0.1')
    await once(hostile, 'listening')
    const at = `http://127.0.0.1:${(hostile.address() as AddressInfo).port}`
    const honest = Array.from({ length: 6 }, (_, i) => ({ url: `http://127.0.0.1:${port}/${i}` }))
    const ways = ['hang', 'drip', 'circle', 'fickle', 'flood']
    const quantity = (name: string) => ({
      sources: [...honest, ...ways.map((way) => ({ url: `${at}/${way}` }))].map((source) => ({
        ...source,
        json: `/${name}`,
      })),
      sourcesMin: 6,
    })
    const sources = { timeoutSeconds: 1, rating: quantity('rating'), prices: { 1: quantity('price') } }
    writeFileSync(path('sources.json'), JSON.stringify(sources))
    try {
      isLike(await step(2), { ...done, did: 'committed' })
      await toReveals()
      // What was committed to is revealed, whatever the fickle one says by now.
      const revealed = await step(2)
      isLike(revealed, { ...done, did: 'revealed' })
      assert.equal(revealed.lines.at(-1)!.rating, '1010000')
      const log = readFileSync(path('reporter-2/reports.jsonl'), 'utf8').trim().split('\n')
      const { rating } = JSON.parse(log.at(-1)!) as {
        readonly rating?: { readonly sources: readonly { readonly dropped?: string }[] }
      }
      const dropped = (rating?.sources ?? []).flatMap((source) => source.dropped ?? [])
      assert.equal(dropped.length, ways.length)
      for (const why of [
        /no answer in 1000 ms/,
        /redirects/,
        /far from the median/,
        /more than 1048576 bytes/,
      ])
        assert.ok(
          dropped.some((text) => why.test(text)),
          `${why}: ${dropped.join('; ')}`,
        )
    } finally {
      hostile.closeAllConnections()
      hostile.close()
    }
  })
})
