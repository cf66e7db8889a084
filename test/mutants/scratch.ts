// A copy of the sources in a temporary folder, where mutants are applied. The working tree is only read.
import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const NEEDED = [
  ...['base', 'consensus', 'node/verifierWorker.ts'],
  ...['consensus', 'base', 'client', 'node', 'p2p', 'signer', 'sim', 'state', 'storage', 'mutants'].map(
    (room) => `test/${room}`,
  ),
]

/** Output of a command; `killed` = it timed out. */
export interface Ran {
  readonly ok: boolean
  readonly killed: boolean
  readonly output: string
}

export class Scratch {
  readonly dir: string
  readonly #root: string

  /** Copies `root` and compiles what the simulator and the unit tests need, to dist/ and unchanged/. */
  constructor(root: string) {
    this.#root = root
    this.dir = mkdtempSync(join(tmpdir(), 'suanli-mutants-'))
    const { compilerOptions, include } = JSON.parse(readFileSync(join(root, 'tsconfig.json'), 'utf8'))
    for (const room of include as readonly string[]) {
      cpSync(join(root, room), join(this.dir, room), { recursive: true })
    }
    cpSync(join(root, 'package.json'), join(this.dir, 'package.json'))
    symlinkSync(join(root, 'node_modules'), join(this.dir, 'node_modules'))
    // Types are checked in the working tree; a mutant only has to run.
    const config = {
      compilerOptions: { ...compilerOptions, noCheck: true, sourceMap: false },
      include: NEEDED,
    }
    writeFileSync(join(this.dir, 'tsconfig.json'), JSON.stringify(config))
    this.compile()
    cpSync(join(this.dir, 'dist'), join(this.dir, 'unchanged'), { recursive: true })
  }

  source(file: string): string {
    return readFileSync(join(this.#root, file), 'utf8')
  }

  write(file: string, text: string): void {
    writeFileSync(join(this.dir, file), text)
  }

  restore(files: readonly string[]): void {
    for (const file of files) this.write(file, this.source(file))
  }

  /** Throws when the mutant does not compile: then the mutant is wrong, not the suite. */
  compile(): void {
    const ran = this.run(['node_modules/typescript/bin/tsc', '-p', '.'], 120_000)
    if (!ran.ok) throw new Error(`does not compile:\n${ran.output}`)
  }

  /** Runs `node <args>` in the copy. */
  run(args: readonly string[], limitMs: number): Ran {
    const child = spawnSync(process.execPath, args, {
      cwd: this.dir,
      timeout: limitMs,
      killSignal: 'SIGKILL',
      encoding: 'utf8',
      maxBuffer: 64 * 1024 * 1024,
    })
    return {
      ok: child.status === 0,
      killed: child.signal !== null,
      output: `${child.stdout}${child.stderr}`,
    }
  }

  close(): void {
    rmSync(this.dir, { recursive: true, force: true })
  }
}
