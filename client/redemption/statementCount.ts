// What is counted from the provider's signed statement, by the tariff alone: jobs, what an earlier run used, what other programs
// use with the same key. Owns: how far it was read, when it is read again. Not: its hashes (statement.ts), the sums (ownMeter.ts).
import { equalBytes } from '../../base/bytes.ts'
import type { DoorCore } from './doorCore.ts'
import { OwnMeter } from './ownMeter.ts'
import { RedeemError } from './redeemError.ts'
import { checkStatement, type StatementPoint, statementStart } from './statement.ts'
import type { VoucherSender } from './voucherSender.ts'
import { PATHS, readWire, type Statement, statementInfo } from './wire.ts'

/** Part of an assignment that is believed to have been used by an earlier run. */
const EARLIER_PART = 10n
const STATEMENT_PAGES_MAX = 1_000
/** Between two looks at the lines of jobs: while there are new ones, and while there are none. */
const JOB_LOOK_MS = 1_000
const JOB_LOOK_MAX_MS = 8_000

export class StatementCount {
  readonly #core: DoorCore
  readonly #vouchers: VoucherSender
  /** Where the statement was read to, for what other programs used. */
  #point: StatementPoint | undefined
  /** What an earlier process had counted: the lines up to there. */
  readonly #startBase: bigint
  #jobTimer: ReturnType<typeof setTimeout> | undefined
  #jobPoint: StatementPoint | undefined
  #looking: Promise<boolean> | undefined

  constructor(core: DoorCore, vouchers: VoucherSender) {
    this.#core = core
    this.#vouchers = vouchers
    this.#startBase = core.meter.state.meteredBase
  }

  /**
   * Reads the provider's statement to its end, and counts what is in it by the tariff alone: for programs that use the key
   * themselves, whose requests this one does not see. Throws RedeemError, and shuts the door, when it is no honest statement.
   */
  async adoptStatement(): Promise<void> {
    await this.#readStatement(this.#point, (statement, last, known) => this.#adopt(statement, last, known))
    this.#vouchers.soon()
  }

  /**
   * What the provider metered before this client came: by an earlier run of it that was killed, or by a program that had the key. By
   * the tariff alone, and at most a tenth of the assignment beyond the last voucher. Throws RedeemError, and shuts the door, beyond.
   */
  async adoptEarlier(): Promise<void> {
    const { meter, door, hasJobs } = this.#core
    const { voucheredBase, meteredBase } = meter.state
    if (door.session.meteredBase > meteredBase) {
      await this.adoptStatement()
      this.#jobPoint = this.#point
      this.#core.checked(() => {
        if ((meter.state.meteredBase - voucheredBase) * EARLIER_PART <= meter.amountBase) return
        throw new RedeemError('cost', 'the provider metered more before than this client signs for unseen', {
          path: 'meteredBase',
        })
      })
    }
    // Those of an earlier run go on.
    if (hasJobs) this.followJobs()
  }

  /** Reads a statement from a point to its end, in checked parts. Throws RedeemError; a lie shuts the door. */
  async #readStatement(
    from: StatementPoint | undefined,
    take: (statement: Statement, last: StatementPoint, known: StatementPoint) => void,
  ): Promise<void> {
    const { redemptionId, assignment, operator } = this.#core.door.terms
    const { genesis, chainId } = this.#core.door.session
    const on = { genesis, chainId, redemptionId, assignment, provider: operator }
    let known = from ?? { lineCount: 0, head: statementStart(on), meteredBase: 0n }
    for (let page = 0; page < STATEMENT_PAGES_MAX; page++) {
      const { status, text } = await this.#core.ask(`${PATHS.statement}?after=${known.lineCount}`)
      if (status !== 200) throw new RedeemError('door', `the provider gives no statement: HTTP ${status}`)
      const isLast = this.#core.checked(() => {
        const statement = readWire(statementInfo, text)
        const last = checkStatement(statement, { ...on, known })
        take(statement, last, known)
        known = last
        return (
          last.lineCount === statement.lineCount &&
          (last.lineCount === 0 || equalBytes(last.head, statement.head))
        )
      })
      if (isLast) return
    }
  }

  /** Jobs are asked for: from now on what they cost is looked for. Written down before the first one is. */
  followJobs(): void {
    if (!this.#core.hasJobs) {
      this.#core.hasJobs = true
      this.#core.save()
    }
    if (this.#jobTimer !== undefined || this.#core.refusal !== undefined) return
    const look = (pauseMs: number): void => {
      this.#jobTimer = setTimeout(() => {
        const again = (isNew: boolean): void => {
          if (this.#core.refusal === undefined && this.#jobTimer !== undefined)
            look(isNew ? JOB_LOOK_MS : Math.min(2 * pauseMs, JOB_LOOK_MAX_MS))
        }
        // A provider that does not answer is asked again; one that lies is not.
        void this.lookAtJobs().then(again, () => again(false))
      }, pauseMs)
      ;(this.#jobTimer as { unref?: () => void }).unref?.()
    }
    look(JOB_LOOK_MS)
  }

  /** Counts what jobs have cost since the last look; whether there was anything. Throws RedeemError. */
  lookAtJobs(): Promise<boolean> {
    this.#looking ??= this.#readJobs().finally(() => {
      this.#looking = undefined
    })
    return this.#looking
  }

  async #readJobs(): Promise<boolean> {
    const { meteredBase } = this.#core.meter.state
    await this.#readStatement(this.#jobPoint, (statement, last) => {
      this.#core.meter.adoptJobs(statement, this.#startBase)
      this.#jobPoint = last
    })
    this.#vouchers.soon()
    return this.#core.meter.state.meteredBase > meteredBase
  }

  #adopt(statement: Statement, last: StatementPoint, { meteredBase }: StatementPoint): void {
    // What was counted before is in the first lines.
    const state = { meteredBase, voucheredBase: 0n }
    const known = new OwnMeter(this.#core.door.tariff, this.#core.door.terms.amountBase, state)
    known.adopt(statement)
    this.#point = last
    this.#core.meter.raise(known.state.meteredBase)
  }

  close(): void {
    clearTimeout(this.#jobTimer)
    this.#jobTimer = undefined
  }
}
