// A node inside the test's process, which starts in a tenth of a process's time. Owns: start, end, log. Not: nodes that a test
// kills or suspends (processNetwork.ts).
import { exitCodeOf } from '../../cli/runStart.ts'
import { DEVELOPMENT_PASSWORD } from '../../devnet/directories.ts'
import type { DevnetMember } from '../../devnet/member.ts'
import { systemClock } from '../../node/clock.ts'
import { loadConfig } from '../../node/config.ts'
import { createLogger, RecentLines } from '../../node/logging.ts'
import type { RunningNode } from '../../node/node.ts'
import { genesisFile, parseGenesis } from '../../node/nodeDir.ts'
import { startNodeFromDir } from '../../node/startDir.ts'

export class LocalNode {
  readonly #node: RunningNode

  private constructor(node: RunningNode) {
    this.#node = node
  }

  static async start(
    member: Pick<DevnetMember, 'dir' | 'index'>,
    options: {
      readonly logFile: string
      readonly onHalted: (reason: string) => void
      /** How far its clock is ahead; default 0. */
      readonly aheadMs?: number
    },
  ): Promise<LocalNode> {
    const config = loadConfig(member.dir)
    const recent = new RecentLines()
    const node = await startNodeFromDir({
      dataDir: member.dir,
      password: DEVELOPMENT_PASSWORD,
      config,
      genesis: parseGenesis(genesisFile(member.dir)),
      takeOverSigner: false,
      forceMovedSigner: false,
      clock: systemClock(options.aheadMs),
      logger: createLogger({
        level: config.logLevel,
        name: `validator-${member.index}`,
        recent,
        file: options.logFile,
      }),
      recent,
    })
    void node.halted.then(options.onHalted)
    return new LocalNode(node)
  }

  /** Closes it in order; the exit code that its process would have. */
  async end(): Promise<number> {
    await this.#node.close()
    return exitCodeOf(this.#node)
  }
}
