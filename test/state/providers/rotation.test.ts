// A member's own key changes: what is rejected, when they take effect, and that no key is ever reused.
import { strict as assert } from 'node:assert'
import { equalBytes } from '../../../base/bytes.ts'
import { DEV_PARAMETERS } from '../../../genesis/parameters.ts'
import { governanceSchema } from '../../../state/modules/governance/schema.ts'
import { getProvider, providerByConsensusKey } from '../../../state/modules/providers/members.ts'
import { previousSet } from '../../../state/modules/providers/pastSets.ts'
import { providersSchema } from '../../../state/modules/providers/schema.ts'
import { changesBetween, changesMax, validatorSet } from '../../../state/modules/providers/validatorSet.ts'
import {
  admissionOf,
  genesisKeys,
  keysOf,
  MemberChain,
  operatorOf,
  stranger,
} from '../../support/memberChain.ts'

const { rotationIntervalMs } = DEV_PARAMETERS.providers

const rotate = (chain: MemberChain, id: number, name: string) => {
  const { consensusKey, possessionProof } = keysOf(name)
  return chain.run(operatorOf(id), providersSchema, 'rotateConsensusKey', { consensusKey, possessionProof })
}
const move = (chain: MemberChain, id: number, peerId: Uint8Array) =>
  chain.run(operatorOf(id), providersSchema, 'changePeerId', { peerId })
const seat = (chain: MemberChain, id: number) => validatorSet(chain.full).validators.find((v) => v.id === id)!

describe('providers.rotateConsensusKey', () => {
  it('replaces the key from the epoch after the next boundary on', () => {
    const chain = new MemberChain(4)
    assert.equal(rotate(chain, 2, 'second'), undefined)
    assert.deepEqual(seat(chain, 2).consensusKey, genesisKeys(1).consensusKey)
    chain.next()
    assert.equal(chain.parent.header.endsEpoch, true)
    assert.deepEqual(seat(chain, 2).consensusKey, keysOf('second').consensusKey)
    assert.deepEqual(chain.ids, [1, 2, 3, 4])
    const before = previousSet(chain.full, 1)!.validators
    assert.equal(changesBetween(before, validatorSet(chain.full).validators), 1)
    assert.equal(previousSet(chain.full, 2), undefined)
    chain.next()
    assert.equal(chain.parent.header.endsEpoch, false)
  })

  it('never lets a key be reused, by any member', () => {
    const chain = new MemberChain(4)
    assert.equal(rotate(chain, 2, 'second'), undefined)
    chain.wait(rotationIntervalMs)
    const { consensusKey, possessionProof } = genesisKeys(1)
    const again = { consensusKey, possessionProof }
    for (const id of [2, 3]) {
      assert.equal(
        chain.run(operatorOf(id), providersSchema, 'rotateConsensusKey', again),
        'KeyTaken(provider=2)',
      )
    }
    const newcomer = admissionOf(5, again)
    assert.equal(
      chain.run(operatorOf(1), governanceSchema, 'proposeAdmission', newcomer),
      'KeyTaken(provider=2)',
    )
    assert.equal(providerByConsensusKey(chain.full, consensusKey), 2)
  })

  it('rejects non-members, keys without proof, and a second change too soon', () => {
    const chain = new MemberChain(4)
    const { consensusKey, possessionProof } = keysOf('second')
    const args = { consensusKey, possessionProof }
    assert.match(chain.run(stranger, providersSchema, 'rotateConsensusKey', args)!, /^NotProvider/)
    const forged = { consensusKey, possessionProof: keysOf('third').possessionProof }
    assert.equal(
      chain.run(operatorOf(2), providersSchema, 'rotateConsensusKey', forged),
      'BadPossessionProof()',
    )
    assert.equal(rotate(chain, 2, 'second'), undefined)
    assert.match(rotate(chain, 2, 'third')!, /^RotationTooSoon\(notBefore=\d+\)/)
    assert.match(move(chain, 2, keysOf('third').peerId)!, /^RotationTooSoon/)
    chain.wait(rotationIntervalMs)
    assert.equal(rotate(chain, 2, 'third'), undefined)
  })

  it('shares an epoch’s bound with joins and leaves, which take precedence', () => {
    // Five rotations fit into one block of this size.
    const chain = new MemberChain(10, {
      accounts: { ...DEV_PARAMETERS.accounts, blockGasLimit: 120_000_000 },
    })
    assert.equal(changesMax(10), 3)
    const receipts = chain.next(
      [1, 2, 3, 4, 5].map((id) => {
        const { consensusKey, possessionProof } = keysOf(`rotated ${id}`)
        const args = { consensusKey, possessionProof }
        return { from: operatorOf(id), module: providersSchema, action: 'rotateConsensusKey', args }
      }),
    )
    assert.ok(receipts.every(({ succeeded }) => succeeded))
    const rotated = () =>
      [1, 2, 3, 4, 5].filter((id) =>
        equalBytes(seat(chain, id).consensusKey, keysOf(`rotated ${id}`).consensusKey),
      )
    chain.next()
    assert.deepEqual(rotated(), [1, 2, 3])
    chain.next()
    assert.deepEqual(rotated(), [1, 2, 3, 4, 5])
    assert.equal(chain.parent.header.endsEpoch, true)
    chain.next()
    assert.equal(chain.parent.header.endsEpoch, false)
  })
})

describe('providers.changePeerId', () => {
  it('replaces the peer id, and lets only its former owner use one again', () => {
    const chain = new MemberChain(4)
    const moved = keysOf('moved').peerId
    assert.equal(move(chain, 3, moved), undefined)
    chain.next()
    assert.deepEqual(seat(chain, 3).peerId, moved)
    assert.equal(move(chain, 4, moved), 'PeerIdTaken(provider=3)')
    assert.equal(move(chain, 4, genesisKeys(2).peerId), 'PeerIdTaken(provider=3)')
    assert.equal(move(chain, 4, new Uint8Array(38)), 'MalformedPeerId()')
    assert.equal(move(chain, 4, new Uint8Array(0)), 'MalformedPeerId()')
    chain.wait(rotationIntervalMs)
    assert.equal(move(chain, 3, moved), 'PeerIdTaken(provider=3)')
    assert.equal(move(chain, 3, genesisKeys(2).peerId), undefined)
    chain.next()
    assert.deepEqual(seat(chain, 3).peerId, genesisKeys(2).peerId)
    assert.deepEqual(getProvider(chain.full, 3)!.peerId, genesisKeys(2).peerId)
  })
})
