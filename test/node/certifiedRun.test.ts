// Which certificate covers which blocks, and whom missing certificates convict.
import assert from 'node:assert/strict'
import { sha256 } from '../../base/crypto/hash.ts'
import type { SealedBlock } from '../../base/protocol/header.ts'
import type { Certificate, Subject } from '../../base/protocol/vote.ts'
import { UNFINALIZED_HEIGHTS_MAX } from '../../node/chain/unfinalizedBlocks.ts'
import type { AcceptedRecovery } from '../../node/recovery/recoveries.ts'
import { certifies, type LinkedBlock, nextRun } from '../../node/sync/certifiedRun.ts'
import {
  adoptCertificates,
  onOpenTail,
  onRepeat,
  uncoveredWindow,
} from '../../node/sync/missingCertificates.ts'
import { newPull, type Pull } from '../../node/sync/pull.ts'
import { syncSourceOf } from '../../node/sync/syncSource.ts'
import type { RangeDownload } from '../../p2p/rangeDownload.ts'
import type { SyncSource } from '../../p2p/rangeProtocol.ts'
import { certify, setOf } from '../support/lightChain.ts'

const GENESIS = sha256(Uint8Array.of(1))
const SET = setOf([1, 2, 3, 4])
const hashOf = (height: number, fork = 0) => sha256(Uint8Array.of(height, fork))

interface Wanted {
  readonly epoch?: number
  readonly endsEpoch?: boolean
  readonly certified?: boolean
  readonly empty?: boolean
  readonly peer?: string
  readonly fork?: number
}

/** A block with only what the choice of a run reads. */
function blockAt(height: number, wanted: Wanted = {}): LinkedBlock {
  const { epoch = 0, endsEpoch = false, certified = false, empty = false, peer = 'peer', fork = 0 } = wanted
  const hash = hashOf(height, fork)
  const block = {
    header: { height, epoch, endsEpoch },
    hash,
    transactions: empty ? [] : [Uint8Array.of(1)],
    bytes: new Uint8Array(100),
  } as unknown as SealedBlock
  const subject: Subject = { kind: 'finalize', epoch, view: height, parentView: height - 1, digest: hash }
  const certificate = { subject } as Certificate
  return { block, certificate: certified ? certificate : undefined, peer }
}

const blocks = (count: number, wanted: Wanted = {}): LinkedBlock[] =>
  Array.from({ length: count }, (_, i) => blockAt(i + 1, wanted))

describe('sync.certifies', () => {
  const hash = hashOf(5)
  const subject = (change: Partial<Subject> = {}): Subject =>
    ({ kind: 'finalize', epoch: 3, view: 5, parentView: 4, digest: hash, ...change }) as Subject
  const isFinal = (certificate: Certificate, options: { readonly orNotarized?: boolean } = {}) =>
    certifies({ certificate, hash, set: SET, epoch: 3, genesisHash: GENESIS, ...options })

  it('accepts an F of this block, epoch, chain and set alone', () => {
    assert.ok(isFinal(certify(GENESIS, SET, subject())))
    for (const change of [{ epoch: 2 }, { epoch: 4 }, { digest: hashOf(6) }, { kind: 'notarize' as const }]) {
      assert.ok(!isFinal(certify(GENESIS, SET, subject(change))), JSON.stringify(change))
    }
    assert.ok(!isFinal(certify(hashOf(9), SET, subject())), 'another chain')
    assert.ok(!isFinal(certify(GENESIS, setOf([1, 2, 3, 5]), subject(), [1, 2, 3])), 'another set')
    assert.ok(!isFinal(certify(GENESIS, SET, subject(), [0, 1])), 'below a quorum')
  })

  it('accepts an N only where it may stand for an F', () => {
    const notarization = certify(GENESIS, SET, subject({ kind: 'notarize' }))
    assert.deepEqual([isFinal(notarization), isFinal(notarization, { orNotarized: true })], [false, true])
  })
})

describe('sync.nextRun', () => {
  it('never passes a boundary, which needs its own certificate', () => {
    const boundary = (certified: boolean) => blockAt(3, { endsEpoch: true, certified })
    const above = blockAt(4, { epoch: 1, certified: true })
    const run = nextRun([...blocks(2), boundary(true), above], { epoch: 0 })
    assert.equal(run?.count, 3)
    const bare = nextRun([...blocks(2), boundary(false), above], { epoch: 0 })
    assert.deepEqual(bare, { count: 3, problem: 'boundary 3 is missing its certificate' })
    assert.equal(nextRun([...blocks(2), boundary(false)], { epoch: 0 }), undefined, 'it may still come')
  })

  it('takes the last certificate within 64 blocks, or the first one above', () => {
    const tail = blocks(80).map((linked, i) =>
      i === 9 || i === 70 ? blockAt(i + 1, { certified: true }) : linked,
    )
    assert.equal(nextRun(tail, { epoch: 0 })?.count, 10)
    assert.equal(nextRun(tail.slice(10), { epoch: 0 })?.count, 61)
  })
})

