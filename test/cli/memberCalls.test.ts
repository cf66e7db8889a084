// The calls of `suanli member`: what it refuses before sending, and the account that sends.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { secretKeyAddress } from '../../base/address.ts'
import { toHex } from '../../base/bytes.ts'
import { sha256 } from '../../base/crypto/hash.ts'
import { OperatorError } from '../../base/errors.ts'
import { hexOption, memberCall, sendMemberCall } from '../../cli/memberCalls.ts'
import { openOperatorKey, operatorAddress, storeOperatorKey } from '../../signer/operatorKey.ts'
import { governanceSchema } from '../../state/modules/governance/schema.ts'
import { decodeTransaction, recoverSender } from '../../state/transaction.ts'
import { calldata } from '../support/calldata.ts'

const secret = sha256(new Uint8Array([5]))

/** A node that answers each method with a fixed result, or with an error and what it carries. */
async function fakeNode(answers: Readonly<Record<string, unknown>>) {
  const asked: { method: string; params: readonly [string, number?] }[] = []
  const server = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk) => {
      body += chunk
    })
    request.on('end', () => {
      const { method, params } = JSON.parse(body) as { method: string; params: readonly [string, number?] }
      asked.push({ method, params })
      const answer = answers[method]
      const isError = answer instanceof Error
      response.end(
        JSON.stringify(isError ? { error: { ...answer, message: answer.message } } : { result: answer }),
      )
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}`, asked, close: () => server.close() }
}

const ANSWERS = {
  eth_estimateGas: '0x15f90',
  eth_chainId: '0x7',
  eth_getTransactionCount: '0x3',
  chain_fees: { lanes: [{ lane: 'general', nextBaseFeePerGas: '5' }] },
}
const vote = memberCall(governanceSchema, 'vote', { proposal: 3, approve: true })

describe('cli.memberCall', () => {
  it('encodes what a wallet would, and names the argument that is out of bounds', () => {
    assert.deepEqual(vote.data, calldata(governanceSchema, 'vote', { proposal: 3, approve: true }))
    const refused = (args: object) => () => memberCall(governanceSchema, 'vote', { approve: true, ...args })
    assert.throws(refused({ proposal: -1 }), /^OperatorError: proposal: expected an integer/)
    assert.throws(refused({ proposal: 1, approve: 'yes' }), /approve: expected true or false/)
    assert.deepEqual(hexOption('--operator', '0x0a0b'), new Uint8Array([10, 11]))
    assert.throws(() => hexOption('--operator', 'zz'), /^OperatorError: --operator: expected 0x hex/)
  })

  it('signs with the next nonce and waits for the receipt', async () => {
    const receipt = { status: '0x1', transactionHash: '0xaa', blockNumber: '0x9' }
    const node = await fakeNode({ ...ANSWERS, eth_sendRawTransactionSync: receipt })
    try {
      assert.deepEqual(await sendMemberCall(node.url, secret, vote), { transaction: '0xaa', blockNumber: 9 })
      assert.equal(node.asked.at(-1)!.params[1], 60_000, 'waits longer than the default of a node')
      const raw = hexOption('raw', node.asked.at(-1)!.params[0]!)
      const decoded = decodeTransaction(raw, 7)
      assert.ok('transaction' in decoded)
      const { nonce, gasLimit, maxFeePerGas, to } = decoded.transaction
      assert.deepEqual([nonce, gasLimit, maxFeePerGas, to], [3, 90_000, 1_000_000_010n, vote.to])
      assert.deepEqual(recoverSender(decoded.transaction), secretKeyAddress(secret))
    } finally {
      node.close()
    }
  })

  it('names a transaction that is submitted and not final yet, so that nobody sends the call twice', async () => {
    const node = await fakeNode({
      ...ANSWERS,
      eth_sendRawTransactionSync: Object.assign(new Error('not in a block'), { code: 4, data: '0xabcd' }),
    })
    try {
      await assert.rejects(
        sendMemberCall(node.url, secret, vote),
        /^OperatorError: 0xabcd is submitted and waits, .* do not send the call again; ask tx_status/,
      )
    } finally {
      node.close()
    }
  })

  it('reports why the chain refuses a call, before and after sending', async () => {
    const early = await fakeNode({
      ...ANSWERS,
      eth_estimateGas: new Error('execution reverted: NotValidator()'),
    })
    const receipt = { status: '0x0', transactionHash: '0xaa', blockNumber: '0x9' }
    const late = await fakeNode({
      ...ANSWERS,
      eth_sendRawTransactionSync: receipt,
      tx_status: { sentence: 'vote failed: UnknownProposal(proposal=3)' },
    })
    try {
      await assert.rejects(
        sendMemberCall(early.url, secret, vote),
        /eth_estimateGas: execution reverted: NotValidator/,
      )
      assert.equal(early.asked.length, 1)
      await assert.rejects(
        sendMemberCall(late.url, secret, vote),
        /0xaa: vote failed: UnknownProposal\(proposal=3\)/,
      )
      await assert.rejects(
        sendMemberCall('http://127.0.0.1:9', secret, vote),
        /does not answer eth_estimateGas/,
      )
    } finally {
      early.close()
      late.close()
    }
  })
})

describe('node.operatorKey', () => {
  it('keeps one account under a password', () => {
    const dir = mkdtempSync(join(tmpdir(), 'operator-'))
    try {
      assert.equal(openOperatorKey(dir, 'x'), undefined)
      assert.equal(operatorAddress(dir), undefined)
      const stored = storeOperatorKey(dir, { secret, password: 'right', cost: 'light' })
      assert.equal(toHex(stored), toHex(secretKeyAddress(secret)))
      assert.deepEqual(operatorAddress(dir), stored)
      assert.deepEqual(openOperatorKey(dir, 'right'), secret)
      assert.throws(() => openOperatorKey(dir, 'wrong'), /password/)
      assert.throws(() => storeOperatorKey(dir, { secret, password: 'right', cost: 'light' }), OperatorError)
    } finally {
      rmSync(dir, { recursive: true })
    }
  })
})
