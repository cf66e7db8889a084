// The source files as text, for the tests of structure and pointers. Owns: listing, reading, imports, comments.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, posix, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

export const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '../../..')

/** Folders of the program. */
export const ROOMS = [
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
  'devnet',
  'cli',
  'web',
] as const
export type Room = (typeof ROOMS)[number]
/** Other folders with TypeScript sources. */
export const SIDE_ROOMS = ['bench', 'examples', 'scripts', 'test'] as const
export const ALL_ROOMS: readonly string[] = [...ROOMS, ...SIDE_ROOMS]

const SOURCE = /\.(ts|mts)$/

/** Source files below a folder, as paths from the repository's root. */
export function sources(folder: string): readonly string[] {
  if (!existsSync(join(ROOT, folder))) return []
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => SOURCE.test(file))
    .map((file) => posix.join(folder, file))
    .sort()
}

export function read(file: string): string {
  return readFileSync(join(ROOT, file), 'utf8')
}

/** Files of this repository that a file imports: static, dynamic and type-only imports. */
export function ownImports(file: string): readonly string[] {
  const found = read(file).matchAll(/(?:\bfrom|\bimport)\s*\(?\s*'(\.[^']+)'/g)
  return [...found].map((match) => posix.join(posix.dirname(file), match[1]!))
}

/** Removes comments, which may mention clocks and randomness; keeps strings. */
export function withoutComments(text: string): string {
  return text
    .replace(/\/\*[\s\S]*?\*\//g, (comment) => comment.replace(/[^\n]/g, ''))
    .replace(/\/\/.*$/gm, '')
}

/** The cycles of a graph: lists of nodes that reach each other, smallest first. */
export function circles(graph: ReadonlyMap<string, ReadonlySet<string>>): readonly (readonly string[])[] {
  const order = new Map<string, number>()
  const low = new Map<string, number>()
  const stack: string[] = []
  const found: string[][] = []
  const visit = (node: string): void => {
    order.set(node, order.size)
    low.set(node, order.get(node)!)
    stack.push(node)
    for (const next of graph.get(node) ?? []) {
      if (!order.has(next)) {
        visit(next)
        low.set(node, Math.min(low.get(node)!, low.get(next)!))
      } else if (stack.includes(next)) low.set(node, Math.min(low.get(node)!, order.get(next)!))
    }
    if (low.get(node) !== order.get(node)) return
    const circle = stack.splice(stack.indexOf(node))
    if (circle.length > 1) found.push(circle.sort())
  }
  for (const node of graph.keys()) if (!order.has(node)) visit(node)
  return found.sort((a, b) => a.length - b.length)
}
