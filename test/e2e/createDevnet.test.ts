// What createDevnet refuses, and its devnet with a process per validator as another project's test uses it.
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { createDevnet, type Devnet, type DevnetOptions } from '../../devnet/devnet.ts'
import { temporaryDir } from '../support/devnetHarness.ts'
import { testDisturbed, testStarted, WatchedEvents } from '../support/devnetSteps.ts'
import { call } from '../support/jsonRpc.ts'

describe('createDevnet', function () {
  this.timeout(60_000)
  const watched = new WatchedEvents()
  let devnet: Devnet
  before(async () => {
    devnet = await createDevnet({ onEvent: watched.take })
  })
  after(() => devnet?.close())
  testStarted({ devnet: () => devnet, watched })
  testDisturbed({ devnet: () => devnet, watched })
})

describe('createDevnet.refusals', function () {
  this.timeout(60_000)
  const dir = temporaryDir()
  after(() => dir.remove())

  it('rejects a number of validators out of range', async () => {
    for (const validators of [0, 17, 4.5]) {
      await assert.rejects(createDevnet({ validators }), /validators: expected 1 to 16/)
    }
  })
  it('starts one validator alone, whose window is an hour at most', async () => {
    const start = (windowMs: number) => createDevnet({ validators: 1, isInProcess: true, windowMs })
    await assert.rejects(start(3_600_001), /windowMs.* at most 3600000 ms with fewer than 4 validators/)
    const devnet = await start(3_600_000)
    assert.equal(devnet.validators.length, 1)
    const { reserve } = await call<{ reserve: { supplyBase: string } }>(devnet.rpcUrl, 'chain_reserve')
    assert.equal(BigInt(reserve.supplyBase), 100_250n * 10n ** 18n)
    await devnet.close()
  })
  it('names the option that cannot be used', async () => {
    const wrong: readonly [string, object][] = [
      ['port', { port: Number.NaN }],
      ['port', { port: '9000' }],
      ['dataDir', { dataDir: '' }],
      ['blockTimeMs', { blockTimeMs: -1 }],
      ['windowMs', { windowMs: 1e18 }],
      ['logLevel', { logLevel: 'loud' }],
    ]
    for (const [name, options] of wrong) {
      await assert.rejects(
        createDevnet(options as DevnetOptions),
        new RegExp(`^OperatorError: ${name}: expected`),
      )
    }
  })
  it('rejects a port in use before it writes anything', async () => {
    const server = createServer()
    const port = await new Promise<number>((resolve) =>
      server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port)),
    )
    const dataDir = join(dir.path, 'taken')
    await assert.rejects(createDevnet({ port, dataDir }), new RegExp(`port ${port} is taken`))
    assert.ok(!existsSync(dataDir))
    await new Promise((resolve) => server.close(resolve))
  })
  it("rejects a folder that is not the devnet's and leaves it unchanged", async () => {
    const dataDir = join(dir.path, 'foreign')
    mkdirSync(join(dataDir, 'validator-1'), { recursive: true })
    writeFileSync(join(dataDir, 'validator-1', 'notes.txt'), 'mine')
    await assert.rejects(
      createDevnet({ dataDir, isFresh: true }),
      /validator-1: it has no devnet-validator.json/,
    )
    assert.equal(readFileSync(join(dataDir, 'validator-1', 'notes.txt'), 'utf8'), 'mine')
  })
  it('aborts a start on request and leaves nothing running', async () => {
    const stop = new AbortController()
    const dataDir = join(dir.path, 'aborted')
    const started = createDevnet({
      dataDir,
      signal: stop.signal,
      onEvent: ({ kind }) => {
        if (kind === 'prepared') setImmediate(() => stop.abort(new Error('enough')))
      },
    })
    await assert.rejects(started, /enough/)
    assert.ok(!existsSync(join(dataDir, 'devnet.json')))
    await assert.rejects(createDevnet({ dataDir, signal: stop.signal }), /enough/)
  })
})
