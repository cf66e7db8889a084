// Every message read from network or disk: decoding rejects, or re-encodes to the same bytes; JSON likewise.
import { equalBytes } from '../../../base/bytes.ts'
import { type Json, SchemaError } from '../../../base/field.ts'
import { epochProofSchema } from '../../../base/protocol/epochProof.ts'
import { evidenceSchema } from '../../../base/protocol/evidence.ts'
import { finalityProofSchema } from '../../../base/protocol/finalityProof.ts'
import { blockSchema, headerSchema } from '../../../base/protocol/header.ts'
import { receiptSchema } from '../../../base/protocol/receipt.ts'
import { receiptProofSchema } from '../../../base/protocol/receiptProof.ts'
import {
  attestationSchema,
  recoveryFileSchema,
  recoverySignatureSchema,
} from '../../../base/protocol/recovery.ts'
import { snapshotChunkSchema, snapshotManifestSchema } from '../../../base/protocol/snapshot.ts'
import { commitmentProofSchema } from '../../../base/protocol/stateProof.ts'
import { validatorSetSchema } from '../../../base/protocol/validators.ts'
import { certificateSchema, voteSchema } from '../../../base/protocol/vote.ts'
import type { Message } from '../../../base/schema.ts'
import { rangeSchema, statusSchema, syncRequestSchema } from '../../../p2p/syncMessages.ts'
import type { Random } from '../../support/random.ts'
import { mutateBytes, mutateJson } from '../bytes.ts'
import type { FuzzTarget } from '../target.ts'
import { encodedValue } from '../values.ts'

const SEEDS = 24

const SYNC = [syncRequestSchema, statusSchema, rangeSchema, snapshotChunkSchema, snapshotManifestSchema]
const STORED = [
  headerSchema,
  blockSchema,
  validatorSetSchema,
  voteSchema,
  certificateSchema,
  evidenceSchema,
  epochProofSchema,
  finalityProofSchema,
  receiptSchema,
  receiptProofSchema,
  commitmentProofSchema,
  recoveryFileSchema,
  attestationSchema,
  recoverySignatureSchema,
]

function decodeOnce(schema: Message<unknown>, bytes: Uint8Array): void {
  let value: unknown
  try {
    value = schema.decode(bytes)
  } catch (error) {
    if (error instanceof SchemaError) return
    throw error
  }
  if (!equalBytes(schema.encode(value), bytes)) throw new Error(`${schema.name}: two encodings of one value`)
}

function readJsonOnce(schema: Message<unknown>, json: Json): void {
  try {
    schema.encode(schema.fromJson(json))
  } catch (error) {
    if (!(error instanceof SchemaError)) throw error
  }
}

function target(name: string, weight: number, schemas: readonly unknown[], jsonShare: number): FuzzTarget {
  return {
    name,
    weight,
    open: (random) => {
      const pools = (schemas as readonly Message<unknown>[]).map((schema) => ({
        schema,
        seeds: Array.from({ length: SEEDS }, () => encodedValue(random, schema)),
      }))
      return {
        step: (r: Random) => {
          const { schema, seeds } = r.pick(pools)
          const at = r.between(0, SEEDS - 1)
          if (r.chance(1 / 64)) seeds[at] = encodedValue(r, schema)
          const seed = seeds[at]!
          if (r.chance(jsonShare)) readJsonOnce(schema, mutateJson(r, schema.toJson(schema.decode(seed))))
          else decodeOnce(schema, mutateBytes(r, seed, r.pick(seeds)))
        },
      }
    },
  }
}

/** Blocks, headers, certificates, proofs, recovery files: read by peers, from disk and by light clients. */
export const schemaTarget = target('schema', 2, STORED, 0.02)
/** Range sync and snapshots. */
export const syncTarget = target('sync', 2, SYNC, 0)
