import assert from 'node:assert/strict'
import { copyFileSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Hex } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { toHex } from '../../base/bytes.ts'
import { openOffline } from '../../cli/offlineNode.ts'
import { applyRecoveryFile, signRecovery } from '../../cli/recovery/proposal.ts'
import { DEVELOPMENT_PASSWORD } from '../../devnet/directories.ts'
import { developmentValidator } from '../../genesis/devKeys.ts'
import { loadConfig, saveConfig } from '../../node/config.ts'
import { parseGenesis, writeNodeDir } from '../../node/nodeDir.ts'
import { createKeys, showKeys } from '../../node/nodeKeys.ts'
import { readRecoveryFile, recoveryFileText } from '../../node/recovery/recoveries.ts'
import { openConsensusKey } from '../../signer/keyFiles.ts'
import { runSuanli, temporaryDir } from '../support/devnetHarness.ts'
import { call } from '../support/jsonRpc.ts'
import { blockAt, heightOf, transfer, until } from '../support/nodeSteps.ts'
import { Network, SHORT_LIVED, ValidatorProcess } from '../support/processNetwork.ts'

const ENVIRONMENT = { SUANLI_PASSWORD: DEVELOPMENT_PASSWORD }
const LOST = [2, 3] as const
const KEPT = [0, 1] as const
/** Members that sign and apply by the command line; the others call the functions behind it, which is faster. */
const BY_COMMAND: readonly number[] = [0, 3]

interface Summary {
  readonly recovery: Hex
  readonly epoch: number
  readonly floor: { readonly height: number; readonly hash: Hex }
  readonly missing: readonly number[]
  readonly result?: string
}

/** Runs a command that must succeed; returns its output. */
async function suanli(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await runSuanli(args, { environment: ENVIRONMENT })
  assert.equal(code, 0, `suanli ${args.join(' ')}:\n${stdout}\n${stderr}`)
  return stdout
}

const suanliJson = async (...args: readonly string[]) => JSON.parse(await suanli(...args)) as Summary

async function refusal(...args: readonly string[]): Promise<string> {
  const { code, stderr } = await runSuanli(args, { environment: ENVIRONMENT })
  assert.equal(code, 1)
  return stderr
}

async function signHere(dataDir: string, path: string): Promise<void> {
  const node = await openOffline(dataDir)
  try {
    const secret = openConsensusKey(dataDir, DEVELOPMENT_PASSWORD)
    writeFileSync(path, recoveryFileText((await signRecovery(node, readRecoveryFile(path), secret)).file))
  } finally {
    await node.close()
  }
}

async function applyHere(dataDir: string, path: string): Promise<void> {
  const node = await openOffline(dataDir)
  try {
    assert.ok((await applyRecoveryFile(node, readRecoveryFile(path))).isNew)
  } finally {
    await node.close()
  }
}

