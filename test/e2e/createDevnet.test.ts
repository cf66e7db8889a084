// What createDevnet refuses, and its devnet with a process per validator as another project's test uses it: with links that are slow and
// part, and a validator that is killed and started again by hand.
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { createWalletClient, http } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { createDevnet, type Devnet, type DevnetOptions } from '../../devnet/devnet.ts'
import { readDevnetStatus } from '../../devnet/statusFile.ts'
import { Running, temporaryDir } from '../support/devnetHarness.ts'
import { testDisturbed, testEnd, testStarted, WatchedEvents } from '../support/devnetSteps.ts'
import { call } from '../support/jsonRpc.ts'

/** Nothing becomes final in this time while nobody has a quorum. */
const STANDSTILL_MS = 1_500
/** Below two seconds as a rule; several times that on a busy machine. */
const HEALED_MS_MAX = 6_000

describe('createDevnet', function () {
  this.timeout(90_000)
  const watched = new WatchedEvents()
  let devnet: Devnet
  before(async () => {
    devnet = await createDevnet({ latencyMs: 10, jitterMs: 5, onEvent: watched.take })
  })
  after(() => devnet?.close())
  testStarted({ devnet: () => devnet, watched })
  testLinks(() => devnet)
  testDisturbed({ devnet: () => devnet, watched })
  const byHand = testAdopted({ devnet: () => devnet, watched })
  testEnd(() => devnet)
  it('has ended the validator that was started by hand, in order', async () => {
    assert.equal((await byHand()?.ended)?.code, 0)
  })
})

/** Links that are slow and part. */
function testLinks(started: () => Devnet): void {
  let devnet: Devnet
  before(() => {
    devnet = started()
  })
  const heightOf = async (index: number): Promise<number> =>
    Number(await call<string>(devnet.validators[index]!.rpcUrl, 'eth_blockNumber', []))
  const control = (method: string, ...params: readonly unknown[]) => call(devnet.controlUrl!, method, params)
  const pay = (index: number) => {
    const account = privateKeyToAccount(devnet.accounts[0]!.privateKey)
    const client = createWalletClient({ account, transport: http(devnet.validators[index]!.rpcUrl) })
    return client.sendTransaction({ to: account.address, value: 1n, chain: null })
  }

  it('makes blocks over slow links, each pair of which has one way there and one back', async () => {
    const links = devnet.links()
    assert.equal(links.length, 12)
    assert.ok(links.every(({ latencyMs, jitterMs }) => latencyMs === 10 && jitterMs === 5))
    assert.equal(readDevnetStatus(devnet.dataDir).controlUrl, devnet.controlUrl)
    assert.deepEqual(await control('dev_links'), links)
    assert.ok((await heightOf(0)) >= 1)
  })

  it('stands still while no side has a quorum, and goes on once healed', async () => {
    await control('dev_partition', [
      [0, 1],
      [2, 3],
    ])
    assert.ok(devnet.links().some(({ isStalled }) => isStalled))
    await setTimeout(200)
    const before = await heightOf(0)
    await pay(0)
    await setTimeout(STANDSTILL_MS)
    assert.equal(await heightOf(0), before)
    await control('dev_heal')
    const healedAt = performance.now()
    while ((await heightOf(3)) <= before) {
      assert.ok(performance.now() - healedAt < HEALED_MS_MAX, 'a block soon after the parts are one again')
      await setTimeout(50)
    }
  })
}

/** A validator that is started by hand, twice; the second is left running, and returned once it is. */
function testAdopted({
  devnet: started,
  watched,
}: {
  readonly devnet: () => Devnet
  readonly watched: WatchedEvents
}): () => Running | undefined {
  let devnet: Devnet
  let byHand: Running | undefined
  before(() => {
    devnet = started()
  })
  it('adopts a validator that is killed and started again by hand', async () => {
    const { events } = watched
    const from = events.length
    const { dir, pid } = devnet.validators[2]!
    process.kill(pid!, 'SIGKILL')
    assert.equal((await watched.until('lost', from)).dir, dir)
    const running = new Running(['start', '-d', dir], { SUANLI_PASSWORD: 'development' })
    const adopted = await watched.until('adopted', from)
    assert.deepEqual(
      { validator: adopted.validator, pid: adopted.pid },
      { validator: 2, pid: running.child.pid },
    )
    assert.equal(readDevnetStatus(devnet.dataDir).nodes[2]!.pid, running.child.pid)
    // Asked to start it, the devnet starts no second one.
    await devnet.startValidator(2)
    assert.equal(devnet.validators[2]!.pid, running.child.pid)
    await setTimeout(1_200)
    assert.equal(events.slice(from).filter(({ kind }) => kind === 'lost' || kind === 'adopted').length, 2)
    // Stopped where it was started, it is lost; started once more, it is there again.
    running.child.kill('SIGTERM')
    await running.ended
    const again = events.length
    await watched.until('lost', again - 1)
    byHand = new Running(['start', '-d', dir], { SUANLI_PASSWORD: 'development' })
    await watched.until('adopted', again)
    assert.equal(devnet.validators[2]!.pid, byHand.child.pid)
  })
  return () => byHand
}

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
