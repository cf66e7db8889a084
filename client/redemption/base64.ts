// Base64 of bytes and of UTF-8, in Node and in browsers. Strict: what does not encode back to itself is refused.
import { utf8, utf8Text } from '../../base/bytes.ts'

/** Standard alphabet, padded. */
export function toBase64(bytes: Uint8Array): string {
  let binary = ''
  for (const byte of bytes) binary += String.fromCharCode(byte)
  return btoa(binary)
}

/** Undefined for what `toBase64` does not write. */
export function parseBase64(text: string): Uint8Array | undefined {
  let binary: string
  try {
    binary = atob(text)
  } catch {
    return undefined
  }
  const bytes = Uint8Array.from(binary, (char) => char.charCodeAt(0))
  return toBase64(bytes) === text ? bytes : undefined
}

/** URL alphabet, without padding. */
export function toBase64Url(bytes: Uint8Array): string {
  return toBase64(bytes).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '')
}

/** Undefined for what `toBase64Url` does not write. */
export function parseBase64Url(text: string): Uint8Array | undefined {
  if (!/^[\w-]*$/.test(text)) return undefined
  const padded = text.padEnd(text.length + ((4 - (text.length % 4)) % 4), '=')
  return parseBase64(padded.replaceAll('-', '+').replaceAll('_', '/'))
}

/** JSON in a header. */
export function toBase64Json(value: unknown): string {
  return toBase64(utf8(JSON.stringify(value)))
}

/** Undefined when the text is not base64 of JSON. */
export function parseBase64Json(text: string): unknown {
  const bytes = parseBase64(text)
  if (bytes === undefined) return undefined
  try {
    return JSON.parse(utf8Text(bytes))
  } catch {
    return undefined
  }
}
