import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ConfigError } from '../../base/errors.ts'
import { CONFIG_FILE, DEFAULT_CONFIG, loadConfig, parseConfig, saveConfig } from '../../node/config.ts'

const PEER = '/ip4/192.0.2.1/tcp/26600/p2p/12D3KooWEExeHsyqNXXJdSYpbGsy3wTpY1tht6pupavboi8i1BXV'

function refusal(json: unknown): string {
  try {
    parseConfig(json)
  } catch (error) {
    assert.ok(error instanceof ConfigError)
    return error.message
  }
  return 'accepted'
}

describe('config.parse', () => {
  it('fills missing settings with defaults', () => {
    assert.deepEqual(parseConfig({}), DEFAULT_CONFIG)
    assert.deepEqual(parseConfig({ rpcPort: 1, peers: [PEER] }), {
      ...DEFAULT_CONFIG,
      rpcPort: 1,
      peers: [PEER],
    })
  })

  it('names an unknown or invalid setting', () => {
    assert.equal(refusal([]), 'expected an object')
    assert.equal(refusal(null), 'expected an object')
    assert.equal(refusal({ rpcprt: 1 }), 'rpcprt: unknown setting')
    assert.equal(refusal({ constructor: 1 }), 'constructor: unknown setting')
    assert.match(refusal(JSON.parse('{"__proto__":1}')), /__proto__: unknown setting/)
    assert.match(refusal({ rpcPort: 65_536 }), /^rpcPort: expected a port/)
    assert.match(refusal({ rpcPort: '1' }), /^rpcPort: expected a port/)
    assert.match(refusal({ rpcHost: '' }), /^rpcHost: expected/)
    assert.match(refusal({ p2pAnnounce: [PEER] }), /^p2pAnnounce: expected at most 8 multiaddrs/)
    assert.match(refusal({ p2pAnnounce: Array(9).fill('/ip4/192.0.2.1/tcp/1') }), /^p2pAnnounce: expected/)
    assert.match(refusal({ unknownPeersMax: 257 }), /^unknownPeersMax: expected/)
    assert.match(refusal({ logLevel: 'loud' }), /^logLevel: expected one of silent/)
    assert.match(refusal({ signatureWorkers: -1 }), /^signatureWorkers: expected/)
    assert.match(refusal({ mempool: { perAccount: 63, gappedPerAccount: 256 } }), /^mempool: expected/)
    assert.match(refusal({ mempool: { perAccount: 64 } }), /^mempool: expected/)
    assert.match(refusal({ historyHeights: 0 }), /^historyHeights: expected/)
  })

  it('accepts only valid multiaddrs', () => {
    for (const p2pListen of [['/ip4/0.0.0.0/tcp/0'], ['/ip6/::/tcp/26600'], ['/dns4/a.example/tcp/1']]) {
      assert.deepEqual(parseConfig({ p2pListen }).p2pListen, p2pListen)
    }
    for (const address of ['0.0.0.0:1', '/ip4/0.0.0.0/udp/1', '/ip4//tcp/1', '/ip4/0.0.0.0/tcp/', PEER, 7]) {
      assert.match(refusal({ p2pListen: [address] }), /^p2pListen: expected/, String(address))
    }
    for (const peer of ['/ip4/192.0.2.1/tcp/26600', `${PEER}x`, PEER.replace('12D3', 'Qm'), '']) {
      assert.match(refusal({ peers: [peer] }), /^peers: expected/, peer)
    }
  })
})

describe('config.nextSigner', () => {
  it('is a key in a separate directory, a key in another process, or none', () => {
    assert.equal(parseConfig({}).nextSigner, null)
    const next = { kind: 'local', dir: 'key-2' }
    assert.deepEqual(parseConfig({ nextSigner: next }).nextSigner, next)
    for (const wrong of [{ kind: 'local', dir: '' }, { kind: 'local', directory: 'key-2' }, 'key-2', 7]) {
      assert.throws(() => parseConfig({ nextSigner: wrong }), /^ConfigError: nextSigner: expected null, /)
    }
  })
})

describe('config.load', () => {
  const dir = mkdtempSync(join(tmpdir(), 'suanli-config-'))
  after(() => rmSync(dir, { recursive: true }))

  it('reports a missing file', () => {
    assert.throws(() => loadConfig(dir), /has no config\.json: run `suanli init`/)
  })
  it('reads back a saved configuration', () => {
    const config = { ...DEFAULT_CONFIG, rpcPort: 7, rpcAllowedHosts: ['a.example'] }
    saveConfig(dir, config)
    assert.deepEqual(loadConfig(dir), config)
  })
  it('names a damaged file', () => {
    writeFileSync(join(dir, CONFIG_FILE), '{"rpcPort":')
    assert.throws(
      () => loadConfig(dir),
      (error: Error) => error instanceof ConfigError && error.message.startsWith(join(dir, CONFIG_FILE)),
    )
  })
})
