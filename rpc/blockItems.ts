// The items of a block under one topic, as text. Owns: making each text once for all subscribers, and finding by key.
import type { FinalizedBlock } from './backend.ts'
import type { BlockIndexes } from './eth/blockIndex.ts'
import type { Topic } from './topics.ts'
import { turns } from './turns.ts'

/** Items made between two looks at the turn. */
const ITEMS_PER_LOOK = 32

export class BlockItems {
  readonly texts: string[] = []
  /** What making them took. */
  madeMs = 0
  readonly #places = new Map<string, number[]>()
  /** Texts of the messages that everybody without a choice gets, by their first item. */
  readonly #lists = new Map<number, string>()

  add(text: string, keys: readonly string[]): void {
    const place = this.texts.push(text) - 1
    for (const key of keys) {
      const places = this.#places.get(key)
      if (places === undefined) this.#places.set(key, [place])
      else places.push(place)
    }
  }

  /** Places of the items that have one of `keys`, ascending; undefined: all items, when there are no keys. */
  choose(keys: ReadonlySet<string> | undefined): readonly number[] | undefined {
    return keys === undefined ? undefined : this.#placesOf(keys)
  }

  /** The JSON list of at most `countMax` of the chosen items, beginning with the `first` of them. */
  list(chosen: readonly number[] | undefined, first: number, countMax: number): string {
    if (chosen !== undefined) {
      const places = chosen.slice(first, first + countMax)
      return `[${places.map((place) => this.texts[place]!).join(',')}]`
    }
    const known = this.#lists.get(first)
    if (known !== undefined) return known
    const text = `[${this.texts.slice(first, first + countMax).join(',')}]`
    // Nobody asks for other parts than these often.
    if (first % countMax === 0) this.#lists.set(first, text)
    return text
  }

  #placesOf(keys: ReadonlySet<string>): readonly number[] {
    if (keys.size === 1) {
      const [key] = keys
      return this.#places.get(key!) ?? []
    }
    const found = new Set<number>()
    // By the shorter of the two.
    if (keys.size <= this.#places.size) {
      for (const key of keys) for (const place of this.#places.get(key) ?? []) found.add(place)
    } else {
      for (const [key, places] of this.#places) {
        if (keys.has(key)) for (const place of places) found.add(place)
      }
    }
    return [...found].sort((a, b) => a - b)
  }
}

/** Keeps the items as long as the block object lives. */
export class ItemsOfBlocks {
  readonly #indexes: BlockIndexes
  readonly #known = new WeakMap<FinalizedBlock, Map<string, BlockItems>>()

  constructor(indexes: BlockIndexes) {
    this.#indexes = indexes
  }

  /** Made in slices, if it is not there yet; one caller at a time. */
  of(block: FinalizedBlock, topic: Topic, client: string): BlockItems | Promise<BlockItems> {
    return this.#known.get(block)?.get(topic.name) ?? this.#make(block, topic, client)
  }

  async #make(block: FinalizedBlock, topic: Topic, client: string): Promise<BlockItems> {
    const items = new BlockItems()
    let count = 0
    let beganMs = performance.now()
    for (const { json, keys } of topic.items(block, this.#indexes.of(block))) {
      items.add(JSON.stringify(json), keys)
      if (++count % ITEMS_PER_LOOK !== 0 || turns.hasRoom()) continue
      items.madeMs += performance.now() - beganMs
      await turns.long(client)
      beganMs = performance.now()
    }
    items.madeMs += performance.now() - beganMs
    const known = this.#known.get(block) ?? new Map<string, BlockItems>()
    known.set(topic.name, items)
    this.#known.set(block, known)
    return items
  }
}
