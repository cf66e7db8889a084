// A node's directory is whole or not a node's yet, wherever its making was cut off.
import assert from 'node:assert/strict'
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { OperatorError } from '../../base/errors.ts'
import { developmentGenesis } from '../../devnet/genesisOptions.ts'
import { DEFAULT_CONFIG, loadConfig } from '../../node/config.ts'
import { type InitOptions, initNode } from '../../node/initNode.ts'
import { areProofsChecked, genesisText, writeNodeDir } from '../../node/nodeDir.ts'
import { isFreshKey, openConsensusKey } from '../../signer/keyFiles.ts'
import { KeystoreError } from '../../signer/keystore.ts'
import { runSuanli } from '../support/devnetHarness.ts'

const WRITES = ['mkdirSync', 'writeFileSync', 'renameSync', 'linkSync', 'rmSync'] as const
const PASSWORD = 'correct horse'

class Killed extends Error {}

const unflushed = (option: unknown): unknown =>
  option !== null && typeof option === 'object' && 'flush' in option ? { ...option, flush: false } : option

/**
 * Runs until the `n`-th write to the disk, as a process that is killed there: half of what it writes is on the disk, and nothing
 * after it happens. Returns whether there were so many.
 */
function killedAt(n: number, run: () => void): boolean {
  const own = Object.fromEntries([...WRITES, 'fsyncSync' as const].map((name) => [name, fs[name]]))
  let left = n
  // Nobody pulls the plug here: waiting for the disk tests nothing.
  Object.assign(fs, { fsyncSync: () => {} })
  for (const name of WRITES) {
    Object.assign(fs, {
      [name]: (...args: unknown[]) => {
        left--
        const write = own[name] as (...all: unknown[]) => unknown
        if (left > 0) return write(...args.map(unflushed))
        if (left === 0 && name === 'writeFileSync') {
          const [path, content, options] = args as [string, string | Uint8Array, object]
          write(path, content.slice(0, content.length / 2), unflushed(options))
        }
        throw new Killed()
      },
    })
  }
  syncBuiltinESMExports()
  try {
    run()
    return false
  } catch (error) {
    if (!(error instanceof Killed)) throw error
    return true
  } finally {
    Object.assign(fs, own)
    syncBuiltinESMExports()
  }
}

describe('initNode', () => {
  const root = fs.mkdtempSync(join(tmpdir(), 'suanli-init-'))
  after(() => fs.rmSync(root, { recursive: true }))
  const genesis = developmentGenesis({ validators: 4, blockTimeMs: 100, windowMs: 60_000 })
  const optionsOf = (name: string, more: Partial<InitOptions> = {}): InitOptions => ({
    ...{ dataDir: join(root, name), genesis, config: DEFAULT_CONFIG, password: PASSWORD },
    ...{ isValidator: true, cost: 'light', ...more },
  })
  const refuses = (options: InitOptions, message: RegExp): void =>
    assert.throws(
      () => initNode(options),
      (error: Error) => error instanceof OperatorError && message.test(error.message),
    )

  it('is run again after a kill at any write', async () => {
    let kills = 0
    for (let n = 1; ; n++) {
      const options = optionsOf(`cut-${n}`)
      if (!killedAt(n, () => initNode(options))) break
      kills++
      const { dataDir } = options
      const started = await runSuanli(['start', '--data-dir', dataDir], {
        environment: { SUANLI_PASSWORD: PASSWORD },
      })
      assert.equal(started.code, 1)
      assert.match(started.stderr, /^suanli: .* has no config\.json: run `suanli init`\n$/)
      killedAt(Infinity, () => initNode(options))
      assert.ok(isFreshKey(dataDir) && areProofsChecked(dataDir, genesis))
      assert.equal(openConsensusKey(dataDir, PASSWORD).length, 32)
      assert.equal(loadConfig(dataDir).validator, true)
    }
    assert.ok(kills >= 12, `only ${kills} writes`)
  })

  it('refuses a directory that is complete, of another chain, or whose keys have another password', () => {
    const options = optionsOf('done')
    initNode(options)
    refuses(options, /already has a config\.json: edit that file/)
    const other = developmentGenesis({ validators: 4, blockTimeMs: 50, windowMs: 60_000 })
    const foreign = optionsOf('foreign')
    fs.mkdirSync(foreign.dataDir)
    fs.writeFileSync(join(foreign.dataDir, 'genesis.json'), genesisText(other))
    refuses(foreign, /already has a genesis\.json, of another chain/)
    const opened = optionsOf('opened')
    assert.ok(killedAt(8, () => initNode(opened)))
    assert.throws(
      () => initNode({ ...opened, password: 'another' }),
      (error: Error) => error instanceof KeystoreError && /keys\/\w+\.json: the password/.test(error.message),
    )
  })

  it('completes what an earlier build left without keys, but makes no new keys where a node has run', () => {
    const options = optionsOf('earlier')
    writeNodeDir(options.dataDir, genesis, { ...DEFAULT_CONFIG, rpcPort: 1 })
    initNode(options)
    assert.ok(isFreshKey(options.dataDir))
    const ran = optionsOf('ran')
    writeNodeDir(ran.dataDir, genesis, DEFAULT_CONFIG)
    fs.mkdirSync(join(ran.dataDir, 'chain'))
    refuses(ran, /its keys are missing: restore keys/)
  })

  it('never follows where a validator was asked for: without its key the node does not start', async () => {
    const options = optionsOf('lost')
    initNode(options)
    const key = join(options.dataDir, 'keys', 'consensus.json')
    fs.rmSync(key)
    const { code, stdout, stderr } = await runSuanli(['start', '--data-dir', options.dataDir], {
      environment: { SUANLI_PASSWORD: PASSWORD },
    })
    assert.deepEqual([code, stdout], [1, ''])
    assert.equal(
      stderr,
      `suanli: ${key} is missing, and config.json says "validator": true: restore the key from your offline copy, or set it to ` +
        'false to follow the chain without signing\n',
    )
    initNode(optionsOf('follower', { isValidator: false }))
    assert.equal(loadConfig(join(root, 'follower')).validator, false)
  })
})
