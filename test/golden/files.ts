// The golden files and how they are compared. Owns: their paths and the wording of differences.
import { readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Data files are not copied to dist/: they are read from the sources. */
const FOLDER = join(resolve(dirname(fileURLToPath(import.meta.url)), '../../..'), 'test/golden')
const SHOWN_MAX = 12
const AROUND = 16
/** The last line of every failure. */
export const ADVICE = 'If this is intended, it is a decision with a version: see test/golden/README.md.'

export type Lines = { readonly [name: string]: string }
export type GoldenName = 'schemas.json' | 'facts.json' | 'chain.json' | 'chain.bin.gz'

export function readGolden(name: GoldenName): Uint8Array {
  return readFileSync(join(FOLDER, name))
}

export function readLines<T>(name: GoldenName): T {
  return JSON.parse(Buffer.from(readGolden(name)).toString('utf8')) as T
}

export function writeGolden(name: GoldenName, content: Uint8Array | object): void {
  const isBytes = content instanceof Uint8Array
  writeFileSync(join(FOLDER, name), isBytes ? content : `${JSON.stringify(content, null, 2)}\n`)
}

/** Where two texts start to differ, with some context. */
function parting(golden: string, now: string): string {
  let at = 0
  while (at < golden.length && golden[at] === now[at]) at++
  const from = Math.max(0, at - AROUND)
  const show = (text: string): string => `${from > 0 ? '…' : ''}${text.slice(from, at + AROUND)}`
  return `differs at character ${at}: golden ${show(golden)}, this build ${show(now)}`
}

/** One sentence for each line that differs, is missing, or is new; empty when all agree. */
export function differences(what: string, golden: Lines, now: Lines): readonly string[] {
  const out: string[] = []
  for (const name of Object.keys(golden)) {
    if (now[name] === undefined) out.push(`${what} ${name}: in the golden file, but no longer in this build`)
    else if (now[name] !== golden[name]) out.push(`${what} ${name} ${parting(golden[name]!, now[name])}`)
  }
  for (const name of Object.keys(now))
    if (golden[name] === undefined) out.push(`${what} ${name}: has no line in the golden file`)
  return out
}

/** Throws with every difference (the first dozen) and what to do about it. */
export function assertGolden(what: string, golden: Lines, now: Lines): void {
  const found = differences(what, golden, now)
  if (found.length === 0) return
  const more = found.length > SHOWN_MAX ? [`and ${found.length - SHOWN_MAX} more`] : []
  throw new Error(['', ...found.slice(0, SHOWN_MAX), ...more, ADVICE].join('\n  '))
}
