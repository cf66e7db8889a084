import assert from 'node:assert/strict'
import { Transaction as EthersTransaction, Wallet } from 'ethers'
import fc from 'fast-check'
import { parseTransaction, type TransactionSerializable } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { checksumAddress, secretKeyAddress } from '../../base/address.ts'
import { AssertionFailed } from '../../base/assert.ts'
import { bigintToFixed, bytesKey, bytesToBigint, concatBytes, fromHex, toHex } from '../../base/bytes.ts'
import { TX_BYTES_MAX } from '../../base/protocol/limits.ts'
import { decodeRlp, encodeRlp, encodeRlpUint, type RlpItem } from '../../base/rlp.ts'
import { AMOUNT_MAX, COIN } from '../../base/units.ts'
import {
  bytesGas,
  decodeTransaction,
  type EnvelopeFailure,
  encodeTransaction,
  recoverSender,
  signingHash,
  signTransaction,
  type Transaction,
  type TransactionFields,
} from '../../state/transaction.ts'

const CHAIN_ID = 7001
const ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n
const secretKey = fromHex('ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80')
const sender = secretKeyAddress(secretKey)
const account = privateKeyToAccount(toHex(secretKey))
const to = fromHex('0x70997970C51812dc3A010C7d01b50e0d17dc79C8')

const base: TransactionFields = {
  type: 2,
  chainId: CHAIN_ID,
  nonce: 5,
  maxPriorityFeePerGas: 1n,
  maxFeePerGas: 2_000_000_000n,
  gasLimit: 21_000,
  to,
  valueBase: COIN,
  data: new Uint8Array(0),
  accessList: [],
}
const legacy: TransactionFields = { ...base, type: 0, maxPriorityFeePerGas: base.maxFeePerGas }

function accepted(raw: Uint8Array, chainId = CHAIN_ID): Transaction {
  const decoded = decodeTransaction(raw, chainId)
  assert.ok('transaction' in decoded, 'failure' in decoded ? decoded.failure.message : '')
  return decoded.transaction
}

function refused(raw: Uint8Array, chainId = CHAIN_ID): EnvelopeFailure {
  const decoded = decodeTransaction(raw, chainId)
  assert.ok('failure' in decoded, 'the transaction was accepted')
  return decoded.failure
}

/** Signs `fields` and replaces `items` of the signed envelope. */
function withItems(fields: TransactionFields, items: { readonly [index: number]: RlpItem }): Uint8Array {
  const raw = signTransaction(fields, secretKey)
  const prefix = fields.type === 0 ? 0 : 1
  const list = [...(decodeRlp(raw.subarray(prefix)) as readonly RlpItem[])]
  for (const [index, item] of Object.entries(items)) list[Number(index)] = item
  return concatBytes(raw.subarray(0, prefix), encodeRlp(list))
}

function viemFields(fields: TransactionFields): TransactionSerializable {
  const common = {
    nonce: fields.nonce,
    gas: BigInt(fields.gasLimit),
    to: toHex(fields.to),
    value: fields.valueBase,
    data: toHex(fields.data),
    chainId: fields.chainId,
  } as const
  const accessList = fields.accessList.map((entry) => ({
    address: toHex(entry.address),
    storageKeys: entry.storageKeys.map(toHex),
  }))
  if (fields.type === 0) return { ...common, type: 'legacy', gasPrice: fields.maxFeePerGas }
  if (fields.type === 1) return { ...common, type: 'eip2930', gasPrice: fields.maxFeePerGas, accessList }
  const { maxFeePerGas, maxPriorityFeePerGas } = fields
  return { ...common, type: 'eip1559', maxFeePerGas, maxPriorityFeePerGas, accessList }
}

const anyFields: fc.Arbitrary<TransactionFields> = fc
  .record({
    type: fc.constantFrom(0 as const, 1 as const, 2 as const),
    nonce: fc.nat(),
    tip: fc.bigInt({ min: 0n, max: 2n ** 70n }),
    above: fc.bigInt({ min: 0n, max: 2n ** 70n }),
    gasLimit: fc.nat(),
    to: fc.uint8Array({ minLength: 20, maxLength: 20 }),
    valueBase: fc.bigInt({ min: 0n, max: AMOUNT_MAX }),
    data: fc.uint8Array({ maxLength: 300 }),
    keyCounts: fc.array(fc.nat({ max: 3 }), { maxLength: 3 }),
  })
  .map(({ type, tip, above, keyCounts, ...rest }) => ({
    ...rest,
    type,
    chainId: CHAIN_ID,
    maxPriorityFeePerGas: type === 2 ? tip : tip + above,
    maxFeePerGas: tip + above,
    accessList:
      type === 0
        ? []
        : keyCounts.map((count, i) => ({
            address: new Uint8Array(20).fill(i + 1),
            storageKeys: Array.from({ length: count }, (_, k) => new Uint8Array(32).fill(k)),
          })),
  }))

