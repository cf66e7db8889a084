// `suanli start`: runs the node of a data directory. Owns: options. Not: the run itself (runStart.ts).
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { type NodeConfig, parseConfig } from '../../node/config.ts'

import { dataDirOption, passwordOf, passwordOption, wholeNumber } from '../common.ts'
import { addLogOptions, logLevelOption } from '../logLevel.ts'

export function addStart(program: Command, finish: (code: number) => void): void {
  const start = program.command('start').description('run the node of a data directory until Ctrl-C')
  start
    .addOption(dataDirOption())
    .addOption(passwordOption())
    .option('--rpc-port <port>', 'JSON-RPC port instead of the configured one', wholeNumber(0, 65_535))
    .option('--rpc-host <address>', 'address JSON-RPC listens on instead of the configured one')
    .addOption(logLevelOption('instead of the configured one'))
  addLogOptions(start)
    .option('--name <name>', 'name to put in every log line')
    .option('--index', 'keep an index of accounts, for account_history', false)
    .option('--state-sync', 'without a chain, install a snapshot from peers', false)
    .option('--checkpoint <height:hash>', 'a block to trust; implies --state-sync')
    .option('--take-over-signer', 'take the remote signer over from the node that holds it', false)
    .option(
      '--force-moved-signer',
      'sign although the record was exported: never while a copy may sign',
      false,
    )
    .option('--allow-slow-crypto', 'sign although native cryptography is missing on this platform', false)
    .action(async (options) => {
      const overrides: Partial<NodeConfig> = {
        ...(options.rpcPort === undefined ? {} : { rpcPort: options.rpcPort }),
        ...(options.rpcHost === undefined ? {} : { rpcHost: options.rpcHost }),
        ...(options.logLevel === undefined ? {} : { logLevel: options.logLevel }),
        ...(options.logFormat === undefined ? {} : { logFormat: options.logFormat }),
        ...(options.logFile === undefined ? {} : { logFile: resolve(options.logFile) }),
        ...(options.index ? { accountIndex: true } : {}),
        ...(options.stateSync || options.checkpoint !== undefined ? { stateSync: true } : {}),
        ...(options.checkpoint === undefined ? {} : { checkpoint: options.checkpoint }),
      }
      parseConfig(overrides)
      const dataDir = resolve(options.dataDir)
      const name = options.name === undefined ? {} : { name: options.name as string }
      const { takeOverSigner, forceMovedSigner, allowSlowCrypto } = options
      const flags = { takeOverSigner, forceMovedSigner, allowSlowCrypto }
      // Networking and storage take half a second to load; other commands do without them.
      const { runStart } = await import('../runStart.ts')
      const password = passwordOf(options)
      finish(await runStart({ dataDir, password, overrides, ...flags, ...name }))
    })
}
