// The journal on a real disk: replay, torn tails, corruption, rotation, pruning.
import assert from 'node:assert/strict'
import {
  appendFile,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  truncate,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { encodeRecord, type JournalRecord } from '../../consensus/records.ts'
import { Journal } from '../../storage/journal.ts'
import { encodeFrame, scanFrames } from '../../storage/recordFile.ts'
import { SegmentExtents } from '../../storage/segmentExtents.ts'

const genesisHash = new Uint8Array(32).fill(3)

function intent(view: number, epoch = 1): JournalRecord {
  return { kind: 'intent', body: { epoch, subject: { kind: 'nullify', epoch, view } } }
}

function block(view: number, sizeBytes: number): JournalRecord {
  return { kind: 'block', body: { epoch: 1, view, block: new Uint8Array(sizeBytes).fill(view) } }
}

describe('storage.journal', () => {
  let dir: string
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'journal-'))
  })
  afterEach(() => rm(dir, { recursive: true, force: true }))

  const open = (segmentBytes?: number) =>
    Journal.open({ dir, genesisHash, ...(segmentBytes === undefined ? {} : { segmentBytes }) })

  async function written(records: readonly JournalRecord[], segmentBytes?: number) {
    const journal = await open(segmentBytes)
    for (const record of records) {
      journal.append(record)
      await journal.sync()
    }
    await journal.close()
  }

  async function onlyFile() {
    const names = (await readdir(dir)).filter((name) => name.endsWith('.log')).sort()
    return join(dir, names[0]!)
  }

  it('replays synced records in order across several openings', async () => {
    const records = [intent(1), block(2, 1000), intent(2)]
    await written(records)
    await written([intent(3)])
    const journal = await open()
    assert.deepEqual(journal.replayed, [...records, intent(3)])
    assert.equal(journal.damage, 'none')
    await journal.close()
  })

  it('shares one sync between callers and covers everything appended before it', async () => {
    const journal = await open()
    journal.append(intent(1))
    const first = journal.sync()
    journal.append(intent(2))
    const second = journal.sync()
    journal.append(intent(3))
    const third = journal.sync()
    assert.equal(second, third)
    await Promise.all([first, second, third])
    await journal.close()
    const again = await open()
    assert.equal(again.replayed.length, 3)
    await again.close()
  })

  it('writes nothing more after a failure, and leaves no mark of an orderly stop', async () => {
    const journal = await open(1)
    await rm(dir, { recursive: true })
    journal.append(intent(1))
    await assert.rejects(journal.sync(), { code: 'ENOENT' })
    await mkdir(dir)
    await assert.rejects(journal.sync(), { code: 'ENOENT' })
    journal.append(intent(2))
    await assert.rejects(journal.sync(), { code: 'ENOENT' })
    await journal.close()
    assert.deepEqual(await readdir(dir), [])
  })

  it('truncates a torn tail of any length and keeps the records before it', async () => {
    await written([intent(1), intent(2)])
    const path = await onlyFile()
    const whole = new Uint8Array(await readFile(path))
    const frame = encodeFrame(1, new Uint8Array([1, 2, 3, 4]))
    for (const cut of [1, 8, 15, frame.length - 1]) {
      for (const name of await readdir(dir)) await rm(join(dir, name))
      await writeFile(path, whole)
      await appendFile(path, frame.subarray(0, cut))
      const journal = await open()
      assert.equal(journal.damage, 'torn')
      assert.deepEqual(journal.replayed, [intent(1), intent(2)])
      await journal.close()
    }
    const journal = await open()
    assert.equal(journal.damage, 'none')
    await journal.close()
  })

  it('tells a corrupt middle from a torn tail, keeps the valid records and sets the file aside', async () => {
    await written([intent(1), intent(2), intent(3)])
    const path = await onlyFile()
    const bytes = new Uint8Array(await readFile(path))
    const frameBytes = encodeFrame(1, new Uint8Array(1)).length
    bytes[40 + frameBytes + 12]! ^= 1
    await writeFile(path, bytes)
    const journal = await open()
    assert.equal(journal.damage, 'corrupt')
    assert.deepEqual(journal.replayed.length < 3, true)
    assert.ok((await readdir(dir)).some((name) => name.endsWith('.damaged')))
    journal.append(intent(9))
    await journal.close()
    const again = await open()
    assert.equal(again.damage, 'none')
    assert.deepEqual(again.replayed.at(-1), intent(9))
    await again.close()
  })

  it('takes a torn segment before the last for a lost journal: it was synced whole', async () => {
    const records = [block(1, 600), intent(2), intent(3)]
    await written(records, 500)
    const files = (await readdir(dir)).filter((name) => name.endsWith('.log')).sort()
    assert.ok(files.length > 1)
    await rm(join(dir, 'closed'))
    const first = join(dir, files[0]!)
    await truncate(first, (await stat(first)).size - 1)
    const journal = await open()
    assert.equal(journal.damage, 'corrupt')
    assert.deepEqual(journal.replayed, records.slice(1))
    await journal.close()
  })

  it('notices after an orderly close that a file was cut or removed, and not after a crash', async () => {
    const newest = async (): Promise<string> => {
      const names = (await readdir(dir)).filter((name) => name.endsWith('.log')).sort()
      return join(dir, names.at(-1)!)
    }
    const frameBytes = encodeFrame(1, new Uint8Array(encodeRecord(intent(2)))).length
    const harms = [
      // Between two records, where the records themselves show nothing.
      async () => truncate(await newest(), (await stat(await newest())).size - frameBytes),
      async () => rm(await newest()),
    ]
    for (const harm of harms) {
      for (const isCrash of [false, true]) {
        await rm(dir, { recursive: true })
        await written([intent(1), intent(2)])
        if (isCrash) await rm(join(dir, 'closed'))
        await harm()
        const journal = await open()
        assert.equal(journal.damage, isCrash ? 'none' : 'corrupt')
        await journal.close()
      }
    }
  })

  it('finds damage in the middle even in the length field', () => {
    const frames = [1, 2, 3].map((i) => encodeFrame(1, new Uint8Array([i, i, i])))
    const bytes = new Uint8Array(frames.length * frames[0]!.length)
    for (const [i, frame] of frames.entries()) bytes.set(frame, i * frame.length)
    bytes[frames[0]!.length]! ^= 0xff
    const scan = scanFrames(bytes, 0)
    assert.equal(scan.damage, 'corrupt')
    assert.equal(scan.frames.length, 1)
  })

  it('refuses the directory of another chain', async () => {
    await written([intent(1)])
    await assert.rejects(Journal.open({ dir, genesisHash: new Uint8Array(32) }), { code: 'ForeignFile' })
  })

  it('counts records that wait while it rotates for the segment they are written to', async () => {
    const journal = await open(500)
    journal.append(block(1, 600))
    const writing = journal.sync()
    // Noted in the first segment, written to the second.
    journal.append(block(9, 600))
    await writing
    await journal.sync()
    journal.append(intent(2))
    await journal.sync()
    await journal.prune(1, 5)
    await journal.close()
    const again = await open()
    assert.ok(again.replayed.some((record) => record.kind === 'block' && record.body.view === 9))
    await again.close()
  })

  it('keeps for a segment what it reaches, when it is rotated and when it is read again', () => {
    const extents = new SegmentExtents<string>(100)
    extents.restore('read', [intent(3), intent(7), intent(2)])
    extents.begin('a')
    extents.note(intent(5), 60)
    assert.equal(extents.isFull, false)
    extents.note(intent(9), 60)
    assert.equal(extents.isFull, true)
    extents.rotate('b')
    assert.equal(extents.isFull, false)
    extents.note(intent(1), 10)
    extents.rotate('c')
    assert.deepEqual(extents.takeOld(1, 6), [])
    assert.deepEqual(extents.takeOld(1, 8), ['read'])
    assert.deepEqual(extents.takeOld(1, 9), ['a', 'b'])
    extents.note(intent(1, 2), 10)
    extents.rotate('d')
    assert.deepEqual(extents.takeOld(1, 100), [])
    assert.deepEqual(extents.takeOld(2, 1), ['c'], 'never the one that is written to')
  })

  it('rotates, and prunes whole segments only when all of their records are final', async () => {
    const journal = await open(2_000)
    for (let view = 1; view <= 8; view++) {
      journal.append(block(view, 900))
      journal.append(intent(view))
      await journal.sync()
    }
    const files = async () => (await readdir(dir)).length
    const before = await files()
    assert.ok(before >= 3)
    await journal.prune(1, 0)
    assert.equal(await files(), before)
    await journal.prune(1, 5)
    const left = await files()
    assert.ok(left < before)
    await journal.close()
    const again = await open()
    for (let view = 6; view <= 8; view++) {
      assert.ok(again.replayed.some((r) => r.kind === 'block' && r.body.view === view))
    }
    await again.prune(2, 0)
    await again.close()
    const empty = await open()
    assert.deepEqual(empty.replayed, [])
    await empty.close()
  })
})
