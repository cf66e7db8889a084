// One reporter: in each window it commits to what its sources say and reveals it later, and says when it cannot. A step does
// what is due now; whoever calls it again and again runs it. Not: the loop and its output (runReporter.ts).
import { randomBytes } from 'node:crypto'
import { parseHex } from '../../base/bytes.ts'
import { errorText } from '../../base/errors.ts'
import type { Json } from '../../base/field.ts'
import { type OracleReport, reportCommitment } from '../../base/protocol/oracleReport.ts'
import type { LocalAccount } from '../../client/accounts/account.ts'
import { type Call, encodeCall } from '../../client/calls.ts'
import type { ChainClient } from '../../client/chainClient.ts'
import { ClientError } from '../../client/clientError.ts'
import { oracle } from '../../client/modules.ts'
import { logObservation } from './observationLog.ts'
import { type Observed, observe } from './observe.ts'
import { type PendingReport, readPending, writePending } from './pendingReport.ts'
import type { SourcesFile } from './sourcesFile.ts'

export type AlarmCode =
  | 'nodeUnreachable'
  | 'notReporter'
  | 'sourceDead'
  | 'sourceStale'
  | 'sourcesDisagree'
  /** A price that the chain wants and the file of sources does not name. */
  | 'noSource'
  | 'commitMissed'
  | 'revealMissed'
  /** A commitment on the chain whose salt this folder does not hold. */
  | 'saltLost'
  /** The reveal was recorded and does not count. */
  | 'reportRefused'
  /** The chain refused a transaction, or it was not final in time. */
  | 'notSent'

export interface Alarm {
  readonly code: AlarmCode
  readonly window?: number
  readonly text: string
}

export interface Step {
  readonly did: 'committed' | 'revealed' | 'nothing'
  readonly window?: number
  /** A sentence on what was done, or is waited for. */
  readonly text: string
  /** Rating and prices that were committed or revealed. */
  readonly report?: OracleReport
  readonly alarms: readonly Alarm[]
  /** Time on the chain until the phase ends, milliseconds; absent when it is not known. */
  readonly leftMs?: number
}

export interface ReporterOptions {
  readonly client: ChainClient
  readonly account: LocalAccount
  readonly sources: SourcesFile
  /** Holds the report between commitment and reveal, and the log. */
  readonly folder: string
  readonly timeoutMs: number
  readonly nowMs: () => number
}

/** What the chain says before a step. */
interface View {
  readonly windowIndex: number
  readonly phase: 'commit' | 'reveal' | 'closed'
  readonly leftMs: number
  readonly assets: readonly number[]
  /** Undefined for an account without a seat. */
  readonly record:
    | {
        readonly chamber: 'reporters' | 'providers'
        readonly member: number
        readonly sinceWindow: number
        readonly running?: string | undefined
      }
    | undefined
}

const OUTCOME_TEXTS = {
  committed: 'it was not revealed',
  revealed: 'it was revealed',
  mismatched: 'what was revealed is not what was committed to',
  malformed: 'it is malformed',
  none: 'there is no commitment',
  forgotten: 'the chain no longer holds the reports of that window',
  notAnswered: 'the node did not answer',
} as const

export class Reporter {
  readonly #options: ReporterOptions
  #genesisHash: Uint8Array | undefined

  constructor(options: ReporterOptions) {
    this.#options = options
  }

  /** Does what is due. Rejects only with OperatorError, when the folder is not this reporter's. */
  async step(): Promise<Step> {
    let view: View
    let genesisHash: Uint8Array
    try {
      genesisHash = await this.#chain()
      view = await this.#look()
    } catch (error) {
      if (!(error instanceof ClientError)) throw error
      const text = errorText(error)
      return { did: 'nothing', text, alarms: [{ code: 'nodeUnreachable', text }] }
    }
    const { account, folder } = this.#options
    const pending = readPending(folder, { genesisHash, account: account.address })
    const missed = await this.#missedBefore(view, pending)
    const step = await this.#due(view, missed === undefined ? pending : { ...pending!, isDone: true })
    return {
      ...step,
      window: view.windowIndex,
      leftMs: view.leftMs,
      alarms: [...(missed ?? []), ...step.alarms],
    }
  }

