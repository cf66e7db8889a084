import assert from 'node:assert/strict'
import { type Closable, Connections } from '../../rpc/connections.ts'

class Fake implements Closable {
  readonly remoteAddress: string
  isDestroyed = false
  #onClose: () => void = () => undefined
  constructor(address: string) {
    this.remoteAddress = address
  }
  destroy(): void {
    this.isDestroyed = true
    this.#onClose()
  }
  once(_: 'close', listener: () => void): void {
    this.#onClose = listener
  }
}

function destroyed(sockets: readonly Fake[]): number[] {
  return sockets.flatMap((socket, i) => (socket.isDestroyed ? [i] : []))
}

describe('rpc.connections', () => {
  it('closes the longest idle one of all at the total limit', () => {
    const connections = new Connections({ connectionsMax: 3, connectionsPerAddressMax: 3 })
    const sockets = ['a', 'b', 'c'].map((address) => new Fake(address))
    for (const socket of sockets) assert.ok(connections.admit(socket))
    connections.setIdle(sockets[0]!, false)
    assert.ok(connections.admit(new Fake('d')))
    assert.deepEqual(destroyed(sockets), [1])
    connections.setIdle(sockets[0]!, true)
    assert.ok(connections.admit(new Fake('e')))
    assert.deepEqual(destroyed(sockets), [1, 2])
    assert.equal(connections.count, 3)
  })

  it('takes room only from the same address at its limit', () => {
    const connections = new Connections({ connectionsMax: 10, connectionsPerAddressMax: 2 })
    const other = new Fake('b')
    const sockets = [new Fake('a'), new Fake('a')]
    for (const socket of [other, ...sockets]) connections.admit(socket)
    assert.ok(connections.admit(new Fake('a')))
    assert.deepEqual(destroyed([other, ...sockets]), [1])
  })

  it('refuses a newcomer when all others are busy, and counts those that close', () => {
    const connections = new Connections({ connectionsMax: 2, connectionsPerAddressMax: 2 })
    const sockets = [new Fake('a'), new Fake('b')]
    for (const socket of sockets) {
      connections.admit(socket)
      connections.setIdle(socket, false)
    }
    const late = new Fake('c')
    assert.equal(connections.admit(late), false)
    assert.ok(late.isDestroyed)
    sockets[0]!.destroy()
    assert.equal(connections.count, 1)
    assert.ok(connections.admit(new Fake('c')))
  })
})
