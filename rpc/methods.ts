// The table of all methods. Owns: the list. Not: the methods.
import type { Module } from '../state/rules.ts'
import type { Backend } from './backend.ts'
import { absentMethods } from './dev/absent.ts'
import { devAccountMethods } from './dev/accounts.ts'
import { automineMethods } from './dev/automine.ts'
import type { DevControl } from './dev/control.ts'
import { linkMethods } from './dev/links.ts'
import { stateFileMethods } from './dev/state.ts'
import { timeMethods } from './dev/time.ts'
import type { DispatchLog } from './dispatch.ts'
import { BlockIndexes } from './eth/blockIndex.ts'
import { blockMethods } from './eth/blocks.ts'
import { callMethods } from './eth/call.ts'
import { countMethods } from './eth/counts.ts'
import { feeMethods } from './eth/fees.ts'
import { FILTER_LIMITS, type FilterLimits, Filters, filterMethods } from './eth/filters.ts'
import { identityMethods, moduleListMethod } from './eth/identity.ts'
import { LOG_LIMITS, type LogLimits, LogSearch, logMethods } from './eth/logs.ts'
import { otterscanMethods } from './eth/otterscan.ts'
import { simulateMethod } from './eth/simulate.ts'
import { stateMethods } from './eth/state.ts'
import { submitMethods } from './eth/submit.ts'
import { traceMethods } from './eth/trace.ts'
import { transactionMethods } from './eth/transactions.ts'
import { txpoolMethods } from './eth/txpool.ts'
import { RpcEvents } from './events.ts'
import { FOLLOW_LIMITS, Followers, type FollowLimits } from './followers.ts'
import { followMethods } from './followMethods.ts'
import { type Method, methodTable } from './method.ts'
import { accountMethods } from './native/account.ts'
import { chainMethods } from './native/chain.ts'
import { evidenceMethods } from './native/evidence.ts'
import { laneFeeMethods } from './native/fees.ts'
import { historyMethods } from './native/history.ts'
import { moduleMethods } from './native/modules.ts'
import type { OperatorSource } from './native/operatorFigures.ts'
import { parameterMethods } from './native/parameters.ts'
import { proofMethods } from './native/proofs.ts'
import { proposerMethods } from './native/proposers.ts'
import { seriesMethods } from './native/series.ts'
import { statusMethods } from './native/status.ts'
import { txMethods } from './native/tx.ts'
import { discoverMethod } from './openrpc.ts'
import { Quota } from './quota.ts'
import { subscriptionMethods } from './subscriptionMethods.ts'
import { SUBSCRIPTION_LIMITS, type SubscriptionLimits, Subscriptions } from './subscriptions.ts'
import { topicsOf } from './topics.ts'

/** Addresses and topics in the filters that are kept here, polled and subscribed ones together. */
const ENTRY_LIMITS = { perConnectionMax: 10_000, perAddressMax: 20_000, totalMax: 100_000 } as const

const URL_DEFAULT = 'http://127.0.0.1:8545'

export interface MethodOptions {
  readonly backend: Backend
  /** The registry; the same array as in execution. */
  readonly modules: readonly Module[]
  readonly logLimits?: LogLimits
  readonly filterLimits?: FilterLimits
  readonly subscriptionLimits?: SubscriptionLimits
  readonly followLimits?: Partial<FollowLimits>
  /** Where this node listens, for its own description. */
  readonly url?: () => string
  /** Clock for the expiry of filters; default `performance.now`. */
  readonly nowMs?: () => number
  /** Only on a devnet in one process. */
  readonly control?: DevControl
  /** Figures of the node for its operator. */
  readonly operator?: OperatorSource
  readonly log: DispatchLog
}

export interface Methods {
  /** By name. */
  readonly table: ReadonlyMap<string, Method>
  /** Unsubscribes from the backend's events. */
  close(): void
}

/** Creates every method; listens to the backend's events until closed. */
export function createMethods(options: MethodOptions): Methods {
  const { backend, modules } = options
  const events = new RpcEvents(backend, options.log)
  const indexes = new BlockIndexes(backend.identity.chainId)
  const search = new LogSearch(backend, indexes, options.logLimits ?? LOG_LIMITS)
  const entries = new Quota('addresses and topics in filters', ENTRY_LIMITS)
  const filters = new Filters({
    backend,
    events,
    search,
    limits: options.filterLimits ?? FILTER_LIMITS,
    entries,
    nowMs: options.nowMs ?? (() => performance.now()),
  })
  const subscriptions = new Subscriptions({
    backend,
    events,
    indexes,
    limits: options.subscriptionLimits ?? SUBSCRIPTION_LIMITS,
    entries,
  })
  const followers = new Followers({
    backend,
    events,
    indexes,
    limits: { ...FOLLOW_LIMITS, ...options.followLimits },
    count: subscriptions.count,
    entries,
    log: options.log,
  })
  const usual = [
    ...identityMethods(backend),
    ...stateMethods(backend, modules),
    ...callMethods(backend, modules),
    ...feeMethods(backend),
    ...submitMethods({ backend, indexes, events }),
    ...blockMethods(backend, indexes),
    ...countMethods(backend),
    ...transactionMethods(backend, indexes),
    ...txpoolMethods(backend),
    simulateMethod(backend, modules),
    ...traceMethods({ backend, modules, indexes }),
    ...otterscanMethods({ backend, modules, indexes }),
    ...logMethods(search),
    ...filterMethods(filters),
    ...subscriptionMethods(subscriptions),
    ...followMethods(followers, topicsOf(modules)),
    ...chainMethods(backend),
    ...laneFeeMethods(backend),
    ...parameterMethods(backend, modules),
    ...seriesMethods(backend),
    ...proposerMethods(backend),
    ...statusMethods(backend, options.operator),
    ...evidenceMethods(backend),
    ...accountMethods(backend),
    ...historyMethods({ backend, modules, indexes }),
    ...proofMethods(backend),
    ...txMethods({ backend, modules, indexes }),
    ...moduleMethods(backend, modules),
  ]
  const { control } = options
  const methods = control === undefined ? usual : withDevMethods(usual, { backend, modules, control })
  const named = [...methods, moduleListMethod(methods)]
  const absent = control === undefined ? [] : absentMethods(methods)
  return {
    table: methodTable([
      ...named,
      discoverMethod(backend, named, options.url ?? (() => URL_DEFAULT)),
      ...absent,
    ]),
    close: () => events.close(),
  }
}

/** A devnet signs for accounts of its own: its eth_accounts takes the place of the usual one. */
function withDevMethods(
  usual: readonly Method[],
  parts: { readonly backend: Backend; readonly modules: readonly Module[]; readonly control: DevControl },
): readonly Method[] {
  const own = [
    ...timeMethods(parts.control),
    ...automineMethods(),
    ...devAccountMethods(parts),
    ...stateFileMethods(parts.control),
    ...linkMethods(parts.control.links()),
  ]
  const names = new Set(own.map(({ name }) => name))
  return [...usual.filter(({ name }) => !names.has(name)), ...own]
}
