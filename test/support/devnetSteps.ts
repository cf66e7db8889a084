// The devnet as another project's test uses it: started, queried, disturbed and closed by a program, leaving nothing behind. What
// starts it runs the steps: test/e2e/createDevnet.test.ts has one process per validator, test/examples/ has all in one.
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createDevnet, type Devnet, type DevnetEvent } from '../../devnet/devnet.ts'
import { checkNotRunning } from '../../devnet/lock.ts'
import { readDevnetStatus } from '../../devnet/statusFile.ts'
import { loadConfig } from '../../node/config.ts'
import { isAlive } from './devnetHarness.ts'
import { call } from './jsonRpc.ts'

/** Keeps what a devnet reports. */
export class WatchedEvents {
  readonly events: DevnetEvent[] = []
  #onEvent = (): void => {}
  readonly take = (event: DevnetEvent): void => {
    this.events.push(event)
    this.#onEvent()
  }

  /** Resolves once an event of this kind has come after the first `from`. */
  async until<K extends DevnetEvent['kind']>(
    kind: K,
    from: number,
  ): Promise<Extract<DevnetEvent, { kind: K }>> {
    for (;;) {
      const found = this.events.slice(from).find((event) => event.kind === kind)
      if (found !== undefined) return found as Extract<DevnetEvent, { kind: K }>
      await new Promise<void>((resolve) => {
        this.#onEvent = resolve
      })
    }
  }
}

interface Watched {
  readonly devnet: () => Devnet
  readonly watched: WatchedEvents
}

/** What holds when `createDevnet` has resolved. */
export function testStarted({ devnet: started, watched }: Watched): void {
  let devnet: Devnet
  before(() => {
    devnet = started()
  })
  it('reports events in order', () => {
    assert.deepEqual(
      watched.events.slice(0, 3).map(({ kind }) => kind),
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
}

/** Stops and starts of validators in one process, misuse and the end. */
export function testInProcess({ devnet: started, watched }: Watched): void {
  let devnet: Devnet
  before(() => {
    devnet = started()
  })
  it('stops a validator in order, and starts it again', async () => {
    const { rpcUrl, pid } = devnet.validators[2]!
    assert.equal(pid, process.pid)
    await devnet.stopValidator(2)
    assert.equal(devnet.validators[2]!.pid, undefined)
    await assert.rejects(call(rpcUrl, 'eth_chainId', []))
    const stopping = devnet.stopValidator(1)
    await Promise.all([devnet.startValidator(2), devnet.startValidator(1), stopping])
    for (const { rpcUrl: url } of devnet.validators)
      assert.equal(await call(url, 'eth_chainId', []), `0x${devnet.chainId.toString(16)}`)
    assert.ok(!watched.events.some(({ kind }) => kind === 'lost'))
  })
  it('crashes none of them', async () => {
    await assert.rejects(devnet.stopValidator(0, 'SIGKILL'), /runs in this process and cannot crash alone/)
    assert.equal(devnet.validators[0]!.pid, process.pid)
  })
  testEnd(started)
}

/** The end; nothing can be asked afterwards. */
export function testEnd(started: () => Devnet): void {
  it('closes every validator, logs no error and removes the temporary folder', async () => {
    const devnet = started()
    const pids = devnet.validators.map(({ pid }) => pid!).filter((pid) => pid !== process.pid)
    const logs = devnet.validators.map(({ logFile }) => logFile)
    for (const log of logs) assert.doesNotMatch(readFileSync(log, 'utf8'), /"level":"(?:error|fatal)"/)
    await devnet.close()
    assert.deepEqual(pids.filter(isAlive), [])
    assert.ok(!existsSync(devnet.dataDir))
    for (const { rpcUrl } of devnet.validators) await assert.rejects(call(rpcUrl, 'eth_chainId', []))
    await assert.rejects(devnet.startValidator(0), /the devnet is closed/)
    await devnet.close()
  })
}

/** Crashes, restarts and misuse. */
export function testDisturbed({ devnet: started, watched }: Watched): void {
  let devnet: Devnet
  before(() => {
    devnet = started()
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
    assert.ok(!watched.events.some(({ kind }) => kind === 'lost'))
  })
  it('reports a validator that exits by itself', async () => {
    const { pid } = devnet.validators[3]!
    const from = watched.events.length
    process.kill(pid!, 'SIGKILL')
    assert.equal((await watched.until('lost', from)).dir, devnet.validators[3]!.dir)
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
    // A log that is full is put aside by the validator that goes on.
    writeFileSync(logFile, '')
    truncateSync(logFile, loadConfig(devnet.validators[2]!.dir).logRotation.bytesMax)
    await devnet.startValidator(2)
    assert.ok(existsSync(`${logFile}.1`) && statSync(logFile).size < 1_000_000)
    assert.match(readFileSync(logFile, 'utf8'), /"msg":"node is up"/)
  })
}
