// A shell in which the commands of a page run as its reader types them. Owns: bash, its scratch folder, `suanli` in it. Not: which
// page, and what is put into it (test/e2e/pages.test.ts).
//
// `suanli` is a function that asks this process over a socket: a process of its own would need longer to load than to run. What
// runs until Ctrl-C is started by whoever opens the shell, and answers once it is up.
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { join, resolve } from 'node:path'
import { type Ended, runSuanli } from './devnetHarness.ts'
import { ROOT } from './pageBlocks.ts'
import { within } from './processNetwork.ts'

const BLOCK_MS = 60_000
const NATIVE_CAST = `node_modules/@foundry-rs/cast-${process.platform}-${process.arch === 'x64' ? 'amd64' : process.arch}/bin/cast`

/** Takes a command over that does not end by itself; undefined for all others. */
export type TakeOver = (args: readonly string[], cwd: string) => Promise<Ended> | undefined

export interface ShellOptions {
  readonly dir: string
  readonly environment: Readonly<Record<string, string>>
  readonly takeOver?: TakeOver
}

export interface Ran {
  readonly stdout: string
  readonly stderr: string
  /** Commands that ended with another code than 0, as bash names them. */
  readonly failed: readonly string[]
}

const PRELUDE = `
failed=()
trap 'failed+=("$BASH_COMMAND")' ERR
desk() {
  local code number
  exec 3<>"/dev/tcp/127.0.0.1/$DESK_PORT" || return 127
  printf '%s\\0' "$DESK_TOKEN" "$PWD" "\${SUANLI_PASSWORD-}" "\${SUANLI_RPC-}" "$#" "$@" >&3
  read -r code number <&3
  exec 3>&-
  cat "$DESK/$number.out"
  cat "$DESK/$number.err" >&2
  return "$code"
}
suanli() { desk "$@"; }
node() { if [ "$1" = dist/node/main.js ]; then desk "\${@:2}"; else command node "$@"; fi; }
npx() { if [ "$1" = suanli ]; then desk "\${@:2}"; else return 127; fi; }
`

export class PageShell {
  readonly dir: string
  readonly #desk: string
  readonly #token = randomBytes(16).toString('hex')
  readonly #takeOver: TakeOver
  readonly #server: Server
  readonly #bash: ChildProcess
  readonly #out = { stdout: '', stderr: '' }
  #onOutput = (): void => {}
  #answers = 0
  #blocks = 0
  #last: Promise<void> = Promise.resolve()

  private constructor(server: Server, { dir, environment, takeOver }: ShellOptions) {
    this.dir = dir
    this.#desk = join(dir, '.desk')
    this.#takeOver = takeOver ?? (() => undefined)
    this.#server = server
    server.on('connection', (socket) => this.#receive(socket))
    this.#prepare()
    const { port } = server.address() as AddressInfo
    const { PATH = '' } = process.env
    this.#bash = spawn('bash', ['--norc', '--noprofile'], {
      cwd: dir,
      env: {
        ...{ PATH: `${join(dir, 'node_modules/.bin')}:${PATH}`, HOME: dir, NO_COLOR: '1', LC_ALL: 'C.UTF-8' },
        ...{ DESK: this.#desk, DESK_PORT: String(port), DESK_TOKEN: this.#token },
        ...{ FOUNDRY_DISABLE_NIGHTLY_WARNING: '1' },
        ...environment,
      },
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    for (const name of ['stdout', 'stderr'] as const) {
      this.#bash[name]!.setEncoding('utf8').on('data', (piece: string) => {
        this.#out[name] += piece
        this.#onOutput()
      })
    }
    this.#bash.stdin!.write(PRELUDE)
  }

  static async open(options: ShellOptions): Promise<PageShell> {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    return new PageShell(server, options)
  }

  /** The program that the pages name, in the reader's folder. */
  #prepare(): void {
    const bin = join(this.dir, 'node_modules/.bin')
    mkdirSync(this.#desk, { recursive: true })
    mkdirSync(join(this.dir, 'data'), { recursive: true })
    if (existsSync(bin)) return
    mkdirSync(bin, { recursive: true })
    const native = join(ROOT, NATIVE_CAST)
    symlinkSync(existsSync(native) ? native : join(ROOT, 'node_modules/.bin/cast'), join(bin, 'cast'))
  }

  /** Runs commands to their end, in the state that the ones before left. */
  async run(text: string): Promise<Ran> {
    const mark = `--- ${randomBytes(8).toString('hex')}`
    const file = join(this.#desk, `block-${++this.#blocks}.sh`)
    writeFileSync(file, text)
    this.#out.stdout = ''
    this.#out.stderr = ''
    const ended = new Promise<void>((done) => {
      this.#onOutput = () => {
        if (this.#out.stdout.includes(`${mark}\n`) && this.#out.stderr.includes(`${mark}\n`)) done()
      }
    })
    const report = `printf '%s\\n' "\${failed[@]}" > "$DESK/failed"; printf '%s\\n' '${mark}' >&2; printf '%s\\n' '${mark}'`
    const sourced = `source '${file}' < /dev/null`
    this.#bash.stdin!.write(`failed=()\n${sourced}\n${report}\n`)
    const { exitCode } = this.#bash
    assert.equal(exitCode, null, `bash has ended: ${this.#out.stderr}`)
    await within(ended, BLOCK_MS, `${text}\nhas not ended`)
    this.#onOutput = () => {}
    const of = (name: 'stdout' | 'stderr'): string => this.#out[name].split(mark)[0]!
    const failed = readFileSync(join(this.#desk, 'failed'), 'utf8')
    return {
      stdout: of('stdout'),
      stderr: of('stderr'),
      // The file itself ends as its last command does.
      failed: failed.split('\n').filter((line) => line !== '' && line !== sourced),
    }
  }

  async close(): Promise<void> {
    const closed = once(this.#bash, 'close')
    this.#bash.stdin!.end()
    await closed
    this.#server.close()
    await this.#last
  }

  #receive(socket: Socket): void {
    let text = ''
    socket.setEncoding('utf8')
    socket.on('error', () => {})
    socket.on('data', (piece: string) => {
      text += piece
      const [token, cwd, password, rpc, count, ...rest] = text.split('\0')
      if (count === undefined || rest.length <= Number(count)) return
      if (token !== this.#token) return void socket.destroy()
      const environment = {
        ...(password === '' ? {} : { SUANLI_PASSWORD: password! }),
        ...(rpc === '' ? {} : { SUANLI_RPC: rpc! }),
      }
      text = ''
      this.#last = this.#last.then(() => this.#answer(socket, rest.slice(0, -1), { cwd: cwd!, environment }))
    })
  }

  async #answer(
    socket: Socket,
    args: readonly string[],
    { cwd, environment }: { readonly cwd: string; readonly environment: Readonly<Record<string, string>> },
  ): Promise<void> {
    const number = ++this.#answers
    const home = process.cwd()
    process.chdir(cwd)
    const { code, stdout, stderr } = await (
      this.#takeOver(args, resolve(cwd)) ?? runSuanli(args, { environment })
    )
      .catch((error: unknown) => ({ code: 99, stdout: '', stderr: `${String(error)}\n` }))
      .finally(() => process.chdir(home))
    writeFileSync(join(this.#desk, `${number}.out`), stdout)
    writeFileSync(join(this.#desk, `${number}.err`), stderr)
    socket.end(`${code} ${number}\n`)
  }
}
