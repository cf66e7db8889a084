import assert from 'node:assert/strict'
import { Dialer, type DialTarget } from '../../p2p/dialer.ts'

const ADDRESSES = [1, 2, 3].map((port) => `/ip4/192.0.2.1/tcp/${port}`)
const ATTEMPTS = 4

/** The first attempts at a peer that answers at none of its addresses. */
function attemptsOf(target: DialTarget): Promise<readonly DialTarget[]> {
  return new Promise((resolve) => {
    const dialled: DialTarget[] = []
    const dialer = new Dialer({
      dial: (to) => {
        dialled.push(to)
        if (dialled.length === ATTEMPTS) {
          dialer.stop()
          resolve(dialled)
        }
        return Promise.reject(new Error('nobody answers'))
      },
      isConnected: () => false,
      refusedForMs: () => 0,
      onFailure: () => {},
    })
    dialer.setTargets([target])
    dialer.start()
  })
}

describe('p2p.dialer', () => {
  it('tries two addresses in an attempt, and each of all within three', async () => {
    const dialled = await attemptsOf({ peer: 'a', addresses: ADDRESSES })
    assert.ok(dialled.every(({ addresses }) => addresses.length === 2))
    const [first, second, third, fourth] = dialled.map(({ addresses }) => addresses[0])
    assert.deepEqual(new Set([first, second, third]), new Set(ADDRESSES))
    assert.equal(fourth, first)
  })
})
