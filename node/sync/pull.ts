// State of one pull of block ranges. Not: what is done with it (blockSync.ts, missingCertificates.ts).
import type { SealedBlock } from '../../base/protocol/header.ts'
import type { Certificate } from '../../base/protocol/vote.ts'
import type { PeerKey } from '../../p2p/protocol.ts'
import type { RangeDownload } from '../../p2p/rangeDownload.ts'
import type { LinkedBlock } from './certifiedRun.ts'

export interface Target {
  readonly block: SealedBlock
  readonly certificate: Certificate
}

/** Called after each commit; `certificate` is the verified F of `block`. */
export type CommitListener = (block: SealedBlock, certificate: Certificate) => void

export interface Pull {
  readonly download: RangeDownload
  readonly target: Target | undefined
  readonly onCommit: CommitListener | undefined
  /** Blocks linked to the head, oldest first, not certified yet. */
  tail: LinkedBlock[]
  /** Nothing more to do now: the operator must decide, or consensus is ahead. */
  waits: boolean
  /** Served heights above the head without the certificates that end them; others are asked first until it moves. */
  readonly unhelpful: Set<PeerKey>
  /** Left out certificates that they must have; blamed once. */
  readonly blamed: Set<PeerKey>
  /** The heights whose certificates are being fetched again. */
  asked: Asked | undefined
}

export interface Asked {
  readonly fromHeight: number
  readonly count: number
  /** Every honest peer that serves these blocks has a certificate among them. */
  readonly isProven: boolean
}

export function newPull(download: RangeDownload, tail: LinkedBlock[]): Pull {
  return {
    download,
    tail,
    target: undefined,
    onCommit: undefined,
    waits: false,
    unhelpful: new Set(),
    blamed: new Set(),
    asked: undefined,
  }
}

/** The peer that served invalid data, and from which height. */
export interface Fault {
  readonly peer: PeerKey
  readonly height: number
  readonly text: string
}

export const faultOf = ({ block, peer }: LinkedBlock, text: string): Fault => ({
  peer,
  height: block.header.height,
  text,
})
