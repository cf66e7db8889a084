// Key files: the published vectors of EIP-2335, a file made by another implementation, and refusals.
import { strict as assert } from 'node:assert'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pbkdf2 } from '@noble/hashes/pbkdf2.js'
import { scrypt } from '@noble/hashes/scrypt.js'
import { sha256 as nobleSha256 } from '@noble/hashes/sha2.js'
import { concatBytes, fromHex, toHex, utf8 } from '../../base/bytes.ts'
import { bls } from '../../base/crypto/bls.ts'
import { sha256 } from '../../base/crypto/hash.ts'
import {
  decryptKeystore,
  encryptKeystore,
  type Keystore,
  KeystoreError,
  keystorePublicKey,
  openKeystore,
  parseKeystore,
  passwordBytes,
  readKeystore,
  writeKeystore,
} from '../../signer/keystore.ts'

const secret = sha256(utf8('a secret'))
const publicKey = sha256(utf8('a public key'))
const made = (kdf: 'scrypt' | 'pbkdf2'): Keystore =>
  encryptKeystore({ secret, publicKey, purpose: 'consensus', password: 'correct', cost: 'light', kdf })
const keystore = made('scrypt')

/** The two examples of EIP-2335 share everything but the key derivation and what depends on it. */
const VECTOR_PASSWORD = '𝔱𝔢𝔰𝔱𝔭𝔞𝔰𝔰𝔴𝔬𝔯𝔡🔑'
const VECTOR_SECRET = '0x000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f'
const VECTOR_PUBLIC =
  '9612d7a727c9d0a22e185a1c768478dfe919cada9266988cb32359c11f2b7b27f4ae4040902382ae2910c15e2b420d07'
const SALT = 'd4e56740f876aef8c010b86a40d5f56745a118d0906a34e69aec8c0db1cb8fa3'
const IV = '264daa3f303d7259501c93d997d84fe6'
const vector = (uuid: string, path: string, kdf: object, checksum: string, cipher: string): unknown => ({
  crypto: {
    kdf: { ...kdf, message: '' },
    checksum: { function: 'sha256', params: {}, message: checksum },
    cipher: { function: 'aes-128-ctr', params: { iv: IV }, message: cipher },
  },
  description: 'This is a test keystore that uses a KDF to secure the secret.',
  pubkey: VECTOR_PUBLIC,
  path,
  uuid,
  version: 4,
})
const VECTORS = {
  scrypt: vector(
    '1d85ae20-35c5-4611-98e8-aa14a633906f',
    '',
    { function: 'scrypt', params: { dklen: 32, n: 262144, p: 1, r: 8, salt: SALT } },
    'd2217fe5f3e9a1e34581ef8a78f7c9928e436d36dacc5e846690a5581e8ea484',
    '06ae90d55fe0a6e9c5c3bc5b170827b2e5cce3929ed3f116c2811e6366dfe20f',
  ),
  pbkdf2: vector(
    '64625def-3331-4eea-ab6f-782f3ed16a83',
    'm/12381/60/0/0',
    { function: 'pbkdf2', params: { dklen: 32, c: 262144, prf: 'hmac-sha256', salt: SALT } },
    '8a9f5d9912ed7e75ea794bc5a89bca5f193721d30868ade6f73043c6ea6febf1',
    'cee03fde2af33149775b7223e7845e4fb2c8ae1792e5f99fe9ecf474cc8c16ad',
  ),
}

