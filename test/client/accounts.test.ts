// Accounts, mnemonics and key files are those of other wallets: ethers reads ours, and we read ethers'.
import assert from 'node:assert/strict'
import { encryptKeystoreJson, Wallet } from 'ethers'
import { toHex } from '../../base/bytes.ts'
import { formatAddress, privateKeyAccount } from '../../client/accounts/account.ts'
import { decryptKeystore, encryptKeystore } from '../../client/accounts/keystore.ts'
import { mnemonicAccount, mnemonicKey, newMnemonic } from '../../client/accounts/mnemonic.ts'
import { ClientError } from '../../client/clientError.ts'
import { DEVELOPMENT_MNEMONIC, developmentAccounts } from '../../genesis/devKeys.ts'
import { decodeTransaction, recoverSender } from '../../state/transaction.ts'

const KEY = new Uint8Array(32).fill(7)
const PASSWORD = 'pässword 算力'

const isInput = (message: RegExp) => (error: unknown) => {
  assert.ok(error instanceof ClientError && error.code === 'input', String(error))
  assert.match(error.message, message)
  return true
}

describe('client.accounts', () => {
  it('derives the accounts that wallets derive from a mnemonic', () => {
    for (const { index, address, secretKey } of developmentAccounts().slice(0, 3)) {
      assert.deepEqual(mnemonicAccount(DEVELOPMENT_MNEMONIC, { index }).address, address)
      assert.deepEqual(mnemonicKey(`  ${DEVELOPMENT_MNEMONIC.replaceAll(' ', '\n')} `, { index }), secretKey)
    }
    const other = mnemonicAccount(DEVELOPMENT_MNEMONIC, { passphrase: 'x' })
    assert.notDeepEqual(other.address, developmentAccounts()[0]!.address)
  })

  it('makes mnemonics that it reads, and refuses mistyped ones', () => {
    assert.equal(newMnemonic().split(' ').length, 12)
    assert.notEqual(newMnemonic(), newMnemonic())
    assert.equal(mnemonicKey(newMnemonic(24)).length, 32)
    assert.throws(() => mnemonicKey(DEVELOPMENT_MNEMONIC.replace('junk', 'test')), isInput(/checksum/))
    assert.throws(() => mnemonicKey(DEVELOPMENT_MNEMONIC, { index: -1 }), isInput(/index/))
  })

  it('signs what recovers to the account', () => {
    const account = privateKeyAccount(toHex(KEY))
    const raw = account.sign({
      type: 2,
      chainId: 5,
      nonce: 0,
      maxPriorityFeePerGas: 1n,
      maxFeePerGas: 2n,
      gasLimit: 21_000,
      to: account.address,
      valueBase: 1n,
      data: new Uint8Array(),
      accessList: [],
    })
    const decoded = decodeTransaction(raw, 5)
    assert.ok('transaction' in decoded)
    assert.deepEqual(recoverSender(decoded.transaction), account.address)
    assert.equal(formatAddress(account.address), new Wallet(toHex(KEY)).address)
  })

  it('refuses keys that are none, without printing them', () => {
    for (const key of ['', '0x12', new Uint8Array(32), 'ff'.repeat(32), new Uint8Array(33).fill(1)]) {
      assert.throws(() => privateKeyAccount(key), isInput(/^the secret key is not 32 bytes/))
    }
  })

  it('writes key files that ethers reads, and reads those of ethers', async () => {
    const file = await encryptKeystore(KEY, PASSWORD, { cost: 'light' })
    const theirs = await Wallet.fromEncryptedJson(JSON.stringify(file), PASSWORD)
    assert.equal(theirs.privateKey, toHex(KEY))
    const json = JSON.parse(
      await encryptKeystoreJson(new Wallet(toHex(KEY)), PASSWORD, {
        scrypt: { N: 1_024 },
        progressCallback: () => undefined,
      }),
    ) as unknown
    assert.deepEqual(await decryptKeystore(json, PASSWORD), KEY)
    await assert.rejects(decryptKeystore(file, 'wrong'), isInput(/^the password is wrong/))
    const changed = { ...file, crypto: { ...file.crypto, ciphertext: '00'.repeat(32) } }
    await assert.rejects(decryptKeystore(changed, PASSWORD), isInput(/password is wrong/))
  })

  it('reads the specification’s PBKDF2 example', async () => {
    const file = {
      version: 3,
      id: '3198bc9c-6672-5ab3-d995-4942343ae5b6',
      crypto: {
        cipher: 'aes-128-ctr',
        cipherparams: { iv: '6087dab2f9fdbbfaddc31a909735c1e6' },
        ciphertext: '5318b4d5bcd28de64ee5559e671353e16f075ecae9f99c7a79a38af5f869aa46',
        kdf: 'pbkdf2',
        kdfparams: {
          c: 262_144,
          dklen: 32,
          prf: 'hmac-sha256',
          salt: 'ae3cd4e7013836a3df6bd7241b12db061dbe2c6785853cce422d148a624ce0bd',
        },
        mac: '517ead924a9d0dc3124507e3393d175ce3ff7c1e96529c6c555ce9e51205e9b2',
      },
    }
    assert.equal(
      toHex(await decryptKeystore(file, 'testpassword')),
      '0x7a28b5ba57c53603b0b07b56bba752f7784bf506fa95edc395f5cf6c7514fe9d',
    )
  })

  for (const [what, change, message] of [
    ['another version', { version: 4 }, /version is not 3/],
    ['no crypto', { crypto: 1 }, /no crypto/],
    ['another cipher', { cipher: 'aes-256-gcm' }, /cipher is not/],
    ['a short iv', { cipherparams: { iv: '00' } }, /iv is not 16 bytes/],
    [
      'a cost beyond the limit',
      { kdfparams: { dklen: 32, n: 2 ** 24, r: 8, p: 1, salt: '00' } },
      /^.*n is not/,
    ],
    ['more memory than a GiB', { kdfparams: { dklen: 32, n: 2 ** 22, r: 8, p: 1, salt: '00' } }, /GiB/],
    ['another kdf', { kdf: 'argon2' }, /kdf is neither/],
  ] as const) {
    it(`refuses a key file with ${what}`, async () => {
      const file = await encryptKeystore(KEY, PASSWORD, { cost: 'light' })
      const isOuter = 'version' in change || 'crypto' in change
      const changed = isOuter ? { ...file, ...change } : { ...file, crypto: { ...file.crypto, ...change } }
      await assert.rejects(decryptKeystore(changed, PASSWORD), isInput(message))
    })
  }
})
