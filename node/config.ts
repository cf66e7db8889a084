// A node's configuration file (`config.json` in its data directory). Owns: shape, defaults, validation.
// Not: chain rules (genesis/), secrets (signer/keystore.ts).
import { join } from 'node:path'
import type { LevelWithSilent } from 'pino'
import { ConfigError } from '../base/errors.ts'
import { parseHash32 } from '../base/ids.ts'
import { isWholeNumber } from '../base/integers.ts'
import { parseBlockCheckpoint } from '../base/protocol/checkpoint.ts'
import { ADDRESSES_PER_PEER_MAX, UNKNOWN_PEERS_MAX } from '../p2p/limits.ts'
import { isSignerConfig, SIGNER_CONFIG_FORM, type SignerConfig } from '../signer/signerConfig.ts'
import { isThere, PUBLIC, readText, writeDurablySync } from '../storage/durableFile.ts'
import { KEEP_BLOCKS_MIN } from '../storage/pruning.ts'
import { LOG_ROTATION, type LogRotation } from './logFile.ts'
import { LOG_FORMATS, type LogFormat } from './logText.ts'
import { GUARANTEED_PER_ACCOUNT, MEMPOOL_LIMITS } from './pool/mempool.ts'

/** Highest limit of transactions per account that makes sense: a fraction of the pool. */
const PER_ACCOUNT_MAX = 65_536

/** Smaller log files would hold less than an incident. */
const LOG_BYTES_MIN = 65_536

export interface NodeConfig {
  /** Multiaddrs the peer-to-peer host listens on. */
  readonly p2pListen: readonly string[]
  /** Multiaddrs at which other members reach this node; empty: the addresses it listens on. */
  readonly p2pAnnounce: readonly string[]
  /** Multiaddrs of other nodes, each ending in `/p2p/<peer id>`. */
  readonly peers: readonly string[]
  /** Connections from peers that are neither named in `peers` nor validators. */
  readonly unknownPeersMax: number
  readonly rpcHost: string
  readonly rpcPort: number
  /** Host headers accepted besides localhost and raw addresses. */
  readonly rpcAllowedHosts: readonly string[]
  /** Origins of web pages that may call the RPC; `*` for any. */
  readonly rpcAllowedOrigins: readonly string[]
  /** Whether `node_status` tells whoever may ask also the peers' addresses, the disk and the process. */
  readonly operatorView: boolean
  /** `<address>:<port>` of a port of its own for /metrics; '' serves it on the JSON-RPC port, to this machine alone. */
  readonly metricsListen: string
  readonly logLevel: LevelWithSilent
  readonly logFormat: LogFormat
  /** A file for the log, from the data directory; '' for standard output. */
  readonly logFile: string
  readonly logRotation: LogRotation
  /** Pending transactions of one account, and how many of them may wait for a missing nonce once the pool is half full. */
  readonly mempool: { readonly perAccount: number; readonly gappedPerAccount: number }
  /** Threads that recover signatures. */
  readonly signatureWorkers: number
  /** Finalized heights whose state stays readable. */
  readonly historyHeights: number
  /** Keeps every past state and every block: proofs at any height. Overrides `historyHeights` and `pruning`. */
  readonly archive: boolean
  /** Blocks below the newest `keepBlocks` are pruned; 0 keeps all of them. */
  readonly pruning: { readonly keepBlocks: number }
  /** Keep an index of the transactions that concern each account, for `account_history`. */
  readonly accountIndex: boolean
  /** Take a snapshot every `everyBlocks` blocks (0 for none) and keep the newest `keep`. */
  readonly snapshots: { readonly everyBlocks: number; readonly keep: number }
  /** A node without a chain installs a snapshot from its peers instead of executing every block. */
  readonly stateSync: boolean
  /** `<height>:<block hash>` of a block that the operator trusts; '' for none. */
  readonly checkpoint: string
  /** Whether this node signs: without its consensus key it then refuses to start, instead of following the chain. */
  readonly validator: boolean
  /** Where the consensus key is: in a data directory or in another process. */
  readonly signer: SignerConfig
  /** The new key during a rotation; each epoch's set decides which of the two signs. */
  readonly nextSigner: SignerConfig | null
  /** Hashes of recovery files that may be accepted from peers (docs/operations/quorum-loss.md). */
  readonly trustedRecoveries: readonly string[]
}

