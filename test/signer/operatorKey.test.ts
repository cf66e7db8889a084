// The account that an operator's calls are sent from.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { secretKeyAddress } from '../../base/address.ts'
import { toHex } from '../../base/bytes.ts'
import { sha256 } from '../../base/crypto/hash.ts'
import { OperatorError } from '../../base/errors.ts'
import { openOperatorKey, operatorAddress, storeOperatorKey } from '../../signer/operatorKey.ts'

const secret = sha256(new Uint8Array([5]))

describe('signer.operatorKey', () => {
  it('keeps one account under a password', () => {
    const dir = mkdtempSync(join(tmpdir(), 'operator-'))
    try {
      assert.equal(openOperatorKey(dir, 'x'), undefined)
      assert.equal(operatorAddress(dir), undefined)
      const stored = storeOperatorKey(dir, { secret, password: 'right', cost: 'light' })
      assert.equal(toHex(stored), toHex(secretKeyAddress(secret)))
      assert.deepEqual(operatorAddress(dir), stored)
      assert.deepEqual(openOperatorKey(dir, 'right'), secret)
      assert.throws(() => openOperatorKey(dir, 'wrong'), /password/)
      assert.throws(() => storeOperatorKey(dir, { secret, password: 'right', cost: 'light' }), OperatorError)
    } finally {
      rmSync(dir, { recursive: true })
    }
  })
})
