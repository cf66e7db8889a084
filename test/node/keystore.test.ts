import { strict as assert } from 'node:assert'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { equalBytes, fromHex, utf8 } from '../../base/bytes.ts'
import { sha256 } from '../../base/crypto/hash.ts'
import {
  decryptKeystore,
  encryptKeystore,
  type Keystore,
  KeystoreError,
  keystorePublicKey,
  readKeystore,
  writeKeystore,
} from '../../node/keystore.ts'

const secret = sha256(utf8('a secret'))
const publicKey = sha256(utf8('a public key'))
const keystore = encryptKeystore({
  secret,
  publicKey,
  purpose: 'consensus',
  password: 'correct',
  cost: 'light',
})

function codeOf(run: () => unknown): string {
  try {
    run()
  } catch (error) {
    assert.ok(error instanceof KeystoreError)
    return error.code
  }
  return 'none'
}

describe('keystore', () => {
  it('opens with its password and not with another', () => {
    assert.deepEqual(decryptKeystore(keystore, 'consensus', 'correct'), secret)
    assert.equal(
      codeOf(() => decryptKeystore(keystore, 'consensus', 'Correct')),
      'WrongPassword',
    )
    assert.deepEqual(keystorePublicKey(keystore), publicKey)
  })

  it('decrypts the test vector of EIP-2335', () => {
    const vector: Keystore = {
      version: 4,
      uuid: '1d85ae20-35c5-4611-98e8-aa14a633906f',
      description: 'consensus',
      path: '',
      pubkey:
        '9612d7a727c9d0a22e185a1c768478dfe919cada9266988cb32359c11f2b7b27f4ae4040902382ae2910c15e2b420d07',
      crypto: {
        kdf: {
          function: 'scrypt',
          params: {
            dklen: 32,
            n: 262144,
            p: 1,
            r: 8,
            salt: 'd4e56740f876aef8c010b86a40d5f56745a118d0906a34e69aec8c0db1cb8fa3',
          },
          message: '',
        },
        checksum: {
          function: 'sha256',
          params: {},
          message: 'd2217fe5f3e9a1e34581ef8a78f7c9928e436d36dacc5e846690a5581e8ea484',
        },
        cipher: {
          function: 'aes-128-ctr',
          params: { iv: '264daa3f303d7259501c93d997d84fe6' },
          message: '06ae90d55fe0a6e9c5c3bc5b170827b2e5cce3929ed3f116c2811e6366dfe20f',
        },
      },
    }
    const password = '𝔱𝔢𝔰𝔱𝔭𝔞𝔰𝔰𝔴𝔬𝔯𝔡🔑'
    const expected = fromHex('000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f')
    assert.ok(equalBytes(decryptKeystore(vector, 'consensus', password), expected))
  })

  it('refuses a key that is meant for something else', () => {
    assert.equal(
      codeOf(() => decryptKeystore(keystore, 'peer', 'correct')),
      'WrongPurpose',
    )
  })

  it('refuses malformed files and unaffordable parameters', () => {
    const changed = (
      edit: (copy: { crypto: { kdf: { params: object }; cipher: object } }) => void,
    ): Keystore => {
      const copy = JSON.parse(JSON.stringify(keystore))
      edit(copy)
      return copy
    }
    const cases = [
      changed((c) => Object.assign(c, { version: 3 })),
      changed((c) => Object.assign(c.crypto.kdf.params, { n: 2 ** 30 })),
      changed((c) => Object.assign(c.crypto.kdf.params, { salt: 'zz' })),
      changed((c) => Object.assign(c.crypto.cipher, { message: '00' })),
      changed((c) => Object.assign(c, { crypto: undefined })),
    ]
    for (const file of cases) {
      assert.equal(
        codeOf(() => decryptKeystore(file, 'consensus', 'correct')),
        'MalformedKeystore',
      )
    }
  })

  it('writes a file for its owner only and never over another', () => {
    const dir = mkdtempSync(join(tmpdir(), 'suanli-keystore-'))
    try {
      const file = join(dir, 'consensus.json')
      writeKeystore(file, keystore)
      assert.equal(statSync(file).mode & 0o777, 0o600)
      assert.deepEqual(readKeystore(file), keystore)
      assert.throws(() => writeKeystore(file, keystore), /EEXIST/)
      writeFileSync(join(dir, 'broken.json'), '{')
      assert.equal(
        codeOf(() => readKeystore(join(dir, 'broken.json'))),
        'MalformedKeystore',
      )
    } finally {
      rmSync(dir, { recursive: true })
    }
  })
})