  async #chain(): Promise<Uint8Array> {
    if (this.#genesisHash !== undefined) return this.#genesisHash
    const info = (await this.#options.client.request('chain_info')) as { readonly genesisHash?: Json }
    const hash = typeof info.genesisHash === 'string' ? parseHex(info.genesisHash) : undefined
    if (hash === undefined) throw new ClientError('transport', 'chain_info: no genesis hash')
    this.#genesisHash = hash
    return hash
  }

  async #look(): Promise<View> {
    const { client, account } = this.#options
    const [status, record, info] = await Promise.all([
      client.query(oracle, 'status', {}),
      client.query(oracle, 'reporter', { account: account.address }),
      client.request('chain_info'),
    ])
    if (status === undefined) throw new ClientError('transport', 'oracle_status: no answer')
    const { timestampMs } = info as { readonly timestampMs?: Json }
    const nowMs = typeof timestampMs === 'number' ? timestampMs : 0
    const { windowIndex, phase, phaseUntilMs, prices } = status
    const assets = prices.map(({ asset }) => asset)
    return { windowIndex, phase, leftMs: Math.max(0, phaseUntilMs - nowMs), assets, record }
  }

  /** Says once that an earlier report never counted; undefined when there is nothing to say. */
  async #missedBefore(view: View, pending: PendingReport | undefined): Promise<readonly Alarm[] | undefined> {
    if (pending === undefined || pending.isDone || pending.window >= view.windowIndex) return undefined
    const { window } = pending
    const outcome = await this.#outcomeOf(view, window)
    if (outcome === 'notAnswered') return undefined
    writePending(this.#options.folder, { ...pending, isDone: true })
    if (outcome === 'revealed') return []
    const text = `the report of window ${window} does not count: ${OUTCOME_TEXTS[outcome]}`
    return [{ code: outcome === 'none' ? 'commitMissed' : 'revealMissed', window, text }]
  }

