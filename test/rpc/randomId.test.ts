import { strict as assert } from 'node:assert'
import { randomId } from '../../rpc/randomId.ts'

describe('rpc.randomId', () => {
  it('is a valid quantity with any leading bits', () => {
    assert.equal(randomId(new Uint8Array([0x09, 0x3c])), '0x93c')
    assert.equal(randomId(new Uint8Array([0, 0, 1])), '0x1')
    assert.equal(randomId(new Uint8Array(16)), '0x0')
  })

  it('does not repeat', () => {
    const ids = new Set(Array.from({ length: 200 }, () => randomId()))
    assert.equal(ids.size, 200)
    for (const id of ids) assert.match(id, /^0x(0|[1-9a-f][0-9a-f]*)$/)
  })
})
