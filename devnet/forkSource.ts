// Where the state that a devnet forks comes from: a file, or a devnet that runs. Not: what it becomes (fork.ts). A node that runs
// elsewhere gives its state to peers alone, in pieces: on its machine suanli export state writes the file.
import { gunzipSync } from 'node:zlib'
import { parseHex } from '../base/bytes.ts'
import { OperatorError } from '../base/errors.ts'
import { ClientError } from '../client/clientError.ts'
import { httpTransport } from '../client/transports/http.ts'
import { linesOf } from '../node/stateFile.ts'
import { RPC_CODE } from '../rpc/errors.ts'
import { type StateLines, stateLinesOf } from './loadState.ts'

/** Of a state in an answer, unpacked. */
export const STATE_CHARS_MAX = 256 * 1024 * 1024
const DUMP_MS_MAX = 60_000

const NO_STATE =
  'gives no state over JSON-RPC: only a devnet in one process does. suanli export state writes the file of a stopped node, which --fork takes'

/** The lines of a state file, or of the state of a devnet at this http address. Throws OperatorError when it gives none. */
export async function forkLinesOf(source: string): Promise<StateLines> {
  if (!/^https?:\/\//i.test(source)) return stateLinesOf(source)
  const text = unpacked(await dumpOf(source), source)
  return () => linesOf([text])
}

async function dumpOf(url: string): Promise<unknown> {
  try {
    return await httpTransport(url, { timeoutMs: DUMP_MS_MAX }).request('dev_dumpState', [])
  } catch (error) {
    if (!(error instanceof ClientError)) throw error
    const isAbsent = error.rpcCode === RPC_CODE.methodNotFound
    if (isAbsent) throw new OperatorError(`${url} ${NO_STATE}`)
    throw new OperatorError(error.code === 'transport' ? error.message : `${url}: ${error.message}`)
  }
}

function unpacked(dump: unknown, url: string): string {
  const bytes = typeof dump === 'string' ? parseHex(dump) : undefined
  try {
    if (bytes !== undefined) return gunzipSync(bytes, { maxOutputLength: STATE_CHARS_MAX }).toString('latin1')
  } catch {
    // Told below: what is wrong with it is of no use to anyone.
  }
  throw new OperatorError(`${url}: expected what dev_dumpState gives`)
}
