// What a table of `suanli export` is: its columns, and its rows between two heights. Not: the tables (datasets.ts, audit.ts).
import type { Source } from './source.ts'
import type { Column, Row } from './table.ts'

export interface Range {
  readonly from: number
  readonly to: number
}

export interface Dataset {
  readonly text: string
  readonly columns: readonly Column[]
  /** Of one block, `to`, instead of a range. */
  readonly isAtBlock?: true
  /** Only of blocks whose state is kept. */
  readonly needsState?: true
  /** Only from the data directory of a stopped node. */
  readonly isOffline?: true
  /** Has a manifest with header totals that the rows must sum to. */
  readonly isAudited?: true
  rows(source: Source, range: Range): AsyncIterable<readonly Row[]>
}
