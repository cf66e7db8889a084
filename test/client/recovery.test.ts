import assert from 'node:assert/strict'
import { bls } from '../../base/crypto/bls.ts'
import { type Recovery, type RecoveryFile, recoverySigningBytes } from '../../base/protocol/recovery.ts'
import { LightClientError } from '../../client/errors.ts'
import { LightClient } from '../../client/lightClient.ts'
import { entryOf, LightChain, secretOf, setOf } from '../support/lightChain.ts'

const NEW_EPOCH = 9

/** A recovery from the chain's tip, signed by the given members. */
function recoveryOf(chain: LightChain, ids: readonly number[]): RecoveryFile {
  const { header, hash } = chain.tip
  const certificate = chain.certificates.get(header.height)!
  const floor = { height: header.height, hash, epoch: header.epoch, view: certificate.subject.view }
  const { validators } = setOf(ids)
  const recovery: Recovery = {
    genesisHash: chain.genesisHash,
    floor,
    certificate,
    epoch: NEW_EPOCH,
    previous: chain.set,
    members: validators.map((validator) => ({ validator })),
    abandoned: [],
    reason: 'two data centres burnt down',
    madeBy: ids[0]!,
  }
  const signatures = validators.map(({ id, consensusKey }) => {
    const attestation = {
      provider: id,
      finalized: floor,
      epoch: header.epoch,
      votesKnown: true,
      finalizeVotes: [],
    }
    const signature = bls.sign(secretOf(consensusKey), recoverySigningBytes(recovery, attestation))
    return { attestation, signature }
  })
  return { recovery, signatures }
}

/** One set change, a recovery by two of four, two more changes. */
function recoveredChain(): { readonly chain: LightChain; readonly file: RecoveryFile } {
  const chain = new LightChain([1, 2, 3, 4])
  chain.add({ entries: [entryOf('early', true)] })
  chain.add({ nextSet: setOf([1, 2, 3, 5]) })
  chain.add({ entries: [entryOf('old', true)] })
  const file = recoveryOf(chain, [1, 2])
  chain.set = setOf([1, 2])
  chain.epoch = NEW_EPOCH
  chain.add()
  chain.add({ nextSet: setOf([1, 2, 6, 7]) })
  chain.add({ nextSet: setOf([2, 6, 7, 8]) })
  chain.add()
  return { chain, file }
}

const clientOf = (chain: LightChain, recoveries: readonly RecoveryFile[]): LightClient => {
  const origin = { kind: 'set', trusted: chain.genesis } as const
  return new LightClient({ origin, providers: [chain.provider()], recoveries })
}

describe('client.recovery', () => {
  it('follows a recovery that the user trusts', async () => {
    const { chain, file } = recoveredChain()
    const client = clientOf(chain, [file])
    const { tip, changes } = await client.sync()
    assert.deepEqual([tip.header.epoch, changes], [NEW_EPOCH + 2, 4])
    assert.equal((await client.receipt(entryOf('early', true).id))?.block.header.epoch, 0)
    assert.equal((await client.receipt(entryOf('old', true).id))?.block.header.epoch, 1)
  })

  it('stops at a recovery that it was not given', async () => {
    const { chain, file } = recoveredChain()
    await assert.rejects(clientOf(chain, []).sync(), /check setHash failed/)
    const foreign = { ...file, recovery: { ...file.recovery, previous: setOf([1, 2, 3, 4]) } }
    await assert.rejects(clientOf(chain, [foreign]).sync(), /check setHash failed/)
  })

  it('reports the rule that a recovery file breaks', async () => {
    const { chain, file } = recoveredChain()
    const unsigned = { ...file, signatures: file.signatures.slice(1) }
    await assert.rejects(clientOf(chain, [unsigned]).sync(), (error: LightClientError) => {
      assert.ok(error instanceof LightClientError)
      assert.equal(error.code, 'input')
      assert.match(error.message, /breaks its rule missingSignature: not signed by provider 1/)
      return true
    })
  })

  it('ends on a recovery when the set has not changed since', async () => {
    const chain = new LightChain([1, 2, 3, 4])
    chain.add()
    const file = recoveryOf(chain, [1, 2, 3])
    chain.set = setOf([1, 2, 3])
    chain.epoch = NEW_EPOCH
    chain.add()
    const client = clientOf(chain, [file])
    const { tip, changes } = await client.sync()
    assert.deepEqual([tip.header.epoch, tip.validatorCount, changes], [NEW_EPOCH, 3, 1])
    assert.equal(client.checkpoint(), undefined)
  })
})
