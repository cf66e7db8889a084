// A chain of several validators on this machine, as child processes with public development keys. READ FIRST in devnet/.
// Owns: `createDevnet`, the order of a start. Not: the genesis (genesis/devnet.ts), the command (cli/commands/devnet.ts).
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { OperatorError } from '../base/errors.ts'
import { type Beginning, beginningOf, checkOptions, linkOptions } from './devnetOptions.ts'
import type { Devnet, DevnetOptions } from './devnetTypes.ts'
import { planDevnet, prepareDevnet } from './directories.ts'
import { DevLinks } from './links.ts'
import { checkNoChain, haveChains, installState } from './loadState.ts'
import { checkNotRunning, lockDevnet } from './lock.ts'
import type { DevnetMember } from './member.ts'
import { namedLikeValidators } from './ownership.ts'
import { findFreePorts, isPortFree } from './ports.ts'
import { RunningDevnet } from './runningDevnet.ts'
import { checkUnused } from './statusFile.ts'

// What others import as `suanli/devnet` besides this file's own.
export { OperatorError } from '../base/errors.ts'
export type { Genesis } from '../genesis/schema.ts'
export type {
  Devnet,
  DevnetAccount,
  DevnetEvent,
  DevnetGateway,
  DevnetOptions,
  DevnetValidator,
  FirstFinal,
} from './devnetTypes.ts'
export type { DevnetMember } from './member.ts'

/**
 * Starts a devnet and resolves once its first block is final. Rejects with OperatorError when a port is taken, when `dataDir`
 * holds anything that no devnet made, or when a validator ends during the start; nothing is left running then.
 *
 * @example
 * const devnet = await createDevnet()
 * devnet.accounts[0]?.address // '0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266'
 * await devnet.close()
 */
export async function createDevnet(options: DevnetOptions = {}): Promise<Devnet> {
  checkOptions(options)
  options.signal?.throwIfAborted()
  const { genesis, validators, state } = await beginningOf(options)
  const isInProcess = options.isInProcess ?? options.fork !== undefined
  const asked = linkOptions(options, validators)
  const isTemporary = options.dataDir === undefined
  const dataDir = options.dataDir ?? mkdtempSync(join(tmpdir(), 'suanli-devnet-'))
  let unlock = async (): Promise<void> => {}
  let links: DevLinks | undefined
  const release = async (): Promise<void> => {
    await links?.close()
    await unlock()
    if (isTemporary) rmSync(dataDir, { recursive: true, force: true })
  }
  try {
    const port = options.port ?? (await findFreePorts(validators))
    const members = planDevnet({ ...options, validators, port, dataDir })
    await checkUnused(dataDir)
    await checkPorts(
      members,
      asked === undefined || isInProcess || !options.controlPort ? [] : [options.controlPort],
    )
    unlock = await lockDevnet(dataDir)
    await checkNotRunning(namedLikeValidators(dataDir))
    if (asked !== undefined) links = await DevLinks.open(members, asked)
    const settings = {
      genesis,
      dataDir,
      isFresh: options.isFresh ?? false,
      logLevel: options.logLevel ?? 'info',
    }
    prepareDevnet({ ...settings, ...(links === undefined ? {} : { links }) }, members)
    // A forked chain that was stopped goes on where it was.
    const begins = options.fork !== undefined && haveChains(members) ? undefined : state
    if (begins !== undefined) await install(begins, { members, dataDir, isInProcess })
    options.onEvent?.({ kind: 'prepared', genesis, members })
    const running = new RunningDevnet({
      dataDir,
      genesis,
      members,
      isInProcess,
      controlPort: options.controlPort ?? 0,
      isGranting: options.isGranting ?? false,
      hasGateways: options.hasGateways ?? false,
      logLevel: settings.logLevel,
      startsAtMs: begins?.timestampMs,
      isForked: options.fork !== undefined,
      links,
      onEvent: options.onEvent ?? (() => {}),
    })
    const firstFinal = await running.start(options.signal)
    return running.facade(firstFinal, release)
  } catch (error) {
    await release()
    throw error
  }
}

/** Every validator begins with this state. */
async function install(
  { lines, timestampMs, edits }: NonNullable<Beginning['state']>,
  options: {
    readonly members: readonly DevnetMember[]
    readonly dataDir: string
    readonly isInProcess: boolean
  },
): Promise<void> {
  const { members, dataDir, isInProcess } = options
  checkNoChain(members, dataDir)
  if (!isInProcess && timestampMs > Date.now()) {
    throw new OperatorError(
      "the state's time is ahead of this machine's clock, which only a devnet in one process can set: --in-process",
    )
  }
  for (const member of members) await installState(member, lines, edits)
}

/** Fails early and clearly, before anything is written. */
async function checkPorts(members: readonly DevnetMember[], own: readonly number[]): Promise<void> {
  const ports = [...own, ...members.flatMap(({ rpcPort, p2pPort }) => [rpcPort, p2pPort])]
  const twice = ports.find((port, i) => ports.indexOf(port) < i)
  if (twice !== undefined) {
    throw new OperatorError(
      `port ${twice} is planned twice: JSON-RPC and peer-to-peer take one port of each validator, from the given ones on`,
    )
  }
  for (const port of ports) {
    if (await isPortFree(port)) continue
    throw new OperatorError(`port ${port} is taken: stop what uses it or choose another port`)
  }
}
