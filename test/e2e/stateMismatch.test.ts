import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Hex } from 'viem'
import { keyBytes, toHex } from '../../base/bytes.ts'
import { DEVELOPMENT_PASSWORD } from '../../devnet/directories.ts'
import { developmentAccounts } from '../../genesis/devKeys.ts'
import { nodePaths } from '../../node/nodePaths.ts'
import { accountsSchema } from '../../state/modules/accounts/schema.ts'
import { tablesOf } from '../../state/table.ts'
import { openDatabase, plain } from '../../storage/database.ts'
import { stateKeyBytes } from '../../storage/layout.ts'
import { runSuanli, temporaryDir } from '../support/devnetHarness.ts'
import { call } from '../support/jsonRpc.ts'
import { blockAt, heightOf, transfer, until } from '../support/nodeSteps.ts'
import { Network, type ValidatorProcess } from '../support/processNetwork.ts'

const { account } = tablesOf(accountsSchema)
const PAYER = developmentAccounts()[0]!
const KEY = account.key({ address: PAYER.address })

const suanli = (...args: readonly string[]) =>
  runSuanli(args, { environment: { SUANLI_PASSWORD: DEVELOPMENT_PASSWORD } })

describe('a validator whose state is wrong', function () {
  this.timeout(90_000)
  const dir = temporaryDir()
  let network: Network
  let node: ValidatorProcess

  before(async () => {
    network = await Network.prepare({
      validators: 4,
      dataDir: join(dir.path, 'net'),
      blockTimeMs: 20,
      local: [0, 1, 2, 3],
    })
    await network.startAll()
    node = network.nodes[3]!
    for (let i = 0; i < 3; i++) await transfer(network.nodes[0]!.url, 0)
    const height = await heightOf(network.nodes[0]!.url)
    await until('the fourth at the tip', async () => (await heightOf(node.url)) >= height)
  })
  after(async () => {
    await network.killAll()
    dir.remove()
  })

  it('doctor passes a healthy directory and refuses a running one', async () => {
    const running = await suanli('doctor', '-d', node.member.dir)
    assert.equal(running.code, 1)
    assert.match(running.stdout, /in use by another process[\s\S]*the node is running: stop it/)
    const refused = await suanli('rollback', '-d', node.member.dir, '--blocks', '1')
    assert.equal(refused.code, 1)
    assert.match(refused.stderr, /stop the node first/)
    assert.equal((await node.terminate()).code, 0)
    const healthy = await suanli('doctor', '-d', node.member.dir)
    assert.equal(healthy.code, 0, healthy.stdout)
    assert.match(healthy.stdout, /Nothing is wrong here/)
  })

  it('halts at the first block that reveals it, with a diagnosis and a specific exit code', async () => {
    const database = await openDatabase(nodePaths(node.member.dir).chain)
    const { balanceBase, nonce } = account.decode(plain((await database.get(stateKeyBytes(KEY)))!))
    await database.put(stateKeyBytes(KEY), account.encode({ balanceBase: balanceBase + 1n, nonce }))
    await database.close()
    await node.start()
    await transfer(network.nodes[0]!.url, 0)
    await until('the halt', () => network.failures.some((text) => /validator 3 halted/.test(text)))
    const line = readFileSync(node.logFile, 'utf8')
      .split('\n')
      .find((text) => text.includes('"level":"fatal"'))!
    const logged = JSON.parse(line) as { reason: string; diagnosis: string; command: string }
    assert.equal(logged.command, `suanli doctor -d ${node.member.dir}`)
    const diagnosis = JSON.parse(readFileSync(logged.diagnosis, 'utf8')) as {
      reason: string
      block: {
        height: number
        verdict: string
        own: {
          differs: { field: string; header: Hex; own: Hex }[]
          changedKeys: { key: Hex }[]
          receipts: object[]
        }
      }
      log: string[]
    }
    assert.equal(diagnosis.reason, logged.reason)
    assert.equal(diagnosis.block.verdict, 'mismatch')
    const { differs, changedKeys, receipts } = diagnosis.block.own
    assert.ok(differs.some(({ field, header, own }) => field === 'stateRoot' && header !== own))
    assert.ok(changedKeys.some(({ key }) => key === toHex(keyBytes(KEY))))
    assert.equal(receipts.length, 1)
    assert.ok(diagnosis.log.some((text) => text.includes('node is up')))
    const health = await call<{ halted?: string }>(node.url, 'node_health', [])
    assert.equal(health.halted, logged.reason)
    assert.equal((await node.terminate()).code, 4)
    network.failures.length = 0
  })

  it('is diagnosed by doctor, rolled back, and agrees again', async () => {
    const sick = await suanli('doctor', '-d', node.member.dir)
    assert.equal(sick.code, 1)
    assert.match(
      sick.stdout,
      new RegExp(`BAD +state .*accounts.account ${toHex(keyBytes(KEY))} \\(block \\d+\\)`),
    )
    const advice = /suanli rollback -d (\S+) --to (\d+)/.exec(sick.stdout)
    assert.ok(advice !== null, sick.stdout)
    const result = await suanli('rollback', '-d', advice[1]!, '--to', advice[2]!)
    assert.equal(result.code, 0, result.stderr)
    assert.ok((JSON.parse(result.stdout) as { toHeight: number }).toHeight <= Number(advice[2]))
    await node.start()
    const height = await heightOf(network.nodes[0]!.url)
    await until('the fourth at the tip again', async () => (await heightOf(node.url)) >= height)
    await transfer(node.url, 0)
    const blocks = await Promise.all(network.nodes.map(({ url }) => blockAt(url, height)))
    assert.equal(new Set(blocks.map(({ stateRoot }) => stateRoot)).size, 1)
    await node.terminate()
    const file = readdirSync(node.member.dir).find((name) => name.startsWith('diagnosis-'))!
    const compared = await suanli('doctor', '-d', node.member.dir, '--compare', join(node.member.dir, file))
    assert.equal(compared.code, 0, compared.stderr)
    const { isSameBlock, keys } = JSON.parse(compared.stdout) as {
      isSameBlock: boolean
      keys: { key: Hex }[]
    }
    assert.ok(isSameBlock)
    assert.deepEqual(
      keys.map(({ key }) => key),
      [toHex(keyBytes(KEY))],
    )
    const healthy = await suanli('doctor', '-d', node.member.dir)
    assert.equal(healthy.code, 0, healthy.stdout)
    assert.match(healthy.stdout, /note +halts +this node has halted before: diagnosis-\d+\.json/)
    assert.deepEqual(network.failures, [])
  })

  it('gets a specific diagnosis when part of its directory is lost', async () => {
    const { journal, signer, chain } = nodePaths(node.member.dir)
    rmSync(journal, { recursive: true })
    const noJournal = await suanli('doctor', '-d', node.member.dir)
    assert.equal(noJournal.code, 0, noJournal.stdout)
    assert.match(noJournal.stdout, /note +journal +there is none: the signer’s record is taken instead/)
    rmSync(chain, { recursive: true })
    const noChain = await suanli('doctor', '-d', node.member.dir)
    assert.match(noChain.stdout, /note +chain +there is no chain\/ yet/)
    assert.ok(!existsSync(chain))
    rmSync(signer, { recursive: true })
    writeFileSync(join(node.member.dir, 'keys', 'consensus.moved.json'), '{"movedAt": "tru')
    const noSigner = await suanli('doctor', '-d', node.member.dir, '--json')
    assert.equal(noSigner.code, 1)
    const { advice } = JSON.parse(noSigner.stdout) as { advice: string[] }
    assert.ok(advice.some((line) => /consensus\.moved\.json is damaged/.test(line)))
    assert.ok(advice.some((line) => /observe until the next epoch/.test(line)))
  })
})
