// Pages of query answers: a limit, a cursor to continue from, and a bound on what one query looks at.
// Owns: the arithmetic. Not: the messages (the modules' schemas).

/** How much of a numbered list a query wants: cursor 0 begins, limit 0 asks for as many as allowed. */
export interface PageRequest {
  readonly cursor: number
  readonly limit: number
}

/** The numbered list that a query reads: items 0 to `count` − 1. */
export interface Numbered<T> {
  readonly count: number
  /** Most items of one page. */
  readonly pageMax: number
  /** Most entries looked at for one page, when some are skipped. Default: `pageMax`. */
  readonly lookMax?: number
  /** Undefined: nothing is there any more, skip it. */
  read(index: number): T | undefined
}

export interface Page<T> {
  readonly items: readonly T[]
  /** The cursor of the next page; 0 at the end. */
  readonly nextCursor: number
}

function sizeOf(limit: number, pageMax: number): number {
  return limit === 0 ? pageMax : Math.min(limit, pageMax)
}

/** Oldest first: the cursor is the number of the first entry to look at. */
export function pageUp<T>({ cursor, limit }: PageRequest, list: Numbered<T>): Page<T> {
  const { count, pageMax, lookMax = pageMax } = list
  const size = sizeOf(limit, pageMax)
  const until = Math.min(count, cursor + lookMax)
  const items: T[] = []
  let index = cursor
  for (; index < until && items.length < size; index++) {
    const item = list.read(index)
    if (item !== undefined) items.push(item)
  }
  return { items, nextCursor: index < count ? index : 0 }
}

/** Newest first: the cursor is how many entries are older than the page. */
export function pageDown<T>({ cursor, limit }: PageRequest, list: Numbered<T>): Page<T> {
  const { count, pageMax, lookMax = pageMax } = list
  const size = sizeOf(limit, pageMax)
  const from = cursor === 0 ? count : Math.min(cursor, count)
  const until = Math.max(0, from - lookMax)
  const items: T[] = []
  let left = from
  while (left > until && items.length < size) {
    left--
    const item = list.read(left)
    if (item !== undefined) items.push(item)
  }
  return { items, nextCursor: left }
}
