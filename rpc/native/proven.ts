// Answers about state with proofs, for given keys or for the keys that a query reads. Owns: building state proofs.

import type { Json, JsonSchema } from '../../base/field.ts'
import type { Header } from '../../base/protocol/header.ts'
import type { ReadContext } from '../../state/context.ts'
import type { StateKey, StateReader } from '../../state/view.ts'
import type { Backend, StateView } from '../backend.ts'
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

/** Keys proven in one answer. */
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

const PROVEN: Readonly<Record<string, JsonSchema>> = {
  proof: { type: 'array', items: KEY_PROOF_JSON_SCHEMA },
  header: HEADER_JSON_SCHEMA,
  certificate: FINALITY_JSON_SCHEMA,
}

function objectOf(properties: Readonly<Record<string, JsonSchema>>): JsonSchema {
  return { type: 'object', properties, required: Object.keys(properties) }
}

/** The result of `proveKeys`. */
export const PROVEN_SCHEMA = objectOf(PROVEN)

/** `value` alone, or with all that an independent verifier needs. */
export function provableSchema(value: JsonSchema): JsonSchema {
  return { anyOf: [value, { allOf: [PROVEN_SCHEMA, objectOf({ value })] }] }
}

/** The state of a finalized block; refuses `pending`, which cannot be proven. */
export function mustFindFinalState(
  backend: Backend,
  selector: BlockSelector,
): StateView | Promise<StateView> {
  if (selector.kind !== 'pending') return mustFindState(backend, selector)
  throw new RpcError(RPC_CODE.refused, 'only finalized blocks can be proven: use latest or a height')
}

/** Proves presence or absence of each key in the post-state of a final block, and that the block is final. */
export async function proveKeys(backend: Backend, header: Header, keys: Iterable<StateKey>) {
  const proof: Json[] = []
  for (const key of keys) {
    const proven = await backend.prove(key, header.height)
    if (proven === undefined) {
      throw new RpcError(
        RPC_CODE.refused,
        `the tree of block ${header.height} is no longer held: use a later block`,
      )
    }
    proof.push(keyProofJson(key, proven))
  }
  const finality = await backend.finalityOf(header.height)
  return { proof, header: headerJson(header), certificate: finalityJson(finality) }
}

function readAt(view: StateView, state: StateReader, ask: (ctx: ReadContext) => Json): Json {
  return ask({ state, block: view.context })
}

/** Runs `ask` on the state of `selector`; `proof` adds {proof, header, certificate}, for finalized blocks only. */
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
  const view = await mustFindFinalState(backend, selector)
  const reader = new RecordingReader(view.state)
  const value = readAt(view, reader, ask)
  if (reader.keys.size > PROOF_KEYS_MAX) {
    throw limitExceeded(
      `this answer reads ${reader.keys.size} records; at most ${PROOF_KEYS_MAX} can be proven at once`,
    )
  }
  return { value, ...(await proveKeys(backend, view.header, reader.keys)) }
}
