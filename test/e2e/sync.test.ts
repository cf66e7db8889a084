// A new node joins by state sync from a checkpoint; a validator and a follower that were suspended and missed more than 64 blocks catch
// up by themselves. These two are real processes.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { nonceOf, signTransfer } from '../../bench/accounts.ts'
import { makeChain } from '../../bench/makeChain.ts'
import { RpcClient } from '../../bench/rpcClient.ts'
import { DEVELOPMENT_PASSWORD, planDevnet } from '../../devnet/directories.ts'
import { findFreePorts } from '../../devnet/ports.ts'
import { developmentAccounts, developmentValidator } from '../../genesis/devKeys.ts'
import { DEFAULT_CONFIG, loadConfig, type NodeConfig, saveConfig } from '../../node/config.ts'
import { genesisFile, parseGenesis, writeNodeDir } from '../../node/nodeDir.ts'
import { createKeys } from '../../node/nodeKeys.ts'
import { Running, temporaryDir } from '../support/devnetHarness.ts'
import { LocalNode } from '../support/localNode.ts'

const VALIDATORS = 4
/** Those that are suspended. */
const SLEEPERS = [VALIDATORS - 1, VALIDATORS]
const BLOCKS = 130
const SNAPSHOT_EVERY = 50
const CHECKPOINT_HEIGHT = 40
/** Missed blocks: more than fetching by hash covers. */
const MISSED = 75
const PASSWORD = { SUANLI_PASSWORD: DEVELOPMENT_PASSWORD }

interface Health {
  readonly finalizedHeight: number
  readonly epoch: number
  readonly view: number
}

