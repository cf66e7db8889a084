// The doctor's checks of what is in a data directory besides the chain and its records: space, configuration, genesis
// document, key files, snapshots. Not: the chain (chainCheck.ts), journal and signer (recordCheck.ts).
import { existsSync, readdirSync, readFileSync, statfsSync } from 'node:fs'
import { join } from 'node:path'
import { secretKeyAddress } from '../../base/address.ts'
import { equalBytes, toHex } from '../../base/bytes.ts'
import { backendsText, cryptoBackends, slowCryptoText } from '../../base/crypto/backends.ts'
import { bls } from '../../base/crypto/bls.ts'
import { isPeerIdBytes, type Validator } from '../../base/protocol/validators.ts'
import { buildGenesis, type GenesisBlock } from '../../genesis/build.ts'
import type { Genesis } from '../../genesis/schema.ts'
import { DEFAULT_CONFIG, loadConfig, type NodeConfig } from '../../node/config.ts'
import { genesisFile, parseGenesis, readGenesis } from '../../node/nodeDir.ts'
import { nodePaths } from '../../node/nodePaths.ts'
import { peerIdBytesFromSeed } from '../../p2p/identity.ts'
import { consensusPublicKey, keyFile } from '../../signer/keyFiles.ts'
import { decryptKeystore, KeystoreError, keystorePublicKey, readKeystore } from '../../signer/keystore.ts'
import type { Findings } from './findings.ts'

/** Free space below which commits may soon fail. */
const FREE_BYTES_MIN = 1024 * 1024 * 1024

export function checkMachine(dataDir: string, findings: Findings): void {
  const { bavail, bsize } = statfsSync(dataDir)
  const free = bavail * bsize
  const detail = `${Math.floor(free / 2 ** 20)} MiB free`
  if (free >= FREE_BYTES_MIN) findings.ok('disk', detail)
  else
    findings.bad('disk', detail, `free disk space for ${dataDir}: at least ${FREE_BYTES_MIN / 2 ** 30} GiB`)
  const slow = slowCryptoText(cryptoBackends)
  if (slow === undefined) findings.ok('crypto', backendsText(cryptoBackends))
  else
    findings.bad(
      'crypto',
      slow,
      'npm ci   in the folder of suanli: it installs the packages of this platform',
    )
  const files = readdirSync(dataDir).filter((name) => /^diagnosis-\d+\.json$/.test(name))
  if (files.length > 0) findings.note('halts', `this node has halted before: ${files.sort().join(', ')}`)
}

/** Undefined when it cannot be used: nothing that belongs to the chain can be judged then. */
export async function checkGenesis(
  dataDir: string,
  findings: Findings,
): Promise<{ readonly genesis: Genesis; readonly built: GenesisBlock } | undefined> {
  return findings.guard('genesis', genesisAdvice(dataDir), () => {
    const genesis = parseGenesis(genesisFile(dataDir))
    try {
      const built = buildGenesis(genesis)
      built.tree.release()
      return { genesis, built }
    } catch {
      // The same again, with the file's name in the error.
      readGenesis(genesisFile(dataDir))
      return undefined
    }
  })
}

export function genesisAdvice(dataDir: string): string {
  return `copy genesis.json from another member to ${dataDir}: all of them have the same file; then run this again`
}

/** The defaults when it cannot be used, so that the other checks can run. */
export async function checkConfig(dataDir: string, findings: Findings): Promise<NodeConfig> {
  const advice = `mend config.json, or take the one that \`suanli init\` writes to a new directory; then run this again`
  const config = await findings.guard('config', advice, () => loadConfig(dataDir))
  if (config !== undefined) findings.ok('config', 'every setting is valid')
  return config ?? DEFAULT_CONFIG
}

/** A validator without its key does not start, even where it has never signed. */
export function checkSigns(dataDir: string, config: NodeConfig, findings: Findings): void {
  const { validator, signer, nextSigner } = config
  const isLocal = signer.kind === 'local' && signer.dir === undefined && nextSigner === null
  const file = keyFile(dataDir, 'consensus')
  if (!validator || !isLocal || existsSync(file) || existsSync(join(nodePaths(dataDir).signer, 'key'))) return
  const advice = `restore ${file} from your offline copy, or set "validator" to false in config.json to follow the chain`
  findings.bad('keys', `${file} is missing, and config.json says that this node signs`, advice)
}

