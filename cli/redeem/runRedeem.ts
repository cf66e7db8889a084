// `suanli redeem COINS`: requests, waits with a line of progress, and prints base URL and key.
import { checksumAddress } from '../../base/address.ts'
import type { Address } from '../../base/ids.ts'
import { formatCoins } from '../../base/units.ts'
import { privateKeyAccount } from '../../client/accounts/account.ts'
import type { ChainClient } from '../../client/chainClient.ts'
import { ChainView } from '../../client/redemption/chainView.ts'
import { apiKeyText, endpointOf } from '../../client/redemption/grant.ts'
import { type RedeemKeys, redeemKeys } from '../../client/redemption/keys.ts'
import { RedeemError } from '../../client/redemption/redeemError.ts'
import { Redeemer } from '../../client/redemption/redeemer.ts'
import { requestRedemption } from '../../client/redemption/request.ts'
import type { Service } from '../../state/modules/catalogue/schema.ts'
import { openSecret } from '../chain/account.ts'
import type { AccountOptions } from '../chain/accountOptions.ts'
import { withProgress } from '../chain/progress.ts'
import { clientOf, type NodeOptions } from '../chain/send.ts'
import { print, printJson } from '../common.ts'
import { UsageError } from '../usageError.ts'
import { follow } from './follow.ts'
import { pinnedFetch } from './pinnedFetch.ts'
import { defaultStateDir, type RedemptionFile, storeOf, writeRedemption } from './redeemFiles.ts'

export interface ProviderOptions extends NodeOptions, AccountOptions {
  readonly state?: string
  readonly model?: string
  readonly budget?: bigint
  readonly abovePar?: true
  readonly plainHttp?: true
}

export interface RedeemOptions extends ProviderOptions {
  readonly service: Service
  readonly provider: number
  readonly region: string
  readonly keep?: true
}

/** As long as the longest redemption may wait for its turn. */
const WAIT_MS = 2_147_483_647

export interface Holder {
  readonly client: ChainClient
  readonly chainId: number
  readonly file: (id: number, service: Service, amountBase: bigint) => RedemptionFile
  readonly redeemer: (
    file: RedemptionFile,
    more?: { readonly isStatementPaid: boolean; readonly waitMs?: number },
  ) => Redeemer
  readonly request: (options: RedeemOptions, amountBase: bigint) => Promise<number>
  readonly genesis: RedemptionFile['genesis']
  readonly stateDir: string
  readonly owner: Address
  readonly keys: RedeemKeys
}

/** Opens the wallet, and derives from it what redeeming needs. */
export async function openHolder(options: ProviderOptions): Promise<Holder> {
  const client = await clientOf(options)
  const secret = await openSecret(options)
  const account = privateKeyAccount(secret)
  const { chainId, genesis } = await new ChainView(client).identity()
  const keys = redeemKeys(secret, genesis)
  const { state: stateDir = defaultStateDir(), model, budget, abovePar, plainHttp } = options
  return {
    client,
    chainId,
    genesis,
    stateDir,
    owner: account.address,
    keys,
    file: (id, service, amountBase) => ({
      ...{ chainId, genesis, id, service, amountBase },
      owner: account.address,
      model: model ?? '',
      assignments: [],
    }),
    request: ({ service, provider, region }, amountBase) =>
      requestRedemption(client, account, keys, { amountBase, service, provider, region }),
    redeemer: (file, more = { isStatementPaid: false }) => {
      const wanted = model ?? file.model
      return new Redeemer({
        client,
        id: file.id,
        keys,
        account,
        store: storeOf(stateDir, file),
        fetchFor: (certificate) =>
          certificate === undefined ? (url, init) => fetch(url, init) : pinnedFetch(certificate),
        isAboveParTaken: abovePar === true,
        isPlainTaken: plainHttp === true,
        ...more,
        ...(wanted === '' ? {} : { model: wanted }),
        ...(budget === undefined ? {} : { budgetBase: budget }),
      })
    },
  }
}

/** Resolves at Ctrl-C, or when the service manager says so. */
export function untilEnded(): Promise<void> {
  return new Promise((resolve) => {
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => resolve())
  })
}

/** Resolves when the redemption is over. */
export function untilOver(redeemer: Redeemer): Promise<void> {
  return new Promise((resolve) => {
    redeemer.on('state', ({ state }) => {
      if (state.kind === 'ended') resolve()
    })
  })
}

function printAccess(redeemer: Redeemer, options: RedeemOptions): void {
  const access = redeemer.access()
  const { state } = redeemer
  if (access === undefined) throw new RedeemError('ended', 'the door shut again at once')
  const baseUrl = endpointOf(access.baseUrl, '/v1')
  const apiKey = apiKeyText(access.apiKey)
  if (options.json === true) {
    const serving =
      state?.kind === 'serving'
        ? { provider: state.provider, window: state.window, parity: state.parity }
        : {}
    printJson({
      redemption: redeemer.id,
      assignment: access.assignment,
      ...serving,
      baseUrl,
      apiKey,
      models: redeemer.models(),
    })
    return
  }
  print(`OPENAI_BASE_URL=${baseUrl}`)
  print(`OPENAI_API_KEY=${apiKey}`)
}

export async function runRedeem(amountBase: bigint | undefined, options: RedeemOptions): Promise<void> {
  if (amountBase === undefined)
    throw new UsageError('say how many coins: `suanli redeem 5`, or serve, or status')
  const holder = await openHolder(options)
  const id = await withProgress('waiting for a final block', () => holder.request(options, amountBase))
  const file = holder.file(id, options.service, amountBase)
  writeRedemption(holder.stateDir, file)
  process.stderr.write(
    `redemption ${id}: ${formatCoins(amountBase)} coins of ${checksumAddress(file.owner)}\n`,
  )
  const isKept = options.keep === true
  const redeemer = holder.redeemer(file, { isStatementPaid: isKept, waitMs: WAIT_MS })
  const unfollow = follow(redeemer)
  const over = untilOver(redeemer)
  const ended = untilEnded()
  try {
    const isReady = await Promise.race([
      redeemer
        .start()
        .ready()
        .then(() => true),
      ended.then(() => false),
    ])
    if (!isReady) return
    printAccess(redeemer, options)
    if (isKept) await Promise.race([over, ended])
    else process.stderr.write('what is used is paid by `suanli redeem serve`, or here with --keep\n')
  } finally {
    unfollow()
    await redeemer.close()
  }
}
