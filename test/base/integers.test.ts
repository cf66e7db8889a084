// Whole numbers from text and from JSON.
import assert from 'node:assert/strict'
import { isWholeNumber, parseWholeNumber } from '../../base/integers.ts'
import { parseBlockCheckpoint, parseBoundaryCheckpoint } from '../../base/protocol/checkpoint.ts'

const HASH = `0x${'ab'.repeat(32)}`

describe('base.integers', () => {
  it('parses decimal digits within bounds', () => {
    assert.equal(parseWholeNumber('0'), 0)
    assert.equal(parseWholeNumber('007', 7, 7), 7)
    assert.equal(parseWholeNumber(`${Number.MAX_SAFE_INTEGER}`), Number.MAX_SAFE_INTEGER)
  })

  it('rejects everything else', () => {
    for (const text of ['', ' 1', '1\n', '+1', '-1', '1.0', '1e3', '0x10', '١', '9007199254740992'])
      assert.equal(parseWholeNumber(text), undefined, JSON.stringify(text))
    assert.equal(parseWholeNumber('4', 5, 9), undefined)
    assert.equal(parseWholeNumber('10', 5, 9), undefined)
  })

  it('recognizes whole numbers in JSON', () => {
    assert.ok(isWholeNumber(0) && isWholeNumber(9, 9, 9))
    for (const value of ['1', 1.5, -1, 2 ** 53, Number.NaN, null, undefined, 1n])
      assert.equal(isWholeNumber(value), false, String(value))
  })
})

describe('base.checkpoint', () => {
  it('parses a block by height and hash', () => {
    assert.equal(parseBlockCheckpoint(`1200:${HASH}`)?.height, 1_200)
    for (const text of ['', '12', `:${HASH}`, `-1:${HASH}`, `1:${HASH}:`, `1:${HASH.slice(2)}`, `1: ${HASH}`])
      assert.equal(parseBlockCheckpoint(text), undefined, text)
  })

  it('parses a boundary by chain, epoch and hash', () => {
    assert.equal(parseBoundaryCheckpoint(`${HASH}:7:${HASH}`)?.epoch, 7)
    for (const text of [`7:${HASH}`, `${HASH}:7`, `${HASH}:x:${HASH}`, `${HASH}:7:${HASH}:`])
      assert.equal(parseBoundaryCheckpoint(text), undefined, text)
  })
})
