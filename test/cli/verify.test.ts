import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { LightClient } from '../../client/lightClient.ts'
import type { Provider } from '../../client/provider.ts'
import { runSuanli } from '../support/devnetHarness.ts'
import { LightChain, setOf } from '../support/lightChain.ts'

/** A node's JSON-RPC port in front of a provider. */
async function served(provider: Provider): Promise<{ readonly server: Server; readonly url: string }> {
  const server = createServer(async (request, response) => {
    let text = ''
    for await (const piece of request) text += piece
    const { method, params } = JSON.parse(text)
    response.end(JSON.stringify({ jsonrpc: '2.0', id: 1, result: await provider.request(method, params) }))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

describe('suanli verify', () => {
  it('prints the evidence and fails when two nodes prove different blocks', async () => {
    const chain = new LightChain([1, 2, 3, 4])
    chain.add()
    const other = chain.fork()
    chain.add({ nextSet: setOf([2, 3, 4, 5]) })
    other.add()
    other.add()
    const dir = await mkdtemp(join(tmpdir(), 'suanli-verify-'))
    const [ours, theirs] = await Promise.all([served(chain.provider()), served(other.provider())])
    try {
      const state = join(dir, 'light.json')
      const origin = { kind: 'set', trusted: chain.genesis } as const
      const kept = new LightClient({ origin, providers: [chain.provider()] }).toJson()
      await writeFile(state, JSON.stringify(kept))
      const rpc = ['--rpc', ours.url, '--rpc', theirs.url]
      const { code, stdout, stderr } = await runSuanli(['verify', 'supply', '--state', state, ...rpc])
      assert.equal(code, 1)
      assert.match(stderr, /^suanli: .* prove conflicting blocks 2 and 2: validators 1, 2, 3 signed both\n$/)
      const { signers, evidence } = JSON.parse(stdout) as { signers: number[]; evidence: string | null }
      assert.deepEqual(signers, [1, 2, 3])
      assert.match(evidence ?? '', /^0x[0-9a-f]{300,}$/)
    } finally {
      for (const { server } of [ours, theirs]) {
        server.closeAllConnections()
        server.close()
      }
      await rm(dir, { recursive: true })
    }
  })
})
