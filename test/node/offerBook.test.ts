import assert from 'node:assert/strict'
import { OfferBook, type OfferBookOptions } from '../../node/sync/offerBook.ts'
import type { SnapshotOffer } from '../../p2p/snapshotProtocol.ts'

const bytes = (fill: number): Uint8Array => new Uint8Array(32).fill(fill)

/** A book over peers that offer these, all of them connected and known. */
function bookOf(offersOf: { readonly [peer: string]: readonly SnapshotOffer[] }): OfferBook {
  const peers = Object.keys(offersOf)
  const clock = {
    monotonicMs: () => 0,
    after: (_: number, task: () => void) => {
      setImmediate(task)
      return () => undefined
    },
  }
  const asker = {
    peers: () => peers,
    isLiar: () => false,
    ask: async (peer: string, question: (from: string) => unknown) => question(peer),
  }
  return new OfferBook({
    host: { getPeer: () => ({ known: true }) },
    snapshots: { peers: () => peers, offers: async (peer: string) => offersOf[peer]! },
    asker,
    clock,
    memberCount: 4,
    gatherMs: 1,
  } as unknown as OfferBookOptions)
}

describe('node.offerBook', () => {
  const honest: SnapshotOffer = {
    height: 70,
    blockHash: bytes(1),
    manifestHash: bytes(2),
    manifestBytes: 100,
    sizeBytes: 1_000,
  }

  it('tells an offer from one that names the same manifest for another block or size', async () => {
    const lies = [
      { ...honest, blockHash: bytes(9) },
      { ...honest, sizeBytes: 2 },
    ]
    const book = bookOf({ liar: lies, honest: [honest], other: [honest] })
    await book.gather()
    const first = book.best()!
    assert.deepEqual(
      [first.offer, first.peers],
      [honest, ['honest', 'other']],
      'what most peers offer comes first',
    )
    // They fail for a reason of their own: what is left is the liar's alone, and nobody else answers for it.
    book.failed(first)
    book.failed(first)
    for (let i = 0; i < 2; i++) {
      const lie = book.best()!
      assert.deepEqual(lie.peers, ['liar'])
      book.failed(lie)
      book.failed(lie)
    }
    assert.equal(book.best(), undefined)
  })
})
