// Which transactions concern an account: an index beside the chain, which can be thrown away and made again from its blocks.
// Owns: its LevelDB and keys. Not: what concerns an account, and when it is written (node/accountIndexer.ts).
import { rm } from 'node:fs/promises'
import { Level } from 'level'
import { assert } from '../base/assert.ts'
import { concatBytes, readU64be, u32be, u64be } from '../base/bytes.ts'
import type { Address, Hash32 } from '../base/ids.ts'

/** Heights whose entries lie together, so that old ones are dropped without knowing their accounts. */
const ERA_BLOCKS = 65_536
/** Eras that one question looks into; each costs a seek. */
const ERAS_PER_QUERY = 64
/** Heights below an era's first fit into two bytes, indexes of a block into three. */
const INDEX_MAX = 0xff_ff_ff

const ENTRY = 0x61
const RANGE_KEY = Uint8Array.of(0x6d)
/** Version of this layout; another one is thrown away. */
const LAYOUT = 1
const NOTHING = new Uint8Array(0)

/** A transaction's place; its index is the number of transactions for what the block itself does. */
export interface AccountPlace {
  readonly height: number
  readonly index: number
}

/** The heights that an index knows, without gaps. */
export interface IndexRange {
  readonly from: number
  readonly to: number
  /** Of block `to`. */
  readonly hash: Hash32
}

export interface IndexedBlock {
  readonly height: number
  readonly hash: Hash32
  /** Each account once for each index. */
  readonly touched: readonly (readonly [Address, number])[]
}

export interface PlacesQuery {
  readonly address: Address
  /** Places below this one, newest first. */
  readonly before: AccountPlace
  /** Lowest height. */
  readonly fromHeight: number
  readonly countMax: number
}

export interface PlacesFound {
  readonly places: readonly AccountPlace[]
  /** Where to go on; undefined when there is nothing further. */
  readonly before: AccountPlace | undefined
}

export class AccountIndex {
  readonly #database: Level<Uint8Array, Uint8Array>
  readonly #eraBlocks: number
  #range: IndexRange | undefined

  private constructor(database: Level<Uint8Array, Uint8Array>, eraBlocks: number) {
    this.#database = database
    this.#eraBlocks = eraBlocks
  }

  /** Opens or creates the index in `dir`; a damaged or older one is replaced by an empty one. `eraBlocks` is for tests. */
  static async open(dir: string, eraBlocks = ERA_BLOCKS): Promise<AccountIndex> {
    assert(eraBlocks <= ERA_BLOCKS, 'offsets fit into two bytes')
    const create = async (): Promise<AccountIndex> => {
      const options = { keyEncoding: 'view', valueEncoding: 'view' } as const
      const database = new Level<Uint8Array, Uint8Array>(dir, { ...options, cacheSize: 2 * 1024 * 1024 })
      await database.open()
      return new AccountIndex(database, eraBlocks)
    }
    const index = await create().catch(async (error: unknown) => {
      // In use by another process: that is not damage.
      if ((error as { cause?: { code?: string } }).cause?.code === 'LEVEL_LOCKED') throw error
      await rm(dir, { recursive: true, force: true })
      return create()
    })
    await index.#readRange()
    return index
  }

