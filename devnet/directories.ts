// Data directories of a devnet's validators. Owns: paths and ports, genesis with the published keys, writing the folders.
// Not: which folders may be written or deleted (ownership.ts), processes (devnet.ts).
import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { toHex } from '../base/bytes.ts'
import { OperatorError } from '../base/errors.ts'
import { developmentValidator } from '../genesis/devKeys.ts'
import { type Genesis, genesisHash } from '../genesis/schema.ts'
import { DEFAULT_CONFIG, GENESIS_FILE, type NodeConfig, saveConfig } from '../node/config.ts'
import { genesisText, noteProofsChecked, parseGenesis, writeNodeDir } from '../node/nodeDir.ts'
import { createKeys } from '../node/nodeKeys.ts'
import { nodePaths } from '../node/nodePaths.ts'
import { peerIdBytesFromSeed, peerIdText } from '../p2p/identity.ts'
import { operatorAddress, storeOperatorKey } from '../signer/operatorKey.ts'
import { makeFolder } from '../storage/durableFile.ts'
import { NOWHERE } from './linkMesh.ts'
import type { DevnetMember } from './member.ts'
import { checkFolders, forgetDevnet, markFolder } from './ownership.ts'
import { P2P_PORT_OFFSET } from './ports.ts'

/** Password of the development key files; public, like the keys. */
export const DEVELOPMENT_PASSWORD = 'development'

/** Of each validator: a devnet that is forgotten for a week must not fill a disk. */
const LOG_ROTATION = { bytesMax: 16 * 1024 * 1024, filesMax: 4 } as const

/** Settings of a devnet. */
export interface DevnetSettings {
  readonly genesis: Genesis
  readonly dataDir: string
  /** Delete an earlier run. */
  readonly isFresh: boolean
  readonly logLevel: NodeConfig['logLevel']
  /** Where each dials the others; absent: at their own ports. */
  readonly links?: { addressesOf(index: number): readonly string[] }
}

/** Plans directories below `dataDir`, JSON-RPC ports from `port` on, and peer-to-peer ports from `p2pPort` on, or 1,000 above. */
export function planDevnet(options: {
  readonly validators: number
  readonly dataDir: string
  readonly port: number
  readonly p2pPort?: number
}): readonly DevnetMember[] {
  const p2pPort = options.p2pPort ?? options.port + P2P_PORT_OFFSET
  return Array.from({ length: options.validators }, (_, index) => ({
    index,
    dir: join(options.dataDir, `validator-${index}`),
    rpcPort: options.port + index,
    p2pPort: p2pPort + index,
    peerId: peerIdText(peerIdBytesFromSeed(developmentValidator(index).peerSeed)),
  }))
}

/**
 * Writes the members' data directories, or reuses those of an earlier run with the same genesis. Throws OperatorError and
 * changes nothing when `dataDir` holds a devnet with other settings, or folders in the way that no devnet made.
 */
export function prepareDevnet(options: DevnetSettings, members: readonly DevnetMember[]): void {
  const { genesis: wanted } = options
  makeFolder(options.dataDir)
  if (options.isFresh) forgetDevnet(options.dataDir)
  checkFolders(members.map(({ dir }) => dir))
  for (const { dir } of members) {
    const known = join(dir, GENESIS_FILE)
    if (!existsSync(known)) continue
    if (toHex(genesisHash(parseGenesis(known))) !== toHex(genesisHash(wanted))) {
      throw new OperatorError(
        `${options.dataDir} holds a devnet with other settings; start with --fresh to delete it`,
      )
    }
  }
  for (const member of members) prepareMember(options, { member, members, genesis: wanted })
}

/** Writes what is missing: resumes a devnet that was stopped while writing. */
function prepareMember(
  options: Pick<DevnetSettings, 'logLevel' | 'links'>,
  {
    member,
    members,
    genesis,
  }: { readonly member: DevnetMember; readonly members: readonly DevnetMember[]; readonly genesis: Genesis },
): void {
  const { dir, index } = member
  const direct = members
    .filter((other) => other !== member)
    .map((other) => `/ip4/127.0.0.1/tcp/${other.p2pPort}/p2p/${other.peerId}`)
  const peers = options.links?.addressesOf(index) ?? direct
  // What an earlier run learnt of the others would lead past the links, or into links that are gone.
  rmSync(nodePaths(dir).addresses, { force: true })
  const config = {
    ...DEFAULT_CONFIG,
    ...(options.links === undefined ? {} : { p2pAnnounce: [NOWHERE] }),
    // Alone it has nobody to serve them to, and goes back while it runs.
    ...(members.length === 1 ? { snapshots: { ...DEFAULT_CONFIG.snapshots, everyBlocks: 0 } } : {}),
    p2pListen: [`/ip4/127.0.0.1/tcp/${member.p2pPort}`],
    peers,
    rpcPort: member.rpcPort,
    // Pages under development come from anywhere, and the keys of a devnet are public; a real node lists its origins.
    rpcAllowedOrigins: ['*'],
    operatorView: true,
    logLevel: options.logLevel,
    logRotation: LOG_ROTATION,
    // Several validators share this machine: worker threads would only add overhead.
    signatureWorkers: 0,
  }
  if (existsSync(join(dir, GENESIS_FILE))) saveConfig(dir, config)
  else {
    makeFolder(dir, 0o700)
    markFolder(dir, index, genesisText(genesis))
    writeNodeDir(dir, genesis, config)
    // The proofs were just made.
    noteProofsChecked(dir, genesis)
  }
  const password = DEVELOPMENT_PASSWORD
  const keys = developmentValidator(index)
  createKeys({ dataDir: dir, password, isValidator: true, given: keys, cost: 'light' })
  if (operatorAddress(dir) === undefined) {
    storeOperatorKey(dir, { secret: keys.operator.secretKey, password, cost: 'light' })
  }
}
