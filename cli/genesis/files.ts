// Files of a genesis ceremony: drafts, parts, peers. Owns: reading and writing them. Not: their rules (genesis/).
import { equalBytes } from '../../base/bytes.ts'
import { errorText, OperatorError } from '../../base/errors.ts'
import { type Json, SchemaError } from '../../base/field.ts'
import { parseJson } from '../../base/json.ts'
import type { NamedPart } from '../../genesis/collect.ts'
import { checkDraft } from '../../genesis/draft.ts'
import { GenesisError } from '../../genesis/error.ts'
import { type GenesisPart, genesisPartSchema } from '../../genesis/parts.ts'
import type { Genesis } from '../../genesis/schema.ts'
import { isListenAddress, PEER_ADDRESS_FORM } from '../../node/config.ts'
import { genesisText, parseGenesis } from '../../node/nodeDir.ts'
import { peerIdText } from '../../p2p/identity.ts'
import { PUBLIC, readText, writeNewDurablySync } from '../../storage/durableFile.ts'

/** JSON of a file; throws OperatorError naming it. */
export function readJson(file: string): unknown {
  try {
    return parseJson(readText(file))
  } catch (cause) {
    throw new OperatorError(`${file}: ${cause instanceof SyntaxError ? 'is not JSON' : errorText(cause)}`)
  }
}

/** Writes a new file, never over another. */
export function writeNewFile(file: string, text: string): void {
  writeNewDurablySync(file, text, PUBLIC)
}

export function writeGenesis(file: string, genesis: Genesis): void {
  writeNewFile(file, genesisText(genesis))
}

/** What is wrong with an address at which others are to reach a node, or undefined. */
export function addressFault(address: string): string | undefined {
  if (!isListenAddress(address))
    return 'expected a multiaddr without peer id, such as /dns4/node.example/tcp/26600'
  return /^\/ip[46]\/(0\.0\.0\.0|::)\//.test(address)
    ? 'is where a node listens, not where others reach it'
    : undefined
}

/** Runs a check of a document; the message of what it refuses names the file. */
export function naming<T>(file: string, run: () => T): T {
  try {
    return run()
  } catch (error) {
    throw error instanceof GenesisError ? new OperatorError(`${file}: ${error.path}: ${error.reason}`) : error
  }
}

/** Reads a draft and checks it; throws OperatorError naming file, field and reason. */
export function readDraft(file: string): Genesis {
  const draft = parseGenesis(file)
  naming(file, () => checkDraft(draft))
  return draft
}

export function partFileText(part: GenesisPart): string {
  return `${JSON.stringify(genesisPartSchema.toJson(part), null, 2)}\n`
}

/** Reads parts; throws OperatorError naming file and field. */
export function readParts(files: readonly string[]): readonly NamedPart[] {
  return files.map((name) => {
    const json = readJson(name)
    try {
      const part = genesisPartSchema.fromJson(json as Json)
      part.addresses.forEach((address, i) => {
        const fault = addressFault(address)
        if (fault !== undefined) throw new SchemaError(fault, `addresses[${i}]`)
      })
      return { name, part }
    } catch (cause) {
      if (cause instanceof SchemaError) throw new OperatorError(`${name}: ${cause.message}`)
      throw cause
    }
  })
}

/** Multiaddrs of all members with their peer ids, in the order of the document. */
export function peersOf(genesis: Genesis, parts: readonly NamedPart[]): readonly string[] {
  return genesis.providers.flatMap(({ peerId }) => {
    const found = parts.find(({ part }) => equalBytes(part.member.peerId, peerId))
    return (found?.part.addresses ?? []).map((address) => `${address}/p2p/${peerIdText(peerId)}`)
  })
}

/** The list that `genesis collect` writes, without this node's own addresses. Throws OperatorError. */
export function readPeers(file: string, ownPeerId: string): readonly string[] {
  const json = readJson(file)
  if (!Array.isArray(json)) throw new OperatorError(`${file}: expected a list of multiaddrs`)
  json.forEach((one, i) => {
    if (typeof one === 'string' && PEER_ADDRESS_FORM.test(one)) return
    const shown = JSON.stringify(one)?.slice(0, 200)
    throw new OperatorError(
      `${file}: [${i}]: ${shown}: expected a multiaddr that ends in /p2p/<peer id>, with a port up to 65535`,
    )
  })
  return (json as readonly string[]).filter((address) => !address.endsWith(`/p2p/${ownPeerId}`))
}