  async #readRange(): Promise<void> {
    const stored = await this.#database.get(RANGE_KEY)
    if (stored === undefined) return
    if (stored.length !== 49 || stored[0] !== LAYOUT) {
      await this.clear()
      return
    }
    const bytes = Uint8Array.from(stored)
    this.#range = { from: readU64be(bytes, 1), to: readU64be(bytes, 9), hash: bytes.slice(17) }
  }

  range(): IndexRange | undefined {
    return this.#range
  }

  /** Adds blocks that follow the range, or begin it, in one batch. */
  async add(blocks: readonly IndexedBlock[]): Promise<void> {
    const [first] = blocks
    assert(first !== undefined, 'at least one block')
    let { from, to } = this.#range ?? { from: first.height, to: first.height - 1 }
    const batch = this.#database.batch()
    for (const { height, touched } of blocks) {
      assert(height === to + 1, 'an index has no gaps')
      for (const [address, index] of touched) batch.put(this.#key(address, { height, index }), NOTHING)
      to = height
    }
    await this.#writeRange(batch, { from, to, hash: blocks.at(-1)!.hash })
  }

  async #writeRange(
    batch: { put(key: Uint8Array, value: Uint8Array): unknown; write(): Promise<void> },
    range: IndexRange,
  ): Promise<void> {
    const { from, to, hash } = range
    batch.put(RANGE_KEY, concatBytes(Uint8Array.of(LAYOUT), u64be(from), u64be(to), hash))
    // Not synced: what a power loss takes is indexed again.
    await batch.write()
    this.#range = range
  }

  /** Places of an account, newest first. */
  async places({ address, before: asked, fromHeight, countMax }: PlacesQuery): Promise<PlacesFound> {
    const above = (this.#range?.to ?? 0) + 1
    const before = asked.height > above ? { height: above, index: 0 } : asked
    const newest = Math.floor(before.height / this.#eraBlocks)
    const oldest = Math.floor(Math.max(0, fromHeight) / this.#eraBlocks)
    const last = Math.max(oldest, newest - ERAS_PER_QUERY + 1)
    const places: AccountPlace[] = []
    for (let era = newest; era >= last; era--) {
      const begin = { height: era * this.#eraBlocks, index: 0 }
      const lt =
        era === newest
          ? this.#key(address, before)
          : this.#keyIn(era, address, { offset: this.#eraBlocks - 1, index: INDEX_MAX })
      const limit = countMax - places.length
      const keys = await this.#database
        .keys({ gte: this.#key(address, begin), lt, reverse: true, limit })
        .all()
      for (const key of keys) {
        const place = this.#placeOf(key)
        if (place.height < fromHeight) return { places, before: undefined }
        places.push(place)
      }
      if (places.length >= countMax) return { places, before: places.at(-1) }
    }
    const isWhole = last === oldest
    return { places, before: isWhole ? undefined : { height: last * this.#eraBlocks, index: 0 } }
  }

  /** Drops the eras that end below `height`; the range then begins there. */
  async prune(height: number): Promise<void> {
    const range = this.#range
    if (range === undefined || height <= range.from) return
    const [first, last] = [range.from, height].map((one) => Math.floor(one / this.#eraBlocks))
    if (first! < last!) {
      await this.#database.clear({ gte: this.#eraKey(first!), lt: this.#eraKey(last!) })
    }
    await this.#writeRange(this.#database.batch(), { ...range, from: Math.min(height, range.to) })
  }

  async clear(): Promise<void> {
    this.#range = undefined
    await this.#database.clear()
  }

  async close(): Promise<void> {
    await this.#database.close()
  }

  #eraKey(era: number): Uint8Array {
    return concatBytes(Uint8Array.of(ENTRY), u32be(era))
  }

  #key(address: Address, { height, index }: AccountPlace): Uint8Array {
    const era = Math.floor(height / this.#eraBlocks)
    return this.#keyIn(era, address, { offset: height % this.#eraBlocks, index })
  }

  #keyIn(
    era: number,
    address: Address,
    place: { readonly offset: number; readonly index: number },
  ): Uint8Array {
    assert(place.index <= INDEX_MAX, 'an index fits')
    const key = new Uint8Array(30)
    key.set(this.#eraKey(era))
    key.set(address, 5)
    new DataView(key.buffer).setUint16(25, place.offset)
    key[27] = place.index >>> 16
    new DataView(key.buffer).setUint16(28, place.index & 0xff_ff)
    return key
  }

  #placeOf(key: Uint8Array): AccountPlace {
    const view = new DataView(key.buffer, key.byteOffset, key.byteLength)
    const height = view.getUint32(1) * this.#eraBlocks + view.getUint16(25)
    return { height, index: (view.getUint8(27) << 16) | view.getUint16(28) }
  }
}
