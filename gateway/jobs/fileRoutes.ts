// `/v1/files`, as OpenAI has it. Owns: what is answered. Not: the form (multipart.ts), the disk (fileStore.ts).
import { pipeline } from 'node:stream/promises'
import { Refusal, sendJson } from '../http/answers.ts'
import { page } from './bodies.ts'
import type { Call } from './call.ts'
import { type FileStore, PURPOSES, type StoredFile } from './fileStore.ts'
import { boundaryOf, readMultipart } from './multipart.ts'

export const fileJson = ({ id, bytes, createdAtMs, filename, purpose }: StoredFile) => ({
  id,
  object: 'file',
  bytes,
  created_at: Math.floor(createdAtMs / 1_000),
  filename,
  purpose,
  status: 'processed',
  status_details: null,
})

export async function uploadFile(call: Call, files: FileStore): Promise<void> {
  const { request, response, redemptionId, headers } = call
  const encoding = request.headers['content-encoding'] ?? 'identity'
  if (encoding !== 'identity')
    throw new Refusal(415, 'unsupported_encoding', 'a compressed body is not taken')
  const boundary = boundaryOf(request.headers['content-type'])
  const upload = files.upload(redemptionId)
  let isKept = false
  try {
    const fields = await readMultipart(request, boundary, upload)
    const purpose = fields.get('purpose')
    if (purpose === undefined || !(PURPOSES as readonly string[]).includes(purpose)) {
      throw new Refusal(400, 'invalid_value', `purpose: expected one of ${PURPOSES.join(', ')}`, {
        param: 'purpose',
      })
    }
    const file = await upload.keep(purpose, Date.now())
    isKept = true
    sendJson(response, 200, fileJson(file), headers)
  } finally {
    if (!isKept) await upload.drop()
  }
}

export function listFiles({ redemptionId, response, query, headers }: Call, files: FileStore): void {
  const purpose = query.get('purpose')
  const newest = [...files.list(redemptionId)].reverse()
  const isDescending = query.get('order') !== 'asc'
  const ordered = isDescending ? newest : newest.reverse()
  const all = ordered.filter((file) => purpose === null || file.purpose === purpose).map(fileJson)
  sendJson(response, 200, page(all, query, { limit: 10_000, standard: 10_000 }), headers)
}

/** Throws Refusal for a file that this holder does not have. */
export function mustFile(files: FileStore, redemptionId: number, id: string, param?: string): StoredFile {
  const file = files.get(redemptionId, id)
  if (file !== undefined) return file
  throw new Refusal(param === undefined ? 404 : 400, 'file_not_found', 'there is no such file', {
    ...(param === undefined ? {} : { param }),
  })
}

export async function sendFile(
  { redemptionId, response }: Call,
  files: FileStore,
  id: string,
): Promise<void> {
  const file = mustFile(files, redemptionId, id)
  response.writeHead(200, {
    'Content-Type': 'application/octet-stream',
    'Content-Length': `${file.bytes}`,
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
  })
  await pipeline(files.read(redemptionId, file), response)
}

export async function deleteFile(
  { redemptionId, response, headers }: Call,
  files: FileStore,
  id: string,
): Promise<void> {
  const file = mustFile(files, redemptionId, id)
  await files.remove(redemptionId, file)
  sendJson(response, 200, { id: file.id, object: 'file', deleted: true }, headers)
}
