// Encodings of all schemas, made in a child process, because the tap must be loaded before any schema.
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Lines } from './files.ts'

const ENCODINGS = fileURLToPath(new URL('./encodings.js', import.meta.url))
const OUTPUT_BYTES_MAX = 16 * 1024 * 1024

export interface SchemaLines {
  /** Canonical bytes of a sample, by the schema's name. */
  readonly messages: Lines
  /** Key and stored value of a sample, by module and record. */
  readonly records: Lines
  /** Samples with their tags and lengths, as on the wire and on disk. */
  readonly frames: Lines
}

export function schemaLines(): SchemaLines {
  const printed = execFileSync(process.execPath, [ENCODINGS], {
    encoding: 'utf8',
    maxBuffer: OUTPUT_BYTES_MAX,
  })
  return JSON.parse(printed) as SchemaLines
}
