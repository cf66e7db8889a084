// JSON forms of headers, certificates and proofs: decoded fields for people, canonical bytes for verifiers.
import { keyBytes, toHex } from '../../base/bytes.ts'
import type { Json, JsonSchema } from '../../base/field.ts'
import { type Header, headerHash, headerSchema } from '../../base/protocol/header.ts'
import { logSchema } from '../../base/protocol/receipt.ts'
import { commitmentProofSchema } from '../../base/protocol/stateProof.ts'
import { certificateSchema } from '../../base/protocol/vote.ts'
import type { Log } from '../../state/context.ts'
import type { StateKey } from '../../state/view.ts'
import type { Finality, StateProof } from '../backend.ts'
import { HASH_SCHEMA } from '../params.ts'

const HEX: JsonSchema = { type: 'string', pattern: '^0x([0-9a-f]{2})*$' }

export const HEADER_JSON_SCHEMA: JsonSchema = {
  type: 'object',
  properties: { hash: HASH_SCHEMA, bytes: HEX, fields: headerSchema.jsonSchema },
  required: ['hash', 'bytes', 'fields'],
}

/** `bytes` is the canonical encoding of `fields`; `hash` is its SHA-256. */
export function headerJson(header: Header): Json {
  return {
    hash: toHex(headerHash(header)),
    bytes: toHex(headerSchema.encode(header)),
    fields: headerSchema.toJson(header),
  }
}

export const FINALITY_JSON_SCHEMA: JsonSchema = {
  oneOf: [
    { type: 'null' },
    {
      type: 'object',
      properties: {
        bytes: HEX,
        fields: certificateSchema.jsonSchema,
        path: { type: 'array', items: HEADER_JSON_SCHEMA },
      },
      required: ['bytes', 'fields', 'path'],
    },
  ],
}

/** `path` runs from the block's child to the certified block; empty when the block itself is certified. */
export function finalityJson(finality: Finality | undefined): Json {
  if (finality === undefined) return null
  return {
    bytes: toHex(certificateSchema.encode(finality.certificate)),
    fields: certificateSchema.toJson(finality.certificate),
    path: finality.headers.map(headerJson),
  }
}

export const KEY_PROOF_JSON_SCHEMA: JsonSchema = {
  type: 'object',
  properties: {
    key: HEX,
    value: { oneOf: [HEX, { type: 'null' }] },
    bytes: HEX,
    ics23: commitmentProofSchema.jsonSchema,
  },
  required: ['key', 'value', 'bytes', 'ics23'],
}

/** `bytes` is an ICS-23 CommitmentProof of `value` at `key` (null: of absence) under the header's stateRoot. */
export function keyProofJson(key: StateKey, proven: StateProof): Json {
  return {
    key: toHex(keyBytes(key)),
    value: proven.value === undefined ? null : toHex(proven.value),
    bytes: toHex(proven.proof),
    ics23: commitmentProofSchema.toJson(commitmentProofSchema.decode(proven.proof)),
  }
}

export function nativeLogJson(log: Log): Json {
  return logSchema.toJson(log)
}