describe('state.transaction', () => {
  it('signs and decodes the example of EIP-155', () => {
    const key = new Uint8Array(32).fill(0x46)
    const raw = signTransaction(
      {
        ...legacy,
        chainId: 1,
        nonce: 9,
        maxFeePerGas: 20_000_000_000n,
        maxPriorityFeePerGas: 20_000_000_000n,
        to: new Uint8Array(20).fill(0x35),
      },
      key,
    )
    assert.equal(
      toHex(raw),
      '0xf86c098504a817c800825208943535353535353535353535353535353535353535880de0b6b3a76400008025a028ef61340bd939bc2195fe537567866003e1a15d3c71ff63e1590620aa636276a067cbe9d8997f761aecb703304b3800ccf555c9f3dc64214b297fb1966a3b6d83',
    )
    const transaction = accepted(raw, 1)
    assert.equal(
      toHex(transaction.signingHash),
      '0xdaf5a779ae972f972197303d7b574746c7ef83eadac0f2791ad23db92e4c8e53',
    )
    assert.equal(transaction.yParity, 0)
    assert.deepEqual(recoverSender(transaction), secretKeyAddress(key))
  })

  it('writes the bytes that viem writes and reads back every field', async () => {
    await fc.assert(
      fc.asyncProperty(anyFields, async (fields) => {
        const raw = signTransaction(fields, secretKey)
        const theirs = await account.signTransaction(viemFields(fields))
        assert.equal(toHex(raw), theirs)
        const transaction = accepted(raw)
        for (const name of Object.keys(fields) as (keyof TransactionFields)[]) {
          assert.deepEqual(transaction[name], fields[name], name)
        }
        const parsed = parseTransaction(theirs)
        assert.equal(toHex(bigintToFixed(transaction.r, 32)), toHex(bigintToFixed(BigInt(parsed.r!), 32)))
        assert.equal(transaction.s, BigInt(parsed.s!))
        assert.equal(transaction.yParity, parsed.yParity)
        const ethers = EthersTransaction.from(theirs)
        assert.equal(toHex(transaction.hash), ethers.hash)
        assert.equal(toHex(transaction.signingHash), ethers.unsignedHash)
        assert.equal(checksumAddress(recoverSender(transaction)!), ethers.from)
      }),
      { numRuns: 40 },
    )
  })

  it('accepts what ethers signs', async () => {
    const wallet = new Wallet(toHex(secretKey))
    for (const type of [0, 1, 2]) {
      const fees = type === 2 ? { maxFeePerGas: 9n, maxPriorityFeePerGas: 3n } : { gasPrice: 9n }
      const request = {
        type,
        chainId: CHAIN_ID,
        nonce: 3,
        gasLimit: 50_000n,
        to: toHex(to),
        value: 1n,
        ...fees,
      }
      const raw = fromHex(await wallet.signTransaction(request))
      const transaction = accepted(raw)
      assert.equal(transaction.type, type)
      assert.equal(transaction.maxFeePerGas, 9n)
      assert.equal(transaction.maxPriorityFeePerGas, type === 2 ? 3n : 9n)
      assert.deepEqual(recoverSender(transaction), sender)
    }
  })

  it('keeps its own copy of the received bytes', () => {
    const raw = Buffer.from(signTransaction({ ...base, data: fromHex('0102') }, secretKey))
    const transaction = accepted(raw)
    const hash = toHex(transaction.hash)
    raw.fill(0)
    assert.equal(toHex(transaction.data), '0x0102')
    assert.equal(toHex(accepted(transaction.raw).hash), hash)
    assert.equal(Object.getPrototypeOf(transaction.to), Uint8Array.prototype)
  })

  it('recomputes what it does not keep: signing hash, signature, r and s', () => {
    const envelopes = ([0, 1, 2] as const).map((type) => {
      const fields: TransactionFields = {
        ...base,
        type,
        maxPriorityFeePerGas: base.maxFeePerGas,
        nonce: type,
      }
      return { fields, transaction: accepted(signTransaction(fields, secretKey)) }
    })
    // Even after decoding others in between.
    for (const { fields, transaction } of [...envelopes, ...envelopes]) {
      assert.deepEqual(transaction.signingHash, signingHash(fields))
      const { signature } = transaction
      assert.equal(signature.length, 65)
      assert.deepEqual(encodeTransaction(fields, signature), transaction.raw)
      assert.equal(bytesToBigint(signature.subarray(0, 32)), transaction.r)
      assert.equal(bytesToBigint(signature.subarray(32, 64)), transaction.s)
      assert.equal(signature[64], transaction.yParity)
      signature.fill(0)
      assert.notDeepEqual(transaction.signature, signature)
      assert.equal(transaction.key, bytesKey(transaction.hash))
    }
  })

  it('hashes an envelope of any length', () => {
    for (const size of [0, 1, 400, 420, 440, 460, 480, 500, 520, 60_000]) {
      const fields: TransactionFields = { ...base, data: new Uint8Array(size).fill(size & 255) }
      const transaction = accepted(signTransaction(fields, secretKey))
      assert.deepEqual(transaction.signingHash, signingHash(fields))
      assert.deepEqual(transaction.data, fields.data)
    }
  })

  it('charges every calldata byte the same', () => {
    assert.equal(bytesGas({ data: new Uint8Array(0) }), 21_000)
    assert.equal(bytesGas({ data: fromHex('00ff00') }), 21_048)
  })

  it('rejects other types by name', () => {
    const unsupported = { code: 'UnsupportedType', message: 'transaction type not supported' }
    for (const first of [0x00, 0x03, 0x04, 0x7f]) {
      assert.deepEqual(refused(new Uint8Array([first, 0xc0])), unsupported)
    }
    for (const hex of ['', '80', '8102', 'bf']) assert.equal(refused(fromHex(hex)).code, 'MalformedEnvelope')
  })

  it('rejects another chain, naming both ids', () => {
    for (const fields of [base, { ...legacy, type: 1 as const }, legacy]) {
      assert.deepEqual(refused(signTransaction({ ...fields, chainId: 1 }, secretKey)), {
        code: 'WrongChainId',
        message: 'invalid chain id for signer: have 1 want 7001',
      })
    }
    const huge = withItems(base, { 0: new Uint8Array(32).fill(255) })
    assert.equal(refused(huge).message, `invalid chain id for signer: have ${2n ** 256n - 1n} want 7001`)
  })

  it('rejects legacy transactions without replay protection', async () => {
    const { chainId: _, ...unprotected } = viemFields(legacy) as TransactionSerializable & { type: 'legacy' }
    const raw = fromHex(await account.signTransaction(unprotected))
    assert.deepEqual(refused(raw), {
      code: 'UnprotectedLegacy',
      message: 'only replay-protected (EIP-155) transactions allowed over RPC',
    })
    for (const v of [0, 1, 28]) {
      assert.equal(refused(withItems(legacy, { 6: encodeRlpUint(v) })).code, 'UnprotectedLegacy')
    }
    for (const v of [2, 29, 34]) {
      assert.equal(refused(withItems(legacy, { 6: encodeRlpUint(v) })).code, 'InvalidSignature')
    }
  })

  it('rejects creations', () => {
    for (const [fields, index] of [
      [base, 5],
      [{ ...legacy, type: 1 as const }, 4],
      [legacy, 3],
    ] as const) {
      assert.deepEqual(refused(withItems(fields, { [index]: new Uint8Array(0) })), {
        code: 'CreationNotSupported',
        message: 'contract creation is not supported: there is no EVM',
      })
    }
    assert.equal(refused(withItems(base, { 5: new Uint8Array(19) })).code, 'MalformedEnvelope')
    assert.equal(refused(withItems(base, { 5: new Uint8Array(21) })).code, 'MalformedEnvelope')
  })

  it('bounds every number', () => {
    const beyondSafe = encodeRlpUint(2n ** 53n)
    const beyondAmount = encodeRlpUint(AMOUNT_MAX + 1n)
    const cases = [
      [1, beyondSafe, 'NonceTooHigh', 'nonce has max value'],
      [2, beyondAmount, 'FeeTooHigh', 'max priority fee per gas higher than 2^128-1'],
      [3, beyondAmount, 'FeeTooHigh', 'max fee per gas higher than 2^128-1'],
      [4, beyondSafe, 'GasLimitTooHigh', 'exceeds block gas limit'],
      [6, beyondAmount, 'ValueTooHigh', 'value higher than 2^128-1'],
    ] as const
    for (const [index, value, code, message] of cases) {
      assert.deepEqual(refused(withItems(base, { [index]: value })), { code, message })
    }
    assert.equal(
      accepted(signTransaction({ ...base, valueBase: AMOUNT_MAX }, secretKey)).valueBase,
      AMOUNT_MAX,
    )
    const lastNonce = Number.MAX_SAFE_INTEGER
    assert.equal(accepted(signTransaction({ ...base, nonce: lastNonce }, secretKey)).nonce, lastNonce)
  })

  it('rejects a tip above the fee cap', () => {
    const failure = refused(
      signTransaction({ ...base, maxPriorityFeePerGas: 8n, maxFeePerGas: 7n }, secretKey),
    )
    assert.equal(failure.code, 'TipAboveFeeCap')
    assert.match(failure.message, /^max priority fee per gas higher than max fee per gas/)
  })

  it('rejects signatures that EIP-2 forbids', () => {
    const good = accepted(signTransaction(base, secretKey))
    const cases: readonly { readonly [index: number]: RlpItem }[] = [
      { 9: encodeRlpUint(1 - good.yParity), 11: encodeRlpUint(ORDER - good.s) },
      { 10: encodeRlpUint(0) },
      { 11: encodeRlpUint(0) },
      { 10: encodeRlpUint(ORDER) },
      { 11: encodeRlpUint(ORDER) },
      { 9: encodeRlpUint(2) },
      { 9: encodeRlpUint(27) },
      { 10: new Uint8Array(33).fill(1) },
    ]
    for (const items of cases) {
      assert.deepEqual(refused(withItems(base, items)), {
        code: 'InvalidSignature',
        message: 'invalid transaction v, r, s values',
      })
    }
    // In range, but no point has this x: only recovery can tell.
    assert.equal(recoverSender(accepted(withItems(base, { 10: encodeRlpUint(5) }))), undefined)
  })

  it('rejects everything that is not canonical', () => {
    const raw = signTransaction(base, secretKey)
    const malformed = [
      concatBytes(raw, new Uint8Array(1)),
      raw.subarray(0, -1),
      new Uint8Array([2]),
      new Uint8Array([2, 0x80]),
      new Uint8Array([2, 0xc0]),
      withItems(base, { 12: new Uint8Array(0) }),
      withItems(base, { 1: fromHex('0005') }),
      withItems(base, { 6: fromHex('00') }),
      withItems(base, { 9: fromHex('00') }),
      withItems(base, { 10: concatBytes(new Uint8Array(1), new Uint8Array(31).fill(1)) }),
      withItems(base, { 1: new Uint8Array(33).fill(1) }),
      withItems(base, { 7: [] }),
      withItems(base, { 8: new Uint8Array(0) }),
      withItems(base, { 8: [to] }),
      withItems(base, { 8: [[to]] }),
      withItems(base, { 8: [[to, to]] }),
      withItems(base, { 8: [[to.subarray(1), []]] }),
      withItems(base, { 8: [[[], []]] }),
      withItems(base, { 8: [[to, [to]]] }),
      withItems(base, { 8: [[to, [[]]]] }),
      withItems(base, { 8: [[to, [], []]] }),
      encodeRlp([...(decodeRlp(raw.subarray(1)) as readonly RlpItem[])]),
    ]
    for (const bytes of malformed) assert.equal(refused(bytes).code, 'MalformedEnvelope', toHex(bytes))
  })

  it('rejects oversized bytes before reading them', () => {
    const big = signTransaction({ ...base, data: new Uint8Array(TX_BYTES_MAX) }, secretKey)
    assert.equal(refused(big).code, 'TooLarge')
    assert.match(refused(big).message, /^oversized data: transaction size \d+, limit 65536$/)
    const room = TX_BYTES_MAX - signTransaction({ ...base, data: new Uint8Array(60_000) }, secretKey).length
    const fits = signTransaction({ ...base, data: new Uint8Array(60_000 + room) }, secretKey)
    assert.equal(fits.length, TX_BYTES_MAX)
    assert.equal(accepted(fits).data.length, 60_000 + room)
  })

  it('survives any damage to a valid envelope', () => {
    const raws = [base, { ...legacy, type: 1 as const }, legacy].map((fields) =>
      signTransaction(fields, secretKey),
    )
    fc.assert(
      fc.property(fc.constantFrom(...raws), fc.nat(), fc.nat({ max: 255 }), (raw, position, byte) => {
        const bytes = raw.slice()
        bytes[position % bytes.length] = byte
        const decoded = decodeTransaction(bytes, CHAIN_ID)
        if ('failure' in decoded) {
          assert.ok(decoded.failure.message.length > 0)
          return
        }
        assert.deepEqual(decoded.transaction.raw, bytes)
        const unchanged = bytes.every((b, i) => b === raw[i])
        assert.equal(toHex(recoverSender(decoded.transaction) ?? to) === toHex(sender), unchanged)
      }),
      { numRuns: 300 },
    )
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        assert.ok('failure' in decodeTransaction(bytes, CHAIN_ID))
      }),
    )
  })

  it('asserts on fields that a signer must not pass', () => {
    assert.throws(() => signTransaction({ ...base, type: 1 }, secretKey), AssertionFailed)
    const entry = { address: to, storageKeys: [] }
    assert.throws(() => signTransaction({ ...legacy, accessList: [entry] }, secretKey), AssertionFailed)
  })
})
