// Which signer a node opens and when it refuses to start; the test-only clock.
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { toHex } from '../../base/bytes.ts'
import { DEVNET_CHAIN_ID } from '../../genesis/devnet.ts'
import { CLOCK_OFFSET_VARIABLE, nodeClock } from '../../node/clock.ts'
import { createLogger } from '../../node/logging.ts'
import { createConsensusKey } from '../../signer/keyFiles.ts'
import { LocalSigner } from '../../signer/localSigner.ts'
import { openSigner, signerHealth } from '../../signer/openSigner.ts'
import { RemoteSigner } from '../../signer/remoteSigner.ts'
import type { SignerConfig } from '../../signer/signerConfig.ts'
import { exportFlags } from '../../signer/signerDir.ts'
import { CHAIN, GENESIS, leadTo, nullify, PUBLIC } from '../support/signerFixture.ts'

describe('openSigner', () => {
  let dataDir: string
  beforeEach(() => {
    dataDir = mkdtempSync(join(tmpdir(), 'suanli-open-'))
  })
  afterEach(() => rmSync(dataDir, { recursive: true, force: true }))

  const remote: SignerConfig = { kind: 'remote', publicKey: toHex(PUBLIC), socket: 'none.sock' }
  const said: string[] = []
  const open = (config: SignerConfig, forceMoved = false) =>
    openSigner({
      dataDir,
      genesisHash: GENESIS,
      genesisSet: CHAIN.set,
      config,
      password: 'p',
      client: 'me',
      takeOver: false,
      forceMoved,
      log: (level, text) => void said.push(`${level}: ${text}`),
    })

  it('opens none without a key, a local signer with one, and refuses once its record was moved', async () => {
    assert.equal(await open({ kind: 'local' }), undefined)
    const publicKey = createConsensusKey(dataDir, 'p', 'light')
    const signer = await open({ kind: 'local' })
    assert.ok(signer instanceof LocalSigner)
    await signer.beginEpoch(1, leadTo(1))
    assert.ok((await signer.sign(0, [nullify(1)]))[0] !== undefined)
    await assert.rejects(open({ kind: 'local' }), /is in use/)
    assert.deepEqual([signerHealth(undefined), signerHealth(signer)], [{}, { signer: 'ready' }])
    assert.deepEqual(signerHealth(signer, true), { signer: 'observing' })
    await signer.close()
    await exportFlags({ dataDir, genesisHash: GENESIS, publicKey }, join(dataDir, 'record.json'), Date.now())
    await assert.rejects(open({ kind: 'local' }), /signs on another machine now/)
    const forced = await open({ kind: 'local' }, true)
    assert.match(said.at(-1) ?? '', /^warn: forced to sign although/)
    await forced!.close()
  })

  it("opens a remote signer if configured, and refuses next to the node's own key", async () => {
    const signer = await open(remote)
    assert.ok(signer instanceof RemoteSigner)
    assert.deepEqual(signerHealth(signer), { signer: 'away' })
    await signer.close()
    mkdirSync(join(dataDir, 'keys'))
    writeFileSync(join(dataDir, 'keys', 'consensus.json'), '{}')
    await assert.rejects(open(remote), /holds a consensus key although its signer is remote/)
  })
})

describe('nodeClock', () => {
  const logger = createLogger({ level: 'silent' })
  afterEach(() => {
    delete process.env[CLOCK_OFFSET_VARIABLE]
  })

  it("is the machine's clock, shifted only for tests on a devnet", () => {
    assert.ok(Math.abs(nodeClock(1, logger).nowMs() - Date.now()) < 1_000)
    process.env[CLOCK_OFFSET_VARIABLE] = '-3600000'
    assert.ok(Math.abs(nodeClock(DEVNET_CHAIN_ID, logger).nowMs() + 3_600_000 - Date.now()) < 1_000)
    assert.throws(() => nodeClock(1, logger), /only a devnet's clock can be shifted/)
    process.env[CLOCK_OFFSET_VARIABLE] = 'soon'
    assert.throws(() => nodeClock(DEVNET_CHAIN_ID, logger), /expected milliseconds/)
  })
})
