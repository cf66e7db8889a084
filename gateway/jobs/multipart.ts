// Reads `multipart/form-data` (RFC 7578) as it comes, strictly: one file and a few small fields. Owns: the form, its bounds.
// Not: where the file goes.
import { utf8, utf8Text } from '../../base/bytes.ts'
import { Refusal } from '../http/answers.ts'

const HEAD_BYTES_MAX = 4_096
const FIELD_BYTES_MAX = 4_096
const FIELDS_MAX = 16
const NAME_CHARS_MAX = 256

export interface Part {
  readonly name: string
  /** Of a file alone. */
  readonly filename: string | undefined
}

/** Where the bytes of the file go; `write` resolves when more may come. */
export interface FileSink {
  begin(filename: string): Promise<void>
  write(bytes: Uint8Array): Promise<void>
}

const bad = (reason: string): Refusal =>
  new Refusal(400, 'invalid_multipart', `multipart/form-data: ${reason}`)

/** The boundary of a content type. Throws Refusal for any other type. */
export function boundaryOf(contentType: string | undefined): string {
  const [, quoted, plain] =
    /^multipart\/form-data\s*;\s*boundary=(?:"([^"\r\n]{1,70})"|([\w'()+,./:=?-]{1,70}))\s*$/i.exec(
      contentType ?? '',
    ) ?? []
  const boundary = quoted ?? plain
  if (boundary === undefined)
    throw new Refusal(415, 'unsupported_type', 'the content-type is multipart/form-data with a boundary')
  return boundary
}

function parameter(disposition: string, name: string): string | undefined {
  const [, value] = new RegExp(`;\\s*${name}="((?:[^"\\\\]|\\\\.)*)"`, 'i').exec(disposition) ?? []
  // Browsers and undici escape quotes and line ends with percent signs.
  return value
    ?.replace(/%22/g, '"')
    .replace(/%0D|%0A/g, ' ')
    .replace(/\\(.)/g, '$1')
}

function partOf(head: Uint8Array): Part {
  let text: string
  try {
    text = utf8Text(head)
  } catch {
    throw bad('a head that is no UTF-8')
  }
  const lines = text.split('\r\n')
  const disposition = lines.find((line) => /^content-disposition:/i.test(line))
  if (disposition === undefined || !/^content-disposition:\s*form-data\s*;/i.test(disposition))
    throw bad('a part without a content-disposition of form-data')
  if (lines.some((line) => /^content-transfer-encoding:\s*(?!binary|8bit|7bit)/i.test(line)))
    throw bad('a part with a transfer encoding')
  const name = parameter(disposition, 'name')
  if (name === undefined || name.length > NAME_CHARS_MAX) throw bad('a part without a name')
  return { name, filename: parameter(disposition, 'filename') }
}

/** A search for the line that ends a part. */
class Reading {
  readonly #delimiter: Buffer
  readonly #source: AsyncIterator<Uint8Array>
  #buffer: Buffer
  #isAtEnd = false

  constructor(source: AsyncIterable<Uint8Array>, boundary: string) {
    this.#delimiter = Buffer.from(`\r\n--${boundary}`, 'latin1')
    this.#source = source[Symbol.asyncIterator]()
    // The first boundary has no line before it.
    this.#buffer = Buffer.from('\r\n')
  }

  async #more(): Promise<void> {
    if (this.#isAtEnd) throw bad('it ends in the middle')
    const next = await this.#source.next().catch((cause: unknown) => {
      throw new Refusal(400, 'body_broken', `the body broke off: ${String((cause as Error).message)}`)
    })
    if (next.done === true) {
      this.#isAtEnd = true
      throw bad('it ends in the middle')
    }
    this.#buffer =
      this.#buffer.length === 0 ? Buffer.from(next.value) : Buffer.concat([this.#buffer, next.value])
  }

  /** Passes on what is before the next boundary. */
  async upToBoundary(take: (bytes: Uint8Array) => Promise<void> | void): Promise<void> {
    const keep = this.#delimiter.length - 1
    for (;;) {
      const at = this.#buffer.indexOf(this.#delimiter)
      const end = at === -1 ? Math.max(0, this.#buffer.length - keep) : at
      if (end > 0) await take(this.#buffer.subarray(0, end))
      this.#buffer = this.#buffer.subarray(at === -1 ? end : at + this.#delimiter.length)
      if (at !== -1) return
      await this.#more()
    }
  }

  /** After a boundary: whether another part follows. */
  async hasPart(): Promise<boolean> {
    while (this.#buffer.length < 2) await this.#more()
    const mark = this.#buffer.subarray(0, 2).toString('latin1')
    if (mark === '--') return false
    if (mark !== '\r\n') throw bad('a boundary that does not end its line')
    this.#buffer = this.#buffer.subarray(2)
    return true
  }

  async head(): Promise<Uint8Array> {
    for (;;) {
      const at = this.#buffer.indexOf('\r\n\r\n')
      if (at !== -1 && at <= HEAD_BYTES_MAX) {
        const head = this.#buffer.subarray(0, at)
        this.#buffer = this.#buffer.subarray(at + 4)
        return head
      }
      if (this.#buffer.length > HEAD_BYTES_MAX + 4) throw bad(`a head of more than ${HEAD_BYTES_MAX} bytes`)
      await this.#more()
    }
  }

  /** What follows the last boundary is not kept. */
  async drain(): Promise<void> {
    for (let size = this.#buffer.length; size <= HEAD_BYTES_MAX; ) {
      const next = await this.#source.next().catch(() => ({ done: true as const, value: undefined }))
      if (next.done === true) return
      size += next.value.length
    }
    throw bad('more follows its end')
  }
}

/** Reads a form; the fields other than the file. Rejects with Refusal. */
export async function readMultipart(
  source: AsyncIterable<Uint8Array>,
  boundary: string,
  sink: FileSink,
): Promise<ReadonlyMap<string, string>> {
  const reading = new Reading(source, boundary)
  const fields = new Map<string, string>()
  let hasFile = false
  await reading.upToBoundary(() => {
    throw bad('it does not begin with its boundary')
  })
  while (await reading.hasPart()) {
    const { name, filename } = partOf(await reading.head())
    if (filename !== undefined) {
      if (name !== 'file' || hasFile) throw bad('one file, named file, is expected')
      hasFile = true
      await sink.begin(filename)
      await reading.upToBoundary((bytes) => sink.write(bytes))
      continue
    }
    if (fields.size >= FIELDS_MAX) throw bad(`more than ${FIELDS_MAX} fields`)
    if (fields.has(name)) throw bad(`the field ${JSON.stringify(name)} twice`)
    fields.set(name, await fieldOf(reading))
  }
  await reading.drain()
  if (!hasFile) throw new Refusal(400, 'missing_file', 'file: expected a file', { param: 'file' })
  return fields
}

async function fieldOf(reading: Reading): Promise<string> {
  let value = utf8('')
  await reading.upToBoundary((bytes) => {
    if (value.length + bytes.length > FIELD_BYTES_MAX)
      throw bad(`a field of more than ${FIELD_BYTES_MAX} bytes`)
    value = Buffer.concat([value, bytes])
  })
  try {
    return utf8Text(value)
  } catch {
    throw bad('a field that is no UTF-8')
  }
}
