import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { genesisHash } from '../../genesis/schema.ts'
import { loadConfig } from '../../node/config.ts'
import { type DevnetOptions, developmentGenesis, planDevnet, prepareDevnet } from '../../node/devnet.ts'
import { OperatorError } from '../../node/nodeDir.ts'

const dataDir = mkdtempSync(join(tmpdir(), 'suanli-devnet-'))
after(() => rmSync(dataDir, { recursive: true }))
const OPTIONS: Omit<DevnetOptions, 'port' | 'print'> = {
  validators: 4,
  dataDir,
  blockTimeMs: 100,
  windowMs: 60_000,
  isFresh: false,
  logLevel: 'info',
}
const members = planDevnet({ validators: 4, port: 8545, dataDir })

describe('devnet.genesis', () => {
  it('is the same document on every run', () => {
    assert.deepEqual(genesisHash(developmentGenesis(OPTIONS)), genesisHash(developmentGenesis(OPTIONS)))
  })
  it('keeps the heartbeat within a quarter of the window', () => {
    for (const windowMs of [1_000, 86_400_000]) {
      const { consensus, params } = developmentGenesis({ ...OPTIONS, windowMs })
      assert.equal(params.capacity.windowMs, windowMs)
      assert.ok(consensus.heartbeatMs * 4 <= windowMs && consensus.heartbeatMs <= 15_000)
    }
  })
  it('refuses a window that its blocks cannot serve', () => {
    assert.throws(
      () => developmentGenesis({ ...OPTIONS, windowMs: 1_000, blockTimeMs: 101 }),
      (error: Error) => error instanceof OperatorError && /--window: .* here 1010 ms/.test(error.message),
    )
  })
})

describe('devnet.prepare', () => {
  it('gives each validator a directory that knows the others', () => {
    prepareDevnet(OPTIONS, members)
    for (const member of members) {
      const { peers, rpcPort } = loadConfig(member.dir)
      assert.equal(rpcPort, 8545 + member.index)
      assert.equal(peers.length, 3)
      assert.ok(!peers.some((peer) => peer.endsWith(member.peerId)))
    }
  })
  it('takes over an earlier run with the same settings and refuses another', () => {
    prepareDevnet(OPTIONS, members)
    const other = { ...OPTIONS, blockTimeMs: 50 }
    assert.throws(() => prepareDevnet(other, members), /with other settings; start with --fresh/)
  })
  it('forgets with --fresh its own files and nothing else', () => {
    const mine = join(dataDir, 'thesis.txt')
    writeFileSync(mine, 'years of work')
    mkdirSync(join(dataDir, 'validator-notes'))
    const block = join(members[0]!.dir, 'chain')
    mkdirSync(block)
    prepareDevnet({ ...OPTIONS, isFresh: true, blockTimeMs: 50 }, members)
    assert.ok(!existsSync(block))
    assert.equal(readFileSync(mine, 'utf8'), 'years of work')
    assert.ok(existsSync(join(dataDir, 'validator-notes')))
  })
})
