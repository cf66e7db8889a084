// The local signer: flags are durable before any signature, and it refuses rather than forgets.
import assert from 'node:assert/strict'
import { appendFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bls } from '../../base/crypto/bls.ts'
import { type Subject, voteBytes } from '../../base/protocol/vote.ts'
import { OwnVotes } from '../../consensus/ownVotes.ts'
import type { EpochEvidence } from '../../consensus/ports.ts'
import { LocalSigner } from '../../signer/localSigner.ts'
import { findDoubleVotes, readSignedVotes } from '../../signer/voteAudit.ts'
import { encodeFrame } from '../../storage/recordFile.ts'
import { EpochChain } from '../support/epochChain.ts'
import { CHAIN, leadTo } from '../support/signerFixture.ts'

const genesisHash = new Uint8Array(32).fill(3)
const secretKey = bls.keygen(new Uint8Array(32).fill(9))
const OWNER = { genesisHash, genesisSet: CHAIN.set, secretKey, bls }
const A = new Uint8Array(32).fill(0xa)
const B = new Uint8Array(32).fill(0xb)

const nullify = (view: number, epoch = 1): Subject => ({ kind: 'nullify', epoch, view })
const notarize = (view: number, digest: Uint8Array, epoch = 1): Subject => ({
  kind: 'notarize',
  epoch,
  view,
  parentView: view - 1,
  digest,
})
const finalize = (view: number, digest: Uint8Array, epoch = 1): Subject => ({
  ...notarize(view, digest, epoch),
  kind: 'finalize',
})

