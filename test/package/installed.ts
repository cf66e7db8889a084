// The package as somebody else has it: packed, unpacked and installed in an empty folder, without the network.
// Owns: the folder. Not: what is asked of it (package.test.ts).
import { spawn } from 'node:child_process'
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join, posix, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { tsc } from '../support/typescript.ts'

export const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '../../..')
export const MOCHA = join(ROOT, 'node_modules/mocha/bin/mocha.js')
/** Packages of the user's own. */
const USERS_OWN = ['@types/mocha', '@types/node', 'viem']

export interface Manifest {
  readonly version: string
  readonly bin: { readonly suanli: string }
  readonly exports: Readonly<Record<string, string | Readonly<Record<string, string>>>>
  readonly dependencies: Readonly<Record<string, string>>
}

export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs a command to its end; never rejects for an exit code. */
export function run(command: string, args: readonly string[], cwd: string): Promise<Ended> {
  const child = spawn(command, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] })
  const out = { stdout: '', stderr: '' }
  child.stdout.on('data', (piece: Buffer) => {
    out.stdout += piece.toString()
  })
  child.stderr.on('data', (piece: Buffer) => {
    out.stderr += piece.toString()
  })
  return new Promise((done, reject) => {
    child.once('error', reject)
    child.once('close', (code) => done({ code, ...out }))
  })
}

async function mustRun(command: string, args: readonly string[], cwd: string): Promise<string> {
  const { code, stdout, stderr } = await run(command, args, cwd)
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${code}:\n${stdout}${stderr}`)
  return stdout
}

export class InstalledPackage {
  /** The user's folder. */
  readonly project: string
  /** `node_modules/suanli` in it. */
  readonly dir: string
  readonly manifest: Manifest
  /** Everything in the package, as paths from its root. */
  readonly files: readonly string[]
  readonly tarballBytes: number

  private constructor(project: string, tarballBytes: number) {
    this.project = project
    this.dir = join(project, 'node_modules/suanli')
    this.tarballBytes = tarballBytes
    this.manifest = JSON.parse(this.read('package.json')) as Manifest
    this.files = readdirSync(this.dir, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => posix.join(entry.parentPath.slice(this.dir.length + 1), entry.name))
      .sort()
  }

  /** Packs what is built and installs it in `project`, an empty folder. Throws when anything fails. */
  static async make(project: string): Promise<InstalledPackage> {
    const { code, stdout } = await tsc(['-p', 'tsconfig.package.json'], ROOT)
    if (code !== 0) throw new Error(`the declarations cannot be made:\n${stdout}`)
    const pack = ['pack', '--ignore-scripts', '--offline', '--json', '--pack-destination', project]
    const [packed] = JSON.parse(await mustRun('npm', pack, ROOT)) as [{ filename: string; size: number }]
    await mustRun('tar', ['-xzf', packed.filename], project)
    mkdirSync(join(project, 'node_modules/.bin'), { recursive: true })
    renameSync(join(project, 'package'), join(project, 'node_modules/suanli'))
    const installed = new InstalledPackage(project, packed.size)
    installed.#link()
    return installed
  }

  /** What npm does: the dependencies that package.json names and no others, and the command. */
  #link(): void {
    const modules = join(this.project, 'node_modules')
    for (const name of [...Object.keys(this.manifest.dependencies), ...USERS_OWN]) {
      mkdirSync(dirname(join(modules, name)), { recursive: true })
      symlinkSync(join(ROOT, 'node_modules', name), join(modules, name), 'junction')
    }
    const program = join(this.dir, this.manifest.bin.suanli)
    chmodSync(program, 0o755)
    symlinkSync(program, this.command)
    writeFileSync(join(this.project, 'package.json'), '{ "name": "somebody-else", "type": "module" }')
  }

  /** What `npx suanli` runs. */
  get command(): string {
    return join(this.project, 'node_modules/.bin/suanli')
  }

  read(file: string): string {
    return readFileSync(join(this.dir, file), 'utf8')
  }
}
