// The history in Python, of a block in which nobody may mint.
import { strict as assert } from 'node:assert'
import { execFile } from 'node:child_process'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const PROGRAM = fileURLToPath(new URL('../../../examples/history.py', import.meta.url))
const COIN = 10n ** 18n
const ANSWERS: { readonly [method: string]: unknown } = {
  eth_blockNumber: '0x7',
  eth_getBlockByNumber: { timestamp: '0x10' },
  eth_getBlockReceipts: [{ status: '0x0' }],
  eth_getLogs: [],
  chain_reserve: {
    reserve: {
      supplyBase: String(9n * COIN),
      liabilitiesBase: String(9n * COIN),
      shortfallBase: String(COIN / 2n),
      mintStop: { reason: 'shortfall', since: 5 },
    },
  },
}

describe('examples.history', () => {
  it('says why nobody may mint', async () => {
    const server = createServer(async (request, response) => {
      let text = ''
      for await (const part of request) text += part
      const calls = JSON.parse(text) as readonly { readonly id: number; readonly method: string }[]
      response.end(JSON.stringify(calls.map(({ id, method }) => ({ id, result: ANSWERS[method] }))))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    try {
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
      const env = { ...process.env, ETH_RPC_URL: url }
      const { stdout } = await promisify(execFile)('python3', [PROGRAM, '7'], { env })
      const line = 'block 7 time 16 transactions 1 failed 1 supply 9 liabilities 9 shortfall 0.5'
      assert.equal(stdout, `${line} no minting: shortfall\n`)
    } finally {
      server.close()
    }
  })
})
