// What an epoch switch changes in a node: which of its keys signs, and its consensus peers.
import assert from 'node:assert/strict'
import { bytesKey } from '../../base/bytes.ts'
import type { Validator } from '../../base/protocol/validators.ts'
import type { Subject } from '../../base/protocol/vote.ts'
import type { Signer } from '../../consensus/ports.ts'
import { parseAddressBook, staticPeers } from '../../node/network.ts'
import { peerIdText } from '../../p2p/identity.ts'
import { STATIC_PEERS_MAX } from '../../p2p/limits.ts'
import { SignerRing } from '../../signer/signerRing.ts'
import { keysOf } from '../support/memberChain.ts'

const seat = (name: string, id: number): Validator => {
  const { consensusKey, peerId } = keysOf(name)
  return { id, operator: new Uint8Array(20).fill(id), consensusKey, peerId }
}
const [a, b, c, d, e] = ['a', 'b', 'c', 'd', 'e'].map((name, i) => seat(name, i + 1)) as [
  Validator,
  Validator,
  Validator,
  Validator,
  Validator,
]

describe('signer.signerRing', () => {
  function signer(name: string) {
    const calls: string[] = []
    const { consensusKey: publicKey } = keysOf(name)
    const made: Signer = {
      publicKey,
      observing: name === 'lost',
      losses: () => [],
      noteHeld: async () => void calls.push('held'),
      beginEpoch: async (epoch) => void calls.push(`epoch ${epoch}`),
      signed: () => [{ kind: 'nullify', epoch: 0, view: calls.length }],
      sign: async (index, subjects: readonly Subject[]) => {
        calls.push(`sign ${index}`)
        return subjects.map(() => undefined)
      },
      signRandao: async () => publicKey,
      raiseFloor: (epoch, view) => void calls.push(`floor ${epoch} ${view}`),
      close: async () => void calls.push('close'),
    }
    return { made, calls }
  }

  it("signs with the key in the epoch's set, and ends older epochs for all keys", async () => {
    const [old, next] = [signer('b'), signer('rotated')]
    const ring = new SignerRing([old.made, next.made])
    assert.deepEqual(ring.publicKey, old.made.publicKey)
    await ring.beginEpoch(1, async () => [], { validators: [a, b, c, d] })
    assert.equal(ring.indexIn({ validators: [a, b, c, d] }), 1)
    await ring.sign(1, [])
    assert.deepEqual(await ring.signRandao(1, 1), old.made.publicKey)
    const rotated = { ...b, consensusKey: next.made.publicKey }
    await ring.beginEpoch(2, async () => [], { validators: [a, rotated, c, d] })
    assert.deepEqual(ring.publicKey, next.made.publicKey)
    await ring.sign(1, [])
    ring.raiseFloor(2, 7)
    assert.deepEqual(old.calls, ['epoch 1', 'sign 1', 'epoch 2'])
    assert.deepEqual(next.calls, ['epoch 1', 'epoch 2', 'sign 1', 'floor 2 7'])
    assert.equal(ring.signed()[0]!.view, 4)
    // Outside the set the last key stays current, and the core has no index to vote with.
    await ring.beginEpoch(3, async () => [], { validators: [a, c, d, e] })
    assert.deepEqual(ring.publicKey, next.made.publicKey)
    assert.equal(ring.indexIn({ validators: [a, c, d, e] }), undefined)
    await ring.beginEpoch(9, async () => [])
    await ring.close()
    assert.deepEqual([old.calls.at(-1), next.calls.at(-1)], ['close', 'close'])
    assert.equal(ring.observing, false)
  })

  it('holds one to eight keys', () => {
    assert.throws(() => new SignerRing([]))
    assert.throws(() => new SignerRing(Array.from({ length: 9 }, () => signer('b').made)))
  })
})

describe('node.staticPeers', () => {
  const none = parseAddressBook([])
  const of = (own: Validator, set: readonly Validator[], previous?: readonly Validator[]) => {
    const index = set.findIndex(({ id }) => id === own.id)
    return staticPeers({
      book: none,
      own: own.peerId,
      set: { validators: set },
      self: index < 0 ? undefined : index,
      previous: previous === undefined ? undefined : { validators: previous },
    })
  }
  const find = (peers: ReturnType<typeof of>, v: Validator) =>
    peers.find(({ peerId }) => bytesKey(peerId) === bytesKey(v.peerId))

  it('connects validators to each other, and to those that left one epoch ago', () => {
    const peers = of(a, [a, b, c, e], [a, b, c, d])
    assert.equal(peers.length, 4)
    assert.equal(find(peers, a), undefined)
    assert.deepEqual([find(peers, e)!.validatorIndex, find(peers, e)!.consensus], [3, true])
    assert.deepEqual([find(peers, d)!.validatorIndex, find(peers, d)!.consensus], [undefined, true])
    assert.equal(find(of(a, [a, b, c, e]), d), undefined)
  })

  it('lets a node that just left serve the others, and outsiders only listen', () => {
    const left = of(d, [a, b, c, e], [a, b, c, d])
    assert.ok(left.every(({ consensus }) => consensus === true))
    const stranger = of(seat('stranger', 9), [a, b, c, e], [a, b, c, d])
    assert.ok(stranger.every(({ consensus }) => consensus === false))
    assert.ok(of(d, [a, b, c, e]).every(({ consensus }) => consensus === false))
  })

  it('keeps both peer ids of a member that changed its own for an epoch', () => {
    const moved = { ...b, peerId: keysOf('b moved').peerId }
    const peers = of(a, [a, moved, c, d], [a, b, c, d])
    assert.equal(find(peers, moved)!.validatorIndex, 1)
    assert.deepEqual([find(peers, b)!.validatorIndex, find(peers, b)!.consensus], [undefined, true])
  })

  it('uses the configured addresses, and never more peers than the host allows', () => {
    const address = '/ip4/192.0.2.1/tcp/26600'
    const book = parseAddressBook([`${address}/p2p/${peerIdText(b.peerId)}`])
    const set = { validators: [a, b] }
    const peers = staticPeers({ book, own: a.peerId, set, self: 0, previous: undefined })
    assert.deepEqual(
      peers.map(({ addresses, validatorIndex }) => [addresses, validatorIndex]),
      [[[address], 1]],
    )
    const many = Array.from({ length: STATIC_PEERS_MAX + 9 }, (_, i) => {
      const peerId = new Uint8Array(b.peerId)
      peerId[30] = i & 255
      peerId[31] = i >> 8
      return { ...b, id: i + 2, peerId }
    })
    const full = staticPeers({
      book: none,
      own: a.peerId,
      set: { validators: many },
      self: undefined,
      previous: set,
    })
    assert.equal(full.length, STATIC_PEERS_MAX)
  })
})
