// Runs inside a mutant's copy: test files one after the other until the first failure. Each line of output is an `Event`.
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import Mocha from 'mocha'
import { errorText } from '../../base/errors.ts'

/** A file or a test begins, or a test failed. */
export type Event = { readonly file: string } | { readonly test: string } | Failure

export interface Failure {
  readonly failed: string
  readonly error: string
  /** Mocha's own limit, which a busy machine can also reach. */
  readonly isTimeout: boolean
}

const { values, positionals } = parseArgs({
  options: { timeout: { type: 'string', default: '20000' } },
  allowPositionals: true,
})

function say(event: Event): void {
  process.stdout.write(`${JSON.stringify(event)}\n`)
}

function failureOf(failed: string, error: unknown): Failure {
  const [text = ''] = errorText(error).split('\n')
  const code = (error as { code?: unknown } | null)?.code
  return { failed, error: text, isTimeout: code === 'ERR_MOCHA_TIMEOUT' }
}

/** The first failure of one test file. */
async function runFile(file: string): Promise<Failure | undefined> {
  const mocha = new Mocha({ bail: true, timeout: Number(values.timeout), reporter: class {} as never })
  mocha.addFile(resolve(file))
  try {
    await mocha.loadFilesAsync()
  } catch (error) {
    return failureOf(`${file} does not load`, error)
  }
  return await new Promise((done) => {
    let failure: Failure | undefined
    const runner = mocha.run(() => done(failure))
    runner.on('test', (test) => say({ test: test.fullTitle() }))
    runner.on('fail', (test, error) => {
      failure ??= failureOf(test.fullTitle(), error)
    })
  })
}

for (const file of positionals) {
  say({ file })
  const failure = await runFile(file)
  if (failure === undefined) continue
  say(failure)
  break
}
// A mutant may leave sockets and timers behind.
process.stdout.write('', () => process.exit(0))
