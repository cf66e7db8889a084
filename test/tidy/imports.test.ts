// Allowed imports (docs/architecture.md), and no cycles between files or folders.
import { strict as assert } from 'node:assert'
import { ALL_ROOMS, circles, ownImports, ROOMS, type Room, read, sources } from './sources.ts'

/** Allowed imports of each room, besides itself. */
const MAY_IMPORT: Readonly<Record<Room, readonly string[]>> = {
  base: [],
  consensus: ['base'],
  state: ['base'],
  genesis: ['base', 'state'],
  storage: ['base', 'consensus', 'state'],
  signer: ['base', 'consensus', 'storage'],
  p2p: ['base', 'consensus'],
  rpc: ['base', 'state'],
  client: [
    'base',
    'state/schemas.ts',
    'state/transaction.ts',
    'state/modules/*/schema.ts',
    'genesis/schema.ts',
  ],
  gateway: ['base', 'client'],
  node: ['base', 'consensus', 'state', 'genesis', 'storage', 'signer', 'p2p', 'rpc'],
  devnet: [
    'base',
    'consensus',
    'state',
    'genesis',
    'storage',
    'signer',
    'p2p',
    'rpc',
    'client',
    'gateway',
    'node',
  ],
  cli: ROOMS.filter((room) => room !== 'web'),
  web: ['base', 'client'],
}

/** Allowed imports between folders of node/; files directly in node/ combine them and may import any. */
const NODE_MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  chain: [],
  evidence: ['chain'],
  halt: ['chain'],
  pool: ['chain'],
  recovery: ['chain'],
  sync: ['chain', 'recovery'],
  watch: ['chain', 'sync'],
}

/** Entry files of the package, for its users; code in this repository imports the files directly. */
const PACKAGE_ENTRIES: readonly string[] = [
  'client/client.ts',
  'client/light.ts',
  'client/redeem.ts',
  'devnet/devnet.ts',
]

/** The program's former entry point, kept as a shim. */
const SHIM = 'node/main.ts'

/** Whether a path matches a pattern, in which `*` is one name. */
function matches(pattern: string, path: string): boolean {
  const names = path.split('/')
  const wanted = pattern.split('/')
  return wanted.length === names.length && wanted.every((name, i) => name === '*' || name === names[i])
}

/** The import graph between siblings: files and folders in the same folder. */
function siblings(edges: readonly (readonly [string, string])[]): Map<string, Set<string>> {
  const graph = new Map<string, Set<string>>()
  for (const [from, to] of edges) {
    const [a, b] = [from.split('/'), to.split('/')]
    const shared = a.findIndex((name, i) => name !== b[i])
    // Files directly in the shared folder combine its sub-folders and may be imported by them.
    if (shared >= a.length - 1 || shared >= b.length - 1) continue
    const [left, right] = [a, b].map((names) => names.slice(0, shared + 1).join('/'))
    graph.set(left!, (graph.get(left!) ?? new Set()).add(right!))
  }
  return graph
}

describe('tidy.imports', () => {
  it('finds the sources', () => {
    for (const room of ROOMS) assert.ok(sources(room).length > 1, room)
  })

  for (const room of ROOMS) {
    it(`${room} imports only what it may`, () => {
      const allowed = [room, ...MAY_IMPORT[room]]
      const wrong = sources(room).flatMap((file) =>
        ownImports(file)
          .filter((target) => !allowed.some((one) => one === target.split('/')[0] || matches(one, target)))
          .map((target) => `${file} imports ${target}`),
      )
      assert.deepEqual(
        wrong.filter((line) => line !== `${SHIM} imports cli/main.ts`),
        [],
      )
    })
  }

  it('has a rule for each folder of node/', () => {
    const folders = new Set(
      sources('node').flatMap((file) => (file.split('/').length > 2 ? [file.split('/')[1]!] : [])),
    )
    assert.deepEqual([...folders].sort(), Object.keys(NODE_MAY_IMPORT).sort())
  })

  it('the folders of node/ import each other only as allowed', () => {
    const wrong: string[] = []
    for (const file of sources('node')) {
      const own = file.split('/')
      if (own.length === 2) continue
      for (const target of ownImports(file)) {
        const names = target.split('/')
        if (names[0] !== 'node' || names.length === 2 || names[1] === own[1]) continue
        if (!NODE_MAY_IMPORT[own[1]!]!.includes(names[1]!)) wrong.push(`${file} imports ${target}`)
      }
    }
    assert.deepEqual(wrong, [])
  })

  it('has no import cycle between files', () => {
    const files = ALL_ROOMS.flatMap(sources)
    const graph = new Map(files.map((file) => [file, new Set(ownImports(file))]))
    assert.deepEqual(circles(graph), [])
  })

  it('has no import cycle between folders', () => {
    const files = ROOMS.flatMap(sources).filter((file) => file !== SHIM)
    const edges = files.flatMap((file) => ownImports(file).map((target) => [file, target] as const))
    assert.deepEqual(circles(siblings(edges)), [])
  })

  it('tests import other test files only from test/support and their own folder', () => {
    const wrong: string[] = []
    for (const file of sources('test')) {
      const room = file.split('/')[1]
      for (const target of ownImports(file)) {
        const names = target.split('/')
        if (names[0] !== 'test' || names[1] === 'support' || names[1] === room) continue
        wrong.push(`${file} imports ${target}`)
      }
    }
    assert.deepEqual(wrong, [])
  })

  it('only openChain.ts opens a chain', () => {
    const users = [...ALL_ROOMS]
      .flatMap(sources)
      .filter((file) => ownImports(file).includes('node/chain/importer.ts'))
    // Two tests open an importer with their own senders.
    assert.deepEqual(users, ['node/openChain.ts', 'test/cli/rollback.test.ts', 'test/node/importer.test.ts'])
  })

  it('only tests import tests', () => {
    const wrong = [...ROOMS, 'scripts', 'bench', 'examples'].flatMap((room) =>
      sources(room).flatMap((file) => ownImports(file).filter((target) => target.startsWith('test/'))),
    )
    assert.deepEqual(wrong, [])
  })

  it('re-exports nothing', () => {
    const inside = ROOMS.flatMap(sources).filter((file) => !PACKAGE_ENTRIES.includes(file))
    const wrong = inside.filter((file) => /^export\s+(?:type\s+)?[*{][^;]*?\sfrom\s/m.test(read(file)))
    assert.deepEqual(wrong, [])
  })
})