describe('sync between running nodes', function () {
  this.timeout(240_000)
  this.slow(60_000)

  const dir = temporaryDir()
  const running = new Map<number, Running>()
  const local: { readonly node: LocalNode; readonly logFile: string }[] = []
  const clients: RpcClient[] = []
  let port: number
  let isSending = false

  const health = (index: number): Promise<Health> => clients[index]!.call<Health>('node_health', [])
  const heightOf = async (index: number): Promise<number> => (await health(index)).finalizedHeight
  const until = async (what: string, limitMs: number, isSo: () => Promise<boolean>): Promise<void> => {
    const deadlineMs = Date.now() + limitMs
    while (!(await isSo())) {
      assert.ok(Date.now() < deadlineMs, `not within ${limitMs} ms: ${what}`)
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }

  async function start(
    member: { readonly index: number; readonly dir: string; readonly rpcPort: number },
    config: Partial<NodeConfig>,
    args: readonly string[] = [],
  ): Promise<void> {
    const { index, dir: own, rpcPort } = member
    saveConfig(own, { ...loadConfig(own), ...config, rpcPort, signatureWorkers: 0 })
    clients.push(new RpcClient(`http://127.0.0.1:${rpcPort}`))
    if (SLEEPERS.includes(index)) {
      running.set(index, new Running(['start', '-d', own, ...args], PASSWORD))
      return
    }
    const logFile = `${own}.log`
    const node = await LocalNode.start(member, { logFile, onHalted: (reason) => assert.fail(reason) })
    local.push({ node, logFile })
  }

  before(async () => {
    await makeChain({
      out: dir.path,
      blocks: BLOCKS,
      transactionsPerBlock: 2,
      validators: VALIDATORS,
      blockTimeMs: 50,
      epochBlocks: CHECKPOINT_HEIGHT,
      print: () => {},
    })
    port = await findFreePorts(VALIDATORS + 1)
    const plan = planDevnet({ validators: VALIDATORS, port, dataDir: dir.path })
    const peers = plan.map(({ p2pPort, peerId }) => `/ip4/127.0.0.1/tcp/${p2pPort}/p2p/${peerId}`)
    const snapshots = { everyBlocks: SNAPSHOT_EVERY, keep: 2 }
    await Promise.all(
      plan.map((member) => {
        const p2pListen = [`/ip4/127.0.0.1/tcp/${member.p2pPort}`]
        return start(member, { p2pListen, peers: peers.filter((_, i) => i !== member.index), snapshots })
      }),
    )
    for (const node of running.values()) await node.line(/"msg":"snapshot made"/)
    await until('snapshots are made', 60_000, async () =>
      local.every(({ logFile }) => readFileSync(logFile, 'utf8').includes('"msg":"snapshot made"')),
    )
    const follower = join(dir.path, 'follower')
    const genesis = parseGenesis(genesisFile(plan[0]!.dir))
    writeNodeDir(follower, genesis, { ...DEFAULT_CONFIG, snapshots, peers })
    const { peerSeed } = developmentValidator(90)
    const given = { peerSeed }
    createKeys({
      dataDir: follower,
      password: DEVELOPMENT_PASSWORD,
      isValidator: false,
      given,
      cost: 'light',
    })
    const { hash } = await clients[0]!.call<{ hash: string }>('eth_getBlockByNumber', [
      `0x${CHECKPOINT_HEIGHT.toString(16)}`,
    ])
    const joiner = { index: VALIDATORS, dir: follower, rpcPort: port + VALIDATORS }
    await start(joiner, { p2pListen: [`/ip4/127.0.0.1/tcp/${port + VALIDATORS + 1_000}`] }, [
      '--checkpoint',
      `${CHECKPOINT_HEIGHT}:${hash}`,
    ])
  })

  after(async () => {
    isSending = false
    for (const { child } of running.values()) child.kill('SIGCONT')
    await Promise.all([...running.values()].map((node) => node.interrupt()))
    await Promise.all(local.map(({ node }) => node.end()))
    for (const client of clients) client.close()
    dir.remove()
  })

  /** Sends transfers one after another, so that blocks keep coming. */
  async function send(): Promise<void> {
    const [from, to] = developmentAccounts()
    const client = clients[0]!
    const chainId = Number(await client.call<string>('eth_chainId', []))
    let nonce = await nonceOf(client, from!.address)
    while (isSending) {
      const { raw } = signTransfer({
        from: from!,
        to: to!.address,
        nonce: nonce++,
        chainId,
        valueBase: 1n,
        maxFeePerGas: 10n ** 12n,
      })
      await client.call('eth_sendRawTransaction', [raw])
      await new Promise((resolve) => setTimeout(resolve, 40))
    }
  }

  it('lets a new node install a snapshot and follow the tip, with epoch and view', async () => {
    const follower = VALIDATORS
    const node = running.get(follower)!
    await node.line(/"msg":"state sync: installed"/)
    await node.line(/"msg":"node is up"/)
    const tip = await heightOf(0)
    await until('the follower is at the tip', 30_000, async () => (await heightOf(follower)) >= tip)
    const info = await clients[follower]!.call<{ blockHeightMin: number }>('chain_info', [])
    assert.ok(info.blockHeightMin >= 100, `the first block it holds is ${info.blockHeightMin}`)
    const pruned = clients[follower]!.call('eth_getBlockByNumber', ['0x5'])
    await assert.rejects(pruned, /pruned history unavailable: block 5 .*\(4444\)/)
    const [there, here] = [await health(0), await health(follower)]
    assert.equal(here.epoch, there.epoch)
    assert.ok(here.epoch >= 3 && here.view > 1, `epoch ${here.epoch}, view ${here.view}`)
    assert.equal(await clients[follower]!.call('eth_syncing', []), false)
  })

  it('brings back a validator and a follower that missed more than 64 blocks', async () => {
    const before = await heightOf(0)
    for (const index of SLEEPERS) running.get(index)!.child.kill('SIGSTOP')
    isSending = true
    const sending = send()
    await until(`${MISSED} blocks without them`, 120_000, async () => (await heightOf(0)) >= before + MISSED)
    for (const index of SLEEPERS) running.get(index)!.child.kill('SIGCONT')
    const tip = await heightOf(0)
    for (const index of SLEEPERS) {
      await until(`node ${index} is back`, 60_000, async () => (await heightOf(index)) >= tip)
    }
    // It participates again: the chain continues, and only sync can have brought it this far.
    const later = await heightOf(VALIDATORS - 1)
    await until('it goes on', 20_000, async () => (await heightOf(VALIDATORS - 1)) > later)
    isSending = false
    await sending
    for (const index of SLEEPERS) {
      assert.ok(
        running.get(index)!.lines.some((line) => /"msg":"syncing blocks"/.test(line)),
        `node ${index} synced`,
      )
      assert.ok(!running.get(index)!.lines.some((line) => /"level":"fatal"/.test(line)))
    }
  })
})
