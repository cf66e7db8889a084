// The record on disk: every damage, cut, swap and older copy is noticed, and what was acknowledged survives a power loss.
import assert from 'node:assert/strict'
import {
  copyFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bls } from '../../base/crypto/bls.ts'
import type { Subject } from '../../base/protocol/vote.ts'
import { LocalSigner } from '../../signer/localSigner.ts'
import { readFolder } from '../../signer/signerFile.ts'
import { scanFrames } from '../../storage/recordFile.ts'
import { segmentHeader } from '../../storage/segments.ts'
import { PowerLoss } from '../support/powerLoss.ts'
import {
  A,
  B,
  CHAIN,
  finalize,
  GENESIS,
  leadTo,
  notarize,
  nullify,
  PUBLIC,
  SECRET,
} from '../support/signerFixture.ts'

const VOTES: readonly Subject[] = [notarize(1, A), finalize(1, A), nullify(2), notarize(3, B), nullify(4)]
const OWNER = { genesisHash: GENESIS, publicKey: PUBLIC }

describe('signer.signerFile', () => {
  let dir: string
  const opened: LocalSigner[] = []
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'signer-file-'))
  })
  afterEach(async () => {
    for (const signer of opened.splice(0)) await signer.close()
    rmSync(dir, { recursive: true, force: true })
  })

  async function open(create: boolean, segmentBytes = 1_000_000): Promise<LocalSigner> {
    const owner = { genesisHash: GENESIS, genesisSet: CHAIN.set, secretKey: SECRET, bls }
    const signer = await LocalSigner.open({ ...owner, dir, create, segmentBytes })
    opened.push(signer)
    return signer
  }

  /** Signs every vote in a request of its own, and closes. */
  async function signAll(segmentBytes?: number): Promise<void> {
    const signer = await open(true, segmentBytes)
    await signer.beginEpoch(1, leadTo(1))
    for (const vote of VOTES) assert.ok((await signer.sign(0, [vote]))[0] !== undefined)
    await signer.close()
    opened.splice(0)
  }

  const logs = (): readonly string[] =>
    readdirSync(dir)
      .filter((name) => /^signer-\d+\.log$/.test(name))
      .sort()
      .map((name) => join(dir, name))
  const last = (): string => logs().at(-1)!
  const mark = (): string => join(dir, 'mark')

  /** What the folder holds: its votes, or why they are lost. */
  async function found(): Promise<readonly Subject[] | string> {
    const state = await readFolder(dir, OWNER)
    if (state.kind === 'found') return state.state.votes.subjects()
    return state.kind === 'lost' ? state.reason : 'none'
  }

  it('notices every cut; the mark completes the last request', async () => {
    await signAll()
    const whole = new Uint8Array(readFileSync(last()))
    const header = segmentHeader(GENESIS).length
    const { frames } = scanFrames(whole, header)
    const ends: number[] = [header]
    for (const { payload } of frames) ends.push(ends.at(-1)! + 16 + payload.length)
    assert.equal(ends.at(-1), whole.length)
    const cuts = [
      0,
      20,
      ...ends,
      ...ends.map((end) => end + 5),
      Math.floor(whole.length * 0.6),
      whole.length - 1,
    ]
    for (const cut of cuts) {
      writeFileSync(last(), whole.subarray(0, cut))
      const rest = await found()
      if (cut >= ends.at(-2)!) assert.deepEqual(rest, VOTES, `cut at ${cut}`)
      else assert.match(String(rest), /cut/, `cut at ${cut}`)
    }
    writeFileSync(last(), whole.subarray(0, Math.floor(whole.length * 0.6)))
    const signer = await open(false)
    assert.deepEqual([signer.observing, signer.losses().length], [true, 1])
    assert.deepEqual(await signer.sign(0, [nullify(9)]), [undefined])
  })

  it('keeps every flag or notices the loss, whichever byte changes', async () => {
    await signAll()
    for (const path of [last(), mark()]) {
      const whole = new Uint8Array(readFileSync(path))
      const used = path === mark() ? 700 : whole.length
      let noticed = 0
      for (let at = 0; at < used; at += 13) {
        const changed = whole.slice()
        changed[at]! ^= 0x41
        writeFileSync(path, changed)
        // The first bytes say which chain the file belongs to.
        const rest = await found().catch((error: Error) => error.message)
        if (typeof rest === 'string') noticed++
        else assert.deepEqual(rest, VOTES, `byte ${at} of ${path}`)
      }
      if (path === last()) assert.ok(noticed > used / 26)
      writeFileSync(path, whole)
    }
    assert.deepEqual(await found(), VOTES)
  })

  it('notices an older copy, a file of another number, a missing file and a missing or damaged mark', async () => {
    const signer = await open(true, 1_000_000)
    await signer.beginEpoch(1, leadTo(1))
    await signer.sign(0, [notarize(1, A), finalize(1, A)])
    const [older, olderMark] = [readFileSync(last()), readFileSync(mark())]
    for (const vote of VOTES) await signer.sign(0, [vote])
    await signer.close()
    const [whole, wholeMark] = [readFileSync(last()), readFileSync(mark())]
    const lost = async (reason: RegExp): Promise<void> => {
      assert.match(String(await found()), reason)
      writeFileSync(last(), whole)
      writeFileSync(mark(), wholeMark)
      assert.deepEqual(await found(), VOTES)
    }
    writeFileSync(last(), older)
    await lost(/cut/)
    writeFileSync(mark(), olderMark)
    assert.deepEqual(await found(), VOTES)
    rmSync(mark())
    await lost(/mark is missing/)
    writeFileSync(mark(), wholeMark.subarray(0, 10))
    await lost(/mark is damaged/)
    copyFileSync(last(), join(dir, 'signer-00000009.log'))
    assert.match(String(await found()), /the file is that of number/)
    rmSync(join(dir, 'signer-00000009.log'))
    renameSync(last(), join(dir, 'away'))
    assert.match(String(await found()), /missing/)
  })

  it('notices another continuation of the same record, as long as its own', async () => {
    const signer = await open(true)
    await signer.beginEpoch(1, leadTo(1))
    await signer.close()
    const before = [last(), mark()].map((path) => [path, readFileSync(path)] as const)
    const signNext = async (subject: Subject): Promise<void> => {
      const next = await open(false)
      assert.ok((await next.sign(0, [subject]))[0] !== undefined)
      await next.close()
    }
    await signNext(notarize(1, A))
    const other = readFileSync(last())
    for (const [path, bytes] of before) writeFileSync(path, bytes)
    await signNext(notarize(1, B))
    writeFileSync(last(), other)
    assert.match(String(await found()), /another copy/)
  })

  it('notices two segments that were swapped, and the record of another key', async () => {
    await signAll(300)
    assert.ok(logs().length > 1)
    const [first, second] = [logs().at(-2)!, last()]
    const [a, b] = [readFileSync(first), readFileSync(second)]
    writeFileSync(first, b)
    writeFileSync(second, a)
    assert.match(String(await found()), /the file is that of number/)
    writeFileSync(first, a)
    writeFileSync(second, b)
    const other = await readFolder(dir, { ...OWNER, publicKey: bls.publicKey(bls.keygen(B)) })
    assert.equal(other.kind, 'lost')
  })

  it('survives a power loss with every vote that was given out, and still notices a cut', async () => {
    const power = await PowerLoss.watch()
    try {
      await signAll()
      power.strike(dir)
    } finally {
      power.close()
    }
    assert.deepEqual(await found(), VOTES)
    const whole = readFileSync(last())
    writeFileSync(last(), whole.subarray(0, Math.floor(whole.length * 0.6)))
    assert.match(String(await found()), /cut/)
  })

  it('goes on after a power loss in the middle of a request', async () => {
    await signAll()
    const [before, beforeMark] = [readFileSync(last()), readFileSync(mark())]
    const signer = await open(false)
    await signer.sign(0, [nullify(5)])
    await signer.close()
    const [after, afterMark] = [readFileSync(last()), readFileSync(mark())]
    for (const [file, of] of [
      [before, afterMark],
      [after, beforeMark],
    ] as const) {
      writeFileSync(last(), file)
      writeFileSync(mark(), of)
      assert.deepEqual(await found(), [...VOTES, nullify(5)])
    }
    writeFileSync(last(), before)
    writeFileSync(mark(), afterMark)
    const again = await open(false)
    assert.deepEqual([again.observing, again.signed()], [false, [...VOTES, nullify(5)]])
    assert.deepEqual(await again.sign(0, [notarize(5, A)]), [undefined])
  })
})
