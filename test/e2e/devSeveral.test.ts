// Several validators in one process: jumps of their clock, what is asked while they go back, reverts that fail, callers that leave.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { request } from 'node:http'
import { parseEther } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { createDevnet, type Devnet } from '../../devnet/devnet.ts'
import { call, post } from '../support/jsonRpc.ts'

const STRANGER = `0x${'5e'.repeat(20)}` as const
const SENDS = 40

describe('several validators in one process', function () {
  this.timeout(120_000)
  let devnet: Devnet
  before(async () => {
    devnet = await createDevnet({ isInProcess: true, logLevel: 'warn', windowMs: 3_600_000 })
  })
  after(() => devnet?.close())

  const ask = <T>(method: string, ...params: readonly unknown[]): Promise<T> =>
    call<T>(devnet.rpcUrl, method, params)
  const windowNow = async (): Promise<number> =>
    (await ask<{ windowIndex: number }>('capacity_clock')).windowIndex
  const send = (index: number) =>
    ask<string>('eth_sendTransaction', { from: devnet.accounts[index]!.address, to: STRANGER, value: '0x1' })

  it('lose no proposal to a jump of the clock', async () => {
    for (let i = 0; i < 4; i++) {
      const sent = [0, 1, 2].map((from) => send(from))
      devnet.increaseTime(600_000)
      const { nowMs } = await ask<{ nowMs: number }>('dev_time')
      assert.ok(nowMs >= Date.now() + (i + 1) * 600_000 - 60_000)
      await devnet.mine()
      await Promise.all(sent)
    }
    await devnet.passWindows(5)
    for (const { logFile } of devnet.validators)
      assert.doesNotMatch(readFileSync(logFile, 'utf8'), /a proposal is dated too long ago/)
  })

  it('answer what is asked while they go back: sends, queries and the whole state', async () => {
    const account = privateKeyToAccount(devnet.accounts[3]!.privateKey)
    const id = await devnet.snapshot()
    await send(3)
    // As it will be once they are back.
    const nonce = Number(await ask<string>('eth_getTransactionCount', account.address, 'latest')) - 1
    const going = devnet.revert(id)
    const asked = Promise.all([
      ...Array.from({ length: SENDS }, async (_, i) => {
        const raw = await account.signTransaction({
          ...{
            type: 'eip1559',
            chainId: devnet.chainId,
            nonce: nonce + i,
            to: STRANGER,
            value: 1n,
            gas: 21_000n,
          },
          ...{ maxFeePerGas: parseEther('0.000001'), maxPriorityFeePerGas: 0n },
        })
        return post(
          devnet.rpcUrl,
          JSON.stringify({ jsonrpc: '2.0', id: i, method: 'eth_sendRawTransaction', params: [raw] }),
        )
      }),
      ...['eth_blockNumber', 'chain_reserve', 'dev_dumpState'].map((method) =>
        post(devnet.rpcUrl, JSON.stringify({ jsonrpc: '2.0', id: 1, method, params: [] })),
      ),
    ])
    assert.equal(await going, true)
    const failed = (await asked)
      .flatMap(({ error }) => error?.message ?? [])
      .filter((text) => !/already known/.test(text))
    assert.deepEqual(failed, [])
  })

  it('keep a snapshot when a revert to it fails', async () => {
    const [first, second] = [await devnet.snapshot(), await devnet.snapshot()]
    await devnet.mine()
    await devnet.stopValidator(3)
    await assert.rejects(devnet.revert(first), /a validator is stopped: start it before all go back/)
    await devnet.startValidator(3)
    assert.equal(await devnet.revert(second), true)
    assert.equal(await devnet.revert(second), false)
    assert.equal(await devnet.revert(first), true)
  })

  it('end no window more once the caller has left', async () => {
    const before = await windowNow()
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'dev_passWindows', params: [5_000] })
    const asked = request(devnet.rpcUrl, { method: 'POST', headers: { 'content-type': 'application/json' } })
    asked.on('error', () => {})
    asked.end(body)
    while ((await windowNow()) === before);
    const closed = new Promise((resolve) => asked.once('close', resolve))
    asked.destroy()
    await closed
    // Its turn comes once the command has ended.
    await devnet.mine()
    const after = await windowNow()
    assert.ok(after < before + 50, `${after - before} windows`)
    await devnet.mine()
    assert.equal(await windowNow(), after)
  })
})