/** Written by @chainsafe/bls-keystore 3.1.0 with the password below, whose ligature and control code test the rule. */
const FOREIGN_PASSWORD = 'pässwörd ﬁ \u0007🔑'
const FOREIGN_SECRET = '0x25295f0d1d592a90b333e26e85149708208e9f8e8bc18f6c77bd62f8ad7a6866'
const FOREIGN = {
  version: 4,
  uuid: '5801b7f0-8db6-4df3-988a-b91a950be2e6',
  description: 'made elsewhere',
  path: 'm/12381/60/0/0',
  pubkey: 'a99a76ed7796f7be22d5b7e85deeb7c5677e88e511e0b337618f8c4eb61349b4bf2d153f649f7b53359fe8b94a38e44c',
  crypto: {
    kdf: {
      function: 'pbkdf2',
      params: {
        dklen: 32,
        c: 262144,
        prf: 'hmac-sha256',
        salt: '43bb61f89908a9ccd23f33c00f6a2398ba741421ad368e8a83fcd51bb495a365',
      },
      message: '',
    },
    checksum: {
      function: 'sha256',
      params: {},
      message: '989d8ca87eca05ae8f222565fa5d78560c97082c5a5273031fe94edb0e70cb71',
    },
    cipher: {
      function: 'aes-128-ctr',
      params: { iv: '53258a0614b72a404191d7a4eae99781' },
      message: '9448d4ca85414cf086f572ee7e497d4fba5c8acc1cc2aff77a2bb24222609d45',
    },
  },
}

function refusal(run: () => unknown): { code: string; message: string } {
  try {
    run()
  } catch (error) {
    assert.ok(error instanceof KeystoreError)
    return { code: error.code, message: error.message }
  }
  return { code: 'none', message: '' }
}

type Editable = {
  crypto: {
    kdf: { function: string; params: Record<string, unknown> }
    checksum: Record<string, unknown>
    cipher: { params: object } & Record<string, unknown>
  }
} & Record<string, unknown>

function changed(edit: (copy: Editable) => void, from: Keystore = keystore): unknown {
  const copy = JSON.parse(JSON.stringify(from)) as Editable
  edit(copy)
  return copy
}