export const DEFAULT_CONFIG: NodeConfig = {
  p2pListen: ['/ip4/0.0.0.0/tcp/26600'],
  p2pAnnounce: [],
  peers: [],
  unknownPeersMax: UNKNOWN_PEERS_MAX,
  rpcHost: '127.0.0.1',
  rpcPort: 8545,
  rpcAllowedHosts: [],
  rpcAllowedOrigins: [],
  operatorView: false,
  metricsListen: '',
  logLevel: 'info',
  logFormat: 'auto',
  logFile: '',
  logRotation: LOG_ROTATION,
  mempool: { perAccount: MEMPOOL_LIMITS.perAccount, gappedPerAccount: MEMPOOL_LIMITS.gappedPerAccount },
  signatureWorkers: 1,
  historyHeights: 1024,
  archive: false,
  pruning: { keepBlocks: 0 },
  accountIndex: false,
  snapshots: { everyBlocks: 1_000, keep: 2 },
  stateSync: false,
  checkpoint: '',
  validator: false,
  signer: { kind: 'local' },
  nextSigner: null,
  trustedRecoveries: [],
}

const isText = (value: unknown): boolean => typeof value === 'string' && value.length <= 512
const isTexts = (value: unknown): boolean =>
  Array.isArray(value) && value.length <= 512 && value.every(isText)
/** 0 to 65535. */
const PORT = '(?:\\d{1,4}|[1-5]\\d{4}|6[0-4]\\d{3}|65[0-4]\\d{2}|655[0-2]\\d|6553[0-5])'
const NET_ADDRESS = `/(?:ip4|ip6|dns|dns4|dns6)/[^/\\s]+/tcp/${PORT}`
const LISTEN_ADDRESS = new RegExp(`^${NET_ADDRESS}$`)
/** A multiaddr that ends in `/p2p/<peer id>`. */
export const PEER_ADDRESS_FORM = new RegExp(`^${NET_ADDRESS}/p2p/12D3KooW[1-9A-HJ-NP-Za-km-z]{44}$`)
/** Whether a text is a multiaddr of this kind without a peer id. */
export const isListenAddress = (text: string): boolean => LISTEN_ADDRESS.test(text)
const areAddresses =
  (form: RegExp) =>
  (value: unknown): boolean =>
    isTexts(value) && (value as string[]).every((text) => form.test(text))
const isCount =
  (min: number, max: number) =>
  (value: unknown): boolean =>
    isWholeNumber(value, min, max)
const isFlag = (value: unknown): boolean => typeof value === 'boolean'
const isRecord =
  (checks: Readonly<Record<string, (value: unknown) => boolean>>) =>
  (value: unknown): boolean => {
    if (value === null || typeof value !== 'object' || Array.isArray(value)) return false
    const names = Object.keys(value)
    const record = value as Record<string, unknown>
    return names.length === Object.keys(checks).length && names.every((name) => checks[name]?.(record[name]))
  }

/** `127.0.0.1:9464` or `[::1]:9464`; undefined for anything else. */
export function parseListen(text: string): { readonly host: string; readonly port: number } | undefined {
  const [, v6, name, digits] = /^(?:\[([\da-f:.]+)\]|([\w.-]+)):(\d{1,5})$/i.exec(text) ?? []
  const host = v6 ?? name
  const port = Number(digits)
  return host === undefined || !isWholeNumber(port, 0, 65_535) ? undefined : { host, port }
}

export const LOG_LEVELS: readonly string[] = ['silent', 'fatal', 'error', 'warn', 'info', 'debug', 'trace']

