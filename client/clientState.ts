// The state a wallet stores between sessions, as JSON. Owns: its form. Not: how it became trusted (lightClient.ts).
// Write access decides what is trusted: store it with the wallet's keys.
import { toHex } from '../base/bytes.ts'
import { type Json, SchemaError } from '../base/field.ts'
import type { Hash32 } from '../base/ids.ts'
import { checkValidatorSet } from '../base/protocol/epochProof.ts'
import { type TrustedSet, trustedSet } from '../base/protocol/finalityProof.ts'
import { validatorSetSchema } from '../base/protocol/validators.ts'
import { message, t } from '../base/schema.ts'
import { LightClientError } from './errors.ts'

const VERSION = 1

const setRecord = message('TrustedSet', { epoch: t.u64, height: t.u64, set: validatorSetSchema })
const boundaryRecord = message('Boundary', { epoch: t.u64, hash: t.hash })
const tipRecord = message('Tip', { height: t.u64, hash: t.hash, timestampMs: t.u64 })

const stateSchema = message('LightClientState', {
  version: t.u32,
  genesisHash: t.hash,
  /** The trusted start. */
  origin: setRecord,
  current: setRecord,
  /** The previous set, which signed the boundary; absent at the origin. */
  previous: t.optional(setRecord),
  /** The boundary that named the current set; absent for genesis and after a recovery. */
  boundary: t.optional(boundaryRecord),
  /** The highest proven block. */
  tip: t.optional(tipRecord),
  /** Set changes proven since the origin. */
  changes: t.u64,
})

export interface ClientState {
  readonly origin: TrustedSet
  readonly current: TrustedSet
  readonly previous: TrustedSet | undefined
  readonly boundary: { readonly epoch: number; readonly hash: Hash32 } | undefined
  readonly tip: { readonly height: number; readonly hash: Hash32; readonly timestampMs: number } | undefined
  readonly changes: number
}

export function clientStateJson(state: ClientState): Json {
  const { origin, current, previous, boundary, tip, changes } = state
  const record = ({ epoch, height, set }: TrustedSet) => ({ epoch, height, set })
  return stateSchema.toJson({
    version: VERSION,
    genesisHash: origin.genesisHash,
    origin: record(origin),
    current: record(current),
    ...(previous === undefined ? {} : { previous: record(previous) }),
    ...(boundary === undefined ? {} : { boundary }),
    ...(tip === undefined ? {} : { tip }),
    changes,
  })
}

/**
 * Inverse of `clientStateJson`; with `genesisHash`, only for that chain. Throws LightClientError `input`.
 *
 * @example
 * const provider = httpProvider('http://127.0.0.1:8545')
 * const genesis = trustGenesis(await provider.request('chain_genesis', {}))
 * if (!genesis.ok) throw new Error(genesis.failure.reason)
 * const client = new LightClient({ origin: { kind: 'set', trusted: genesis.value }, providers: [provider] })
 * await client.sync()
 * const state = parseClientState(JSON.parse(JSON.stringify(client.toJson())))
 * const later = new LightClient({ origin: { kind: 'state', state }, providers: [provider] })
 */
export function parseClientState(json: Json, genesisHash?: Hash32): ClientState {
  const fails = (reason: string): never => {
    throw new LightClientError('input', `the kept state of the light client cannot be used: ${reason}`)
  }
  let stored: ReturnType<typeof stateSchema.fromJson>
  try {
    stored = stateSchema.fromJson(json)
  } catch (error) {
    if (!(error instanceof SchemaError)) throw error
    return fails(error.message)
  }
  if (stored.version !== VERSION) return fails(`version ${stored.version}, this build reads ${VERSION}`)
  const chain = toHex(stored.genesisHash)
  if (genesisHash !== undefined && chain !== toHex(genesisHash)) {
    return fails(`it is of the chain ${chain}, not ${toHex(genesisHash)}`)
  }
  const { origin, current, previous, boundary, tip, changes } = stored
  if (current.epoch < origin.epoch || current.height < origin.height) return fails('it goes backwards')
  for (const { set } of previous === undefined ? [origin, current] : [origin, previous, current]) {
    const wrong = checkValidatorSet(set)
    if (wrong !== undefined) return fails(wrong.reason)
  }
  const trust = (record: typeof origin): TrustedSet =>
    trustedSet({ genesisHash: stored.genesisHash, ...record })
  return {
    origin: trust(origin),
    current: trust(current),
    previous: previous === undefined ? undefined : trust(previous),
    boundary,
    tip,
    changes,
  }
}
