// Parses a provider's answers into the proofs of base/protocol. Owns: answer shapes, `encoding` failures. Not: checks.
import { parseHex } from '../base/bytes.ts'
import { type Json, SchemaError } from '../base/field.ts'
import { isWholeNumber } from '../base/integers.ts'
import { type EpochProof, epochProofSchema } from '../base/protocol/epochProof.ts'
import { FINALITY_PATH_MAX, type FinalityProof, type ProofCheck } from '../base/protocol/finalityProof.ts'
import { headerSchema } from '../base/protocol/header.ts'
import { certificateSchema } from '../base/protocol/vote.ts'
import { checkFailed } from './errors.ts'

type JsonObject = { readonly [name: string]: Json }

/** Parses one provider's answers; every failure names the provider. */
export class AnswerReader {
  readonly #provider: string

  constructor(provider: string) {
    this.#provider = provider
  }

  fails(check: ProofCheck, reason: string): never {
    throw checkFailed({ check, reason }, this.#provider)
  }

  object(json: Json | undefined, what: string): JsonObject {
    if (json === null || json === undefined || typeof json !== 'object' || Array.isArray(json)) {
      return this.fails('encoding', `${what} is not an object`)
    }
    return json as JsonObject
  }

  list(json: Json | undefined, what: string, countMax: number): readonly Json[] {
    if (!Array.isArray(json)) return this.fails('encoding', `${what} is not a list`)
    if (json.length > countMax) return this.fails('encoding', `${what} has more than ${countMax} elements`)
    return json as readonly Json[]
  }

  integer(json: Json | undefined, what: string): number {
    return isWholeNumber(json) ? json : this.fails('encoding', `${what} is not a whole number`)
  }

  bytes(json: Json | undefined, what: string): Uint8Array {
    const bytes = typeof json === 'string' && json.startsWith('0x') ? parseHex(json) : undefined
    return bytes ?? this.fails('encoding', `${what} is not a 0x hex string`)
  }

  /** Canonical bytes of a schema, as hex. */
  decode<T>(schema: { readonly name: string; decode(bytes: Uint8Array): T }, json: Json | undefined): T {
    try {
      return schema.decode(this.bytes(json, schema.name))
    } catch (error) {
      if (!(error instanceof SchemaError)) throw error
      return this.fails('encoding', `${schema.name}: ${error.message}`)
    }
  }

  /** `{header, certificate}` of any proven answer; reads only the canonical bytes, not the JSON fields. */
  finality(json: Json): FinalityProof {
    const answer = this.object(json, 'the answer')
    const header = this.decode(headerSchema, this.object(answer.header, 'header').bytes)
    if (answer.certificate === null || answer.certificate === undefined) {
      return this.fails('digest', `no certificate was given for block ${header.height}`)
    }
    const certificate = this.object(answer.certificate, 'certificate')
    const path = this.list(certificate.path, 'the path of the certificate', FINALITY_PATH_MAX)
    return {
      header,
      path: path.map((child) => this.decode(headerSchema, this.object(child, 'header').bytes)),
      certificate: this.decode(certificateSchema, certificate.bytes),
    }
  }

  epochProofs(
    json: Json,
    countMax: number,
  ): { readonly proofs: readonly EpochProof[]; readonly nextEpoch: number; readonly epoch: number } {
    const answer = this.object(json, 'the answer')
    return {
      proofs: this.list(answer.proofs, 'proofs', countMax).map((proof) =>
        this.decode(epochProofSchema, proof),
      ),
      nextEpoch: this.integer(answer.nextEpoch, 'nextEpoch'),
      epoch: this.integer(answer.epoch, 'epoch'),
    }
  }
}
