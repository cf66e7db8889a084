import assert from 'node:assert/strict'
import { type Closable, Connections } from '../../rpc/connections.ts'
import { HeldBytes } from '../../rpc/heldBytes.ts'
import { Load } from '../../rpc/load.ts'

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

describe('rpc.load', () => {
  it('lets no address have more than half of the requests in progress', () => {
    const load = new Load(4)
    load.begin('a')
    load.begin('a')
    assert.ok(load.isFullFor('a') && !load.isFullFor('b'))
    load.begin('b')
    load.begin('c')
    assert.ok(load.isFullFor('d'))
    load.end('a')
    assert.ok(!load.isFullFor('d') && !load.isFullFor('a'))
  })
})

describe('rpc.heldBytes', () => {
  it('lets no address hold more than half', () => {
    const held = new HeldBytes(100)
    held.add('a', 50)
    assert.ok(held.isFullFor('a') && !held.isFullFor('b') && !held.isFull)
    held.add('b', 50)
    assert.ok(held.isFull && held.isFullFor('c'))
    held.release('a', 50)
    held.release('b', 50)
    assert.equal(held.total, 0)
    assert.ok(!held.isFullFor('a'))
  })
})
