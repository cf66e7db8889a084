// Runs cast from npm. Owns: running it and interpreting its output.
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** cast's error message. */
export class CastError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'CastError'
  }
}

/** The program itself where its package is for this machine: the npm wrapper costs a start of Node with each call. */
const NATIVE = `node_modules/@foundry-rs/cast-${process.platform}-${process.arch === 'x64' ? 'amd64' : process.arch}/bin/cast`
const CAST = existsSync(NATIVE) ? NATIVE : 'node_modules/.bin/cast'

/** Runs cast and returns its output; rejects with CastError. The npm wrapper loses the exit status, so checks the text. */
export async function cast(...args: readonly string[]): Promise<string> {
  // Ignore the user's colours and configuration.
  const environment = { ...process.env, NO_COLOR: '1', ETH_RPC_URL: '', FOUNDRY_DISABLE_NIGHTLY_WARNING: '1' }
  const { stdout, stderr } = await run(CAST, [...args], {
    env: environment,
    maxBuffer: 16 * 1024 * 1024,
  }).catch((error: { stdout?: string; stderr?: string }) => ({
    stdout: error.stdout ?? '',
    stderr: error.stderr === undefined || error.stderr === '' ? `Error: ${String(error)}` : error.stderr,
  }))
  if (/^Error: /m.test(stderr)) throw new CastError(stderr.trim())
  return stdout.trim()
}
