// Makes a private authority and two certificates for the connection of a node and its signer, without external tools.
// Owns: the X.509 bytes (RFC 5280, ECDSA P-256). Not: TLS itself (signerTransport.ts).
import { generateKeyPairSync, type KeyObject, randomBytes, sign, X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import { join } from 'node:path'
import { concatBytes, utf8 } from '../base/bytes.ts'
import { makeFolder, PUBLIC, writeNewDurablySync } from '../storage/durableFile.ts'

const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  utf8: 0x0c,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const

const OID = {
  commonName: [0x55, 0x04, 0x03],
  ecdsaWithSha256: [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02],
  basicConstraints: [0x55, 0x1d, 0x13],
  keyUsage: [0x55, 0x1d, 0x0f],
  extendedKeyUsage: [0x55, 0x1d, 0x25],
  subjectAltName: [0x55, 0x1d, 0x11],
  serverAuth: [0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x01],
  clientAuth: [0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x02],
} as const

/** One DER value: tag, length, content. */
function der(tag: number, ...content: readonly Uint8Array[]): Uint8Array {
  const body = concatBytes(...content)
  const { length } = body
  const head =
    length < 0x80
      ? [tag, length]
      : length < 0x100
        ? [tag, 0x81, length]
        : [tag, 0x82, length >> 8, length & 0xff]
  return concatBytes(new Uint8Array(head), body)
}

const oid = (bytes: readonly number[]): Uint8Array => der(TAG.oid, new Uint8Array(bytes))
const ALGORITHM = der(TAG.sequence, oid(OID.ecdsaWithSha256))

function name(commonName: string): Uint8Array {
  const attribute = der(TAG.sequence, oid(OID.commonName), der(TAG.utf8, utf8(commonName)))
  return der(TAG.sequence, der(TAG.set, attribute))
}

function time(ms: number): Uint8Array {
  const text = new Date(ms).toISOString().replace(/[-:T]/g, '').slice(0, 14)
  return der(TAG.generalizedTime, utf8(`${text}Z`))
}

function extension(id: readonly number[], isCritical: boolean, value: Uint8Array): Uint8Array {
  const critical = isCritical ? [der(TAG.boolean, new Uint8Array([0xff]))] : []
  return der(TAG.sequence, oid(id), ...critical, der(TAG.octetString, value))
}

function alternativeName(host: string): Uint8Array {
  const version = isIP(host)
  if (version === 0) return der(0x82, utf8(host))
  if (version === 4) return der(0x87, new Uint8Array(host.split('.').map(Number)))
  return der(0x87, ipv6Bytes(host))
}

function ipv6Bytes(host: string): Uint8Array {
  // The URL parser normalizes the address: no leading zeros, no dotted tail, at most one `::`.
  const [head = '', tail] = new URL(`http://[${host}]/`).hostname.slice(1, -1).split('::')
  const groups = (text: string): number[] =>
    text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16))
  const [before, after] = [groups(head), groups(tail ?? '')]
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => 0)
  return new Uint8Array([...before, ...zeros, ...after].flatMap((group) => [group >> 8, group & 0xff]))
}

type Role = 'authority' | 'server' | 'client'

function extensions(role: Role, hosts: readonly string[]): Uint8Array {
  const isAuthority = role === 'authority'
  const constraints = isAuthority ? [der(TAG.boolean, new Uint8Array([0xff]))] : []
  // Bits from the highest: keyCertSign (5) and cRLSign (6), or digitalSignature (0).
  const usage = isAuthority ? [1, 0x06] : [7, 0x80]
  const parts = [
    extension(OID.basicConstraints, true, der(TAG.sequence, ...constraints)),
    extension(OID.keyUsage, true, der(TAG.bitString, new Uint8Array(usage))),
  ]
  if (!isAuthority) {
    const purpose = oid(role === 'server' ? OID.serverAuth : OID.clientAuth)
    parts.push(extension(OID.extendedKeyUsage, false, der(TAG.sequence, purpose)))
  }
  if (hosts.length > 0) {
    parts.push(extension(OID.subjectAltName, false, der(TAG.sequence, ...hosts.map(alternativeName))))
  }
  return der(0xa3, der(TAG.sequence, ...parts))
}

interface Identity {
  readonly commonName: string
  readonly publicKey: KeyObject
  readonly privateKey: KeyObject
}

function identity(commonName: string): Identity {
  return { commonName, ...generateKeyPairSync('ec', { namedCurve: 'P-256' }) }
}

function certificate(options: {
  subject: Identity
  issuer: Identity
  role: Role
  hosts: readonly string[]
  validity: Uint8Array
}): string {
  const { subject, issuer, role, hosts, validity } = options
  const serial = new Uint8Array(randomBytes(16))
  // Positive, and no leading zero byte.
  serial[0] = (serial[0]! & 0x3f) | 0x40
  const body = der(
    TAG.sequence,
    der(0xa0, der(TAG.integer, new Uint8Array([2]))),
    der(TAG.integer, serial),
    ALGORITHM,
    name(issuer.commonName),
    validity,
    name(subject.commonName),
    new Uint8Array(subject.publicKey.export({ type: 'spki', format: 'der' })),
    extensions(role, hosts),
  )
  const signature = new Uint8Array(sign('sha256', body, issuer.privateKey))
  const whole = der(TAG.sequence, body, ALGORITHM, der(TAG.bitString, new Uint8Array([0]), signature))
  return new X509Certificate(whole).toString()
}

/** PEM texts of one pair and its authority, whose key is discarded: nobody can issue a third certificate. */
export interface SignerCertificates {
  readonly authority: string
  readonly server: { readonly cert: string; readonly key: string }
  readonly client: { readonly cert: string; readonly key: string }
}

/** `hosts`: names and addresses under which nodes reach the signer. */
export function makeCertificates(options: {
  readonly hosts: readonly string[]
  readonly days: number
  readonly nowMs: number
}): SignerCertificates {
  const { hosts, days, nowMs } = options
  // Starts an hour early, for clock differences.
  const validity = der(TAG.sequence, time(nowMs - 3_600_000), time(nowMs + days * 86_400_000))
  const issuer = identity('suanli signer authority')
  const issue = (commonName: string, role: Role, names: readonly string[]) => {
    const subject = identity(commonName)
    const key = subject.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
    return { cert: certificate({ subject, issuer, role, hosts: names, validity }), key }
  }
  return {
    authority: certificate({ subject: issuer, issuer, role: 'authority', hosts: [], validity }),
    server: issue('suanli signer', 'server', hosts),
    client: issue('suanli node', 'client', []),
  }
}

/** Writes `signer/` and `node/` under `dir`, each with cert.pem, key.pem and ca.pem; never overwrites a file. */
export function writeCertificates(dir: string, made: SignerCertificates): void {
  const sides = [
    ['signer', made.server],
    ['node', made.client],
  ] as const
  for (const [side, { cert, key }] of sides) {
    const folder = join(dir, side)
    makeFolder(folder, 0o700)
    writeNewDurablySync(join(folder, 'cert.pem'), cert, PUBLIC)
    writeNewDurablySync(join(folder, 'key.pem'), key)
    writeNewDurablySync(join(folder, 'ca.pem'), made.authority, PUBLIC)
  }
}