describe('sync.syncSource', () => {
  const certificate = certify(GENESIS, SET, {
    kind: 'finalize',
    epoch: 0,
    view: 1,
    parentView: 0,
    digest: hashOf(1),
  })
  const source = (certified: readonly number[], recoveryAt?: number) =>
    syncSourceOf(
      {
        tip: () => ({ height: 20, hash: hashOf(20) }),
        blockHeightMin: () => 1,
        blockBytesAt: (height) => (height > 20 ? undefined : new Uint8Array(100)),
        certificateAt: (height) => (certified.includes(height) ? certificate : undefined),
      },
      {
        above: (height) =>
          height === recoveryAt ? ({ bytes: Uint8Array.of(1) } as AcceptedRecovery) : undefined,
      },
    )
  const served = async (from: SyncSource, bytesMax = 1_000_000) =>
    (await from.range({ fromHeight: 1, countMax: 10, bytesMax })).length

  it('ends a range at its last certified block; whole without one, or where a recovery ends it', async () => {
    assert.equal(await served(source([3, 7, 12])), 7)
    assert.equal(await served(source([3, 7]), 550), 3, 'cut by bytes')
    assert.equal(await served(source([12])), 10)
    assert.equal(await served(source([3], 6)), 6)
  })
})

describe('sync.missingCertificates', () => {
  /** A pull that records what it asks and whom it blames. */
  function pullOf(tail: LinkedBlock[], canAsk = true): { pull: Pull; asked: number[]; blamed: string[] } {
    const asked: number[] = []
    const blamed: string[] = []
    const download: Partial<RangeDownload> = {
      again: ({ fromHeight }) => {
        if (canAsk) asked.push(fromHeight)
        return canAsk
      },
      blame: (peer) => void blamed.push(peer),
      rewind: () => {},
      claimedHeight: () => 1_000,
    }
    return { pull: newPull(download as RangeDownload, tail), asked, blamed }
  }

  it('expects a certificate among the 64 blocks below one with transactions, and not before', () => {
    assert.equal(uncoveredWindow(blocks(UNFINALIZED_HEIGHTS_MAX)), undefined)
    const window = uncoveredWindow(blocks(UNFINALIZED_HEIGHTS_MAX + 1))
    assert.deepEqual([window?.from, window?.count], [0, UNFINALIZED_HEIGHTS_MAX])
    assert.equal(uncoveredWindow(blocks(200, { empty: true })), undefined, 'empty blocks may go on')
    const late = [...blocks(100, { empty: true }), blockAt(101)]
    assert.equal(uncoveredWindow(late)?.from, 36)
  })

  it('blames one peer that served the whole window and what is above, and keeps the blocks', () => {
    const { pull, asked, blamed } = pullOf(blocks(65))
    assert.equal(onOpenTail(pull), undefined)
    assert.deepEqual([asked, blamed, pull.tail.length], [[1], ['peer'], 65])
    assert.ok(pull.unhelpful.has('peer'), 'it is asked no more for this range')
    onOpenTail(pull)
    assert.deepEqual([asked, blamed], [[1], ['peer']], 'asked and blamed once')
  })

  it('blames nobody for a window of several peers, or under a block of another peer that is not final', () => {
    const mixed = blocks(65).map((linked, i) => (i < 30 ? { ...linked, peer: 'other' } : linked))
    const foreign = [...blocks(64), blockAt(65, { peer: 'other' })]
    for (const tail of [mixed, foreign]) {
      const { pull, asked, blamed } = pullOf(tail)
      onOpenTail(pull)
      assert.deepEqual([asked, blamed], [[1], []])
    }
  })

  it('blames the first peer of an endless tail only when nobody else served a part of it', () => {
    const alone = pullOf(blocks(1_025, { empty: true }))
    assert.equal(onOpenTail(alone.pull)?.peer, 'peer')
    const tail = blocks(1_025, { empty: true }).map((linked, i) =>
      i === 7 ? { ...linked, peer: 'other' } : linked,
    )
    const mixed = pullOf(tail)
    assert.equal(onOpenTail(mixed.pull), undefined)
    assert.deepEqual([mixed.blamed, mixed.pull.tail], [[], []])
  })

  it('also blames a peer whose second answer for the window lacks certificates, if it is whole', () => {
    for (const [count, expected] of [
      [64, ['peer', 'second']],
      [63, ['peer']],
    ] as const) {
      const { pull, blamed } = pullOf(blocks(65))
      onOpenTail(pull)
      onRepeat(pull, blocks(count, { peer: 'second' }))
      assert.deepEqual(blamed, expected)
      assert.ok(pull.unhelpful.has('second'))
    }
  })

  it('takes certificates for the same blocks only, and remembers who served them', () => {
    const tail = blocks(3)
    const served = [
      blockAt(1, { certified: true, peer: 'helper', fork: 1 }),
      blockAt(2, { certified: true, peer: 'helper' }),
      blockAt(4, { certified: true, peer: 'helper' }),
    ]
    assert.equal(adoptCertificates(tail, served), 1)
    assert.deepEqual(
      tail.map(({ certificate, certificatePeer }) => [certificate !== undefined, certificatePeer]),
      [
        [false, undefined],
        [true, 'helper'],
        [false, undefined],
      ],
    )
  })
})
