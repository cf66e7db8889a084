// What `suanli verify` trusts: files and options. Owns: reading and storing them. Not: the light client.
import { existsSync } from 'node:fs'
import { toHex } from '../../base/bytes.ts'
import { errorText, OperatorError } from '../../base/errors.ts'
import type { Json } from '../../base/field.ts'
import type { Hash32 } from '../../base/ids.ts'
import type { Verified } from '../../base/protocol/finalityProof.ts'
import { parseClientState } from '../../client/clientState.ts'
import { checkFailed } from '../../client/errors.ts'
import { LightClient, type Origin } from '../../client/lightClient.ts'
import { httpProvider, type Provider } from '../../client/provider.ts'
import { parseCheckpoint, trustGenesis } from '../../client/trust.ts'
import { DEFAULT_CONFIG } from '../../node/config.ts'
import { readRecoveryFile } from '../../node/recovery/recoveries.ts'
import { readText, writeDurably } from '../../storage/durableFile.ts'
import { UsageError } from '../usageError.ts'

export interface TrustOptions {
  readonly rpc?: readonly string[]
  readonly genesis?: string
  readonly genesisHash?: Hash32
  readonly checkpoint?: string
  readonly state?: string
  readonly recovery?: readonly string[]
}

function readJson(path: string): Json {
  const text = readText(path)
  try {
    return JSON.parse(text) as Json
  } catch (error) {
    throw new OperatorError(`${path} is not JSON: ${errorText(error)}`)
  }
}

function mustTrust<T>(result: Verified<T>, provider?: string): T {
  if (result.ok) return result.value
  throw checkFailed(result.failure, provider)
}

/** Genesis hash that the options name; undefined when only a stored state does. */
function namedChain(options: TrustOptions): Hash32 | undefined {
  const { genesis, genesisHash, checkpoint } = options
  const named = [genesis, genesisHash, checkpoint].filter((option) => option !== undefined)
  if (named.length > 1 && !(named.length === 2 && genesis !== undefined && genesisHash !== undefined)) {
    throw new UsageError('give one of --genesis, --genesis-hash and --checkpoint')
  }
  if (checkpoint !== undefined) return parseCheckpoint(checkpoint).genesisHash
  if (genesis !== undefined) return mustTrust(trustGenesis(readJson(genesis), genesisHash)).genesisHash
  return genesisHash
}

async function originOf(
  options: TrustOptions,
  provider: Provider,
): Promise<{ readonly origin: Origin; readonly from: string }> {
  const chain = namedChain(options)
  const { state, genesis, genesisHash, checkpoint } = options
  if (state !== undefined && existsSync(state)) {
    const kept = parseClientState(readJson(state), chain)
    return { origin: { kind: 'state', state: kept }, from: `from the proof stored in ${state}` }
  }
  if (checkpoint !== undefined) {
    const parsed = parseCheckpoint(checkpoint)
    return {
      origin: { kind: 'checkpoint', checkpoint: parsed },
      from: `from the checkpoint of epoch ${parsed.epoch}`,
    }
  }
  if (genesis === undefined && genesisHash === undefined) {
    throw new UsageError('say what to trust: --genesis, --genesis-hash or --checkpoint')
  }
  const document = genesis === undefined ? await provider.request('chain_genesis', {}) : readJson(genesis)
  const trusted = mustTrust(
    trustGenesis(document, genesisHash),
    genesis === undefined ? provider.name : genesis,
  )
  return { origin: { kind: 'set', trusted }, from: `from genesis ${toHex(trusted.genesisHash)}` }
}

/** A client that trusts what the options name; `from` describes it in words. */
export async function openClient(
  options: TrustOptions,
): Promise<{ readonly client: LightClient; readonly from: string }> {
  const urls = options.rpc ?? [`http://127.0.0.1:${DEFAULT_CONFIG.rpcPort}`]
  const [first, ...others] = urls.map((url) => httpProvider(url))
  const { origin, from } = await originOf(options, first!)
  const recoveries = (options.recovery ?? []).map((path) => readRecoveryFile(path))
  return { client: new LightClient({ origin, providers: [first!, ...others], recoveries }), from }
}

/** Stores what was proven in the `--state` file. */
export async function saveClient(options: TrustOptions, client: LightClient): Promise<void> {
  const json = client.toJson()
  if (options.state === undefined || json === undefined) return
  await writeDurably(options.state, `${JSON.stringify(json, null, 2)}\n`)
}
