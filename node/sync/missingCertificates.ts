// Linked blocks that no certificate covers in time (CONSENSUS §4 "Catch-up"): the blocks are kept, their certificates
// fetched from other peers, and who must have had one is blamed. Not: verification, imports (blockSync.ts).
import { equalBytes } from '../../base/bytes.ts'
import type { PeerKey } from '../../p2p/protocol.ts'
import { RANGE_COUNT } from '../../p2p/rangeDownload.ts'
import { UNFINALIZED_HEIGHTS_MAX } from '../chain/unfinalizedBlocks.ts'
import type { LinkedBlock } from './certifiedRun.ts'
import { type Asked, type Fault, faultOf, type Pull } from './pull.ts'

/** Most blocks and bytes held without a covering certificate: more than any honest peer leaves uncovered. */
const UNCERTIFIED_MAX = 1_024
const UNCERTIFIED_BYTES_MAX = 48 * 1024 * 1024

/** Blocks among which an honest peer serves a certificate: it held a final one of them when it took what follows. */
export interface UncoveredWindow {
  /** Index in the tail. */
  readonly from: number
  readonly count: number
  /** Who served them; one peer alone has left certificates out. */
  readonly peers: ReadonlySet<PeerKey>
}

/**
 * The window below the first block that no node could have taken: one with transactions, deeper above the last
 * certificate than may stand unfinalized (CONSENSUS §4). `tail` starts above the finalized head.
 */
export function uncoveredWindow(tail: readonly LinkedBlock[]): UncoveredWindow | undefined {
  const deep = tail.findIndex(({ block }, i) => i >= UNFINALIZED_HEIGHTS_MAX && block.transactions.length > 0)
  if (deep < 0) return undefined
  const from = deep - UNFINALIZED_HEIGHTS_MAX
  const window = tail.slice(from, deep)
  return { from, count: window.length, peers: new Set(window.map(({ peer }) => peer)) }
}

/** Whether an open tail has reached the limits of what is held. */
function isTailFull(tail: readonly LinkedBlock[]): boolean {
  const bytes = tail.reduce((sum, { block }) => sum + block.bytes.length, 0)
  return tail.length > UNCERTIFIED_MAX || bytes > UNCERTIFIED_BYTES_MAX
}

/** Adds to held blocks the certificates that another peer served for the same blocks; returns how many. */
export function adoptCertificates(tail: LinkedBlock[], served: readonly LinkedBlock[]): number {
  const first = tail[0]
  if (first === undefined) return 0
  let adopted = 0
  for (const { block, certificate, peer } of served) {
    const at = block.header.height - first.block.header.height
    const held = tail[at]
    if (certificate === undefined || held === undefined || held.certificate !== undefined) continue
    if (!equalBytes(held.block.hash, block.hash)) continue
    tail[at] = { ...held, certificate, certificatePeer: peer }
    adopted++
  }
  return adopted
}

/** No certificate covers any of the tail: wait for what follows, or fetch the certificates from other peers. */
export function onOpenTail(pull: Pull): Fault | undefined {
  const { tail, download, target } = pull
  const first = tail[0]!
  const atTarget = tail.find(({ block }) => block.header.height === target?.block.header.height)
  // The target is certified, so whoever serves another block at its height lies.
  if (atTarget !== undefined && !equalBytes(atTarget.block.hash, target!.block.hash)) {
    return faultOf(atTarget, 'another block than the final one')
  }
  const peers = new Set(tail.map(({ peer }) => peer))
  if (isTailFull(tail)) {
    if (peers.size === 1) return faultOf(first, `no certificate over ${tail.length} blocks`)
    // Which of them left it out cannot be told.
    for (const peer of peers) pull.unhelpful.add(peer)
    pull.tail = []
    pull.asked = undefined
    download.rewind(first.block.header.height, [...pull.unhelpful])
    return undefined
  }
  const window = uncoveredWindow(tail)
  if (window !== undefined) {
    // The block above proves nothing by itself, unless the same peer served it.
    const above = tail[window.from + window.count]!
    fetchCertificates(pull, window, window.peers.has(above.peer))
    return undefined
  }
  const isEnd = target === undefined && tail.at(-1)!.block.header.height >= download.claimedHeight()
  if (isEnd) fetchCertificates(pull, { from: 0, count: Math.min(RANGE_COUNT, tail.length), peers }, false)
  return undefined
}

/** Keeps the blocks and asks others for their certificates; a peer that must have had one is blamed. */
export function fetchCertificates(
  pull: Pull,
  { from, count, peers }: UncoveredWindow,
  isProven: boolean,
): void {
  const fromHeight = pull.tail[from]!.block.header.height
  if (pull.asked?.fromHeight === fromHeight) return
  const asked = { fromHeight, count, isProven }
  const [only] = peers
  if (isProven && peers.size === 1) blameOmission(pull, only!, asked)
  for (const peer of peers) pull.unhelpful.add(peer)
  // Whoever answers without certificates is not asked again before the head moves, so this ends.
  const isAsked = pull.download.again({ fromHeight, count, peers: pull.unhelpful })
  pull.asked = isAsked ? asked : undefined
  if (!isAsked && isProven) pull.waits = true
}

/** The answer to `again`, which may also lack certificates. */
export function onRepeat(pull: Pull, opened: readonly LinkedBlock[]): void {
  const { asked } = pull
  const [first] = opened
  if (asked === undefined || first?.block.header.height !== asked.fromHeight) return
  pull.asked = undefined
  if (opened.some(({ certificate }) => certificate !== undefined)) return
  pull.unhelpful.add(first.peer)
  if (asked.isProven && opened.length >= asked.count) blameOmission(pull, first.peer, asked)
}

function blameOmission(pull: Pull, peer: PeerKey, { fromHeight, count }: Asked): void {
  if (pull.blamed.has(peer)) return
  pull.blamed.add(peer)
  pull.download.blame(peer, `left out the certificates of blocks ${fromHeight} to ${fromHeight + count - 1}`)
}
