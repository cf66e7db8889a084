// Where members can be dialled, kept for the next start: a new member may know one address, and that one may be gone.
// Owns: the file. Not: the records, which carry their own signatures (p2p/addressRecord.ts).
import { existsSync, readFileSync } from 'node:fs'
import { parseHex, toHex } from '../base/bytes.ts'
import { errorText } from '../base/errors.ts'
import { type AddressRecord, addressRecordSchema } from '../p2p/addressRecord.ts'
import { STATIC_PEERS_MAX } from '../p2p/limits.ts'
import { writeDurably } from '../storage/durableFile.ts'
import type { NodeLogger } from './logging.ts'

/** Writes at most this often. */
const WRITE_MS = 1_000

export class AddressFile {
  readonly #path: string
  readonly #logger: NodeLogger
  #unwritten: readonly AddressRecord[] | undefined
  #timer: NodeJS.Timeout | undefined
  #writing: Promise<void> = Promise.resolve()

  constructor(path: string, logger: NodeLogger) {
    this.#path = path
    this.#logger = logger
  }

  /** The records of an earlier run; none when the file is missing or damaged: `peers` and the other members have them. */
  read(): readonly AddressRecord[] {
    if (!existsSync(this.#path)) return []
    try {
      const json: unknown = JSON.parse(readFileSync(this.#path, 'utf8'))
      const { records } = json as { records?: unknown }
      if (!Array.isArray(records)) throw new TypeError('no records')
      return records.slice(0, STATIC_PEERS_MAX).map((text: unknown) => {
        const bytes = typeof text === 'string' ? parseHex(text) : undefined
        if (bytes === undefined) throw new TypeError('a record is not in hex')
        return addressRecordSchema.decode(bytes)
      })
    } catch (error) {
      const fields = { file: this.#path, reason: errorText(error) }
      this.#logger.warn(fields, 'the file with addresses of members is damaged: it is written again')
      return []
    }
  }

  /** Writes soon. */
  keep(records: readonly AddressRecord[]): void {
    this.#unwritten = records
    this.#timer ??= setTimeout(() => this.#write(), WRITE_MS)
  }

  /** Resolves once everything is written. */
  async close(): Promise<void> {
    this.#write()
    await this.#writing
  }

  #write(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const records = this.#unwritten
    if (records === undefined) return
    this.#unwritten = undefined
    const text = JSON.stringify(
      { records: records.map((r) => toHex(addressRecordSchema.encode(r))) },
      null,
      2,
    )
    this.#writing = this.#writing
      .then(() => writeDurably(this.#path, `${text}\n`))
      .catch((error: unknown) => {
        this.#logger.warn({ reason: errorText(error) }, 'addresses of members could not be written')
      })
  }
}
