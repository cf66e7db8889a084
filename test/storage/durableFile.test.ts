// Files that exist whole or not at all, also when a write fails.
import assert from 'node:assert/strict'
import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  createDurably,
  truncateDurably,
  writeDurably,
  writeDurablySync,
  writeNewDurablySync,
} from '../../storage/durableFile.ts'

describe('storage.durableFile', () => {
  let dir: string
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'suanli-durable-'))
  })
  afterEach(() => rmSync(dir, { recursive: true, force: true }))
  const text = (name: string): string => readFileSync(join(dir, name), 'utf8')

  it('replaces a file and leaves nothing beside it', async () => {
    await writeDurably(join(dir, 'a'), 'one')
    writeDurablySync(join(dir, 'a'), 'two')
    assert.equal(text('a'), 'two')
    const file = await createDurably(join(dir, 'a'), (open) => open.writeFile('three'))
    await file.close()
    assert.deepEqual([text('a'), readdirSync(dir)], ['three', ['a']])
    assert.equal(statSync(join(dir, 'a')).mode & 0o777, 0o600)
  })

  it('keeps the old file when the write fails', async () => {
    await writeDurably(join(dir, 'a'), 'one')
    const failing = createDurably(join(dir, 'a'), () => Promise.reject(new Error('no space')))
    await assert.rejects(failing, /no space/)
    assert.equal(text('a'), 'one')
  })

  it('keeps the link and the permissions of the file it replaces', () => {
    writeFileSync(join(dir, 'elsewhere'), 'one')
    chmodSync(join(dir, 'elsewhere'), 0o640)
    symlinkSync(join(dir, 'elsewhere'), join(dir, 'a'))
    writeDurablySync(join(dir, 'a'), 'two')
    assert.equal(text('elsewhere'), 'two')
    assert.equal(statSync(join(dir, 'elsewhere')).mode & 0o777, 0o640)
  })

  it('never overwrites a file that must be new', () => {
    writeNewDurablySync(join(dir, 'a'), 'one')
    assert.throws(() => writeNewDurablySync(join(dir, 'a'), 'two'), { code: 'EEXIST' })
    assert.equal(text('a'), 'one')
  })

  it('truncates a file', async () => {
    await writeDurably(join(dir, 'a'), 'one two')
    await truncateDurably(join(dir, 'a'), 3)
    assert.equal(text('a'), 'one')
  })
})