describe('recovery from the loss of a quorum', function () {
  this.timeout(120_000)
  const dir = temporaryDir()
  const file = (name: string): string => join(dir.path, name)
  let network: Network
  let fifth: ValidatorProcess
  const receipts: Hex[] = []
  let applied: Summary

  const dirOf = (index: number): string => network.nodes[index]!.member.dir
  const urlOf = (index: number): string => network.nodes[index]!.url

  /** Replaces a lost machine: same address, new keys. */
  function replaceMachine(index: number): void {
    const genesis = parseGenesis(join(dirOf(0), 'genesis.json'))
    const { p2pListen, rpcPort } = loadConfig(dirOf(index))
    renameSync(dirOf(index), file(`burned-${index}`))
    writeNodeDir(dirOf(index), genesis, { ...loadConfig(dirOf(0)), p2pListen, rpcPort, peers: [] })
    createKeys({ dataDir: dirOf(index), password: DEVELOPMENT_PASSWORD, isValidator: true, cost: 'light' })
  }

  /** All addresses with the current peer ids. */
  function exchangeAddresses(dirs: readonly string[]): void {
    const addresses = network.nodes.map(
      ({ member }) => `/ip4/127.0.0.1/tcp/${member.p2pPort}/p2p/${showKeys(member.dir).peerId}`,
    )
    for (const dataDir of dirs) {
      const peers = addresses.filter((_, i) => dirOf(i) !== dataDir)
      saveConfig(dataDir, { ...loadConfig(dataDir), peers })
    }
  }

  before(async () => {
    network = await Network.prepare({
      validators: 4,
      dataDir: file('net'),
      blockTimeMs: 20,
      flags: SHORT_LIVED,
      local: KEPT,
    })
    await network.startAll()
  })
  after(async () => {
    await network.killAll()
    if (fifth?.isRunning) await fifth.terminate()
    dir.remove()
  })

  it('two of four validators are lost while clients receive receipts', async () => {
    await Promise.all(
      [0, 1, 2, 3].map(async (index) => {
        for (let i = 0; i < 2; i++) receipts.push(await transfer(urlOf(index), index))
      }),
    )
    // Ends when the machine is lost.
    const late = [2, 3].map(async (index) => {
      try {
        for (let i = 0; i < 50; i++) receipts.push(await transfer(urlOf(index), index + 2))
      } catch (error) {
        assert.ok(!network.nodes[index]!.isUp, String(error))
      }
    })
    await until('more receipts', () => receipts.length > 12)
    await Promise.all(LOST.map((index) => network.nodes[index]!.kill()))
    await Promise.all(late)
    await Promise.all(KEPT.map((index) => network.nodes[index]!.terminate()))
    for (const index of LOST) replaceMachine(index)
    exchangeAddresses(network.nodes.map(({ member }) => member.dir))
  })

  it('a replacement needs a signature of the operator account, from a wallet or a key file', async () => {
    const status = JSON.parse(await suanli('recovery', 'status', '-d', dirOf(0))) as {
      provider: number
      validators: { provider: number; consensusKey: Hex }[]
    }
    assert.equal(status.provider, 1)
    await Promise.all(
      LOST.map(async (index) => {
        const oldKey = status.validators[index]!.consensusKey
        const common = ['recovery', 'replacement', '-d', dirOf(index), '--provider', String(index + 1)]
        const args = [...common, '--replaces', oldKey, '-o', file(`replacement-${index}.json`)]
        const secret = toHex(developmentValidator(index).operator.secretKey)
        if (index === LOST[0]) {
          writeFileSync(file('operator.key'), `${secret}\n`)
          await suanli(...args, '--operator-key-file', file('operator.key'))
          return
        }
        const text = (await suanli(...args)).replace(/\n$/, '')
        assert.match(text, /^Suanli recovery: replace the key of a validator\nchain 0x/)
        const signature = await privateKeyToAccount(secret).signMessage({ message: text })
        await suanli(...args, '--operator-signature', signature)
      }),
    )
  })

  it('all members sign one proposal and accept the same file', async () => {
    const best = await Promise.all(
      KEPT.map(async (index) => {
        const text = await suanli('recovery', 'status', '-d', dirOf(index))
        return JSON.parse(text) as { bestFloor: { height: number; view: number } }
      }),
    )
    const proposer = best[1]!.bestFloor.view > best[0]!.bestFloor.view ? 1 : 0
    const proposal = file('recovery.json')
    const replace = LOST.flatMap((index) => ['--replace', file(`replacement-${index}.json`)])
    const proposed = await suanliJson(
      ...['recovery', 'propose', '-d', dirOf(proposer), '--reason', 'two machines burned', ...replace],
      ...['-o', proposal],
    )
    assert.deepEqual(proposed.missing, [1, 2, 3, 4])
    assert.match(
      await refusal('recovery', 'apply', proposal, '-d', dirOf(0)),
      /not signed by provider 1, 2, 3, 4/,
    )
    const copies = network.nodes.map((_, index) => file(`copy-${index}.json`))
    await Promise.all(
      copies.map(async (copy, index) => {
        copyFileSync(proposal, copy)
        if (BY_COMMAND.includes(index)) await suanli('recovery', 'sign', copy, '-d', dirOf(index))
        else await signHere(dirOf(index), copy)
      }),
    )
    const merged = await suanliJson('recovery', 'merge', ...copies, '-o', proposal)
    assert.deepEqual(merged.missing, [])
    const results = await Promise.all(
      BY_COMMAND.map((index) => suanliJson('recovery', 'apply', proposal, '-d', dirOf(index))),
    )
    for (const index of [1, 2]) await applyHere(dirOf(index), proposal)
    applied = results[0]!
    assert.equal(new Set(results.map(({ recovery, result }) => `${recovery} ${result}`)).size, 1)
    const again = await suanliJson('recovery', 'apply', proposal, '-d', dirOf(1))
    assert.match(again.result ?? '', /nothing was changed/)
  })

  it('the chain continues in the new epoch with every receipt shown before', async () => {
    for (const index of LOST) network.nodes[index]!.isLocal = true
    await network.startAll()
    await until(
      'the new machine at the floor',
      async () => (await heightOf(urlOf(2))) >= applied.floor.height,
    )
    for (let i = 0; i < 3; i++) receipts.push(await transfer(urlOf(2), 0))
    const top = await heightOf(urlOf(2))
    await until('all at one height', async () => {
      const heights = await Promise.all(network.nodes.map(({ url }) => heightOf(url)))
      return heights.every((height) => height >= top)
    })
    for (const hash of receipts) {
      const shown = await Promise.all(
        network.nodes.map(({ url }) => call<{ blockHash: Hex }>(url, 'eth_getTransactionReceipt', [hash])),
      )
      assert.equal(new Set(shown.map((receipt) => receipt?.blockHash)).size, 1)
      assert.ok(shown[0] !== null, `receipt ${hash} was shown before the fire and is gone`)
    }
    const block = await blockAt(urlOf(3), applied.floor.height)
    assert.equal(block.hash, applied.floor.hash)
    assert.deepEqual(network.failures, [])
  })

  it('a lost machine that returns with its old keys changes nothing', async () => {
    const old = {
      ...network.nodes[2]!.member,
      dir: file('burned-2'),
      index: 9,
      rpcPort: network.nodes[3]!.member.rpcPort + 9,
    }
    const config = loadConfig(old.dir)
    saveConfig(old.dir, { ...config, rpcPort: old.rpcPort, p2pListen: ['/ip4/127.0.0.1/tcp/0'] })
    const ghost = new ValidatorProcess(old, () => {})
    ghost.isLocal = true
    await ghost.start()
    const before = await heightOf(urlOf(0))
    for (let i = 0; i < 3; i++) receipts.push(await transfer(urlOf(1), 1))
    assert.ok((await heightOf(urlOf(0))) > before)
    assert.ok((await heightOf(ghost.url)) <= applied.floor.height)
    await ghost.terminate()
    assert.deepEqual(network.failures, [])
  })

  it('a syncing node stops at the recovery until its operator trusts the hash', async () => {
    const dataDir = file('fifth')
    const { member } = network.nodes[3]!
    const rpcPort = member.rpcPort + 8
    writeNodeDir(dataDir, parseGenesis(join(dirOf(0), 'genesis.json')), {
      ...loadConfig(dirOf(0)),
      p2pListen: ['/ip4/127.0.0.1/tcp/0'],
      rpcPort,
    })
    createKeys({ dataDir, password: DEVELOPMENT_PASSWORD, isValidator: false, cost: 'light' })
    exchangeAddresses([dataDir])
    fifth = new ValidatorProcess({ ...member, index: 5, dir: dataDir, rpcPort }, (text) =>
      network.failures.push(text),
    )
    fifth.isLocal = true
    await fifth.start()
    await until('the reminder', () => readFileSync(fifth.logFile, 'utf8').includes(applied.recovery))
    assert.ok((await heightOf(fifth.url)) <= applied.floor.height)
    await fifth.terminate()
    for (const isNew of [true, false]) {
      const trusted = await suanli('recovery', 'trust', applied.recovery, '-d', dataDir, '--json')
      assert.deepEqual(JSON.parse(trusted), { trusted: applied.recovery, isNew })
    }
    await fifth.start()
    const top = await heightOf(urlOf(0))
    await until('the fifth node at the tip', async () => (await heightOf(fifth.url)) >= top)
    const hashes = (await Promise.all([fifth.url, urlOf(0)].map((url) => blockAt(url, top)))).map(
      ({ hash }) => hash,
    )
    assert.equal(hashes[0], hashes[1])
    assert.deepEqual(network.failures, [])
  })
})
