// What simulated peers serve: an honest node's certificates, or one lie each. Owns: the lies. Not: time, links (syncWorld.ts).
import { openBlock, type SealedBlock, sealBlock } from '../../../base/protocol/header.ts'
import { certificateSchema } from '../../../base/protocol/vote.ts'
import { syncSourceOf } from '../../../node/sync/syncSource.ts'
import type { SyncSource } from '../../../p2p/rangeProtocol.ts'
import type { RangeItem } from '../../../p2p/syncMessages.ts'
import type { Random } from '../../support/random.ts'
import { CHAIN_BLOCKS, type SyncChain, signedAgain } from './syncChain.ts'

/** Most blocks between two certificates that a node keeps. */
const SPACING_MAX = 64

/** A peer that followed at its own pace: boundaries and its tip are certified, and some block of every 64. */
export function honestSource(chain: SyncChain, random: Random, tip = CHAIN_BLOCKS): SyncSource {
  const spacing = random.pick([1, 7, SPACING_MAX])
  const kept = new Set<number>([tip])
  for (let height = random.between(1, spacing); height < tip; height += random.between(1, spacing)) {
    kept.add(height)
  }
  for (const { header } of chain.blocks) if (header.endsEpoch && header.height <= tip) kept.add(header.height)
  return syncSourceOf({
    tip: () => ({ ...chain.blocks[tip]!, height: tip }),
    blockHeightMin: () => 1,
    blockBytesAt: (height) => (height > tip ? undefined : chain.blocks[height]?.bytes),
    certificateAt: (height) => (kept.has(height) ? chain.certificates[height] : undefined),
  })
}

/** A peer's only way to lie: what it answers, and when. */
export interface Lie {
  /** Whether every spoilt answer proves the lie. */
  readonly isProvable: boolean
  /** Changes the items of an honest answer; `random` chooses where. */
  readonly spoil?: (items: readonly RangeItem[], context: LieContext) => readonly RangeItem[]
  /** A height that it claims. */
  readonly claims?: number
  /** Answers this much later. */
  readonly delayMs?: (random: Random) => number
}

export interface LieContext {
  readonly chain: SyncChain
  readonly random: Random
  readonly fromHeight: number
  /** All blocks asked for, without certificates, as far as the chain goes. */
  readonly bare: readonly RangeItem[]
}

const withoutCertificates = (items: readonly RangeItem[]): RangeItem[] =>
  items.map(({ block }) => ({ block }))

function forge(item: RangeItem, change: Partial<SealedBlock['header']>): RangeItem {
  const { header, transactions } = openBlock(item.block)
  return { block: sealBlock({ header: { ...header, ...change }, transactions }).bytes }
}

/** A chain of its own from the first item on: well linked, signed by nobody. */
function forgedChain(items: readonly RangeItem[]): RangeItem[] {
  const forged: RangeItem[] = []
  let parentHash: Uint8Array | undefined
  for (const item of items) {
    const change = parentHash === undefined ? { gasUsed: 1 } : { parentHash, gasUsed: 1 }
    const block = forge(item, change)
    parentHash = openBlock(block.block).hash
    forged.push(block)
  }
  return forged
}

function changeOne(
  items: readonly RangeItem[],
  random: Random,
  change: (item: RangeItem, index: number) => RangeItem,
): readonly RangeItem[] {
  const at = random.between(0, items.length - 1)
  return items.map((item, i) => (i === at ? change(item, i) : item))
}

function changeCertificates(
  items: readonly RangeItem[],
  change: (item: RangeItem, index: number) => Uint8Array | undefined,
): readonly RangeItem[] {
  return items.map((item, i) =>
    item.certificate === undefined ? item : { ...item, certificate: change(item, i) },
  )
}

