// Reads a request's body within a limit.
import type { IncomingMessage } from 'node:http'
import { utf8Text } from '../../base/bytes.ts'
import type { Json } from '../../base/field.ts'
import { Refusal } from './answers.ts'

/** Rejects with Refusal; the rest of a body that is too long is not read. */
export async function readBody(request: IncomingMessage, bytesMax: number): Promise<Uint8Array> {
  const encoding = request.headers['content-encoding']
  if (encoding !== undefined && encoding !== 'identity') {
    throw new Refusal(415, 'unsupported_encoding', 'a compressed body is not taken')
  }
  const tooLong = (): Refusal =>
    new Refusal(413, 'body_too_large', `the body exceeds ${bytesMax} bytes`, {
      headers: { Connection: 'close' },
    })
  if (Number(request.headers['content-length'] ?? 0) > bytesMax) throw tooLong()
  const parts: Uint8Array[] = []
  let size = 0
  try {
    for await (const part of request as AsyncIterable<Uint8Array>) {
      size += part.length
      if (size > bytesMax) break
      parts.push(part)
    }
  } catch (cause) {
    throw new Refusal(400, 'body_broken', `the body broke off: ${String((cause as Error).message)}`)
  }
  if (size > bytesMax) throw tooLong()
  return parts.length === 1 ? parts[0]! : Buffer.concat(parts)
}

/** An object in JSON. Throws Refusal. */
export function parseBody(bytes: Uint8Array): { readonly [name: string]: Json } {
  let json: unknown
  try {
    json = JSON.parse(utf8Text(bytes))
  } catch {
    throw new Refusal(400, 'invalid_json', 'the body is not JSON in UTF-8')
  }
  if (typeof json === 'object' && json !== null && !Array.isArray(json))
    return json as { readonly [name: string]: Json }
  throw new Refusal(400, 'invalid_json', 'the body is not an object')
}
