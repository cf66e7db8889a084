// Tracks which folders a devnet made and may write and delete. Owns: the mark in each validator's folder.
// Everything else below --data-dir is foreign: it may be a real validator with its only key.
import { existsSync, lstatSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { toHex, utf8 } from '../base/bytes.ts'
import { bls } from '../base/crypto/bls.ts'
import { sha256 } from '../base/crypto/hash.ts'
import { OperatorError } from '../base/errors.ts'
import { isWholeNumber } from '../base/integers.ts'
import { developmentValidator } from '../genesis/devKeys.ts'
import { DEVNET_VALIDATORS } from '../genesis/devnet.ts'
import { CONFIG_FILE, GENESIS_FILE } from '../node/config.ts'
import { nodePaths } from '../node/nodePaths.ts'
import { peerIdBytesFromSeed } from '../p2p/identity.ts'
import { keystorePublicKey, readKeystore } from '../signer/keystore.ts'
import { PUBLIC, writeDurablySync } from '../storage/durableFile.ts'
import { removeDevnetStatus } from './statusFile.ts'

/** Mark in every folder that a devnet made: its validator, and the SHA-256 of the genesis document it was made with. */
export const MARK_FILE = 'devnet-validator.json'
const MADE_BY = 'suanli devnet'
/** Everything that a devnet and its validators write into a folder. */
const ENTRIES: ReadonlySet<string> = new Set([
  ...[MARK_FILE, CONFIG_FILE, GENESIS_FILE, 'genesis.checked', 'node.log', 'keys'],
  ...Object.values(nodePaths('')),
])
const KEY_FILES: ReadonlySet<string> = new Set(['consensus.json', 'peer.json', 'operator.json'])
const KEY_MARKS: ReadonlySet<string> = new Set(['consensus.fresh', 'consensus.imported'])

interface Mark {
  readonly madeBy: typeof MADE_BY
  readonly validator: number
  readonly genesisSha256: string
}

const genesisSha256 = (text: Uint8Array): string => toHex(sha256(text))

/** Marks a folder as the devnet's before anything else is written to it. `genesisText`: content of its future genesis file. */
export function markFolder(dir: string, validator: number, genesisText: string): void {
  const mark: Mark = { madeBy: MADE_BY, validator, genesisSha256: genesisSha256(utf8(genesisText)) }
  writeDurablySync(join(dir, MARK_FILE), `${JSON.stringify(mark, null, 2)}\n`, PUBLIC)
}

function readMark(dir: string): Mark | undefined {
  try {
    const mark = JSON.parse(readFileSync(join(dir, MARK_FILE), 'utf8')) as Partial<Mark> | null
    const isMark =
      mark?.madeBy === MADE_BY &&
      isWholeNumber(mark.validator, 0, DEVNET_VALIDATORS.max - 1) &&
      typeof mark.genesisSha256 === 'string'
    return isMark ? (mark as Mark) : undefined
  } catch {
    return undefined
  }
}

/** The first key file that is not a development key of this validator: it could not be replaced. */
function foreignKey(dir: string, validator: number): string | undefined {
  const keys = join(dir, 'keys')
  if (!existsSync(keys)) return undefined
  const { operator, consensusSecret, peerSeed } = developmentValidator(validator)
  const own = new Set(
    [bls.publicKey(consensusSecret), peerIdBytesFromSeed(peerSeed), operator.address].map(toHex),
  )
  return readdirSync(keys).find((name) => {
    if (KEY_MARKS.has(name)) return false
    if (!KEY_FILES.has(name)) return true
    try {
      return !own.has(toHex(keystorePublicKey(readKeystore(join(keys, name)))))
    } catch {
      return true
    }
  })
}

/** What stands in a folder that no devnet and no node writes, or writes through a link to elsewhere. */
function foreignEntry(dir: string): string | undefined {
  const entry = readdirSync(dir, { withFileTypes: true }).find(
    ({ name }) =>
      !ENTRIES.has(name) && !/^diagnosis-[\d-]+\.json$/.test(name) && !/^[\w.-]+\.tmp$/.test(name),
  )
  if (entry !== undefined) return `${entry.name} is not the devnet's`
  const link = readdirSync(dir, { withFileTypes: true }).find((one) => one.isSymbolicLink())
  return link === undefined ? undefined : `${link.name} is a link to elsewhere`
}

/** Why a folder is not the devnet's; undefined when it is, or when it does not exist or is empty. */
function foreignReason(dir: string): string | undefined {
  const stat = lstatSync(dir, { throwIfNoEntry: false })
  if (stat === undefined) return undefined
  if (!stat.isDirectory()) return 'it is not a folder'
  if (readdirSync(dir).length === 0) return undefined
  const mark = readMark(dir)
  if (mark === undefined) return `it has no ${MARK_FILE}, so no devnet of this build made it`
  const entry = foreignEntry(dir)
  if (entry !== undefined) return entry
  const genesis = join(dir, GENESIS_FILE)
  if (existsSync(genesis) && !lstatSync(genesis).isFile()) return `its ${GENESIS_FILE} is not a file`
  if (existsSync(genesis) && genesisSha256(readFileSync(genesis)) !== mark.genesisSha256) {
    return `its ${GENESIS_FILE} is not the one the devnet wrote`
  }
  const key = foreignKey(dir, mark.validator)
  return key === undefined ? undefined : `keys/${key} is not a development key's`
}

/** Throws OperatorError naming every folder that is in the way and not the devnet's. Changes nothing. */
export function checkFolders(dirs: readonly string[]): void {
  const refused = dirs.flatMap((dir) => {
    const reason = foreignReason(dir)
    return reason === undefined ? [] : [`${dir}: ${reason}`]
  })
  if (refused.length === 0) return
  throw new OperatorError(
    `these folders are not the devnet's and stay untouched (move them, or choose another data directory):\n` +
      refused.map((line) => `  ${line}`).join('\n'),
  )
}

/** The folders below `dataDir` that are named like a devnet's, even if it did not make them. */
export function namedLikeValidators(dataDir: string): readonly string[] {
  return readdirSync(dataDir)
    .filter((name) => /^validator-\d+$/.test(name))
    .map((name) => join(dataDir, name))
}

/** Removes everything an earlier devnet wrote, or nothing if any folder with such a name is not its own. */
export function forgetDevnet(dataDir: string): void {
  const dirs = namedLikeValidators(dataDir)
  checkFolders(dirs)
  for (const dir of dirs) rmSync(dir, { recursive: true, force: true })
  removeDevnetStatus(dataDir)
}
