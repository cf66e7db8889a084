import assert from 'node:assert/strict'
import { fromHex, toHex } from '../../base/bytes.ts'
import { epochProofSchema } from '../../base/protocol/epochProof.ts'
import { merkleVerify } from '../../base/protocol/merkle.ts'
import { receiptSchema } from '../../base/protocol/receipt.ts'
import { receiptProofSchema } from '../../base/protocol/receiptProof.ts'
import { verifyStateProof } from '../../base/protocol/stateProof.ts'
import { addressOf, COIN } from '../support/chainHarness.ts'
import { accountOf } from '../support/fakeBackend.ts'
import { LightChain, setOf } from '../support/lightChain.ts'
import { type Loose, type Served, serve } from '../support/rpcHarness.ts'

const alice = accountOf('alice')
const ACCOUNT = '0x0101'

describe('rpc.proofs', () => {
  let served: Served
  const ask = (method: string, params: Loose = []): Promise<Loose> => served.call(method, params)
  before(async () => {
    served = await serve()
    served.backend.fund([alice, accountOf('bob')], 50n * COIN)
    served.backend.mine()
    const chain = new LightChain([1, 2, 3, 4])
    for (let i = 0; i < 6; i++) chain.add({ nextSet: setOf(i % 3 === 0 ? [1, 2, 3, 5 + i] : ids(chain)) })
    for (const [epoch, proof] of chain.proofs) served.backend.epochProofs.set(epoch, proof)
    // The tip determines the current epoch.
    const { header } = served.backend.head()
    Object.assign(header, { epoch: 5, endsEpoch: true })
  })
  after(async () => {
    await served.rpc.close()
    assert.deepEqual(served.logged, [])
  })
  const ids = (chain: LightChain): readonly number[] => chain.set.validators.map(({ id }) => id)
  const epochsOf = (answer: Loose): number[] =>
    answer.proofs.map((hex: string) => epochProofSchema.decode(fromHex(hex)).header.epoch)

  it('returns epoch proofs in order, all or only set changes', async () => {
    const all = await ask('chain_epochProofs', { fromEpoch: 0 })
    assert.deepEqual([epochsOf(all), all.nextEpoch, all.epoch], [[0, 1, 2, 3, 4, 5], 6, 6])
    const changes = await ask('chain_epochProofs', { fromEpoch: 0, changesOnly: true })
    assert.deepEqual([epochsOf(changes), changes.nextEpoch], [[0, 3], 6])
    const some = await ask('chain_epochProofs', [1, 2])
    assert.deepEqual([epochsOf(some), some.nextEpoch], [[1, 2], 3])
    const first = await ask('chain_epochProofs', { fromEpoch: 0, max: 1, changesOnly: true })
    assert.deepEqual([epochsOf(first), first.nextEpoch], [[0], 1])
    const none = await ask('chain_epochProofs', [6])
    assert.deepEqual(none, { proofs: [], nextEpoch: 6, epoch: 6 })
  })

  it('skips epochs without a proof after a recovery, and enforces its limits', async () => {
    const proof = served.backend.epochProofs.get(2)!
    served.backend.epochProofs.delete(2)
    const { proofs, nextEpoch } = await ask('chain_epochProofs', { fromEpoch: 1, max: 2 })
    assert.deepEqual([epochsOf({ proofs }), nextEpoch], [[1, 3], 4])
    served.backend.epochProofs.set(2, proof)
    const beyond = await ask('chain_epochProofs', [1_000_000])
    assert.deepEqual(beyond, { proofs: [], nextEpoch: 6, epoch: 6 })
    for (const max of [0, 65, -1, 1.5]) {
      await assert.rejects(ask('chain_epochProofs', { fromEpoch: 0, max }), /invalid argument 1 \(max\)/)
    }
    await assert.rejects(ask('chain_epochProofs', []), /missing value for required argument 0/)
  })

  it('proves presence and absence of records by key at any available block', async () => {
    const keys = [alice.address, addressOf('nobody')].map((address) => `${ACCOUNT}${toHex(address).slice(2)}`)
    const answer = await ask('chain_stateProof', { keys, atBlock: 1 })
    const root = fromHex(answer.header.fields.stateRoot)
    assert.deepEqual(
      answer.proof.map(({ key, value }: Loose) => [key, value === null]),
      [
        [keys[0], false],
        [keys[1], true],
      ],
    )
    for (const { key, value, bytes } of answer.proof) {
      const stored = value === null ? undefined : fromHex(value)
      assert.ok(verifyStateProof({ root, key: fromHex(key), value: stored, proof: fromHex(bytes) }))
    }
    assert.equal(answer.certificate.path.length, 1)
    await assert.rejects(ask('chain_stateProof', { keys, atBlock: 'pending' }), /only finalized/)
    await assert.rejects(ask('chain_stateProof', { keys: [] }), /at least one key/)
    await assert.rejects(ask('chain_stateProof', { keys: Array(65).fill(keys[0]) }), /at most 64/)
    await assert.rejects(ask('chain_stateProof', { keys: [`0x${'11'.repeat(1025)}`] }), /1024/)
    await assert.rejects(ask('chain_stateProof', { keys, atBlock: 99 }), /header not found/)
  })

  it('proves the receipt of every transaction in a block', async () => {
    const block = await served.backend.blockByHeight(1)
    for (const [index, { id }] of block!.transactions.entries()) {
      const answer = await ask('tx_receiptProof', [toHex(id)])
      assert.deepEqual([answer.height, answer.index], [1, index])
      const proof = receiptProofSchema.decode(fromHex(answer.bytes))
      const { transactionsRoot, receiptsRoot } = proof.finality.header
      const count = block!.transactions.length
      assert.deepEqual([proof.index, proof.count], [index, count])
      const { transactionPath, receiptPath } = proof
      assert.ok(merkleVerify({ root: transactionsRoot, leaf: id, index, count, path: transactionPath }))
      const leaf = receiptSchema.encode(block!.receipts[index]!)
      assert.ok(merkleVerify({ root: receiptsRoot, leaf, index, count: count + 1, path: receiptPath }))
    }
    assert.equal(await ask('tx_receiptProof', [`0x${'12'.repeat(32)}`]), null)
    await assert.rejects(ask('tx_receiptProof', ['0x12']), /expected 32 bytes/)
  })

  it('appears in the OpenRPC document', async () => {
    const { methods } = await ask('rpc.discover')
    const names = methods.map((method: Loose) => method.name)
    for (const name of ['chain_epochProofs', 'chain_stateProof', 'tx_receiptProof']) {
      assert.ok(names.includes(name), name)
    }
  })
})
