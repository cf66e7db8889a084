// `suanli devnet`: a devnet in the foreground. Owns: options and output. Not: the validators (devnet/).
import { join, resolve } from 'node:path'
import type { Command } from 'commander'
import { checksumAddress } from '../../base/address.ts'
import { toHex } from '../../base/bytes.ts'
import { createDevnet, type DevnetEvent } from '../../devnet/devnet.ts'
import type { DevnetMember } from '../../devnet/member.ts'
import { DEVELOPMENT_MNEMONIC, developmentAccounts, developmentValidator } from '../../genesis/devKeys.ts'
import { DEVNET_ACCOUNT_COINS, DEVNET_OPERATOR_COINS } from '../../genesis/devnet.ts'
import { type Genesis, genesisHash } from '../../genesis/schema.ts'
import { DEFAULT_CONFIG } from '../../node/config.ts'
import { print, wholeNumber } from '../common.ts'
import { logLevelOption } from '../logLevel.ts'
import { blockTimeOption, validatorsOption, windowOption } from './chainOptions.ts'

export function addDevnet(program: Command, finish: (code: number) => void): void {
  program
    .command('devnet')
    .description('run a chain of several validators on this machine, with funded development accounts')
    .addOption(validatorsOption())
    .option(
      '-p, --port <port>',
      'JSON-RPC port of the first validator',
      wholeNumber(1, 64_000),
      DEFAULT_CONFIG.rpcPort,
    )
    .option('-d, --data-dir <dir>', 'directory for the chain', 'data/devnet')
    .addOption(blockTimeOption())
    .addOption(windowOption())
    .option(
      '--in-process',
      'run the validators in one process: a faster start, and none can crash alone',
      false,
    )
    .option('--fresh', 'delete the chain of an earlier run', false)
    .addOption(logLevelOption('level of the log files').default('info'))
    .addHelpText(
      'after',
      `
An idle chain proposes the moment a transaction arrives; --block-time only bounds how fast blocks follow
each other under load. Capacity is counted, assigned and delivered per --window: a redemption takes one or
two of them. Keys are public and the same on every machine. Further devnets: --port and --data-dir.`,
    )
    .action(async (options) => {
      const stop = new AbortController()
      const stopped = new Promise<void>((resolve) => {
        stop.signal.addEventListener('abort', () => resolve(), { once: true })
      })
      // Handle Ctrl-C before anything starts.
      for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(name, () => stop.abort())
      try {
        const devnet = await createDevnet({
          validators: options.validators,
          port: options.port,
          // An empty name would be the current folder.
          dataDir: options.dataDir === '' ? '' : resolve(options.dataDir),
          blockTimeMs: options.blockTime,
          windowMs: options.window,
          isInProcess: options.inProcess,
          isFresh: options.fresh,
          logLevel: options.logLevel,
          signal: stop.signal,
          onEvent: printEvent,
        })
        const code = await Promise.race([stopped.then(() => 0), devnet.allLost.then(() => 1)])
        await devnet.close()
        finish(code)
      } catch (error) {
        if (!stop.signal.aborted) throw error
      }
    })
}

function printEvent(event: DevnetEvent): void {
  if (event.kind === 'prepared') printAccounts(event.members, event.genesis)
  else if (event.kind === 'up') printAddresses(event.members, event.dataDir)
  else if (event.kind === 'final') {
    const { height, hash, afterMs } = event.block
    print(`Block ${height} is final (${hash}) after ${(afterMs / 1000).toFixed(1)} s`)
  } else if (event.kind === 'halted') print(`validator-${event.validator} halted: ${event.reason}`)
  else print(`validator-${event.validator} ended (${event.how}); see ${event.logFile}`)
}

function printAddresses(members: readonly DevnetMember[], dataDir: string): void {
  print('')
  for (const { index, rpcPort } of members) {
    const what = index === 0 ? 'listening on' : '            '
    print(`JSON-RPC ${what} http://127.0.0.1:${rpcPort} (also WebSocket)`)
  }
  print(`Logs in ${join(dataDir, 'validator-*', 'node.log')}; stop with Ctrl-C`)
}

function printAccounts(members: readonly DevnetMember[], genesis: Genesis): void {
  print('')
  print('Accounts (public development keys: never use them for anything of value)')
  for (const account of developmentAccounts()) {
    print(`(${account.index}) ${checksumAddress(account.address)}  ${DEVNET_ACCOUNT_COINS} ACPC`)
  }
  print('')
  print('Private keys')
  for (const account of developmentAccounts()) print(`(${account.index}) ${toHex(account.secretKey)}`)
  print('')
  print(`Mnemonic: ${DEVELOPMENT_MNEMONIC}`)
  print("Path:     m/44'/60'/0'/0/<index>")
  print('')
  print('Providers (each a validator; its operator mints against its pledge)')
  for (const member of members) {
    const { operator } = developmentValidator(member.index)
    const { profile, lots } = genesis.providers[member.index]!
    const hardware = lots.map((lot) => `${lot.devices} × ${lot.class}`).join(', ')
    print(
      `#${member.index + 1} ${profile.legalGroup.padEnd(9)} ${hardware.padEnd(16)} operator (${operator.index}) ` +
        `${checksumAddress(operator.address)}  ${DEVNET_OPERATOR_COINS} ACPC`,
    )
  }
  print('')
  print(`Chain id: ${genesis.chainId}`)
  print(`Genesis:  ${toHex(genesisHash(genesis))}`)
}
