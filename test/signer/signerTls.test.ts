// The signer over TLS with certificates on both sides, made by the project itself; and clients it refuses.
import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect as tlsConnect } from 'node:tls'
import { parseConfig } from '../../node/config.ts'
import { askHealth } from '../../signer/signerHealth.ts'
import {
  connectSigner,
  parseHostPort,
  type SignerAddress,
  type TlsFiles,
} from '../../signer/signerTransport.ts'
import { makeCertificates, writeCertificates } from '../../signer/tlsCertificates.ts'
import { A, eventually, leadTo, notarize, SignerRig } from '../support/signerFixture.ts'

const NOW_MS = Date.now()

describe('signer.tls', () => {
  let dir: string
  let rig: SignerRig | undefined
  before(() => {
    dir = mkdtempSync(join(tmpdir(), 'suanli-tls-'))
    const hosts = ['localhost', '127.0.0.1', '::1', '2001:db8::1']
    writeCertificates(join(dir, 'own'), makeCertificates({ hosts, days: 30, nowMs: NOW_MS }))
    writeCertificates(join(dir, 'other'), makeCertificates({ hosts, days: 30, nowMs: NOW_MS }))
    const days = 30
    writeCertificates(
      join(dir, 'elsewhere'),
      makeCertificates({ hosts: ['signer.example'], days, nowMs: NOW_MS }),
    )
    const past = NOW_MS - 400 * 86_400_000
    writeCertificates(join(dir, 'expired'), makeCertificates({ hosts, days, nowMs: past }))
  })
  afterEach(async () => {
    await rig?.close()
    rig = undefined
  })
  after(() => rmSync(dir, { recursive: true, force: true }))

  const files = (set: string, side: 'node' | 'signer'): TlsFiles => {
    const at = (name: string): string => join(dir, set, side, `${name}.pem`)
    return { cert: at('cert'), key: at('key'), ca: at('ca') }
  }

  async function serve(set: string): Promise<number> {
    rig = new SignerRig({ kind: 'tls', host: '127.0.0.1', port: 0, files: files(set, 'signer') })
    const address = await rig.serve()
    return Number(address.split(':')[1])
  }

  const at = (port: number, set: string, host = '127.0.0.1'): SignerAddress => ({
    kind: 'tls',
    host,
    port,
    files: files(set, 'node'),
  })

  it('makes certificates with the right names, and keys readable by their owner only', () => {
    const { cert, ca, key } = files('own', 'signer')
    const server = new X509Certificate(readFileSync(cert))
    const authority = new X509Certificate(readFileSync(ca))
    const client = new X509Certificate(readFileSync(files('own', 'node').cert))
    assert.ok(server.verify(authority.publicKey) && client.verify(authority.publicKey))
    assert.ok(authority.ca && !server.ca && !client.ca)
    assert.equal(
      server.subjectAltName,
      'DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1, IP Address:2001:DB8:0:0:0:0:0:1',
    )
    assert.equal(server.checkIP('127.0.0.1'), '127.0.0.1')
    assert.deepEqual(client.keyUsage, ['1.3.6.1.5.5.7.3.2'])
    assert.equal(statSync(key).mode & 0o777, 0o600)
    assert.ok(!existsAuthorityKey())
    assert.throws(
      () => writeCertificates(join(dir, 'own'), makeCertificates({ hosts: [], days: 1, nowMs: 0 })),
      /EEXIST/,
    )
  })

  function existsAuthorityKey(): boolean {
    return readFileSync(files('own', 'signer').ca, 'utf8').includes('PRIVATE KEY')
  }

  it('signs for a node with the right certificate, by address and by name', async () => {
    const port = await serve('own')
    for (const host of ['127.0.0.1', 'localhost']) {
      const address = at(port, 'own', host)
      const client = rig!.client({ connect: (onReady) => connectSigner(address, onReady) })
      await client.beginEpoch(1, leadTo(1))
      assert.equal(client.isReady, true)
      assert.ok((await client.sign(0, [notarize(1, A)]))[0] !== undefined)
      assert.match(String((await askHealth(address)).holder), /node-1/)
      await client.close()
      await eventually(() => rig!.log.at(-1)!.text === 'no node holds this signer now', 'the release')
    }
    assert.ok(rig!.log.some(({ fields }) => /\(suanli node\)$/.test(String(fields.from))))
  })

  it('refuses clients without a certificate of its authority', async () => {
    const port = await serve('own')
    await assert.rejects(askHealth(at(port, 'other')), /does not answer/)
    const ca = readFileSync(files('own', 'node').ca)
    const reason = await new Promise<string>((resolve) => {
      const socket = tlsConnect({ host: '127.0.0.1', port, ca })
      socket.once('error', (error) => resolve(error.message))
      socket.once('close', () => resolve('closed'))
    })
    assert.match(reason, /certificate required|closed|reset/i)
    await eventually(
      () => rig!.log.filter(({ text }) => text === 'refused a connection').length >= 1,
      'the log',
    )
    assert.equal(
      rig!.log.some(({ text }) => /holds this signer/.test(text)),
      false,
    )
  })

  it('does not talk to a signer with a wrong authority, name or validity', async () => {
    const cases = [
      ['other', /certificate/],
      ['elsewhere', /altnames|IP/],
      ['expired', /expired/],
    ] as const
    for (const [set, reason] of cases) {
      const port = await serve(set)
      const trusting = { ...files('own', 'node'), ca: files(set === 'other' ? 'own' : set, 'node').ca }
      const address: SignerAddress = { kind: 'tls', host: '127.0.0.1', port, files: trusting }
      await assert.rejects(askHealth(address), reason)
      await rig!.close()
    }
  })

  it('names a certificate file that is missing and keeps trying', async () => {
    const port = await serve('own')
    const gone = { ...files('own', 'node'), cert: join(dir, 'gone.pem') }
    const address: SignerAddress = { kind: 'tls', host: '127.0.0.1', port, files: gone }
    const client = rig!.client({ connect: (onReady) => connectSigner(address, onReady) })
    await eventually(() => rig!.nodeLog.length > 0, 'the log')
    assert.match(String(rig!.nodeLog[0]!.fields.reason), /gone\.pem/)
    assert.equal(client.isReady, false)
  })

  it('parses addresses and configurations strictly', () => {
    assert.deepEqual(parseHostPort('[::1]:80'), { host: '::1', port: 80 })
    assert.deepEqual(parseHostPort('a.example:65535'), { host: 'a.example', port: 65_535 })
    for (const text of ['a', 'a:', ':1', 'a:70000', '::1:80', 'a b:1'])
      assert.throws(() => parseHostPort(text), text)
    const publicKey = `0x${'ab'.repeat(48)}`
    const tls = { cert: 'c', key: 'k', ca: 'a' }
    const url = 'tls://h:1'
    const good = [
      { kind: 'local' },
      { kind: 'remote', publicKey, socket: 's' },
      { kind: 'remote', publicKey, url, tls },
    ]
    for (const signer of good) assert.deepEqual(parseConfig({ signer }).signer, signer)
    const bad = [
      {},
      { kind: 'local', socket: 's' },
      { kind: 'remote', socket: 's' },
      { kind: 'remote', publicKey: '0x12', socket: 's' },
      { kind: 'remote', publicKey, socket: '' },
      { kind: 'remote', publicKey, socket: 's', url, tls },
      { kind: 'remote', publicKey, url },
      { kind: 'remote', publicKey, url: 'http://h:1', tls },
      { kind: 'remote', publicKey, url: 'tls://h:99999', tls },
      { kind: 'remote', publicKey, url, tls: { ...tls, more: 'x' } },
      { kind: 'remote', publicKey, url, tls: null },
      [],
      null,
    ]
    for (const signer of bad) assert.throws(() => parseConfig({ signer }), /^ConfigError: signer: expected/)
  })
})
