// Halts a node's consensus: once, with a reason, a diagnosis file and one log line.
// Owns: that it happens once. Not: what is written (haltRecord.ts), who decides it (consensus, following, recounts).
import type { NodeLogger } from '../logging.ts'
import { HaltRecord, type HaltRecordOptions } from './haltRecord.ts'

export interface HaltOptions extends HaltRecordOptions {
  readonly logger: Pick<NodeLogger, 'error'> & { fatal(fields: object, message: string): void }
}

/** `mismatch`: a certified block has a different result here. `upgrade`: the next one needs another build. */
export type HaltKind = 'mismatch' | 'upgrade' | 'halted'

export class Halt {
  readonly #options: HaltOptions
  readonly #record: HaltRecord
  #reason: string | undefined
  #isForUpgrade = false
  /** Resolves with the reason. */
  readonly halted: Promise<string>
  #resolve: (reason: string) => void = () => {}

  constructor(options: HaltOptions) {
    this.#options = options
    this.#record = new HaltRecord(options)
    this.halted = new Promise((resolve) => {
      this.#resolve = resolve
    })
  }

  /** Undefined while consensus runs. */
  get reason(): string | undefined {
    return this.#reason
  }

  get kind(): HaltKind | undefined {
    if (this.#reason === undefined) return undefined
    if (this.#isForUpgrade) return 'upgrade'
    return this.#record.isRefusal(this.#reason) ? 'mismatch' : 'halted'
  }

  /** Records a block that failed execution, in case the halt is about it. */
  readonly noteRefused: HaltRecord['note'] = (block, refusal) => this.#record.note(block, refusal)

  readonly now = (reason: string): void => {
    if (this.#reason !== undefined) return
    this.#reason = reason
    const { dataDir, logger } = this.#options
    const diagnosis = this.#record.write(reason)
    logger.fatal(
      { reason, diagnosis, command: `suanli doctor -d ${dataDir}` },
      'consensus halted: this node signs nothing more and keeps its data. Stop it, then run the command',
    )
    this.#resolve(reason)
  }

  /** The rules get a version that this build does not execute: nothing is wrong, so there is nothing to diagnose. */
  readonly forUpgrade = (reason: string): void => {
    if (this.#reason !== undefined) return
    this.#reason = reason
    this.#isForUpgrade = true
    this.#options.logger.fatal(
      { reason },
      'consensus halted before an upgrade: this node signs nothing more and keeps its data. Stop it and start it with a build that has the version',
    )
    this.#resolve(reason)
  }
}
