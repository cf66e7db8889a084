import assert from 'node:assert/strict'
import { cp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { utf8 } from '../../base/bytes.ts'
import { crc32c } from '../../storage/crc32c.ts'
import { openDatabase } from '../../storage/database.ts'
import { findLevelDamage } from '../../storage/levelCheck.ts'
import { readLevelLog } from '../../storage/levelLog.ts'
import { unpackSnappy } from '../../storage/levelTable.ts'
import { withDirectory } from '../support/chainFixtures.ts'
import { Random } from '../support/random.ts'

const BATCHES = 24

/** A database with tables of an earlier run and a log of many batches, closed. */
async function writeDatabase(dir: string): Promise<string> {
  for (const run of [0, 1]) {
    const database = await openDatabase(dir)
    for (let i = 0; i < BATCHES; i++) {
      const batch = database.batch()
      for (let k = 0; k < 8; k++)
        batch.put(utf8(`key ${i} ${k}`), new Uint8Array(500 + 40 * i).fill(64 + run + k))
      await batch.write({ sync: true })
    }
    await database.close()
  }
  return join(dir, 'chain')
}

async function only(path: string, ending: RegExp): Promise<string> {
  const names = (await readdir(path)).filter((name) => ending.test(name))
  assert.equal(names.length, 1, `${names}`)
  return names[0]!
}

async function flip(file: string, at: number): Promise<void> {
  const bytes = await readFile(file)
  bytes[at]! ^= 0x40
  await writeFile(file, bytes)
}

const find = (path: string, tables = true) => findLevelDamage(path, { tables })

describe('storage.levelCheck', () => {
  it('has the published checksum, and unpacks literals and overlapping copies', () => {
    const digits = utf8('123456789')
    assert.equal(crc32c(digits, 0, digits.length), 0xe3069283)
    // "ab", then four more bytes from two back.
    assert.deepEqual(unpackSnappy(Uint8Array.of(6, 1 << 2, 97, 98, 1, 2)), utf8('ababab'))
    assert.throws(() => unpackSnappy(Uint8Array.of(6, 1 << 2, 97, 98, 1, 3)), RangeError)
  })

  it('finds nothing in a folder without a database, a new one and one with tables', () =>
    withDirectory(async (dir) => {
      assert.equal(await find(join(dir, 'chain')), undefined)
      await (await openDatabase(dir)).close()
      assert.equal(await find(join(dir, 'chain')), undefined)
      const path = await writeDatabase(dir)
      assert.equal(await find(path), undefined)
      assert.ok((await readdir(path)).some((name) => name.endsWith('.ldb')))
    }))

  it('finds a flipped byte anywhere in a log before its last write, and refuses to open it', () =>
    withDirectory(async (dir) => {
      const path = await writeDatabase(dir)
      const name = await only(path, /\.log$/)
      const whole = new Uint8Array(await readFile(join(path, name)))
      const { offsets, records } = readLevelLog(whole)
      assert.equal(records.length, BATCHES)
      const random = new Random(7)
      for (let i = 0; i < 40; i++) {
        const at = random.between(0, offsets.at(-1)! - 1)
        const bytes = whole.slice()
        bytes[at]! ^= 1 << random.between(0, 7)
        const { state, validBytes } = readLevelLog(bytes)
        assert.equal(state, 'damaged', `byte ${at}`)
        assert.ok(validBytes <= at)
      }
      await flip(join(path, name), Math.floor(whole.length / 2))
      const damage = await find(path, false)
      assert.equal(damage?.file, name)
      assert.match(damage.reason, /is damaged at byte \d+/)
      const before = await readdir(path)
      await assert.rejects(openDatabase(dir), { code: 'Corrupt', message: /\.log is damaged at byte/ })
      assert.deepEqual(await readdir(path), before, 'nothing was deleted')
    }))

  it('takes a log cut anywhere in its last write for the torn end that a crash leaves', () =>
    withDirectory(async (dir) => {
      const path = await writeDatabase(dir)
      const name = await only(path, /\.log$/)
      const { offsets } = readLevelLog(new Uint8Array(await readFile(join(path, name))))
      const { size } = await stat(join(path, name))
      for (const length of [size - 1, offsets.at(-1)! + 5, offsets.at(-1)!]) {
        await truncate(join(path, name), length)
        assert.equal(await find(path), undefined, `${length} bytes`)
      }
      const database = await openDatabase(dir)
      assert.ok((await database.get(utf8(`key ${BATCHES - 2} 0`))) !== undefined)
      await database.close()
    }))

  it('finds a write that is missing between two sound ones', () =>
    withDirectory(async (dir) => {
      const path = await writeDatabase(dir)
      const name = await only(path, /\.log$/)
      const bytes = new Uint8Array(await readFile(join(path, name)))
      const { offsets } = readLevelLog(bytes)
      // Whole blocks may be cut out without a checksum noticing; here single writes within the first block.
      const [from, to] = [offsets[2]!, offsets[3]!]
      assert.ok(to < 32_768)
      bytes.copyWithin(from, to, 32_768)
      bytes.fill(0, 32_768 - (to - from), 32_768)
      await writeFile(join(path, name), bytes.subarray(0, 32_768 - (to - from)))
      assert.deepEqual(await find(path), {
        file: name,
        reason: `misses writes before byte ${from}`,
        cutAt: from,
      })
    }))

  it('finds flipped, cut, removed and foreign files of every kind', () =>
    withDirectory(async (dir) => {
      const path = await writeDatabase(dir)
      const names = await readdir(path)
      const table = names.find((name) => name.endsWith('.ldb'))!
      const manifest = names.find((name) => name.startsWith('MANIFEST-'))!
      const log = await only(path, /\.log$/)
      const size = async (name: string): Promise<number> => (await stat(join(path, name))).size
      const cases: [string, RegExp, () => Promise<void>][] = [
        [table, /block at byte \d+ has another checksum/, () => flip(join(path, table), 100)],
        [table, /no footer/, async () => flip(join(path, table), (await size(table)) - 1)],
        [table, /index has another checksum/, async () => flip(join(path, table), (await size(table)) - 60)],
        [table, /bytes instead of/, async () => truncate(join(path, table), (await size(table)) - 10)],
        [table, /is missing/, () => rm(join(path, table))],
        [manifest, /damaged at byte/, () => flip(join(path, manifest), 20)],
        [manifest, /is missing/, () => rm(join(path, manifest))],
        ['CURRENT', /does not name/, () => writeFile(join(path, 'CURRENT'), 'MANIFEST-0000')],
        ['CURRENT', /is missing beside/, () => rm(join(path, 'CURRENT'))],
        [log, /is missing/, () => rm(join(path, log))],
      ]
      await cp(path, join(dir, 'kept'), { recursive: true })
      for (const [file, reason, harm] of cases) {
        await harm()
        const damage = await find(path)
        assert.equal(damage?.file, file, `${reason}`)
        assert.match(damage.reason, reason)
        await rm(path, { recursive: true })
        await cp(join(dir, 'kept'), path, { recursive: true })
      }
    }))
})
