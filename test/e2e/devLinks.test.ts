// A devnet of processes with links that are slow and part, and a validator that is killed and started again by hand.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { createWalletClient, http } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { createDevnet, type Devnet, type DevnetEvent } from '../../devnet/devnet.ts'
import { readDevnetStatus } from '../../devnet/statusFile.ts'
import { isAlive, Running } from '../support/devnetHarness.ts'
import { call } from '../support/jsonRpc.ts'

/** Nothing becomes final in this time while nobody has a quorum. */
const STANDSTILL_MS = 1_500
/** Below two seconds as a rule; several times that on a busy machine. */
const HEALED_MS_MAX = 6_000

describe('a devnet of processes with links', function () {
  this.timeout(90_000)
  let devnet: Devnet
  const events: DevnetEvent[] = []
  let onEvent = (): void => {}
  before(async () => {
    devnet = await createDevnet({
      latencyMs: 10,
      jitterMs: 5,
      onEvent: (event) => {
        events.push(event)
        onEvent()
      },
    })
  })
  after(() => devnet?.close())

  const heightOf = async (index: number): Promise<number> =>
    Number(await call<string>(devnet.validators[index]!.rpcUrl, 'eth_blockNumber', []))
  const control = (method: string, ...params: readonly unknown[]) => call(devnet.controlUrl!, method, params)
  /** Resolves once an event of this kind has come after the first `from`. */
  const until = async <K extends DevnetEvent['kind']>(kind: K, from: number) => {
    for (;;) {
      const found = events.slice(from).find((event) => event.kind === kind)
      if (found !== undefined) return found as Extract<DevnetEvent, { kind: K }>
      await new Promise<void>((resolve) => {
        onEvent = resolve
      })
    }
  }
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

  it('adopts a validator that is killed and started again by hand, and ends it with the rest', async () => {
    const from = events.length
    const { dir, pid } = devnet.validators[2]!
    process.kill(pid!, 'SIGKILL')
    assert.equal((await until('lost', from)).dir, dir)
    const running = new Running(['start', '-d', dir], { SUANLI_PASSWORD: 'development' })
    const adopted = await until('adopted', from)
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
    await until('lost', again - 1)
    const second = new Running(['start', '-d', dir], { SUANLI_PASSWORD: 'development' })
    await until('adopted', again)
    const logs = devnet.validators.map(({ logFile }) => logFile)
    for (const log of logs) assert.doesNotMatch(readFileSync(log, 'utf8'), /"level":"(?:error|fatal)"/)
    const ended = second.child.exitCode === null ? once(second.child, 'exit') : undefined
    await devnet.close()
    await ended
    assert.equal(second.child.exitCode, 0)
    assert.ok(!isAlive(second.child.pid!))
  })
})
