// A chain's state at one block as a file of lines: every record, and what a node needs to go on from there. One way to write it.
// Owns: the lines, their checksum, installing a store from them. Not: who may go on from it (devnet/loadState.ts).
import { createHash, type Hash } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { assert, mustExist } from '../base/assert.ts'
import { equalBytes, parseHex, toHex } from '../base/bytes.ts'
import { ExpectedError } from '../base/errors.ts'
import type { Json } from '../base/field.ts'
import { parseJson } from '../base/json.ts'
import { type EpochProof, epochProofSchema } from '../base/protocol/epochProof.ts'
import { decodeBlock, type SealedBlock } from '../base/protocol/header.ts'
import { type Certificate, certificateSchema } from '../base/protocol/vote.ts'
import { buildGenesis } from '../genesis/build.ts'
import { type Genesis, genesisHash, genesisSchema } from '../genesis/schema.ts'
import type { StateKey } from '../state/view.ts'
import { TEXT_BYTES_MAX } from '../storage/durableFile.ts'
import { StateInstall } from '../storage/install.ts'
import { stateKeyBytes, storedReceiptsSchema } from '../storage/layout.ts'
import type { BlockReceipts, ChainStore } from '../storage/types.ts'

const FORMAT = 'suanli state 1'
/** Records read, written and installed at a time. */
const RECORDS_PER_PIECE = 2_048
/** A block and its receipts are the longest lines. */
const LINE_CHARS_MAX = 128 * 1024 * 1024
/** Of the genesis document, as long as its file may be. */
const JSON_CHARS_MAX = TEXT_BYTES_MAX

/** What the file is of, its second line. */
export interface StateHead {
  readonly chainId: number
  readonly genesisHash: `0x${string}`
  readonly height: number
  readonly blockHash: `0x${string}`
  readonly stateRoot: `0x${string}`
  readonly timestampMs: number
}

/** The file is not one, or not whole. */
export class StateFileError extends ExpectedError {
  readonly code = 'StateFile'
  constructor(message: string) {
    super(message)
    this.name = 'StateFileError'
  }
}

/** The lines of a store's newest state, each with its line feed; commits may go on meanwhile. */
export async function* stateFileLines(store: ChainStore, genesis: Genesis): AsyncGenerator<string> {
  const pinned = await store.pinState()
  try {
    const hash = createHash('sha256')
    for (const line of headLines(store, genesis, pinned.height)) {
      hash.update(line)
      yield line
    }
    let after: StateKey | undefined
    let count = 0
    for (;;) {
      const entries = await pinned.entries({ prefix: '', after }, RECORDS_PER_PIECE)
      const lines = entries.map(([key, value]) => `record ${hexOf(key)} ${toHex(value)}\n`).join('')
      hash.update(lines)
      if (lines !== '') yield lines
      count += entries.length
      after = entries.at(-1)?.[0]
      if (entries.length < RECORDS_PER_PIECE) break
    }
    yield `end ${count} ${hash.digest('hex')}\n`
  } finally {
    await pinned.close()
  }
}

const hexOf = (key: StateKey): string => toHex(stateKeyBytes(key).subarray(1))

function* headLines(store: ChainStore, genesis: Genesis, height: number): Generator<string> {
  const block = store.blockAt(height)
  const receipts = store.receiptsAt(height)
  const certificate = store.certificateAt(height)
  if (block === undefined || receipts === undefined || (height > 0 && certificate === undefined)) {
    throw new StateFileError(`block ${height} has no certificate of its own here: try again at a later block`)
  }
  const { header } = block
  const head: StateHead = {
    chainId: genesis.chainId,
    genesisHash: toHex(genesisHash(genesis)),
    height,
    blockHash: toHex(block.hash),
    stateRoot: toHex(header.stateRoot),
    timestampMs: header.timestampMs,
  }
  yield `${FORMAT}\n`
  yield `head ${JSON.stringify(head)}\n`
  yield `genesis ${JSON.stringify(genesisSchema.toJson(genesis))}\n`
  yield `block ${toHex(block.bytes)}\n`
  yield `receipts ${toHex(storedReceiptsSchema.encode(receipts))}\n`
  if (certificate !== undefined) yield `certificate ${toHex(certificateSchema.encode(certificate))}\n`
  for (let epoch = 0; epoch <= header.epoch; epoch++) {
    const proof = store.epochProof(epoch)
    if (proof !== undefined) yield `epochProof ${toHex(epochProofSchema.encode(proof))}\n`
  }
}

