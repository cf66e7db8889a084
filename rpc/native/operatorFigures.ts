// What a node tells its operator beyond its health. Owns: the shapes. Not: gathering it (node/watch/operatorFigures.ts).

export interface PeerFigures {
  readonly peer: string
  readonly validatorIndex: number | undefined
  readonly provider: number | undefined
  readonly legalName: string | undefined
  readonly isConnected: boolean
  /** Of the settings, or a validator. */
  readonly isNamed: boolean
  readonly address: string | undefined
  /** Penalty points: at 100 it is refused for a while. */
  readonly penaltyPoints: number
  /** Round trip of the last ping; undefined before the first. */
  readonly roundTripMs: number | undefined
}

/** What a node knows of itself and its network, beyond its health. */
export interface OperatorFigures {
  readonly leader: number
  readonly isNeeded: boolean
  readonly isValidator: boolean
  /** This clock minus that of recent final blocks; undefined while unknown. */
  readonly clockOffsetMs: number | undefined
  readonly disk: { readonly bytes: Readonly<Record<string, number>>; readonly freeBytes: number } | undefined
  readonly residentBytes: number
  readonly heapBytes: number
  readonly startedAtMs: number
  readonly lanes: Readonly<Record<string, number>>
  readonly peers: readonly PeerFigures[]
}

export interface OperatorSource {
  /** Whether whoever may ask this node is told its peers' addresses and its disk. */
  readonly isShown: boolean
  figures(): Promise<OperatorFigures>
}
