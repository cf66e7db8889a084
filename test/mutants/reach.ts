// Which compiled tests can see a source file: those that import it, directly or not. Not: whether they look at it (units.ts).
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'

export class Reach {
  readonly #root: string
  readonly #imports = new Map<string, readonly string[]>()
  readonly #seen = new Map<string, ReadonlySet<string>>()

  constructor(root: string) {
    this.#root = root
  }

  /** Whether `from` loads one of `files`; paths of compiled files below the root. */
  sees(from: string, files: readonly string[]): boolean {
    const seen = this.#closure(from)
    return files.some((file) => seen.has(file))
  }

  #closure(from: string): ReadonlySet<string> {
    const known = this.#seen.get(from)
    if (known !== undefined) return known
    const seen = new Set<string>([from])
    for (const file of seen) for (const target of this.#importsOf(file)) seen.add(target)
    this.#seen.set(from, seen)
    return seen
  }

  /** Every string that names a compiled file relative to this one: imports, and entries of workers and processes. */
  #importsOf(file: string): readonly string[] {
    const known = this.#imports.get(file)
    if (known !== undefined) return known
    const path = join(this.#root, file)
    const text = existsSync(path) ? readFileSync(path, 'utf8') : ''
    const targets = [...text.matchAll(/["'](\.{1,2}\/[^"'\n]+\.js)["']/g)].map((match) =>
      normalize(join(dirname(file), match[1]!)),
    )
    this.#imports.set(file, targets)
    return targets
  }
}
