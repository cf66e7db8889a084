import { strict as assert } from 'node:assert'
import { toHex } from '../../base/bytes.ts'
import { receiptSchema } from '../../base/protocol/receipt.ts'
import { logsBloom, receiptsRoot } from '../../state/receipt.ts'
import { TRANSFER_EMITTER, transferLog } from '../../state/transferLog.ts'
import { addressOf } from '../support/chainHarness.ts'

const log = transferLog({
  emitter: TRANSFER_EMITTER,
  from: addressOf('alice'),
  to: addressOf('bob'),
  amountBase: 5n,
})

describe('receipt.logsBloom', () => {
  it('is empty without logs and has three bits per item', () => {
    assert.ok(logsBloom([]).every((b) => b === 0))
    const bits = (bytes: Uint8Array) =>
      [...bytes].reduce((n, b) => n + b.toString(2).split('1').length - 1, 0)
    const bloom = logsBloom([log])
    assert.equal(bloom.length, 256)
    // An address and three topics; bits may coincide.
    assert.ok(bits(bloom) > 8 && bits(bloom) <= 12)
    assert.deepEqual(logsBloom([log, log]), bloom)
  })

  it('sets the bits that Ethereum sets', () => {
    // keccak256(20 zero bytes) = 5380c7b7ae81…; each bit is a 16-bit pair modulo 2048.
    const zero = logsBloom([{ address: new Uint8Array(20), topics: [], data: new Uint8Array(0) }])
    const set = [...zero].flatMap((b, i) =>
      [0, 1, 2, 3, 4, 5, 6, 7].filter((j) => b & (1 << j)).map((j) => (255 - i) * 8 + j),
    )
    assert.deepEqual(
      set.sort((a, b) => a - b),
      [0x380, 0x681, 0x7b7],
    )
  })
})

describe('receipt.schema', () => {
  it('round-trips through its bytes, and its root depends on every part', () => {
    const receipt = {
      type: 2,
      succeeded: true,
      cumulativeGasUsed: 42_000,
      gasUsed: 21_000,
      effectiveGasPrice: 7n,
      logs: [log],
      failure: new Uint8Array(0),
      lane: 'general' as const,
    }
    assert.deepEqual(receiptSchema.decode(receiptSchema.encode(receipt)), receipt)
    const roots = [
      receiptsRoot([receipt], []),
      receiptsRoot([{ ...receipt, succeeded: false }], []),
      receiptsRoot([receipt], [log]),
      receiptsRoot([receipt, receipt], []),
      receiptsRoot([], []),
    ]
    assert.equal(new Set(roots.map((root) => toHex(root))).size, roots.length)
  })
})