interface Key {
  readonly name: 'peer' | 'consensus' | 'operator'
  readonly isRight: (publicKey: Uint8Array) => boolean
  readonly publicOf: (secret: Uint8Array) => Uint8Array
}

const KEYS: readonly Key[] = [
  { name: 'peer', isRight: isPeerIdBytes, publicOf: peerIdBytesFromSeed },
  { name: 'consensus', isRight: (key) => bls.isKey(key), publicOf: (secret) => bls.publicKey(secret) },
  { name: 'operator', isRight: (address) => address.length === 20, publicOf: secretKeyAddress },
]

/** Key files; with the password also their secrets. `members`: of the chain, as far as known. */
export async function checkKeys(
  dataDir: string,
  options: {
    readonly members: readonly Pick<Validator, 'consensusKey' | 'peerId'>[]
    readonly password: string | undefined
  },
  findings: Findings,
): Promise<void> {
  const found: string[] = []
  for (const key of KEYS) {
    const file = keyFile(dataDir, key.name)
    const other = options.password === undefined ? '' : ' (or give the password that it was made with)'
    const advice = `restore ${file} from your offline copy${other}: a key cannot be made again`
    if (existsSync(file)) {
      const opened = await findings.guard('keys', advice, () => openKey(file, key, options.password))
      if (typeof opened === 'string') findings.bad('keys', `${file}: ${opened}`, advice)
      else if (opened === true) found.push(key.name)
    } else if (key.name === 'peer') findings.bad('keys', `${file} is missing`, advice)
    else if (key.name === 'consensus' && existsSync(join(nodePaths(dataDir).signer, 'key'))) {
      findings.bad('keys', `${file} is missing, but signer/ holds the record of a key`, advice)
    }
  }
  const how = options.password === undefined ? 'not opened: no password given' : 'opened with the password'
  if (found.length > 0) findings.ok('keys', `${found.join(', ')}: ${how}`)
  if (found.includes('consensus')) await checkOwner(dataDir, options.members, findings)
}

/** True, or why the file is wrong. */
function openKey(file: string, key: Key, password: string | undefined): true | string {
  const keystore = readKeystore(file)
  const publicKey = keystorePublicKey(keystore)
  if (keystore.description !== key.name || !key.isRight(publicKey)) return `it holds no ${key.name} key`
  if (password === undefined) return true
  try {
    const secret = decryptKeystore(keystore, key.name, password)
    return equalBytes(key.publicOf(secret), publicKey) || 'its public key is not the one of its secret'
  } catch (error) {
    // Its message does not name the file.
    if (error instanceof KeystoreError) return error.message
    throw error
  }
}

/** Whether the keys are those of this directory's record and of one member. */
async function checkOwner(
  dataDir: string,
  members: readonly Pick<Validator, 'consensusKey' | 'peerId'>[],
  findings: Findings,
): Promise<void> {
  const publicKey = consensusPublicKey(dataDir)
  const tag = join(nodePaths(dataDir).signer, 'key')
  const advice =
    "restore keys/ of this node from your offline copy: these are another node's. Never sign with them here"
  if (existsSync(tag) && readFileSync(tag, 'utf8').trim() !== toHex(publicKey)) {
    findings.bad('keys', 'keys/consensus.json is not the key whose record is in signer/', advice)
  }
  const member = members.find(({ consensusKey }) => equalBytes(consensusKey, publicKey))
  if (member === undefined || !existsSync(keyFile(dataDir, 'peer'))) return
  const peer = await findings.guard('keys', advice, () =>
    keystorePublicKey(readKeystore(keyFile(dataDir, 'peer'))),
  )
  if (peer !== undefined && !equalBytes(member.peerId, peer)) {
    findings.bad(
      'keys',
      'keys/peer.json is not the peer that the chain names beside this consensus key',
      advice,
    )
  }
}