const CHECKS: { readonly [K in keyof NodeConfig]: readonly [(value: unknown) => boolean, string] } = {
  p2pListen: [areAddresses(LISTEN_ADDRESS), 'a list of multiaddrs such as /ip4/0.0.0.0/tcp/26600'],
  p2pAnnounce: [
    (value) => areAddresses(LISTEN_ADDRESS)(value) && (value as string[]).length <= ADDRESSES_PER_PEER_MAX,
    `at most ${ADDRESSES_PER_PEER_MAX} multiaddrs such as /dns4/node.example/tcp/26600`,
  ],
  peers: [
    areAddresses(PEER_ADDRESS_FORM),
    'a list of multiaddrs such as /ip4/192.0.2.1/tcp/26600/p2p/12D3KooW…',
  ],
  unknownPeersMax: [isCount(0, 256), 'a number of peers, 0 to 256'],
  rpcHost: [(value) => isText(value) && value !== '', 'an address to listen on'],
  rpcPort: [isCount(0, 65_535), 'a port, 0 to 65535'],
  rpcAllowedHosts: [isTexts, 'a list of host names'],
  rpcAllowedOrigins: [isTexts, 'a list of origins'],
  metricsListen: [
    (value) => value === '' || (isText(value) && parseListen(value as string) !== undefined),
    "an address and a port such as 127.0.0.1:9464, or '' for the JSON-RPC port",
  ],
  logLevel: [(value) => LOG_LEVELS.includes(value as string), `one of ${LOG_LEVELS.join(', ')}`],
  logFormat: [(value) => LOG_FORMATS.includes(value as LogFormat), `one of ${LOG_FORMATS.join(', ')}`],
  logFile: [isText, "a file, or '' for standard output"],
  logRotation: [
    isRecord({ bytesMax: isCount(LOG_BYTES_MIN, 1e12), filesMax: isCount(1, 100) }),
    `{"bytesMax": N, "filesMax": K} with N from ${LOG_BYTES_MIN} and K from 1 to 100`,
  ],
  mempool: [
    isRecord({
      perAccount: isCount(GUARANTEED_PER_ACCOUNT, PER_ACCOUNT_MAX),
      gappedPerAccount: isCount(0, PER_ACCOUNT_MAX),
    }),
    `{"perAccount": N, "gappedPerAccount": K} with N from ${GUARANTEED_PER_ACCOUNT} and both up to ${PER_ACCOUNT_MAX}`,
  ],
  signatureWorkers: [isCount(0, 64), 'a number of threads, 0 to 64'],
  historyHeights: [isCount(1, 10_000_000), 'a number of heights from 1'],
  archive: [isFlag, 'true or false'],
  pruning: [
    isRecord({ keepBlocks: (value) => value === 0 || isCount(KEEP_BLOCKS_MIN, 1e12)(value) }),
    `{"keepBlocks": N} with N from ${KEEP_BLOCKS_MIN}, or 0 to keep all`,
  ],
  operatorView: [isFlag, 'true or false'],
  accountIndex: [isFlag, 'true or false'],
  snapshots: [
    isRecord({ everyBlocks: (value) => value === 0 || isCount(16, 1e9)(value), keep: isCount(1, 16) }),
    '{"everyBlocks": N, "keep": K} with N from 16 (0 for none) and K from 1 to 16',
  ],
  stateSync: [isFlag, 'true or false'],
  checkpoint: [
    (value) => value === '' || (isText(value) && parseBlockCheckpoint(value as string) !== undefined),
    "'<height>:<0x block hash>', or '' for none",
  ],
  validator: [isFlag, 'true or false'],
  signer: [isSignerConfig, SIGNER_CONFIG_FORM],
  nextSigner: [(value) => value === null || isSignerConfig(value), `null, ${SIGNER_CONFIG_FORM}`],
  trustedRecoveries: [
    (value) => isTexts(value) && (value as string[]).every((text) => parseHash32(text) !== undefined),
    'a list of recovery hashes, 0x and 64 digits',
  ],
}

/** Fills defaults and checks every field; throws ConfigError. */
export function parseConfig(json: unknown): NodeConfig {
  if (json === null || typeof json !== 'object' || Array.isArray(json))
    throw new ConfigError('expected an object')
  for (const [name, value] of Object.entries(json)) {
    const check = Object.hasOwn(CHECKS, name) ? CHECKS[name as keyof NodeConfig] : undefined
    if (check === undefined) throw new ConfigError(`${name}: unknown setting`)
    if (!check[0](value)) throw new ConfigError(`${name}: expected ${check[1]}`)
  }
  return { ...DEFAULT_CONFIG, ...(json as Partial<NodeConfig>) }
}

export const CONFIG_FILE = 'config.json'
export const GENESIS_FILE = 'genesis.json'

/** Reads `config.json` of a data directory; throws ConfigError with the file's name. */
export function loadConfig(dataDir: string): NodeConfig {
  const file = join(dataDir, CONFIG_FILE)
  if (!isThere(file)) throw new ConfigError(`${dataDir} has no ${CONFIG_FILE}: run \`suanli init\``)
  try {
    return parseConfig(JSON.parse(readText(file)))
  } catch (cause) {
    if (cause instanceof ConfigError || cause instanceof SyntaxError) {
      throw new ConfigError(`${file}: ${cause.message}`)
    }
    throw cause
  }
}

export function saveConfig(dataDir: string, config: NodeConfig): void {
  writeDurablySync(join(dataDir, CONFIG_FILE), `${JSON.stringify(config, null, 2)}\n`, PUBLIC)
}