describe('signer.localSigner', () => {
  let dir: string
  const opened: LocalSigner[] = []
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'signer-'))
  })
  afterEach(async () => {
    for (const signer of opened.splice(0)) await signer.close()
    await rm(dir, { recursive: true, force: true })
  })

  async function open(options: { create?: boolean; epoch?: number; segmentBytes?: number } = {}) {
    const { create = true, epoch = 1, segmentBytes } = options
    const limits = segmentBytes === undefined ? {} : { segmentBytes }
    const signer = await LocalSigner.open({ ...OWNER, dir, create, ...limits })
    opened.push(signer)
    await signer.beginEpoch(epoch, leadTo(epoch))
    return signer
  }

  async function signs(signer: LocalSigner, subject: Subject): Promise<boolean> {
    const [vote] = await signer.sign(2, [subject])
    if (vote === undefined) return false
    assert.equal(vote.signer, 2)
    assert.ok(bls.verify(signer.publicKey, voteBytes(genesisHash, subject), vote.signature))
    return true
  }

  it('signs notarize, then finalize of the same block, and identical subjects again', async () => {
    const signer = await open()
    assert.equal(await signs(signer, notarize(1, A)), true)
    assert.equal(await signs(signer, finalize(1, A)), true)
    const [first] = await signer.sign(2, [notarize(2, A)])
    const [again] = await signer.sign(2, [notarize(2, A)])
    assert.deepEqual(first, again)
  })

  const forbidden: readonly [string, readonly Subject[], Subject][] = [
    ['a second notarize', [notarize(1, A)], notarize(1, B)],
    ['the same digest on another parent', [notarize(3, A)], { ...notarize(3, A), parentView: 1 }],
    ['notarize after nullify', [nullify(1)], notarize(1, A)],
    ['finalize after nullify', [nullify(1)], finalize(1, A)],
    ['nullify after finalize', [finalize(1, A)], nullify(1)],
    ['a second finalize', [finalize(1, A)], finalize(1, B)],
    ['finalize of a block other than the notarized one', [notarize(1, A)], finalize(1, B)],
    ['notarize after finalize', [finalize(1, A)], notarize(1, A)],
    ['another epoch', [], nullify(1, 2)],
    ['a malformed subject', [], { ...nullify(1), parentView: 0 }],
  ]
  for (const [what, before, subject] of forbidden) {
    it(`refuses ${what}, now and after a restart`, async () => {
      const signer = await open()
      for (const earlier of before) assert.equal(await signs(signer, earlier), true)
      assert.equal(await signs(signer, subject), false)
      const again = await open({ create: false })
      assert.equal(await signs(again, subject), false)
      assert.deepEqual(again.signed(), before)
    })
  }

  it('signs nothing more after a failed write, not even what it had taken up', async () => {
    const signer = await open({ segmentBytes: 1 })
    await rm(dir, { recursive: true })
    await assert.rejects(signer.sign(2, [nullify(1)]), { code: 'ENOENT' })
    await mkdir(dir)
    assert.equal(signer.failed, true)
    assert.deepEqual(await signer.decide(2, [nullify(1), notarize(2, A)]), ['stopped', 'stopped'])
  })

  it('allows finalize from a later view and nullify after notarize', async () => {
    const signer = await open()
    for (const s of [notarize(1, A), nullify(2), notarize(3, B), finalize(1, A), nullify(3)]) {
      assert.equal(await signs(signer, s), true)
    }
  })

  it('refuses at or below the floor, also after a restart', async () => {
    const signer = await open()
    await signs(signer, notarize(5, A))
    signer.raiseFloor(1, 5)
    assert.equal(await signs(signer, notarize(5, A)), false)
    assert.equal(await signs(signer, nullify(6)), true)
    const again = await open()
    assert.equal(await signs(again, nullify(4)), false)
    assert.deepEqual(again.signed(), [nullify(6)])
  })

  it('refuses when full rather than forgetting', () => {
    const votes = new OwnVotes(2)
    votes.record(nullify(1))
    votes.record(nullify(2))
    assert.equal(votes.refuses(nullify(3)), 'full')
    assert.equal(votes.refuses(notarize(2, A)), 'nullified')
    votes.raiseFloor(1)
    assert.equal(votes.refuses(nullify(3)), undefined)
  })

  it('signs nothing of an earlier epoch after a switch', async () => {
    const signer = await open()
    await signs(signer, notarize(1, A))
    await signer.beginEpoch(2, leadTo(2))
    assert.equal(await signs(signer, finalize(1, A)), false)
    assert.equal(await signs(signer, notarize(1, B, 2)), true)
    // A node that lost its chain is behind its signer: nothing is signed until it catches up.
    await signer.beginEpoch(1, leadTo(1))
    assert.equal(signer.epoch, 2)
    assert.equal(await signs(signer, nullify(7, 1)), false)
    const again = await open({ epoch: 2 })
    assert.deepEqual(again.signed(), [notarize(1, B, 2)])
  })

  it('observes until the epoch after the one in which a proof shows its number, also across restarts', async () => {
    const signer = await open({ create: false })
    assert.equal(signer.observing, true)
    assert.equal(await signs(signer, nullify(1)), false)
    const [first] = signer.losses()
    const again = await open({ create: false })
    assert.deepEqual(again.losses()[0]!.nonce, first!.nonce)
    assert.equal(await signs(again, nullify(1)), false)
    // A node that syncs from genesis passes epochs in which this key has already voted.
    for (const epoch of [2, 3, 9]) {
      await again.beginEpoch(epoch, leadTo(epoch))
      assert.equal(await signs(again, nullify(1, epoch)), false)
    }
    const { nonce } = first!
    assert.match((await again.proveLoss(A, CHAIN.show(A, 9))) ?? '', /does not contain/)
    assert.match((await again.proveLoss(nonce, CHAIN.show(A, 9))) ?? '', /the transaction is not number 0/)
    const stolen = new EpochChain(genesisHash, [bls.keygen(B)])
    assert.match((await again.proveLoss(nonce, stolen.show(nonce, 9))) ?? '', /validator set/)
    assert.equal(again.losses().length, 1)
    assert.equal(await again.proveLoss(nonce, CHAIN.show(nonce, 9)), undefined)
    assert.equal(await signs(again, nullify(1, 9)), false)
    const third = await open({ create: false, epoch: 9 })
    assert.deepEqual([third.observing, third.losses()], [true, []])
    await third.beginEpoch(10, leadTo(10))
    assert.equal(third.observing, false)
    assert.equal(await signs(third, nullify(1, 10)), true)
    assert.equal((await open({ create: false, epoch: 10 })).observing, false)
  })

  it('refuses an epoch that nothing proves, and one that was skipped', async () => {
    const unproven: string[] = []
    const onUnproven = (epoch: number, reason: string): void => void unproven.push(`${epoch}: ${reason}`)
    const signer = await LocalSigner.open({ ...OWNER, dir, create: true, onUnproven })
    opened.push(signer)
    await signer.beginEpoch(1, leadTo(1))
    assert.equal(await signs(signer, notarize(1, A)), true)
    const stolen = new EpochChain(genesisHash, [bls.keygen(B)])
    const lies: readonly [number, EpochEvidence][] = [
      [2, async () => []],
      [Number.MAX_SAFE_INTEGER, async () => []],
      [Number.MAX_SAFE_INTEGER, async () => [CHAIN.boundary(0)]],
      [2, async () => [stolen.boundary(1)]],
      [2, async () => [{ boundary: undefined, recovery: undefined }]],
      [
        2,
        async () => [
          { ...CHAIN.boundary(1), boundary: { ...CHAIN.boundary(1).boundary!, header: CHAIN.header(1) } },
        ],
      ],
    ]
    for (const [epoch, evidence] of lies) await signer.beginEpoch(epoch, evidence)
    assert.equal(unproven.length, lies.length)
    assert.equal(signer.epoch, 1)
    assert.equal(await signs(signer, nullify(1, 2)), false)
    assert.equal(await signs(signer, notarize(1, B)), false)
    await signer.beginEpoch(2, leadTo(2))
    assert.equal(await signs(signer, notarize(1, B, 2)), true)
    // What it has verified survives a restart: no proof from genesis is needed again.
    const again = await LocalSigner.open({ ...OWNER, dir, create: false, onUnproven })
    opened.push(again)
    assert.deepEqual([again.epoch, again.trustedEpoch], [2, 2])
  })

  it('begins no epoch below or above the one that is proven', async () => {
    const signer = await open()
    await signer.beginEpoch(2, async () => [CHAIN.boundary(4)])
    assert.deepEqual([signer.epoch, signer.trustedEpoch], [1, 5])
    for (const epoch of [3, 4, 6, Number.MAX_SAFE_INTEGER]) {
      assert.equal(await signer.beginProven(epoch), false)
      assert.equal(await signs(signer, nullify(1, epoch)), false)
    }
    assert.equal(await signer.beginProven(5), true)
    assert.equal(await signs(signer, nullify(1, 5)), true)
  })

  it('follows a change of the set, and believes only the new one', async () => {
    const signer = await open({ epoch: 1 })
    const next = new EpochChain(genesisHash, [bls.keygen(B), bls.keygen(A)])
    await signer.beginEpoch(2, async () => [CHAIN.boundary(1, next.set)])
    assert.equal(signer.epoch, 2)
    await signer.beginEpoch(3, leadTo(3))
    assert.equal(signer.epoch, 2)
    await signer.beginEpoch(3, next.leadTo(3))
    assert.equal(signer.epoch, 3)
  })

  it('draws a new number when a peer holds a vote of its key that it does not', async () => {
    const signer = await open()
    assert.equal(await signs(signer, notarize(1, A)), true)
    signer.raiseFloor(1, 1)
    assert.equal(await signs(signer, notarize(3, A)), true)
    const heldVote = (subject: Subject, secret = secretKey) => ({
      subject,
      signer: 2,
      signature: bls.sign(secret, voteBytes(genesisHash, subject)),
    })
    const forged = heldVote(nullify(4), bls.keygen(B))
    const known = [heldVote(notarize(3, A)), heldVote(nullify(1)), heldVote(nullify(9, 0))]
    await signer.noteHeld([...known, forged])
    assert.equal(signer.observing, false)
    await signer.noteHeld([heldVote(finalize(3, A))])
    const [loss] = signer.losses()
    await signer.noteHeld([heldVote(nullify(8))])
    assert.deepEqual(signer.losses()[0]!.nonce, loss!.nonce)
    assert.equal(await signs(signer, nullify(4)), false)
    assert.equal(await signer.proveLoss(loss!.nonce, CHAIN.show(loss!.nonce, 1)), undefined)
    await signer.noteHeld([heldVote(finalize(3, A))])
    assert.deepEqual(signer.losses(), [])
    await signer.noteHeld([heldVote(nullify(1, 2))])
    assert.notDeepEqual(signer.losses()[0]!.nonce, loss!.nonce)
    assert.equal((await open({ create: false })).observing, true)
  })

  it('reports why it refuses', async () => {
    const refusals: string[] = []
    const signer = await LocalSigner.open({
      ...OWNER,
      dir,
      create: true,
      onRefused: (subject, refusal) => refusals.push(`${subject.kind} ${subject.view} ${refusal}`),
    })
    opened.push(signer)
    await signer.beginEpoch(1, leadTo(1))
    await signer.sign(2, [nullify(1), notarize(1, A), nullify(2, 3), { ...nullify(3), parentView: 0 }])
    signer.raiseFloor(1, 4)
    await signer.sign(2, [nullify(4)])
    assert.deepEqual(refusals, [
      'notarize 1 nullified',
      'nullify 2 otherEpoch',
      'nullify 3 malformed',
      'nullify 4 belowFloor',
    ])
  })

  it('signs nothing once closed, not even a repeated vote', async () => {
    const signer = await open()
    assert.equal(await signs(signer, nullify(5)), true)
    await signer.close()
    assert.equal(await signs(signer, nullify(5)), false)
    assert.equal(await signs(signer, nullify(6)), false)
    assert.equal(await signs(await open(), nullify(5)), true)
  })

  it('truncates a torn record, and counts a corrupt middle as lost', async () => {
    const signer = await open()
    for (const s of [notarize(1, A), nullify(2), nullify(3)]) await signs(signer, s)
    await signer.close()
    opened.splice(0)
    const path = join(dir, (await readdir(dir)).find((name) => name.endsWith('.log'))!)
    await appendFile(path, encodeFrame(1, new Uint8Array([3, 1, 2])).subarray(0, 10))
    const torn = await open({ create: false })
    assert.deepEqual(torn.signed(), [notarize(1, A), nullify(2), nullify(3)])
    await torn.close()
    opened.splice(0)
    const last = join(
      dir,
      (await readdir(dir))
        .filter((name) => name.endsWith('.log'))
        .sort()
        .at(-1)!,
    )
    const bytes = new Uint8Array(await readFile(last))
    bytes[80]! ^= 1
    await writeFile(last, bytes)
    const corrupt = await open({ create: true })
    assert.equal(corrupt.observing, true)
    assert.equal(await signs(corrupt, nullify(9)), false)
    assert.ok((await readdir(dir)).some((name) => name.endsWith('.damaged')))
  })

  it('rotates without losing a flag, and keeps old files for audits', async () => {
    const signer = await open({ segmentBytes: 600 })
    for (let view = 1; view <= 30; view++) {
      assert.equal(await signs(signer, notarize(view, A)), true)
      signer.raiseFloor(1, view - 3)
    }
    assert.ok((await readdir(dir)).length > 2)
    const again = await open()
    assert.equal(await signs(again, notarize(30, B)), false)
    assert.equal(await signs(again, notarize(20, B)), false)
    const votes = await readSignedVotes({ signerDir: dir, journalDir: join(dir, 'none'), genesisHash })
    assert.equal(new Set(votes.map((v) => v.subject.view)).size, 30)
    assert.deepEqual(findDoubleVotes(votes), [])
  })

  it('audit: finds every kind of double vote', () => {
    const of = (...subjects: Subject[]) =>
      findDoubleVotes(subjects.map((subject) => ({ source: 'signer', subject }))).map((d) => d.fault)
    assert.deepEqual(of(notarize(1, A), notarize(1, A), nullify(1), finalize(2, A)), [])
    assert.deepEqual(of(notarize(1, A), notarize(1, B)), ['doubleNotarize'])
    assert.deepEqual(of(finalize(1, A), finalize(1, B)), ['doubleFinalize'])
    assert.deepEqual(of(nullify(1), finalize(1, B)), ['nullifyAndFinalize'])
    assert.deepEqual(of(notarize(1, A), finalize(1, B)), ['notarizeAndFinalize'])
    assert.deepEqual(of(notarize(1, A), notarize(1, B, 2)), [])
  })
})
