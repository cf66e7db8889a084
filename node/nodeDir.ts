// A data directory's configuration and genesis. Owns: writing and reading them. Not: keys (nodeKeys.ts), the node (node.ts).
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { toHex } from '../base/bytes.ts'
import { ConfigError, errorText, OperatorError } from '../base/errors.ts'
import { type Json, SchemaError } from '../base/field.ts'
import { parseJson } from '../base/json.ts'
import { buildGenesis } from '../genesis/build.ts'
import { checkDate } from '../genesis/check.ts'
import { GenesisError } from '../genesis/error.ts'
import { type Genesis, genesisHash, genesisSchema } from '../genesis/schema.ts'
import { isThere, makeFolder, PUBLIC, readText, writeDurablySync } from '../storage/durableFile.ts'
import { systemClock } from './clock.ts'
import { CONFIG_FILE, GENESIS_FILE, type NodeConfig, saveConfig } from './config.ts'

/** Reads a genesis document without building block 0; throws OperatorError naming file, field and reason. */
export function parseGenesis(file: string): Genesis {
  let json: unknown
  try {
    json = parseJson(readText(file))
  } catch (cause) {
    const reason = cause instanceof SyntaxError ? 'is not JSON' : errorText(cause)
    throw new OperatorError(`${file}: ${reason}`)
  }
  return refusing(file, () => genesisSchema.fromJson(json as Json))
}

/** Reads a genesis document and checks every rule; throws OperatorError naming file, field and reason. */
export function readGenesis(file: string): Genesis {
  const genesis = parseGenesis(file)
  refusing(file, () => {
    checkDate(genesis, systemClock().nowMs())
    buildGenesis(genesis).tree.release()
  })
  return genesis
}

function refusing<T>(file: string, run: () => T): T {
  try {
    return run()
  } catch (cause) {
    if (cause instanceof SchemaError) throw new OperatorError(`${file}: ${cause.message}${hintFor(cause)}`)
    if (cause instanceof GenesisError) throw new OperatorError(`${file}: ${cause.message}`)
    throw cause
  }
}

/** Peer ids have two forms; people copy the wrong one. */
function hintFor({ path, reason }: SchemaError): string {
  if (/\.peerId$/.test(path) && reason.includes('hex'))
    return ', which `suanli keys show` prints as peerIdBytes (peerId, with 12D3KooW…, is for addresses)'
  if (/\.peerIdBytes$/.test(path)) return ': the value of peerIdBytes belongs into peerId'
  return ''
}

/** Holds the hash of the genesis whose proofs of possession were checked, so that later starts skip the check. */
const CHECKED_FILE = 'genesis.checked'

/** Whether the proofs of possession of this document were checked for this directory. */
export function areProofsChecked(dataDir: string, genesis: Genesis): boolean {
  const file = join(dataDir, CHECKED_FILE)
  return existsSync(file) && readFileSync(file, 'utf8').trim() === toHex(genesisHash(genesis))
}

/** Records the check. Only for a document that `buildGenesis` accepted with its proofs, or whose proofs were just made. */
export function noteProofsChecked(dataDir: string, genesis: Genesis): void {
  writeDurablySync(join(dataDir, CHECKED_FILE), `${toHex(genesisHash(genesis))}\n`, PUBLIC)
}

/** The document's text as written to a file. */
export function genesisText(genesis: Genesis): string {
  return `${JSON.stringify(genesisSchema.toJson(genesis), null, 2)}\n`
}

/** Writes configuration and genesis to a new data directory; refuses one that already has them. */
export function writeNodeDir(dataDir: string, genesis: Genesis, config: NodeConfig): void {
  makeFolder(dataDir, 0o700)
  for (const name of [CONFIG_FILE, GENESIS_FILE]) {
    if (existsSync(join(dataDir, name))) throw new OperatorError(`${dataDir} already has a ${name}`)
  }
  writeGenesis(dataDir, genesis)
  saveConfig(dataDir, config)
}

export function writeGenesis(dataDir: string, genesis: Genesis): void {
  writeDurablySync(join(dataDir, GENESIS_FILE), genesisText(genesis), PUBLIC)
}

export function genesisFile(dataDir: string): string {
  const file = join(dataDir, GENESIS_FILE)
  if (!isThere(file)) throw new ConfigError(`${dataDir} has no ${GENESIS_FILE}: run \`suanli init\``)
  return file
}
