import assert from 'node:assert/strict'
import { fromHex } from '../../base/bytes.ts'
import { bls } from '../../base/crypto/bls.ts'
import { judgeEvidence } from '../../base/protocol/evidence.ts'
import { finalityProofSchema, verifyFinality } from '../../base/protocol/finalityProof.ts'
import { conflictJson } from '../../client/conflict.ts'
import { LightClientError } from '../../client/errors.ts'
import { LightClient } from '../../client/lightClient.ts'
import type { Provider } from '../../client/provider.ts'
import { certify, finalizes, LightChain, setOf } from '../support/lightChain.ts'

function start(): LightChain {
  const chain = new LightChain([1, 2, 3, 4])
  chain.add()
  chain.add({ nextSet: setOf([2, 3, 4, 5]) })
  chain.add()
  return chain
}

async function sync(chain: LightChain, ...witnesses: Provider[]) {
  const origin = { kind: 'set', trusted: chain.genesis } as const
  return new LightClient({ origin, providers: [chain.provider('ours'), ...witnesses] }).sync()
}

async function conflictWith(chain: LightChain, other: LightChain) {
  try {
    await sync(chain, other.provider('theirs'))
  } catch (error) {
    assert.ok(error instanceof LightClientError, String(error))
    assert.equal(error.code, 'conflict', error.message)
    assert.match(error.message, /ours and theirs prove conflicting blocks/)
    return error.conflict!
  }
  return assert.fail('no conflict was found')
}

