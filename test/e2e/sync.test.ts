// Real processes: a new node joins by state sync from a checkpoint; a stopped validator and follower that missed more
// than 64 blocks catch up by themselves.
import assert from 'node:assert/strict'
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

const VALIDATORS = 4
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

describe('sync between processes', function () {
  // Starting six processes takes long on a busy machine.
  this.timeout(240_000)
  this.slow(60_000)

  const dir = temporaryDir()
  const running: Running[] = []
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

  function start(
    nodeDir: string,
    rpcPort: number,
    config: Partial<NodeConfig>,
    args: readonly string[] = [],
  ): void {
    saveConfig(nodeDir, { ...loadConfig(nodeDir), ...config, rpcPort, signatureWorkers: 0 })
    running.push(new Running(['start', '-d', nodeDir, ...args], PASSWORD))
    clients.push(new RpcClient(`http://127.0.0.1:${rpcPort}`))
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
    for (const { index, dir: own, rpcPort, p2pPort } of plan) {
      const p2pListen = [`/ip4/127.0.0.1/tcp/${p2pPort}`]
      start(own, rpcPort, { p2pListen, peers: peers.filter((_, i) => i !== index), snapshots })
    }
    for (const node of running) await node.line(/"msg":"node is up"/)
    await Promise.all(running.map((node) => node.line(/"msg":"snapshot made"/)))
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
    start(follower, port + VALIDATORS, { p2pListen: [`/ip4/127.0.0.1/tcp/${port + VALIDATORS + 1_000}`] }, [
      '--checkpoint',
      `${CHECKPOINT_HEIGHT}:${hash}`,
    ])
  })

  after(async () => {
    isSending = false
    for (const { child } of running) child.kill('SIGCONT')
    await Promise.all(running.map((node) => node.interrupt()))
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
    const node = running[follower]!
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
    const sleepers = [VALIDATORS - 1, VALIDATORS]
    const before = await heightOf(0)
    for (const index of sleepers) running[index]!.child.kill('SIGSTOP')
    isSending = true
    const sending = send()
    await until(`${MISSED} blocks without them`, 120_000, async () => (await heightOf(0)) >= before + MISSED)
    for (const index of sleepers) running[index]!.child.kill('SIGCONT')
    const tip = await heightOf(0)
    for (const index of sleepers) {
      await until(`node ${index} is back`, 60_000, async () => (await heightOf(index)) >= tip)
    }
    // It participates again: the chain continues, and only sync can have brought it this far.
    const later = await heightOf(VALIDATORS - 1)
    await until('it goes on', 20_000, async () => (await heightOf(VALIDATORS - 1)) > later)
    isSending = false
    await sending
    for (const index of sleepers) {
      assert.ok(
        running[index]!.lines.some((line) => /"msg":"syncing blocks"/.test(line)),
        `node ${index} synced`,
      )
      assert.ok(!running[index]!.lines.some((line) => /"level":"fatal"/.test(line)))
    }
  })
})
