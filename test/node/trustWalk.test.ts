// Boundary proofs from several peers, of which some lie, across real changes of the set.
import assert from 'node:assert/strict'
import { epochProofSchema } from '../../base/protocol/epochProof.ts'
import { sealBlock } from '../../base/protocol/header.ts'
import { validatorSetSchema } from '../../base/protocol/validators.ts'
import { PeerAsker } from '../../node/sync/peerAsker.ts'
import { type TrustOptions, TrustWalk } from '../../node/sync/trust.ts'
import type { RangeItem } from '../../p2p/syncMessages.ts'
import { LightChain, setOf } from '../support/lightChain.ts'

const EPOCHS = 6
type Proofs = (fromEpoch: number) => readonly (Uint8Array | undefined)[]

describe('sync.trust', () => {
  // The set changes in every second epoch.
  const chain = new LightChain([1, 2, 3, 4])
  for (let epoch = 0; epoch < EPOCHS; epoch++) {
    chain.add()
    chain.add({ nextSet: epoch % 2 === 0 ? setOf([epoch + 2, epoch + 3, epoch + 4, epoch + 5]) : chain.set })
  }
  chain.add()
  const proofAt = (epoch: number): Uint8Array | undefined => {
    const proof = chain.proofs.get(epoch)
    return proof === undefined ? undefined : epochProofSchema.encode(proof)
  }
  const honest: Proofs = (from) => Array.from({ length: EPOCHS - from }, (_, i) => proofAt(from + i))
  const setAt = (epoch: number) => chain.kept[2 * epoch + 1]!.block.header.setHash
  const blockAt = (height: number): RangeItem => {
    const { header } = chain.kept[height]!.block
    return { block: sealBlock({ header, transactions: [] }).bytes }
  }

  function optionsOf(
    peers: Readonly<Record<string, Proofs>>,
    block: (height: number) => RangeItem | undefined = blockAt,
  ) {
    const penalised: string[] = []
    const host = { penalise: (peer: string) => void penalised.push(peer) }
    const names = Object.keys(peers)
    const options: TrustOptions = {
      genesisHash: chain.genesisHash,
      genesisSet: chain.genesis.set,
      checkpoint: undefined,
      snapshots: {
        epochProofs: async (peer, from) => peers[peer]!(from).filter((proof) => proof !== undefined),
        validatorSet: async (_, epoch) =>
          validatorSetSchema.encode(
            epoch === 0 ? chain.genesis.set : setOf([2, 3, 4, 5].map((id) => id + 2 * ((epoch - 1) >> 1))),
          ),
      },
      sync: {
        fetchRange: async (_, height) => {
          const item = block(height)
          return item === undefined ? [] : [item]
        },
      },
      asker: new PeerAsker({ ...host, getPeer: () => undefined }, () => names),
    }
    return { options, penalised }
  }

  it('knows the set of every epoch it has passed, not only of the last', async () => {
    const { options } = optionsOf({ honest })
    const walk = TrustWalk.fromGenesis(options)
    for (const epoch of [EPOCHS, 4, 1, 3, 0, 2, 5]) {
      const trusted = await walk.setOf(epoch)
      assert.deepEqual([trusted?.epoch, trusted?.setHash], [epoch, setAt(epoch)], `epoch ${epoch}`)
      assert.equal(trusted?.height, 2 * epoch)
    }
    assert.equal(await walk.setOf(EPOCHS + 1), undefined)
  })

  it('goes on where a peer proved some epochs and then lied; only that peer is blamed', async () => {
    const flipped = (epoch: number) => {
      const bytes = proofAt(epoch)!.slice()
      bytes[bytes.length - 5]! ^= 1
      return bytes
    }
    const lies: readonly Proofs[] = [
      (from) => [proofAt(from), flipped(from + 1)],
      (from) => [proofAt(from), proofAt(from)],
      (from) => [proofAt(from), proofAt(from + 2)],
      (from) => [proofAt(from), proofAt(from + 1), proofAt(from)],
    ]
    for (const liar of lies) {
      const { options, penalised } = optionsOf({ liar, honest, other: honest })
      // The ranking is random: the liar is asked first in some of these.
      for (let i = 0; i < 4; i++) {
        const trusted = await TrustWalk.fromGenesis(options).setOf(4)
        assert.deepEqual(trusted?.setHash, setAt(4))
      }
      assert.deepEqual(
        penalised.filter((peer) => peer !== 'liar'),
        [],
      )
    }
  })

  it('starts from the block that the checkpoint names and from no other', async () => {
    const checkpoint = { height: 5, hash: chain.kept[5]!.block.hash }
    const { options, penalised } = optionsOf({ honest })
    const walk = await TrustWalk.fromCheckpoint(options, checkpoint)
    assert.deepEqual([walk?.firstEpoch, (await walk?.setOf(2))?.setHash, penalised], [2, setAt(2), []])
    const { header } = chain.kept[5]!.block
    const forged = { block: sealBlock({ header: { ...header, gasUsed: 1 }, transactions: [] }).bytes }
    const wrong = optionsOf({ liar: honest }, () => forged)
    assert.equal(await TrustWalk.fromCheckpoint(wrong.options, checkpoint), undefined)
    assert.deepEqual(wrong.penalised, ['liar'])
    const pruned = optionsOf({ honest }, () => undefined)
    assert.equal(await TrustWalk.fromCheckpoint(pruned.options, checkpoint), undefined)
    assert.deepEqual(pruned.penalised, [], 'a pruned block is no lie')
  })
})
