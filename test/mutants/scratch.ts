// A copy of the compiled sources in a temporary folder, where mutants are applied. The working tree is only read.
import { type ChildProcess, spawn } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { createInterface } from 'node:readline'
import { transformSync } from 'esbuild'

/** Of dist/: not what the tests import. */
const LEFT_OUT = new Set(['program', 'page'])

const WATCH_EVERY_MS = 1_000
const WAITING = 60
/** A clock tick of /proc, ms: 100 Hz on every Linux that Node runs on. */
const TICK_MS = 10

interface Times {
  readonly spentMs: number
  readonly wallMs: number
}

/** What a command printed, line by line; `isStuck` = it was killed. */
export interface Ran {
  readonly ok: boolean
  readonly isStuck: boolean
  readonly lines: readonly string[]
}

/** The JavaScript of one TypeScript file. Throws when it does not parse: then the mutant is wrong, not the suite. */
export function compile(file: string, text: string): string {
  const { code } = transformSync(text, {
    loader: 'ts',
    format: 'esm',
    target: 'es2023',
    sourcefile: file,
    tsconfigRaw: { compilerOptions: { verbatimModuleSyntax: true } },
  })
  return code.replace(/(\b(?:from|import)\s*\(?\s*"\.{1,2}\/[^"]+)\.ts"/g, '$1.js"')
}

/** The compiled file of a source file. */
export function compiledOf(file: string): string {
  return `dist/${file.replace(/\.ts$/, '.js')}`
}

/** Processor time of a process, ms; where there is no /proc, the time of the day's clock instead. */
function spentMsOf(pid: number | undefined): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // After the name in brackets: the user's and the system's ticks are the 12th and the 13th.
    const [user, system] = stat
      .slice(stat.lastIndexOf(')') + 2)
      .split(' ')
      .slice(11, 13)
      .map(Number)
    return TICK_MS * (user! + system!)
  } catch {
    return performance.now()
  }
}

export class Scratch {
  readonly dir: string
  readonly #root: string
  #child: ChildProcess | undefined

  /** Copies what `npm run build` left in `root`: to dist/, where mutants are applied, and to unchanged/. */
  constructor(root: string) {
    this.#root = root
    this.dir = mkdtempSync(join(tmpdir(), 'suanli-mutants-'))
    const { include } = JSON.parse(readFileSync(join(root, 'tsconfig.json'), 'utf8'))
    for (const name of [...(include as readonly string[]), 'node_modules']) {
      symlinkSync(join(root, name), join(this.dir, name))
    }
    cpSync(join(root, 'package.json'), join(this.dir, 'package.json'))
    for (const copy of ['dist', 'unchanged']) {
      cpSync(join(root, 'dist'), join(this.dir, copy), {
        recursive: true,
        filter: (path) => !LEFT_OUT.has(basename(path)) && !path.endsWith('.map'),
      })
    }
  }

  source(file: string): string {
    return readFileSync(join(this.#root, file), 'utf8')
  }

  write(file: string, text: string): void {
    writeFileSync(join(this.dir, compiledOf(file)), compile(file, text))
  }

  restore(files: readonly string[]): void {
    for (const file of files) {
      const compiled = compiledOf(file)
      writeFileSync(join(this.dir, compiled), readFileSync(join(this.#root, compiled)))
    }
  }

  /**
   * Runs `node <args>` in the copy and kills it when it has printed nothing for `limitMs` of its own processor time. Processes
   * that wait, for a processor or for what never comes, have as many times longer as `WAITING`.
   */
  run(args: readonly string[], limitMs: number): Promise<Ran> {
    return new Promise((resolve, reject) => {
      const child = spawn(process.execPath, args, { cwd: this.dir, stdio: ['ignore', 'pipe', 'pipe'] })
      this.#child = child
      const lines: string[] = []
      let isStuck = false
      const now = (): Times => ({ spentMs: spentMsOf(child.pid), wallMs: performance.now() })
      let last = now()
      const watch = setInterval(() => {
        const { spentMs, wallMs } = now()
        isStuck = spentMs - last.spentMs >= limitMs || wallMs - last.wallMs >= WAITING * limitMs
        if (isStuck) child.kill('SIGKILL')
      }, WATCH_EVERY_MS)
      createInterface({ input: child.stdout }).on('line', (line) => {
        lines.push(line)
        last = now()
      })
      // What it prints there at its end names a failure that it could not report.
      const errors: string[] = []
      createInterface({ input: child.stderr }).on('line', (line) => errors.push(line))
      child.once('error', reject)
      child.once('close', (code) => {
        clearInterval(watch)
        this.#child = undefined
        resolve({ ok: code === 0, isStuck, lines: code === 0 ? lines : [...lines, ...errors] })
      })
    })
  }

  close(): void {
    this.#child?.kill('SIGKILL')
    rmSync(this.dir, { recursive: true, force: true })
  }
}
