// What a peer's batch of transactions may cost this node, and what it is told of it.
import assert from 'node:assert/strict'
import { fromHex } from '../../base/bytes.ts'
import { keccak256 } from '../../base/crypto/hash.ts'
import { loadAccounts, signTransfer } from '../../bench/accounts.ts'
import { Ingest } from '../../node/pool/ingest.ts'
import type { Mempool } from '../../node/pool/mempool.ts'
import type { SenderPool } from '../../node/pool/senderPool.ts'
import type { GossipTx } from '../../p2p/txGossip.ts'

const CHAIN_ID = 7
const [account] = loadAccounts(1, 'ingest')
const batchOf = (count: number): GossipTx[] =>
  Array.from({ length: count }, (_, nonce) => {
    const signed = signTransfer({
      from: account!,
      to: account!.address,
      nonce,
      chainId: CHAIN_ID,
      valueBase: 1n,
      maxFeePerGas: 1n,
    })
    const raw = fromHex(signed.raw)
    return { raw, id: keccak256(raw) as Uint8Array }
  })

function open(options: {
  readonly isSigned: boolean
  readonly isFunded: boolean
  readonly knownIds?: number
}) {
  let recovered = 0
  let asked = 0
  const ingest = new Ingest({
    chainId: CHAIN_ID,
    mempool: {
      has: () => asked++ < (options.knownIds ?? 0),
      add: () => (options.isFunded ? undefined : { code: 'insufficientFunds', message: '' }),
    } as unknown as Mempool,
    senders: {
      recover: async (items: readonly unknown[]) => {
        recovered += items.length
        return items.map(() => (options.isSigned ? account!.address : undefined))
      },
    } as unknown as SenderPool,
    onAdmitted: () => {},
  })
  return { ingest, recovered: () => recovered }
}

describe('node.ingest.receive', () => {
  it('checks no more of a batch after the first unsigned ones', async () => {
    const { ingest, recovered } = open({ isSigned: false, isFunded: true })
    const batch = batchOf(200)
    const { dropped, ...rest } = await ingest.receive(batch)
    assert.deepEqual(rest, { admitted: [], checked: 64, malformed: 64 })
    assert.deepEqual(dropped, batch.slice(64))
    assert.equal(recovered(), 64)
  })

  it('tells how many had to be checked, whatever became of them', async () => {
    const refusing = open({ isSigned: true, isFunded: false, knownIds: 30 })
    const nothing = { admitted: [], checked: 70, malformed: 0, dropped: [] }
    assert.deepEqual(await refusing.ingest.receive(batchOf(100)), nothing)
    assert.equal(refusing.recovered(), 70)
    const { admitted, checked } = await open({ isSigned: true, isFunded: true }).ingest.receive(batchOf(100))
    assert.deepEqual([admitted.length, checked], [100, 100])
  })
})
