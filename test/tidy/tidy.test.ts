// Keeps the map from rotting: import directions, file length, banned calls, tests in their place.
import { strict as assert } from 'node:assert'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '../../..')
const ROOMS = ['base', 'consensus', 'state', 'genesis', 'p2p', 'rpc', 'client', 'node', 'bench'] as const
type Room = (typeof ROOMS)[number]

/** What each room may import besides itself (docs/architecture.md). */
const MAY_IMPORT: Record<Room, readonly string[]> = {
  base: [],
  consensus: ['base'],
  state: ['base'],
  genesis: ['base', 'state'],
  p2p: ['base', 'consensus'],
  rpc: ['base', 'state'],
  client: ['base', 'state/schemas.ts', 'state/modules/*/schema.ts', 'genesis/schema.ts'],
  node: ['base', 'consensus', 'state', 'genesis', 'p2p', 'rpc', 'client'],
  bench: ['base', 'state', 'genesis', 'client', 'node'],
}

const FILE_LINES_MAX = 500

function sources(room: string): string[] {
  let entries: string[]
  try {
    entries = readdirSync(join(ROOT, room), { recursive: true, encoding: 'utf8' })
  } catch {
    return []
  }
  return entries.filter((file) => file.endsWith('.ts')).map((file) => join(ROOT, room, file))
}

function imports(file: string): string[] {
  const text = readFileSync(file, 'utf8')
  const found = [...text.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].map((match) => match[1]!)
  return found
}

/** Whether a path is the pattern's, in which `*` stands for one name. */
function matches(pattern: string, path: string): boolean {
  const names = path.split('/')
  const wanted = pattern.split('/')
  return wanted.length === names.length && wanted.every((name, i) => name === '*' || name === names[i])
}

/** Comments may speak of clocks and randomness; code may not. */
function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/\/\/.*$/gm, '')
}

describe('tidy', () => {
  it('finds the sources', () => {
    assert.ok(sources('base').length > 10)
    assert.ok(sources('state').length > 10)
  })

  for (const room of ROOMS) {
    it(`${room} imports only what it may`, () => {
      const wrong: string[] = []
      for (const file of sources(room)) {
        for (const target of imports(file)) {
          if (!target.startsWith('.')) continue
          const inside = relative(ROOT, resolve(dirname(file), target))
          const targetRoom = inside.split('/')[0]!
          const allowed = [room, ...MAY_IMPORT[room]]
          if (!allowed.some((a) => a === targetRoom || matches(a, inside))) {
            wrong.push(`${relative(ROOT, file)} imports ${inside}`)
          }
        }
      }
      assert.deepEqual(wrong, [])
    })
  }

  it('keeps every file under the line limit', () => {
    const long: string[] = []
    for (const room of [...ROOMS, 'test']) {
      for (const file of sources(room)) {
        const lines = readFileSync(file, 'utf8').split('\n').length
        if (lines > FILE_LINES_MAX) long.push(`${relative(ROOT, file)}: ${lines}`)
      }
    }
    assert.deepEqual(long, [])
  })

  it('keeps clock, randomness, timers, async, I/O and floats out of consensus and state', () => {
    const banned =
      /\b(Date\.now|new Date|Math\.random|setTimeout|setInterval|setImmediate|performance\.now|process\.(?!env)|await|async|parseFloat|localeCompare|toLocaleString|crypto\.getRandomValues|randomBytes)\b|from 'node:/
    const wrong: string[] = []
    for (const room of ['consensus', 'state']) {
      for (const file of sources(room)) {
        const code = withoutComments(readFileSync(file, 'utf8'))
        code.split('\n').forEach((line, i) => {
          if (banned.test(line)) wrong.push(`${relative(ROOT, file)}:${i + 1}: ${line.trim()}`)
        })
      }
    }
    assert.deepEqual(wrong, [])
  })

  it('has no unfinished marks', () => {
    const marks = new RegExp(`\\b(${['TO' + 'DO', 'FIX' + 'ME', 'XX' + 'X', 'HA' + 'CK'].join('|')})\\b`)
    const wrong: string[] = []
    for (const room of [...ROOMS, 'test']) {
      for (const file of sources(room)) {
        if (marks.test(readFileSync(file, 'utf8'))) wrong.push(relative(ROOT, file))
      }
    }
    assert.deepEqual(wrong, [])
  })

  it('names every production dependency in docs/dependencies.md', () => {
    const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
      dependencies: Record<string, string>
      devDependencies: Record<string, string>
    }
    const text = readFileSync(join(ROOT, 'docs/dependencies.md'), 'utf8')
    const missing = Object.keys({ ...manifest.dependencies, ...manifest.devDependencies }).filter(
      (name) => !text.includes(`\`${name}\``),
    )
    assert.deepEqual(missing, [])
  })
})
