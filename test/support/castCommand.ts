// Runs cast from npm. Owns: running it and interpreting its output.
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** cast's error message. */
export class CastError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'CastError'
  }
}

/** Runs cast and returns its output; rejects with CastError. The npm wrapper loses the exit status, so checks the text. */
export async function cast(...args: readonly string[]): Promise<string> {
  // Ignore the user's colours and configuration.
  const environment = { ...process.env, NO_COLOR: '1', ETH_RPC_URL: '', FOUNDRY_DISABLE_NIGHTLY_WARNING: '1' }
  const { stdout, stderr } = await run('node_modules/.bin/cast', [...args], {
    env: environment,
    maxBuffer: 16 * 1024 * 1024,
  }).catch((error: { stdout?: string; stderr?: string }) => ({
    stdout: error.stdout ?? '',
    stderr: error.stderr === undefined || error.stderr === '' ? `Error: ${String(error)}` : error.stderr,
  }))
  if (/^Error: /m.test(stderr)) throw new CastError(stderr.trim())
  return stdout.trim()
}