  /** What became of this account's report of a window. */
  async #outcomeOf({ record }: View, window: number): Promise<keyof typeof OUTCOME_TEXTS> {
    try {
      const found = await this.#options.client.query(oracle, 'reports', { window })
      if (found === undefined) return 'forgotten'
      const own = found.reports.find(
        ({ chamber, member }) => chamber === record?.chamber && member === record.member,
      )
      return own?.outcome ?? 'none'
    } catch (error) {
      if (error instanceof ClientError) return 'notAnswered'
      throw error
    }
  }

  async #due(view: View, pending: PendingReport | undefined): Promise<Step> {
    const { record, windowIndex: window, phase } = view
    if (record === undefined) {
      const text = 'this account is no reporter, and no operator of a member that validates'
      return { did: 'nothing', text, alarms: [{ code: 'notReporter', window, text }] }
    }
    if (record.sinceWindow > window)
      return { did: 'nothing', text: `appointed from window ${record.sinceWindow} on`, alarms: [] }
    if (record.running === 'revealed')
      return { did: 'nothing', text: `window ${window} is reported`, alarms: [] }
    const own = pending?.window === window ? pending : undefined
    if (phase === 'commit') return this.#commitPhase(view, own)
    if (phase === 'reveal') return this.#revealPhase(view, own)
    return { did: 'nothing', text: `window ${window} is about to end`, alarms: [] }
  }

  async #commitPhase(view: View, own: PendingReport | undefined): Promise<Step> {
    const { windowIndex: window, record } = view
    if (own !== undefined && record?.running === 'committed')
      return { did: 'nothing', text: `window ${window} is committed`, alarms: [] }
    // One that was written and not seen on the chain is sent again as it is.
    if (own !== undefined) return this.#commit(own, [])
    const { report, alarms } = await this.#observe(view)
    if (report === undefined) return { did: 'nothing', text: 'nothing to commit to', alarms }
    const { account, folder } = this.#options
    const pending = {
      genesisHash: await this.#chain(),
      account: account.address,
      window,
      salt: new Uint8Array(randomBytes(32)),
      ...report,
      isDone: false,
    }
    // Before the commitment is sent: whatever happens next, it can be revealed.
    writePending(folder, pending)
    return this.#commit(pending, alarms)
  }

  async #commit(pending: PendingReport, alarms: readonly Alarm[]): Promise<Step> {
    const { window, rating, prices } = pending
    const report = { rating, prices }
    const commitment = reportCommitment({ ...pending, report })
    const refused = await this.#send(window, encodeCall(oracle.definition, 'commit', { window, commitment }))
    if (refused !== undefined)
      return { did: 'nothing', text: 'the commitment is not on the chain', alarms: [...alarms, refused] }
    return { did: 'committed', text: `committed to the report of window ${window}`, report, alarms }
  }

  async #revealPhase(view: View, own: PendingReport | undefined): Promise<Step> {
    const { windowIndex: window, record } = view
    if (record?.running === undefined) {
      const text = `the reveals of window ${window} have begun, and this reporter has committed to nothing`
      return { did: 'nothing', text, alarms: [{ code: 'commitMissed', window, text }] }
    }
    if (own === undefined) {
      const text = `the report of window ${window} was committed to elsewhere: its salt is not in this folder`
      return { did: 'nothing', text, alarms: [{ code: 'saltLost', window, text }] }
    }
    const { salt, rating, prices } = own
    const call = encodeCall(oracle.definition, 'reveal', { window, salt, rating, prices })
    const refused = await this.#send(window, call)
    if (refused !== undefined)
      return { did: 'nothing', text: 'the report is not revealed', alarms: [refused] }
    const outcome = await this.#outcomeOf(view, window)
    if (outcome !== 'revealed') {
      const text = `the report of window ${window} does not count: ${OUTCOME_TEXTS[outcome]}`
      return { did: 'nothing', text, alarms: [{ code: 'reportRefused', window, text }] }
    }
    writePending(this.#options.folder, { ...own, isDone: true })
    return {
      did: 'revealed',
      text: `revealed the report of window ${window}`,
      report: { rating, prices },
      alarms: [],
    }
  }

  async #send(window: number, call: Call): Promise<Alarm | undefined> {
    const { client, account, timeoutMs } = this.#options
    try {
      await client.send(account, call, { timeoutMs })
      return undefined
    } catch (error) {
      if (!(error instanceof ClientError)) throw error
      const code = error.code === 'transport' ? 'nodeUnreachable' : 'notSent'
      return { code, window, text: errorText(error) }
    }
  }

  /** Reads all sources; without a rating there is no report, without a price it lacks that one. */
  async #observe(view: View): Promise<{ readonly report?: OracleReport; readonly alarms: readonly Alarm[] }> {
    const { sources, folder, nowMs } = this.#options
    const { windowIndex: window, assets } = view
    const timeMs = nowMs()
    const wanted = assets.filter((asset) => sources.prices.has(asset))
    const [rating, ...read] = await Promise.all([
      observe(sources.rating, sources, timeMs),
      ...wanted.map((asset) => observe(sources.prices.get(asset)!, sources, timeMs)),
    ])
    const prices = new Map(wanted.map((asset, i) => [asset, read[i]!] as const))
    logObservation(folder, { timeMs, window, rating: rating!, prices })
    const alarms = [
      ...alarmOf('rating', window, rating!),
      ...[...prices].flatMap(([asset, observed]) => alarmOf(`price in asset ${asset}`, window, observed)),
      ...assets
        .filter((asset) => !sources.prices.has(asset))
        .map(
          (asset) =>
            ({ code: 'noSource', window, text: `price in asset ${asset}: no source is named` }) as const,
        ),
    ]
    if (rating?.value === undefined) return { alarms }
    const reported = wanted.flatMap((asset) => {
      const priceBase = prices.get(asset)?.value
      return priceBase === undefined ? [] : [{ asset, priceBase }]
    })
    return { report: { rating: rating.value, prices: reported as OracleReport['prices'] }, alarms }
  }
}

function alarmOf(what: string, window: number, { alarm }: Observed): readonly Alarm[] {
  return alarm === undefined ? [] : [{ code: alarm.code, window, text: `${what}: ${alarm.text}` }]
}
