// A consensus key that moves to a node: from then on the node is a validator, and says so in its settings.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { developmentGenesis } from '../../devnet/genesisOptions.ts'
import { developmentValidator } from '../../genesis/devKeys.ts'
import { DEFAULT_CONFIG, loadConfig } from '../../node/config.ts'
import { initNode } from '../../node/initNode.ts'
import { createKeys, showKeys } from '../../node/nodeKeys.ts'
import { exportConsensusKey } from '../../signer/keyFiles.ts'
import { runSuanli, temporaryDir } from '../support/devnetHarness.ts'

const PASSWORD = 'correct horse'

describe('cli.keys import', function () {
  this.timeout(60_000)
  const dir = temporaryDir()
  after(() => dir.remove())
  const [from, to, file] = ['from', 'to', 'key.json'].map((name) => join(dir.path, name)) as [
    string,
    string,
    string,
  ]
  const suanli = (...args: readonly string[]) =>
    runSuanli(args, { environment: { SUANLI_PASSWORD: PASSWORD } })

  it('makes the node a validator, which never follows in silence without its key', async () => {
    createKeys({
      dataDir: from,
      password: PASSWORD,
      isValidator: true,
      given: developmentValidator(0),
      cost: 'light',
    })
    const genesis = developmentGenesis({ validators: 4, blockTimeMs: 100, windowMs: 60_000 })
    const config = { ...DEFAULT_CONFIG, rpcPort: 8_600 }
    initNode({ dataDir: to, genesis, config, password: PASSWORD, isValidator: false, cost: 'light' })
    assert.equal(loadConfig(to).validator, false)
    exportConsensusKey(from, { out: file, password: PASSWORD, filePassword: PASSWORD, cost: 'light' })
    const { code, stdout } = await suanli('keys', 'import', file, '-d', to)
    const { consensusKey } = showKeys(from)
    assert.deepEqual([code, JSON.parse(stdout)], [0, { dataDir: to, consensusKey, validator: true }])
    assert.deepEqual(loadConfig(to), { ...config, validator: true })
    // A second import is refused, and changes nothing.
    assert.equal((await suanli('keys', 'import', file, '-d', to)).code, 1)
  })
})
