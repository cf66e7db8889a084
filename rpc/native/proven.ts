// Answers about state with their proof: records which keys a question read and proves each of them.

import type { Json, JsonSchema } from '../../base/field.ts'
import type { Header } from '../../base/protocol/header.ts'
import type { ReadContext } from '../../state/context.ts'
import type { StateKey, StateReader } from '../../state/view.ts'
import type { Backend, Finality, StateView } from '../backend.ts'
import { limitExceeded, RPC_CODE, RpcError } from '../errors.ts'
import { mustFindState } from '../eth/resolve.ts'
import type { BlockSelector } from '../params.ts'
import {
  FINALITY_JSON_SCHEMA,
  finalityJson,
  HEADER_JSON_SCHEMA,
  headerJson,
  KEY_PROOF_JSON_SCHEMA,
  keyProofJson,
} from './json.ts'

/** Keys that one answer may prove. */
const PROOF_KEYS_MAX = 256

class RecordingReader implements StateReader {
  readonly #state: StateReader
  readonly keys = new Set<StateKey>()

  constructor(state: StateReader) {
    this.#state = state
  }

  get(key: StateKey): Uint8Array | undefined {
    this.keys.add(key)
    return this.#state.get(key)
  }
}

/** `value` alone, or with everything that an independent verifier needs. */
export function provableSchema(value: JsonSchema): JsonSchema {
  return {
    oneOf: [
      value,
      {
        type: 'object',
        properties: {
          value,
          proof: { type: 'array', items: KEY_PROOF_JSON_SCHEMA },
          header: HEADER_JSON_SCHEMA,
          certificate: FINALITY_JSON_SCHEMA,
        },
        required: ['value', 'proof', 'header', 'certificate'],
      },
    ],
  }
}

function readAt(view: StateView, state: StateReader, ask: (ctx: ReadContext) => Json): Json {
  return ask({ state, block: view.context })
}

/** Answers `ask` on the state of `selector`; with `proof` also {proof, header, certificate}, for finalized blocks. */
export async function askState(
  backend: Backend,
  selector: BlockSelector,
  proof: boolean,
  ask: (ctx: ReadContext) => Json,
): Promise<Json> {
  if (!proof) {
    const view = await mustFindState(backend, selector)
    return readAt(view, view.state, ask)
  }
  if (selector.kind === 'pending') {
    throw new RpcError(RPC_CODE.refused, 'only finalized blocks can be proven: ask for latest or a height')
  }
  const view = await mustFindState(backend, selector)
  const reader = new RecordingReader(view.state)
  const value = readAt(view, reader, ask)
  if (reader.keys.size > PROOF_KEYS_MAX) {
    throw limitExceeded(
      `this answer reads ${reader.keys.size} records; at most ${PROOF_KEYS_MAX} can be proven at once`,
    )
  }
  const proofs: Json[] = []
  const { height } = view.header
  let finality: Finality | undefined
  let header: Header = view.header
  for (const key of reader.keys) {
    const proven = await backend.prove(key, height)
    if (proven === undefined) {
      throw new RpcError(
        RPC_CODE.refused,
        `the tree of block ${height} is no longer held: ask for a later block`,
      )
    }
    finality = proven.finality
    header = proven.header
    proofs.push(keyProofJson(key, proven))
  }
  if (proofs.length === 0) finality = await backend.finalityOf(height)
  return { value, proof: proofs, header: headerJson(header), certificate: finalityJson(finality) }
}
