// Looks whether a gateway could run as configured: each thing that must hold, and what to do where it does not.
// Owns: the list. Not: running (gateway.ts), the command (cli/commands/gateway.ts).
import { errorText } from '../base/errors.ts'
import { privateKeyAccount } from '../client/accounts/account.ts'
import { createClient } from '../client/chainClient.ts'
import { catalogue, oracle } from '../client/modules.ts'
import { abovePar } from '../client/redemption/parity.ts'
import { type Tariff, tariffHash } from '../client/redemption/tariff.ts'
import { httpTransport } from '../client/transports/http.ts'
import { ChainReader } from './chain/chainReader.ts'
import { listingFault, SKEW_MS_MAX } from './chain/watch.ts'
import { type GatewayConfig, readSecret } from './config.ts'
import { checkPrices, readTariff } from './gateway.ts'
import { Backend } from './http/backend.ts'
import { usageOfAnswer } from './meter/answerUsage.ts'

export interface Finding {
  readonly what: string
  /** `note`: it can run, but look at it. */
  readonly verdict: 'ok' | 'note' | 'BAD'
  readonly text: string
}

export interface CheckOptions {
  readonly config: GatewayConfig
  readonly providerSecret: Uint8Array
}

/** All findings, in the order of a start; what depends on something bad is left out. */
export async function checkGateway({ config, providerSecret }: CheckOptions): Promise<readonly Finding[]> {
  const found: Finding[] = []
  const add = (what: string, verdict: Finding['verdict'], text: string): void =>
    void found.push({ what, verdict, text })
  const tariff = checkTariff(config, add)
  await checkChain({ config, providerSecret }, tariff, add)
  for (const [i] of config.backends.entries()) await checkBackend(config, i, add)
  return found
}

type Add = (what: string, verdict: Finding['verdict'], text: string) => void

function checkTariff(config: GatewayConfig, add: Add): Tariff | undefined {
  try {
    const tariff = readTariff(config.tariff)
    checkPrices(config, tariff)
    add('tariff', 'ok', `${tariff.models.size} models`)
    return tariff
  } catch (error) {
    add('tariff', 'BAD', errorText(error))
    return undefined
  }
}

async function checkChain(options: CheckOptions, tariff: Tariff | undefined, add: Add): Promise<void> {
  const { config, providerSecret } = options
  const client = createClient(httpTransport(config.node, { timeoutMs: 10_000 }))
  const reader = new ChainReader(client)
  try {
    const { chainId } = await reader.identity()
    add('node', 'ok', `${config.node}: chain ${chainId}`)
    checkClock(await reader.clock(), add)
    const provider = await reader.providerOf(privateKeyAccount(providerSecret).address)
    if (provider === undefined) {
      add('account', 'BAD', 'the account of the keystore is no member of this chain')
      return
    }
    add('account', 'ok', `provider ${provider}`)
    if (tariff === undefined) return
    for (const service of config.services) {
      const fault = await listingFault(reader, provider, service, tariffHash(tariff))
      add(`listing of ${service}`, fault === undefined ? 'ok' : 'BAD', fault ?? 'names this tariff')
      const listing = await reader.listing(provider, service)
      if (listing === undefined) continue
      const { classId, bonusPpm } = listing
      const [info, references, anchor] = await Promise.all([
        client.query(catalogue, 'class', { id: classId }),
        client.query(catalogue, 'references', {}),
        client.query(oracle, 'anchor', {}),
      ])
      const rating = info?.effective[service] ?? 0n
      const terms = { anchor: anchor?.anchor ?? 0n, rating, bonusPpm }
      const above =
        rating === 0n ? [] : abovePar(tariff, { classId, service, terms, references: references ?? [] })
      add(
        `parity of ${service}`,
        above.length === 0 ? 'ok' : 'note',
        above.length === 0 ? 'no price is above par' : `above par, which clients refuse: ${above.join(', ')}`,
      )
    }
  } catch (error) {
    add('node', 'BAD', errorText(error))
  }
}

/** A block of the future, or a window that should have ended long ago: one of the two clocks is wrong. */
function checkClock(clock: { readonly timestampMs: number; readonly endsAtMs: number }, add: Add): void {
  const nowMs = Date.now()
  const aheadMs = clock.timestampMs - nowMs
  const lateMs = nowMs - clock.endsAtMs
  if (aheadMs > SKEW_MS_MAX)
    add('clock', 'BAD', `this machine is ${Math.round(aheadMs / 1_000)} s behind the chain`)
  else if (lateMs > SKEW_MS_MAX)
    add(
      'clock',
      'BAD',
      `the running window should have ended ${Math.round(lateMs / 1_000)} s ago: this machine is ahead, or the chain stands still`,
    )
  else add('clock', 'ok', 'as the chain has it')
}

async function checkBackend(config: GatewayConfig, i: number, add: Add): Promise<void> {
  const one = config.backends[i]!
  // What this process runs itself needs no look.
  if (one.kind === 'command' || one.url === '') return
  let backend: Backend | undefined
  try {
    backend = new Backend(one, readSecret(one.key, `backends[${i}].key`), config.limits, () => 1n)
    for (const model of one.models) {
      const messages = [{ role: 'user', content: 'Hi' }]
      const { status, json } = await backend.small('POST', '/v1/chat/completions', {
        model,
        messages,
        max_tokens: 1,
      })
      if (status !== 200) {
        const isOther = status === 400 || status === 404
        add(
          `model ${model}`,
          isOther ? 'note' : 'BAD',
          `${one.url} answers ${status} to a chat of one token${isOther ? ': well for embeddings alone' : ''}`,
        )
      } else if (json === undefined || usageOfAnswer('chat/completions', json) === undefined) {
        const isCounted = one.tokenizerUrl !== undefined
        add(
          `model ${model}`,
          isCounted ? 'ok' : 'BAD',
          isCounted ? 'counted by the tokenizer' : `${one.url} gives no usage: set tokenizerUrl`,
        )
      } else add(`model ${model}`, 'ok', `${one.url} answers and counts`)
    }
  } catch (error) {
    add(`backend ${one.url}`, 'BAD', errorText(error))
  } finally {
    backend?.close()
  }
}