/** Every way to leave out, cut, reorder, duplicate, delay or swap parts of a range. */
export const LIES: Readonly<Record<string, Lie>> = {
  omitsCertificates: { isProvable: false, spoil: (_, { bare }) => bare },
  omitsLastCertificate: {
    isProvable: false,
    spoil: (items) => [...items.slice(0, -1), ...withoutCertificates(items.slice(-1))],
  },
  omitsBoundaryCertificates: {
    isProvable: false,
    spoil: (items) =>
      items.map((item) => (openBlock(item.block).header.endsEpoch ? { block: item.block } : item)),
  },
  servesOneByOne: { isProvable: false, spoil: (items) => items.slice(0, 1) },
  cutsOpen: {
    isProvable: false,
    spoil: (_, { bare, random }) => bare.slice(0, random.between(1, bare.length)),
  },
  cutsOneShort: { isProvable: false, spoil: (_, { bare }) => bare.slice(0, Math.max(1, bare.length - 1)) },
  servesNothing: { isProvable: false, spoil: () => [] },
  boasts: { isProvable: false, claims: 1e12 },
  leavesOutABlock: {
    isProvable: true,
    spoil: (items, { random }) => items.toSpliced(random.between(0, items.length - 2), 1),
  },
  reorders: {
    isProvable: true,
    spoil: (items, { random }) => {
      const at = random.between(0, items.length - 2)
      return items.toSpliced(at, 2, items[at + 1]!, items[at]!)
    },
  },
  duplicates: {
    isProvable: true,
    spoil: (items, { random }) => {
      const at = random.between(0, items.length - 2)
      return items.toSpliced(at + 1, 1, items[at]!)
    },
  },
  swapsInOtherBlocks: {
    isProvable: true,
    spoil: (items, { random, chain }) =>
      changeOne(items, random, () => ({ block: chain.blocks[random.between(1, 40)]!.bytes })),
  },
  swapsBodies: {
    isProvable: true,
    spoil: (items, { random, chain }) =>
      changeOne(items, random, (item) => {
        const { header } = openBlock(item.block)
        const { transactions } = chain.blocks[(header.height % CHAIN_BLOCKS) + 1]!
        const body = random.chance(0.5) ? [] : [...transactions, ...openBlock(item.block).transactions]
        return { ...item, block: sealBlock({ header, transactions: body }).bytes }
      }),
  },
  swapsCertificates: {
    isProvable: true,
    spoil: (items, { chain, fromHeight }) =>
      changeCertificates(items, (_, i) => {
        const other = chain.certificates[Math.max(1, fromHeight + i - 1)]!
        return certificateSchema.encode(fromHeight + i === 1 ? chain.certificates[2]! : other)
      }),
  },
  certifiesForAnotherEpoch: {
    isProvable: true,
    spoil: (items, { chain, fromHeight }) =>
      changeCertificates(items, (_, i) => {
        const certificate = chain.certificates[fromHeight + i]!
        return signedAgain(chain, certificate, { epoch: certificate.subject.epoch + 1 })
      }),
  },
  certifiesWithNotarizations: {
    isProvable: true,
    spoil: (items, { chain, fromHeight }) =>
      changeCertificates(items, (_, i) =>
        signedAgain(chain, chain.certificates[fromHeight + i]!, { kind: 'notarize' }),
      ),
  },
  forgesAChain: { isProvable: false, spoil: (_, { bare }) => forgedChain(bare) },
  forgesAShortChain: {
    isProvable: false,
    spoil: (_, { bare, random }) => forgedChain(bare).slice(0, random.between(1, bare.length)),
  },
  forgesTheEnd: {
    isProvable: false,
    spoil: (_, { bare }) => [...bare.slice(0, -1), ...forgedChain(bare.slice(-1))],
  },
  garbles: {
    isProvable: true,
    spoil: (items, { random }) =>
      changeOne(items, random, ({ block }) => ({ block: block.subarray(0, block.length - 1) })),
  },
  delays: { isProvable: false, delayMs: (random) => random.between(1_000, 4_900) },
  staysSilent: { isProvable: false, delayMs: () => 1e9 },
}