describe('keystore', () => {
  for (const kdf of ['scrypt', 'pbkdf2'] as const) {
    it(`decrypts the published ${kdf} vector of EIP-2335`, () => {
      const file = parseKeystore(VECTORS[kdf])
      const found = openKeystore(file, VECTOR_PASSWORD)
      assert.equal(toHex(found), VECTOR_SECRET)
      assert.equal(toHex(bls.publicKey(found)), `0x${VECTOR_PUBLIC}`)
    })

    it(`opens its own ${kdf} file with its password and not with another`, () => {
      const file = made(kdf)
      assert.equal(file.crypto.kdf.function, kdf)
      assert.deepEqual(decryptKeystore(file, 'consensus', 'correct'), secret)
      const wrong = refusal(() => decryptKeystore(file, 'consensus', 'Correct'))
      assert.deepEqual(wrong, {
        code: 'WrongPassword',
        message: 'the password does not open this keystore',
      })
      assert.deepEqual(keystorePublicKey(file), publicKey)
    })
  }

  it('opens a file made by another implementation', () => {
    const found = openKeystore(parseKeystore(FOREIGN), FOREIGN_PASSWORD)
    assert.equal(toHex(found), FOREIGN_SECRET)
    assert.equal(toHex(bls.publicKey(found)), `0x${FOREIGN.pubkey}`)
    assert.equal(refusal(() => openKeystore(parseKeystore(FOREIGN), 'passwort')).code, 'WrongPassword')
  })

  it('derives the same keys and checksums as other libraries', () => {
    for (const file of [made('scrypt'), made('pbkdf2')]) {
      const { kdf, cipher, checksum } = file.crypto
      const password = utf8('correct')
      const salt = fromHex(kdf.params.salt)
      const key =
        kdf.function === 'scrypt'
          ? scrypt(password, salt, { N: kdf.params.n, r: kdf.params.r, p: kdf.params.p, dkLen: 32 })
          : pbkdf2(nobleSha256, password, salt, { c: kdf.params.c, dkLen: 32 })
      const expected = nobleSha256(concatBytes(key.subarray(16), fromHex(cipher.message)))
      assert.equal(`0x${checksum.message}`, toHex(expected))
    }
  })

  it('normalizes a password as EIP-2335 requires: NFKD, no control codes', () => {
    const bytes = (text: string): string => toHex(passwordBytes(text))
    assert.equal(bytes(VECTOR_PASSWORD), '0x7465737470617373776f7264f09f9491')
    assert.equal(bytes('a\u0000b\u001fc\u007fd\u0080e\u009ff'), toHex(utf8('abcdef')))
    assert.equal(bytes('é'), bytes('e\u0301'))
    assert.equal(bytes('Å\u00a0'), toHex(utf8('A\u030a ')))
  })

  it('writes every field of version 4, with a new uuid', () => {
    assert.equal(keystore.version, 4)
    assert.match(keystore.uuid, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    assert.equal(keystore.path, '')
    assert.equal(keystore.pubkey, toHex(publicKey).slice(2))
    assert.notEqual(made('scrypt').uuid, keystore.uuid)
    assert.notEqual(made('scrypt').crypto.cipher.message, keystore.crypto.cipher.message)
  })

  it('refuses a key with another purpose', () => {
    assert.equal(refusal(() => decryptKeystore(keystore, 'peer', 'correct')).code, 'WrongPurpose')
  })

  const broken: readonly [string, unknown, RegExp][] = [
    ['no object', [], /not a JSON object/],
    ['another version', changed((c) => Object.assign(c, { version: 3 })), /version is not 4/],
    ['no uuid', changed((c) => Object.assign(c, { uuid: 'x' })), /no uuid/],
    ['no path', changed((c) => delete c.path), /no path/],
    ['no crypto', changed((c) => Object.assign(c, { crypto: undefined })), /no crypto/],
    ['another kdf', changed((c) => Object.assign(c.crypto.kdf, { function: 'argon2' })), /neither scrypt/],
    ['another cipher', changed((c) => Object.assign(c.crypto.cipher, { function: 'aes' })), /aes-128-ctr/],
    ['another checksum', changed((c) => Object.assign(c.crypto.checksum, { function: 'md5' })), /sha256/],
    ['unaffordable memory', changed((c) => Object.assign(c.crypto.kdf.params, { n: 2 ** 23 })), /GiB/],
    ['unaffordable n', changed((c) => Object.assign(c.crypto.kdf.params, { n: 2 ** 30 })), /n is not/],
    ['an odd n', changed((c) => Object.assign(c.crypto.kdf.params, { n: 5000 })), /power of two/],
    ['a fraction', changed((c) => Object.assign(c.crypto.kdf.params, { r: 1.5 })), /r is not/],
    ['another dklen', changed((c) => Object.assign(c.crypto.kdf.params, { dklen: 64 })), /dklen/],
    ['a salt that is not hex', changed((c) => Object.assign(c.crypto.kdf.params, { salt: 'zz' })), /salt/],
    ['a short cipher text', changed((c) => Object.assign(c.crypto.cipher, { message: '00' })), /32 bytes/],
    ['a short iv', changed((c) => Object.assign(c.crypto.cipher.params, { iv: '00' })), /iv is not 16/],
    [
      'unaffordable rounds',
      changed((c) => Object.assign(c.crypto.kdf.params, { c: 1e9 }), made('pbkdf2')),
      /c is not/,
    ],
    ['another prf', changed((c) => Object.assign(c.crypto.kdf.params, { prf: 'x' }), made('pbkdf2')), /prf/],
  ]
  for (const [what, file, reason] of broken) {
    it(`refuses a file with ${what}`, () => {
      const { code, message } = refusal(() => decryptKeystore(file as Keystore, 'consensus', 'correct'))
      assert.equal(code, 'MalformedKeystore')
      assert.match(message, reason)
    })
  }

  it('writes a file for its owner only, never overwrites, and names a file it cannot read', () => {
    const dir = mkdtempSync(join(tmpdir(), 'suanli-keystore-'))
    try {
      const file = join(dir, 'consensus.json')
      writeKeystore(file, keystore)
      assert.equal(statSync(file).mode & 0o777, 0o600)
      assert.deepEqual(readKeystore(file), keystore)
      assert.throws(() => writeKeystore(file, keystore), /EEXIST/)
      for (const text of ['{', '{"version":4}', ' '.repeat(70_000)]) {
        const bad = join(dir, 'broken.json')
        writeFileSync(bad, text)
        const { code, message } = refusal(() => readKeystore(bad))
        assert.equal(code, 'MalformedKeystore')
        assert.ok(message.startsWith(bad))
      }
    } finally {
      rmSync(dir, { recursive: true })
    }
  })
})