/** The lines before the records, read and checked against each other. */
export interface StateFileHead {
  readonly head: StateHead
  readonly genesis: Genesis
  readonly block: SealedBlock
  readonly receipts: BlockReceipts
  /** Undefined for block 0. */
  readonly certificate: Certificate | undefined
  readonly epochProofs: readonly EpochProof[]
}

/** Reads lines, counts them for messages, and hashes them. */
class Lines {
  readonly #lines: AsyncIterator<string>
  readonly #hash: Hash = createHash('sha256')
  #next: string | undefined
  #number = 0

  constructor(lines: AsyncIterable<string>) {
    this.#lines = lines[Symbol.asyncIterator]()
  }

  async peek(): Promise<string> {
    if (this.#next === undefined) {
      const { value, done } = await this.#lines.next()
      if (done === true) throw new StateFileError(`the state file ends after line ${this.#number}`)
      this.#next = value as string
    }
    return this.#next
  }

  /** The rest of a line that begins with this word, or undefined, and then the line is still there. */
  async take(
    word: string,
    options: { readonly isHashed: boolean } = { isHashed: true },
  ): Promise<string | undefined> {
    const line = await this.peek()
    if (!line.startsWith(`${word} `)) return undefined
    this.#next = undefined
    this.#number++
    if (options.isHashed) this.#hash.update(`${line}\n`)
    return line.slice(word.length + 1)
  }

  async mustTake(word: string): Promise<string> {
    return (await this.take(word)) ?? this.fail(`line ${this.#number + 1} is not its ${word}`)
  }

  async takeFormat(): Promise<void> {
    const line = await this.peek()
    if (line !== FORMAT) this.fail(`it does not begin with "${FORMAT}"`)
    this.#next = undefined
    this.#number++
    this.#hash.update(`${line}\n`)
  }

  /** True when no line is left. */
  async isOver(): Promise<boolean> {
    return this.#next === undefined && (await this.#lines.next()).done === true
  }

  digest(): string {
    return this.#hash.copy().digest('hex')
  }

  fail(reason: string): never {
    throw new StateFileError(`this is no state file, or it is damaged: ${reason}`)
  }

  async close(): Promise<void> {
    await this.#lines.return?.()
  }
}

/** Reads the lines before the records. Throws StateFileError. */
export async function readStateFileHead(lines: AsyncIterable<string>): Promise<StateFileHead> {
  const reader = new Lines(lines)
  try {
    return await readHead(reader)
  } finally {
    await reader.close()
  }
}

async function readHead(reader: Lines): Promise<StateFileHead> {
  await reader.takeFormat()
  const head = json(reader, await reader.mustTake('head')) as unknown as StateHead
  const document = json(reader, await reader.mustTake('genesis'))
  const genesis = decoded(reader, 'genesis', () => genesisSchema.fromJson(document as never))
  const blockBytes = bytes(reader, await reader.mustTake('block'))
  const block = decoded(reader, 'block', () => decodeBlock(blockBytes))
  const receiptBytes = bytes(reader, await reader.mustTake('receipts'))
  const receipts = decoded(reader, 'receipts', () => storedReceiptsSchema.decode(receiptBytes))
  const certificateHex = await reader.take('certificate')
  const certificate =
    certificateHex === undefined
      ? undefined
      : decoded(reader, 'certificate', () => certificateSchema.decode(bytes(reader, certificateHex)))
  const epochProofs: EpochProof[] = []
  for (let hex = await reader.take('epochProof'); hex !== undefined; hex = await reader.take('epochProof')) {
    const proofBytes = bytes(reader, hex)
    epochProofs.push(decoded(reader, 'epoch proof', () => epochProofSchema.decode(proofBytes)))
  }
  const { header, hash } = block
  const fits =
    head.chainId === genesis.chainId &&
    head.genesisHash === toHex(genesisHash(genesis)) &&
    head.height === header.height &&
    head.blockHash === toHex(hash) &&
    head.stateRoot === toHex(header.stateRoot) &&
    head.timestampMs === header.timestampMs &&
    (header.height === 0) === (certificate === undefined) &&
    (certificate === undefined || isOf(certificate, hash))
  if (!fits) reader.fail('its head, block and certificate are not of one chain')
  return { head, genesis, block, receipts, certificate, epochProofs }
}

const isOf = ({ subject: { digest } }: Certificate, hash: Uint8Array): boolean =>
  digest !== undefined && equalBytes(digest, hash)

function json(reader: Lines, text: string): Json {
  try {
    return text.length <= JSON_CHARS_MAX ? parseJson(text) : reader.fail('a line of JSON is too long')
  } catch {
    return reader.fail('a line that should be JSON is not')
  }
}

