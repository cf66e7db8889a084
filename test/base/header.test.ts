import assert from 'node:assert/strict'
import { sha256 } from '../../base/crypto/hash.ts'
import { SchemaError } from '../../base/field.ts'
import {
  decodeBlock,
  type Header,
  hasOwnBody,
  headerHash,
  headerSchema,
  openBlock,
  sealBlock,
  transactionsRootOf,
} from '../../base/protocol/header.ts'
import { TX_BYTES_MAX } from '../../base/protocol/limits.ts'

const hash = (byte: number): Uint8Array => new Uint8Array(32).fill(byte)
const header: Header = {
  version: 1,
  epoch: 2,
  view: 3,
  height: 4,
  parentHash: hash(5),
  timestampMs: 1_700_000_000_000,
  proposer: new Uint8Array(20).fill(6),
  randaoReveal: new Uint8Array(96).fill(7),
  mix: hash(8),
  stateRoot: hash(9),
  receiptsRoot: hash(10),
  transactionsRoot: hash(11),
  gasUsed: 21_000,
  gasLimit: 30_000_000,
  baseFeePerGas: 1_000_000_000n,
  laneFees: { redemption: 5n, service: 6n, proof: 7n },
  laneGas: { redemption: 0, service: 0, proof: 0 },
  reserve: {
    supplyBase: 1n,
    liabilitiesBase: 2n,
    capacityBase: 3n,
    lockedInRedemptionBase: 4n,
    anchor: 5n,
    shortfallBase: 0n,
  },
  setHash: hash(12),
  endsEpoch: false,
}

/** A part of the header with its last field changed. */
function changedPart(part: object = {}): object {
  const [name, value] = Object.entries(part).at(-1) as [string, number | bigint]
  return { ...part, [name]: typeof value === 'number' ? value + 1 : value + 1n }
}

/** Every field changed once. */
function variants(): Header[] {
  const out: Header[] = [{ ...header, nextSetHash: hash(13) }]
  for (const [name, value] of Object.entries(header)) {
    const changed =
      typeof value === 'number'
        ? value + 1
        : typeof value === 'bigint'
          ? value + 1n
          : typeof value === 'boolean'
            ? !value
            : value instanceof Uint8Array
              ? value.map((b) => b ^ 1)
              : changedPart(value)
    out.push({ ...header, [name]: changed })
  }
  return out
}

describe('base.protocol.header', () => {
  it('hashes the canonical bytes, including every field', () => {
    assert.deepEqual(headerHash(header), sha256(headerSchema.encode(header)))
    const hashes = [header, ...variants()].map((h) => Buffer.from(headerHash(h)).toString('hex'))
    assert.equal(new Set(hashes).size, Object.keys(header).length + 2)
  })

  it('opens what it sealed, with the same hash and bytes', () => {
    const transactions = [new Uint8Array([1, 2, 3]), new Uint8Array(0), new Uint8Array(200).fill(4)]
    const transactionsRoot = transactionsRootOf(transactions)
    const changed = { ...header, transactionsRoot, endsEpoch: true, nextSetHash: hash(13) }
    const sealed = sealBlock({ header: changed, transactions })
    const opened = openBlock(sealed.bytes)
    assert.deepEqual(opened, sealed)
    assert.deepEqual(opened.hash, headerHash(opened.header))
    assert.deepEqual(opened.transactions, transactions)
  })

  it('opens no other body under the same header, which decodes to the same hash', () => {
    const transactions = [new Uint8Array([1]), new Uint8Array([2])]
    const own = { ...header, transactionsRoot: transactionsRootOf(transactions) }
    const { hash: expected } = sealBlock({ header: own, transactions })
    for (const body of [[], transactions.slice(1), [...transactions].reverse(), [...transactions, hash(1)]]) {
      const { bytes } = sealBlock({ header: own, transactions: body })
      assert.throws(() => openBlock(bytes), { path: 'transactions' })
      assert.deepEqual(decodeBlock(bytes).hash, expected)
      assert.equal(hasOwnBody(decodeBlock(bytes)), false)
    }
  })

  it('rejects damaged bytes', () => {
    const { bytes } = sealBlock({ header, transactions: [new Uint8Array([1])] })
    assert.throws(() => openBlock(bytes.subarray(0, -1)), SchemaError)
    assert.throws(() => openBlock(new Uint8Array([...bytes, 0])), SchemaError)
    assert.throws(() => openBlock(new Uint8Array(0)), { path: 'header', reason: 'missing' })
    const oversized = { header, transactions: [new Uint8Array(TX_BYTES_MAX + 1)] }
    assert.throws(() => sealBlock(oversized), { code: 'AssertionFailed', message: /transactions/ })
  })
})
