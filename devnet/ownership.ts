// Tracks which folders a devnet made and may write and delete. Owns: the mark in each validator's folder.
// Everything else below --data-dir is foreign: it may be a real validator with its only key.
import { existsSync, lstatSync, readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { toHex, utf8 } from '../base/bytes.ts'
import { bls } from '../base/crypto/bls.ts'
import { sha256 } from '../base/crypto/hash.ts'
import { OperatorError } from '../base/errors.ts'
import { isWholeNumber } from '../base/integers.ts'
import { developmentValidator } from '../genesis/devKeys.ts'
import { DEVNET_VALIDATORS } from '../genesis/devnet.ts'
import { GENESIS_FILE } from '../node/config.ts'
import { nodePaths } from '../node/nodePaths.ts'
import { peerIdBytesFromSeed } from '../p2p/identity.ts'
import { keystorePublicKey, readKeystore } from '../signer/keystore.ts'
import { PUBLIC, writeDurablySync } from '../storage/durableFile.ts'
import { contentsOf, MARK_FILE, mountPoints, removeContents } from './contents.ts'
import { removeDevnetStatus } from './statusFile.ts'

const MADE_BY = 'suanli devnet'
const KEY_FILE = /^\w+\.json$/

/** The mark: the validator, and the SHA-256 of the genesis document it was made with. */
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
    // Marks and unfinished files hold no key that ever signed.
    if (!KEY_FILE.test(name)) return false
    try {
      return !own.has(toHex(keystorePublicKey(readKeystore(join(keys, name)))))
    } catch {
      return true
    }
  })
}

/** Why a folder is not the devnet's; undefined when it is, or when it does not exist or is empty. */
function foreignReason(dir: string, mounts: ReadonlySet<string>): string | undefined {
  const stat = lstatSync(dir, { throwIfNoEntry: false })
  if (stat === undefined) return undefined
  if (!stat.isDirectory()) return 'it is not a folder'
  if (readdirSync(dir).length === 0) return undefined
  const mark = readMark(dir)
  if (mark === undefined) return `it has no ${MARK_FILE}, so no devnet of this build made it`
  if (basename(dir) !== `validator-${mark.validator}`) return `it is a copy of validator-${mark.validator}`
  const { foreign } = contentsOf(dir, mounts)
  if (foreign !== undefined) return foreign
  const genesis = join(dir, GENESIS_FILE)
  if (existsSync(genesis) && genesisSha256(readFileSync(genesis)) !== mark.genesisSha256) {
    return `its ${GENESIS_FILE} is not the one the devnet wrote`
  }
  const key = foreignKey(dir, mark.validator)
  if (key !== undefined) return `keys/${key} is not a development key's`
  return hasOwnRecord(dir, mark.validator) ? undefined : 'signer/ holds the record of another key'
}

/** Without its record a key may sign twice, so that of any other key is worth as much as the key. */
function hasOwnRecord(dir: string, validator: number): boolean {
  const tag = join(nodePaths(dir).signer, 'key')
  if (!existsSync(tag)) return true
  return (
    readFileSync(tag, 'utf8').trim() === toHex(bls.publicKey(developmentValidator(validator).consensusSecret))
  )
}

/** Throws OperatorError naming every folder that is in the way and not the devnet's. Changes nothing. */
export function checkFolders(dirs: readonly string[], mounts = mountPoints()): void {
  const refused = dirs.flatMap((dir) => {
    const reason = foreignReason(dir, mounts)
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

/** Removes everything an earlier devnet wrote, each file by its name, or nothing if any folder with such a name is not its own. */
export function forgetDevnet(dataDir: string): void {
  const dirs = namedLikeValidators(dataDir)
  checkFolders(dirs)
  for (const dir of dirs) removeContents(dir, contentsOf(dir))
  removeDevnetStatus(dataDir)
}