function bytes(reader: Lines, hex: string): Uint8Array {
  const found = hex.length <= LINE_CHARS_MAX && /^0x(?:[0-9a-f]{2})*$/.test(hex) ? parseHex(hex) : undefined
  return found ?? reader.fail('a line that should be hex is not')
}

function decoded<T>(reader: Lines, what: string, decode: () => T): T {
  try {
    return decode()
  } catch {
    return reader.fail(`its ${what} is malformed`)
  }
}

/** Reads a whole file, giving the records to `onRecords`. Throws StateFileError unless order, count and checksum are right. */
export async function readStateFile(
  lines: AsyncIterable<string>,
  onRecords: (records: readonly { readonly key: Uint8Array; readonly value: Uint8Array }[]) => Promise<void>,
): Promise<StateFileHead> {
  const reader = new Lines(lines)
  try {
    const head = await readHead(reader)
    let piece: { key: Uint8Array; value: Uint8Array }[] = []
    let last = ''
    let count = 0
    for (let rest = await reader.take('record'); rest !== undefined; rest = await reader.take('record')) {
      const [key = '', value = ''] = rest.split(' ')
      // Hex of the same case orders as the bytes do.
      if (key <= last) reader.fail('its records are not in order')
      last = key
      piece.push({ key: bytes(reader, key), value: bytes(reader, value) })
      if (++count % RECORDS_PER_PIECE !== 0) continue
      await onRecords(piece)
      piece = []
    }
    if (piece.length > 0) await onRecords(piece)
    const digest = reader.digest()
    const end = await reader.take('end', { isHashed: false })
    if (end !== `${count} ${digest}`)
      reader.fail('its last line does not have the number of records and their checksum')
    if (!(await reader.isOver())) reader.fail('something follows its last line')
    return head
  } finally {
    await reader.close()
  }
}

/** What a devnet puts in the place of the file's: its own head, and records by their keys in hex. */
export interface StateEdits {
  readonly head: StateFileHead
  readonly records: ReadonlyMap<string, Uint8Array>
}

/**
 * Makes a chain store in `dir`, which must not hold one, whose tip and state are the file's, but for `edits`. Throws StateFileError, or
 * StoreError Corrupt when the records do not have the state root of the block; then there is no store.
 */
export async function installStateFile(
  dir: string,
  lines: () => AsyncIterable<string>,
  edits?: StateEdits,
): Promise<StateFileHead> {
  const { block } = edits?.head ?? (await readStateFileHead(lines()))
  assert(block.header.height > 0, 'block 0 needs no installing')
  const install = await StateInstall.open(dir, block.hash)
  let isClosed = false
  try {
    let index = 0
    const read = await readStateFile(lines(), async (records) => {
      await install.putChunk(index++, [...records])
    })
    if (edits !== undefined) await install.putChunk(index++, edited(edits))
    const found = edits?.head ?? read
    const { genesis: document, certificate, receipts, epochProofs } = found
    const built = buildGenesis(document, { areProofsChecked: true })
    built.tree.release()
    assert(certificate !== undefined, 'a block above genesis has a certificate')
    isClosed = true
    await install.finish({ genesis: built.block, block, certificate, receipts, epochProofs })
    return found
  } finally {
    if (!isClosed) await install.close()
    // Complete, it has moved; what is left is of no use, as a file is read again from its beginning.
    await rm(`${dir}.incoming`, { recursive: true, force: true })
  }
}

/** Written last, they take the place of the file's. */
function edited({ records }: StateEdits): { readonly key: Uint8Array; readonly value: Uint8Array }[] {
  return [...records].map(([key, value]) => ({ key: mustExist(parseHex(key), 'a key in hex'), value }))
}

/** Lines of a text that comes in pieces, without their line feeds. */
export async function* linesOf(pieces: AsyncIterable<string> | Iterable<string>): AsyncGenerator<string> {
  // Of the line under way: joined once, however many pieces it comes in.
  let rest: string[] = []
  let restChars = 0
  for await (const piece of pieces) {
    const parts = piece.split('\n')
    const last = parts.pop()!
    if (parts.length > 0) {
      yield rest.join('') + parts[0]!
      yield* parts.slice(1)
      rest = []
      restChars = 0
    }
    rest.push(last)
    restChars += last.length
    if (restChars > LINE_CHARS_MAX) throw new StateFileError('a line of the state file is too long')
  }
  if (restChars > 0) yield rest.join('')
}
