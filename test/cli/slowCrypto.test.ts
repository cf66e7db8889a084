import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { backendsText, type CryptoBackend, cryptoBackends } from '../../base/crypto/backends.ts'
import { OperatorError } from '../../base/errors.ts'
import { checkCrypto } from '../../cli/slowCrypto.ts'
import { DEVELOPMENT_PASSWORD } from '../../devnet/directories.ts'
import { developmentGenesis } from '../../devnet/genesisOptions.ts'
import { developmentValidator } from '../../genesis/devKeys.ts'
import { DEFAULT_CONFIG } from '../../node/config.ts'
import { writeNodeDir } from '../../node/nodeDir.ts'
import { createKeys } from '../../node/nodeKeys.ts'
import { withDirectory } from '../support/chainFixtures.ts'
import { Running } from '../support/devnetHarness.ts'

const slow: readonly CryptoBackend[] = [
  { algorithm: 'bls12-381', implementation: 'noble', missing: '@chainsafe/blst' },
  { algorithm: 'secp256k1', implementation: 'native', missing: undefined },
]

describe('cli.slowCrypto', () => {
  it('warns a follower, and a validator that is told to start', () => {
    const warning = /no native implementation of bls12-381 \(@chainsafe\/blst\)/
    assert.match(checkCrypto(slow, { isValidator: false, isSlowAllowed: false })!, warning)
    assert.match(checkCrypto(slow, { isValidator: true, isSlowAllowed: true })!, warning)
    assert.throws(() => checkCrypto(slow, { isValidator: true, isSlowAllowed: false }), OperatorError)
    assert.equal(backendsText(slow), 'bls12-381 noble, secp256k1 native')
  })

  it('finds every native implementation on the machines that run these tests', () => {
    assert.equal(checkCrypto(cryptoBackends, { isValidator: true, isSlowAllowed: false }), undefined)
  })

  it('a validator without a library ends at once and says what to do', () =>
    withDirectory(async (dir) => {
      const hide = join(dir, 'hide.cjs')
      writeFileSync(
        hide,
        `const { Module } = require('node:module')
const resolve = Module._resolveFilename
Module._resolveFilename = (name, ...rest) => {
  if (name === '@chainsafe/blst') throw new Error('hidden')
  return resolve(name, ...rest)
}
`,
      )
      const dataDir = join(dir, 'node')
      writeNodeDir(
        dataDir,
        developmentGenesis({ validators: 4, blockTimeMs: 100, windowMs: 60_000 }),
        DEFAULT_CONFIG,
      )
      createKeys({
        dataDir,
        password: DEVELOPMENT_PASSWORD,
        isValidator: true,
        given: developmentValidator(0),
        cost: 'light',
      })
      const { code, stderr } = await new Running(['start', '-d', dataDir], {
        SUANLI_PASSWORD: DEVELOPMENT_PASSWORD,
        NODE_OPTIONS: `--require ${hide}`,
      }).ended
      assert.equal(code, 1)
      assert.match(stderr, /^suanli: no native implementation of bls12-381 .*--allow-slow-crypto\n$/)
    }))
})
