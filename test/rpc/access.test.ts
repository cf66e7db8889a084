import assert from 'node:assert/strict'
import { Access } from '../../rpc/access.ts'
import { acceptsGzip } from '../../rpc/answers.ts'

describe('rpc.access', () => {
  const access = new Access({ hosts: ['node.example'], origins: ['https://wallet.example'] })

  it('allows localhost, raw addresses and configured names as Host, with a port', () => {
    const hosts = [
      'localhost',
      'LocalHost:8545',
      '127.0.0.1',
      '10.1.2.3:1',
      '[::1]',
      '[fe80::1]:65535',
      'node.example:80',
    ]
    for (const host of hosts) assert.ok(access.allowsHost(host), host)
  })

  it('refuses everything else', () => {
    const hosts = [
      'evil.example',
      'localhost.evil.example',
      'localhost:1@evil.com',
      'localhost@evil.com',
      'evil.com#localhost',
      'evil.com/localhost',
      '999.999.999.999',
      '256.0.0.1',
      '1.2.3',
      '127.0.0.1.evil.example',
      '0x7f.0.0.1',
      '[evil]',
      '[::1',
      '[::1]x',
      '[12345::1]',
      'localhost:',
      'localhost:99999',
      'localhost:8545:1',
      'localhost 1',
      '',
    ]
    for (const host of hosts) assert.ok(!access.allowsHost(host), host)
  })

  it('allows pages of this machine, extensions and configured origins', () => {
    const allowed = [
      'http://localhost:3000',
      'https://127.0.0.1',
      'http://[::1]:5173',
      'chrome-extension://abc',
      'https://wallet.example',
    ]
    for (const origin of allowed) assert.ok(access.allowsOrigin(origin), origin)
    const refused = [
      'null',
      'file://',
      'http://localhost:1@evil.com',
      'http://evil.com',
      'http://localhost.evil.com',
      'https://evil.com:80',
      'ftp://localhost',
      'http://10.0.0.5',
      '',
    ]
    for (const origin of refused) assert.ok(!access.allowsOrigin(origin), origin)
  })
})

describe('rpc.acceptsGzip', () => {
  it('reads Accept-Encoding', () => {
    for (const yes of [
      'gzip',
      'gzip, deflate',
      'deflate, gzip;q=0.5',
      '*',
      'br;q=1, GZIP; q=1.0',
      'gzip;q=0.01',
    ]) {
      assert.ok(acceptsGzip(yes), yes)
    }
    for (const no of [undefined, '', 'identity', 'gzip;q=0', 'deflate, gzip;q=0.0', 'xgzip', 'br']) {
      assert.ok(!acceptsGzip(no), String(no))
    }
  })
})
