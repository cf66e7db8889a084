// The light client in a worker of its own: a pairing would hold up the page. Owns: the order of the steps and their times.
// Not: the checks (client/lightClient.ts), showing them (view.ts).
import { parseChecksumAddress } from '../../base/address.ts'
import { toHex } from '../../base/bytes.ts'
import { errorText } from '../../base/errors.ts'
import type { Json } from '../../base/field.ts'
import { parseHash32 } from '../../base/ids.ts'
import { formatBoundaryCheckpoint } from '../../base/protocol/checkpoint.ts'
import { checkFailed, LightClientError } from '../../client/errors.ts'
import { LightClient, type Origin } from '../../client/lightClient.ts'
import { httpProvider, type Provider } from '../../client/provider.ts'
import { parseCheckpoint, trustGenesis } from '../../client/trust.ts'
import type { Facts, Job, Message, Step } from './protocol.ts'

const tell = (message: Message): void => postMessage(message)

/** Times the steps, one after another. */
class Steps {
  #step: Step = 'start'
  #sinceMs = 0

  begin(step: Step): void {
    this.#step = step
    this.#sinceMs = performance.now()
    tell({ kind: 'begun', step })
  }

  progress(facts: Facts): void {
    tell({ kind: 'progress', step: this.#step, facts })
  }

  done(facts: Facts): void {
    tell({ kind: 'done', step: this.#step, ms: performance.now() - this.#sinceMs, facts })
  }

  failed(error: unknown): void {
    const ms = performance.now() - this.#sinceMs
    const check = error instanceof LightClientError ? error.check : undefined
    tell({ kind: 'failed', step: this.#step, ms, check, reason: errorText(error) })
  }
}

/** Passes requests on, and says when the proof of the newest block is asked for: all sets are proven then. */
function watched(provider: Provider, on: (method: string, answer: Json | undefined) => void): Provider {
  return {
    name: provider.name,
    request: async (method, params) => {
      on(method, undefined)
      const answer = await provider.request(method, params)
      on(method, answer)
      return answer
    },
  }
}

const countOf = (answer: Json | undefined): number => {
  const { proofs } = (answer ?? {}) as { readonly proofs?: Json }
  return Array.isArray(proofs) ? proofs.length : 0
}

async function originOf(trust: string, provider: Provider): Promise<{ origin: Origin; facts: Facts }> {
  const text = trust.trim()
  if (text.includes(':')) {
    const checkpoint = parseCheckpoint(text)
    const genesisHash = toHex(checkpoint.genesisHash)
    return { origin: { kind: 'checkpoint', checkpoint }, facts: { genesisHash } }
  }
  const expected = text === '' ? undefined : parseHash32(text)
  if (text !== '' && expected === undefined) {
    throw new LightClientError('input', `${text.slice(0, 80)} is neither a genesis hash nor a checkpoint`)
  }
  const result = trustGenesis(await provider.request('chain_genesis', {}), expected)
  if (!result.ok) throw checkFailed(result.failure, provider.name)
  const { genesisHash, set } = result.value
  return {
    origin: { kind: 'set', trusted: result.value },
    facts: { genesisHash: toHex(genesisHash), validators: set.validators.length },
  }
}

async function run({ address, trust }: Job, steps: Steps): Promise<void> {
  const startMs = performance.now()
  const plain = httpProvider(location.origin)
  steps.begin('start')
  const account = address === '' ? undefined : parseChecksumAddress(address.trim())
  if (address !== '' && account === undefined) {
    throw new LightClientError('input', `${address.slice(0, 80)} is not an address, or its checksum is wrong`)
  }
  const { origin, facts } = await originOf(trust, plain)
  steps.done(facts)

  let changes = 0
  let isAtTip = false
  const provider = watched(plain, (method, answer) => {
    if (method === 'chain_epochProofs' && answer !== undefined && !isAtTip) {
      changes += countOf(answer)
      steps.progress({ changes })
    }
    if (method === 'chain_certificate' && answer === undefined && !isAtTip) {
      isAtTip = true
      steps.done({ changes })
      steps.begin('certificate')
    }
  })
  const client = new LightClient({ origin, providers: [provider] })
  steps.begin('sets')
  const { tip } = await client.sync()
  const checkpoint = client.checkpoint()
  const { height, timestampMs, stateRoot, reserve } = tip.header
  steps.done({
    height,
    timestampMs,
    blockHash: tip.hash,
    signers: tip.signers.length,
    validators: tip.validatorCount,
    stateRoot: toHex(stateRoot),
    ...(checkpoint === undefined ? {} : { checkpoint: formatBoundaryCheckpoint(checkpoint) }),
  })

  steps.begin('reserve')
  const { supplyBase, liabilitiesBase, capacityBase, shortfallBase } = reserve
  steps.done({ height, reserve: { supplyBase, liabilitiesBase, capacityBase, shortfallBase } })

  if (account !== undefined) {
    steps.begin('balance')
    const { balanceBase, nonce, block } = await client.balance(account)
    const { header, hash } = block
    steps.done({
      balanceBase,
      nonce,
      height: header.height,
      blockHash: hash,
      stateRoot: toHex(header.stateRoot),
    })
  }
  tell({ kind: 'finished', ms: performance.now() - startMs })
}

addEventListener('message', ({ data }: MessageEvent<Job>) => {
  const steps = new Steps()
  run(data, steps).catch((error: unknown) => steps.failed(error))
})
