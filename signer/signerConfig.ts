// Where a node finds its signer (`signer` in config.json). Owns: shape and validation. Not: connecting (signerTransport.ts).
import { isAbsolute, join } from 'node:path'
import type { SignerAddress } from './signerTransport.ts'

/** The key in this node's own data directory, or in another process; paths may be relative to the data directory. */
export type SignerConfig =
  /** `dir`: the directory that holds `keys/` and the record; default: the node's own. */
  | { readonly kind: 'local'; readonly dir?: string }
  | { readonly kind: 'remote'; readonly publicKey: string; readonly socket: string }
  | {
      readonly kind: 'remote'
      readonly publicKey: string
      /** `tls://host:port`. */
      readonly url: string
      /** Files: this node's certificate and key, and the authority of the signer's certificate. */
      readonly tls: { readonly cert: string; readonly key: string; readonly ca: string }
    }

export const SIGNER_CONFIG_FORM =
  '{"kind":"local"}, {"kind":"local","dir":"path"}, {"kind":"remote","publicKey":"0x…","socket":"path"} or ' +
  '{"kind":"remote","publicKey":"0x…","url":"tls://host:port","tls":{"cert":"path","key":"path","ca":"path"}}'

const URL_FORM = /^tls:\/\/(?:\[([0-9a-fA-F:.]+)\]|([^\s:/?#]+)):(\d{1,5})$/
const isPath = (value: unknown): boolean => typeof value === 'string' && value !== '' && value.length <= 512

function hasExactly(value: object, names: readonly string[]): boolean {
  const own = Object.keys(value)
  return own.length === names.length && names.every((name) => Object.hasOwn(value, name))
}

/** Whether a JSON value is a `SignerConfig` with no unknown settings. */
export function isSignerConfig(value: unknown): value is SignerConfig {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return false
  const config = value as { readonly [name: string]: unknown }
  if (config.kind === 'local') {
    return hasExactly(config, ['kind']) || (hasExactly(config, ['kind', 'dir']) && isPath(config.dir))
  }
  if (config.kind !== 'remote' || !/^0x[0-9a-f]{96}$/.test(String(config.publicKey))) return false
  if (hasExactly(config, ['kind', 'publicKey', 'socket'])) return isPath(config.socket)
  if (!hasExactly(config, ['kind', 'publicKey', 'url', 'tls'])) return false
  const { url, tls } = config
  const match = typeof url === 'string' && url.length <= 512 ? URL_FORM.exec(url) : null
  if (match === null || Number(match[3]) > 65_535 || tls === null || typeof tls !== 'object') return false
  const files = tls as { readonly [name: string]: unknown }
  const names = ['cert', 'key', 'ca']
  return hasExactly(files, names) && names.every((name) => isPath(files[name]))
}

/** The address of a remote signer, with every path made absolute. */
export function signerAddress(
  config: Exclude<SignerConfig, { readonly kind: 'local' }>,
  dataDir: string,
): SignerAddress {
  const absolute = (path: string): string => (isAbsolute(path) ? path : join(dataDir, path))
  if ('socket' in config) return { kind: 'unix', path: absolute(config.socket) }
  const match = URL_FORM.exec(config.url)!
  const { cert, key, ca } = config.tls
  return {
    kind: 'tls',
    host: match[1] ?? match[2]!,
    port: Number(match[3]),
    files: { cert: absolute(cert), key: absolute(key), ca: absolute(ca) },
  }
}
