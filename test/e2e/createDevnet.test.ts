// The devnet as another project's test uses it: started, queried, disturbed and closed by a program, leaving nothing behind.
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { createDevnet, type Devnet, type DevnetEvent, type DevnetOptions } from '../../devnet/devnet.ts'
import { checkNotRunning } from '../../devnet/lock.ts'
import { readDevnetStatus } from '../../devnet/statusFile.ts'
import { isAlive, temporaryDir } from '../support/devnetHarness.ts'
import { call } from '../support/jsonRpc.ts'

describe('createDevnet', function () {
  this.timeout(60_000)
  let devnet: Devnet
  const events: DevnetEvent[] = []
  let onLost = (): void => {}
  before(async () => {
    devnet = await createDevnet({
      onEvent: (event) => {
        events.push(event)
        if (event.kind === 'lost') onLost()
      },
    })
  })
  after(() => devnet.close())

  it('reports events in order', () => {
    assert.deepEqual(
      events.slice(0, 3).map(({ kind }) => kind),
      ['prepared', 'up', 'final'],
    )
  })
  it('resolves with a chain that has a final block, and its addresses', async () => {
    assert.ok(devnet.firstFinal.height >= 1 && devnet.firstFinal.afterMs > 0)
    const block = await call<{ hash: string }>(devnet.rpcUrl, 'eth_getBlockByNumber', [
      `0x${devnet.firstFinal.height.toString(16)}`,
      false,
    ])
    assert.equal(block.hash, devnet.firstFinal.hash)
    assert.equal(await call(devnet.rpcUrl, 'eth_chainId', []), `0x${devnet.chainId.toString(16)}`)
    assert.equal(devnet.validators.length, 4)
    assert.deepEqual(
      readDevnetStatus(devnet.dataDir).nodes.map(({ pid, rpcUrl }) => ({ pid, rpcUrl })),
      devnet.validators.map(({ pid, rpcUrl }) => ({ pid, rpcUrl })),
    )
  })
  it('returns the ten funded accounts and the operators, with their keys', async () => {
    assert.equal(devnet.accounts.length, 10)
    assert.equal(devnet.accounts[0]!.address, '0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266')
    const coins = await Promise.all(
      devnet.accounts.map(({ address }) =>
        call<`0x${string}`>(devnet.rpcUrl, 'eth_getBalance', [address, 'latest']),
      ),
    )
    for (const balance of coins) assert.equal(BigInt(balance), 10_000n * 10n ** 18n)
    assert.equal(devnet.validators[0]!.operator.address, '0xBcd4042DE499D14e55001CcbB24a551F3b954096')
  })
  it('crashes a validator and restarts it', async () => {
    const { pid } = devnet.validators[2]!
    await devnet.stopValidator(2)
    assert.ok(!isAlive(pid!))
    assert.equal(devnet.validators[2]!.pid, undefined)
    assert.equal(readDevnetStatus(devnet.dataDir).nodes[2]!.pid, null)
    await devnet.startValidator(2)
    assert.ok(isAlive(devnet.validators[2]!.pid!))
    assert.equal(
      await call(devnet.validators[2]!.rpcUrl, 'eth_chainId', []),
      `0x${devnet.chainId.toString(16)}`,
    )
    assert.ok(!events.some(({ kind }) => kind === 'lost'))
  })
  it('reports a validator that exits by itself', async () => {
    const { pid } = devnet.validators[3]!
    const lost = new Promise<void>((resolve) => {
      onLost = resolve
    })
    process.kill(pid!, 'SIGKILL')
    await lost
    assert.equal(devnet.validators[3]!.pid, undefined)
    await devnet.startValidator(3)
  })
  it('starts one that is starting or stopping, and resolves once it answers', async () => {
    const answers = (): Promise<string> => call(devnet.validators[1]!.rpcUrl, 'eth_chainId', [])
    await devnet.stopValidator(1)
    await Promise.all([devnet.startValidator(1), devnet.startValidator(1).then(answers)])
    const stopping = devnet.stopValidator(1, 'SIGTERM')
    await devnet.startValidator(1)
    await stopping
    assert.equal(await answers(), `0x${devnet.chainId.toString(16)}`)
  })
  it('lets no other devnet into its folder, fresh or not, and none over a node that runs there', async () => {
    const { dataDir } = devnet
    for (const isFresh of [true, false]) {
      await assert.rejects(createDevnet({ dataDir, isFresh }), /is used by (?:a|another) devnet/)
    }
    rmSync(join(dataDir, 'devnet.json'))
    await assert.rejects(createDevnet({ dataDir, isFresh: true }), /is used by another devnet/)
    await assert.rejects(
      checkNotRunning([devnet.validators[0]!.dir]),
      /a node runs on .*validator-0: stop it/,
    )
  })
  it('rejects what cannot be, and goes on', async () => {
    await assert.rejects(devnet.startValidator('length' as never), /no validator length/)
    await assert.rejects(devnet.stopValidator(0, 'SIGFOO' as never), /signal: expected SIGKILL or SIGTERM/)
    await devnet.stopValidator(2)
    const { logFile } = devnet.validators[2]!
    rmSync(logFile)
    mkdirSync(logFile)
    await assert.rejects(devnet.startValidator(2), /node.log cannot be written/)
    rmSync(logFile, { recursive: true })
    await devnet.startValidator(2)
  })
  it('closes every process, logs no error and removes the temporary folder', async () => {
    const pids = devnet.validators.map(({ pid }) => pid!)
    const logs = devnet.validators.map(({ logFile }) => logFile)
    for (const log of logs) assert.doesNotMatch(readFileSync(log, 'utf8'), /"level":"(?:error|fatal)"/)
    await devnet.close()
    assert.deepEqual(pids.filter(isAlive), [])
    assert.ok(!existsSync(devnet.dataDir))
    await assert.rejects(devnet.startValidator(0), /the devnet is closed/)
    await devnet.close()
  })
})

describe('createDevnet.refusals', function () {
  this.timeout(60_000)
  const dir = temporaryDir()
  after(() => dir.remove())

  it('rejects a number of validators out of range', async () => {
    for (const validators of [0, 3, 17, 4.5]) {
      await assert.rejects(createDevnet({ validators }), /validators: expected 4 to 16/)
    }
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
