// Test folders mirror what they test, except a few that test the whole system. One idea per folder.
import { strict as assert } from 'node:assert'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { ROOMS, ROOT, sources } from './sources.ts'

/** Folders of test/ for the whole system, described in docs/architecture.md. */
const WHOLE = [
  'byzantine',
  'e2e',
  'examples',
  'faults',
  'fuzz',
  'golden',
  'mutants',
  'package',
  'properties',
  'replay',
  'scripts',
  'sim',
  'spec',
  'support',
  'tidy',
] as const

const folders = (path: string): readonly string[] =>
  readdirSync(join(ROOT, path), { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? [entry.name] : [],
  )

describe('tidy.layout', () => {
  it('has a test folder for each room, and otherwise only those for the whole system', () => {
    const known = new Set<string>([...ROOMS, ...WHOLE])
    assert.deepEqual(
      folders('test').filter((name) => !known.has(name)),
      [],
    )
    const tested = new Set(folders('test'))
    assert.deepEqual(
      ROOMS.filter((room) => !tested.has(room)),
      [],
    )
  })

  it('has a test folder for each native module', () => {
    assert.deepEqual(
      folders('state/modules').filter((name) => !folders('test/state').includes(name)),
      [],
    )
  })

  it('test/support holds what tests share, and no tests', () => {
    assert.deepEqual(
      sources('test/support').filter((file) => file.endsWith('.test.ts')),
      [],
    )
  })

  it('keeps the well-known names at the top', () => {
    const top = readdirSync(ROOT)
    for (const name of ['node', 'consensus', 'state', 'p2p', 'rpc', 'genesis', 'test', 'package.json']) {
      assert.ok(top.includes(name), name)
    }
  })
})