describe('client.witness', () => {
  it('agrees with a provider of the same chain, ahead or behind', async () => {
    const chain = start()
    const behind = chain.fork()
    chain.add()
    const ahead = chain.fork()
    ahead.add()
    const { witnesses } = await sync(chain, behind.provider('behind'), ahead.provider('ahead'))
    assert.deepEqual(witnesses, [
      { verdict: 'agrees', provider: 'behind', height: 3 },
      { verdict: 'agrees', provider: 'ahead', height: 4 },
    ])
  })

  it('returns evidence when a quorum signed two blocks at one height', async () => {
    const chain = start()
    const other = chain.fork()
    chain.add()
    other.add({ header: { gasUsed: 1 } })
    other.certificates.set(4, certify(other.genesisHash, other.set, finalizes(other.tip.header), [1, 2, 3]))
    const conflict = await conflictWith(chain, other)
    // Members 2, 3, 4 signed ours and 3, 4, 5 theirs.
    assert.deepEqual(conflict.signers, [3, 4])
    assert.equal(conflict.epoch, 1)
    const json = conflictJson(conflict) as { first: { bytes: string }; second: { bytes: string } }
    const trusted = { ...chain.genesis, epoch: 1, height: 2, ...setAt(chain) }
    const { verifyAggregate } = bls
    const bytes = conflict.evidence!
    const judged = judgeEvidence({ bytes, genesisHash: chain.genesisHash, set: chain.set, verifyAggregate })
    assert.deepEqual(judged, {
      conviction: { kind: 'doubleFinalize', epoch: 1, view: 4, culprits: [1, 2] },
    })
    for (const side of [json.first, json.second]) {
      const proof = finalityProofSchema.decode(fromHex(side.bytes))
      assert.ok(verifyFinality(trusted, proof).ok)
    }
  })

  it('returns no evidence for certificates of different views', async () => {
    const chain = start()
    const other = chain.fork()
    chain.add()
    other.add({ header: { view: 9 } })
    const conflict = await conflictWith(chain, other)
    assert.deepEqual([conflict.signers, conflict.evidence], [[2, 3, 4], undefined])
    assert.equal((conflictJson(conflict) as { evidence: unknown }).evidence, null)
  })

  it('finds where the sets diverge when former members forge a chain', async () => {
    // Long-range attack: with all keys of the first set, the forged chain starts before the change.
    const chain = start()
    const forged = new LightChain([1, 2, 3, 4])
    forged.add()
    forged.add({ nextSet: setOf([1, 2, 3, 4]), header: { gasUsed: 7 } })
    for (let i = 0; i < 3; i++) forged.add()
    const conflict = await conflictWith(chain, forged)
    assert.equal(conflict.epoch, 0)
    assert.deepEqual(conflict.signers, [1, 2, 3])
    assert.equal(conflict.first.proof.header.height, 2)
    assert.equal(conflict.second.proof.header.height, 2)
    // A client that has verified the change, or starts from a later checkpoint, rejects the forgery.
    const hash = chain.kept[2]!.block.hash
    const checkpoint = { genesisHash: chain.genesisHash, epoch: 0, hash }
    const client = new LightClient({
      origin: { kind: 'checkpoint', checkpoint },
      providers: [forged.provider()],
    })
    await assert.rejects(client.sync(), /check genesis failed/)
  })

  /** Ours, with other answers for one height; `lie` is a chain whose block is served there. */
  function altered(chain: LightChain, height: number, lie: LightChain, at = height): Provider {
    const [honest, other] = [chain.provider('ours'), lie.provider('ours')]
    return {
      name: 'ours',
      request: (method, params) =>
        method === 'chain_certificate' && params.block === height
          ? other.request(method, { block: at })
          : honest.request(method, params),
    }
  }

  /** A chain with a set change at block 4, and a copy that ends at block 2, below the change. */
  function longAndShort(): { readonly chain: LightChain; readonly behind: LightChain } {
    const chain = new LightChain([1, 2, 3, 4])
    chain.add()
    chain.add()
    const behind = chain.fork()
    chain.add()
    chain.add({ nextSet: setOf([2, 3, 4, 5]) })
    chain.add()
    return { chain, behind }
  }

  /** The same heights, where the second block is another and nobody has signed it. */
  function unsigned(chain: LightChain): LightChain {
    const lie = new LightChain(chain.genesis)
    lie.add()
    lie.add({ header: { gasUsed: 1 } })
    lie.certificates.set(2, certify(lie.genesisHash, lie.set, finalizes(lie.tip.header), [0]))
    return lie
  }

  const follow = (primary: Provider, chain: LightChain, witness: Provider) => {
    const origin = { kind: 'set', trusted: chain.genesis } as const
    return new LightClient({ origin, providers: [primary, witness] }).sync()
  }
  const refusesOurs = (run: Promise<unknown>, check: string, what: RegExp) =>
    assert.rejects(run, (error: LightClientError) => {
      assert.deepEqual([error.code, error.check, error.provider], ['check', check, 'ours'], error.message)
      assert.match(error.message, what)
      return true
    })

  it('agrees with a witness that is behind the last set change', async () => {
    const { chain, behind } = longAndShort()
    const { witnesses } = await sync(chain, behind.provider('behind'))
    assert.deepEqual(witnesses, [{ verdict: 'agrees', provider: 'behind', height: 2 }])
  })

  it('blames a primary that answers with another height than asked', async () => {
    const { chain, behind } = longAndShort()
    const primary = altered(chain, 2, chain, 3)
    await refusesOurs(follow(primary, chain, behind.provider('behind')), 'height', /block 3 instead of 2/)
  })

  it('verifies the header of the primary below the last set change too', async () => {
    const { chain, behind } = longAndShort()
    const primary = altered(chain, 2, unsigned(chain))
    await refusesOurs(follow(primary, chain, behind.provider('behind')), 'quorum', /1 of 4/)
    // Both lie alike: still no agreement.
    await refusesOurs(follow(primary, chain, unsigned(chain).provider('accomplice')), 'quorum', /1 of 4/)
  })

  it('finds a conflict below the last set change, signed by the earlier set', async () => {
    const { chain } = longAndShort()
    const other = new LightChain(chain.genesis)
    other.add()
    other.add({ header: { gasUsed: 1 } })
    const conflict = await conflictWith(chain, other)
    assert.deepEqual(conflict.signers, [1, 2, 3])
    assert.equal(conflict.first.proof.header.height, 2)
  })

  it('cannot use a witness that is not above the trusted start', async () => {
    const { chain, behind } = longAndShort()
    const checkpoint = { genesisHash: chain.genesisHash, epoch: 0, hash: chain.kept[4]!.block.hash }
    const origin = { kind: 'checkpoint', checkpoint } as const
    const client = new LightClient({ origin, providers: [chain.provider('ours'), behind.provider('behind')] })
    const [witness] = (await client.sync()).witnesses
    assert.match(witness?.verdict === 'unusable' ? witness.reason : '', /block 2, not above .* block 4/)
  })

  it('cannot use a witness that answers with another height than asked', async () => {
    const { chain } = longAndShort()
    const ahead = chain.fork()
    ahead.add()
    const evasive: Provider = {
      name: 'evasive',
      request: (method, params) =>
        ahead.provider().request(method, params.block === 5 ? { ...params, block: 3 } : params),
    }
    const [witness] = (await follow(chain.provider('ours'), chain, evasive)).witnesses
    assert.match(witness?.verdict === 'unusable' ? witness.reason : '', /returned block 3 instead of 5/)
  })

  it('reports why a witness is unusable', async () => {
    const chain = start()
    const unsigned = chain.fork()
    chain.add()
    unsigned.add({ header: { gasUsed: 1 } })
    const { subject } = unsigned.certificates.get(4)!
    const onlyTwo = certify(unsigned.genesisHash, unsigned.set, subject, [0, 1])
    unsigned.certificates.set(4, onlyTwo)
    const silent: Provider = {
      name: 'silent',
      request: async () => {
        throw new LightClientError('provider', 'silent: connection refused', { provider: 'silent' })
      },
    }
    const evasive = chain.provider('evasive', (method, answer) =>
      method === 'chain_certificate' ? { ...(answer as object), certificate: null } : answer,
    )
    const { witnesses } = await sync(chain, unsigned.provider('unsigned'), silent, evasive)
    assert.deepEqual(
      witnesses.map((witness) => witness.verdict),
      ['unusable', 'unusable', 'unusable'],
    )
    const reasons = witnesses.map((witness) => (witness.verdict === 'unusable' ? witness.reason : ''))
    assert.match(reasons[0]!, /check quorum failed: 2 of 4/)
    assert.match(reasons[1]!, /connection refused/)
    assert.match(reasons[2]!, /check digest failed/)
  })
})

function setAt(chain: LightChain) {
  return { set: chain.set, setHash: chain.tip.header.setHash }
}
