import assert from 'node:assert/strict'
import { toHex } from '../../base/bytes.ts'
import { keccak256 } from '../../base/crypto/hash.ts'
import type { SubmitResult } from '../../rpc/backend.ts'
import { RpcFailure, type Served, serve } from '../support/rpcHarness.ts'

const RAW = new Uint8Array([2, 0xc0])

describe('rpc.sendRawTransactionSync', () => {
  let served: Served
  before(async () => {
    served = await serve()
  })
  after(() => served.rpc.close())

  /** Keeps a submission pending beyond the time-out of its request, then settles it. */
  async function outlast(
    settle: (resolve: (result: SubmitResult) => void, fail: (error: Error) => void) => void,
  ) {
    const unhandled: unknown[] = []
    const note = (error: unknown): void => void unhandled.push(error)
    process.prependListener('unhandledRejection', note)
    served.backend.submit = () =>
      new Promise((resolve, reject) => setTimeout(() => settle(resolve, reject), 30))
    try {
      return await served
        .call('eth_sendRawTransactionSync', [toHex(RAW), 1])
        .catch((error: unknown) => error)
        .finally(() => assert.deepEqual(unhandled, []))
    } finally {
      process.removeListener('unhandledRejection', note)
    }
  }

  it('survives a time-out while the submission is pending, and returns the time-out', async () => {
    const id = keccak256(RAW)
    const error = await outlast((resolve) => resolve({ ok: true, id: new Uint8Array(id) }))
    assert.ok(error instanceof RpcFailure)
    assert.deepEqual([error.code, error.data], [4, toHex(id)])
  })

  it('survives it and returns the rejection of a transaction that is refused late', async () => {
    const rejection = { code: 'nonceTooLow', message: 'nonce too low' } as const
    const error = await outlast((resolve) => resolve({ ok: false, rejection }))
    assert.ok(error instanceof RpcFailure)
    assert.match(error.message, /nonce too low/)
  })
})
