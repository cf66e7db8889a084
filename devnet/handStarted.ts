// A validator that somebody started by hand, while the devnet runs: found by the socket in its folder, which only the process that
// holds the folder's lock serves. Owns: finding and ending it. Not: processes that the devnet started (validatorProcess.ts).
import { request } from 'node:http'
import { setTimeout } from 'node:timers/promises'
import { isWholeNumber } from '../base/integers.ts'
import { adminSocket } from '../node/nodePaths.ts'

const ANSWER_MS = 2_000
const ANSWER_BYTES_MAX = 1_024
const LOOK_MS = 50

/** The process of the node that runs on a folder; undefined when none answers there. */
export function processOn(dir: string): Promise<number | undefined> {
  return new Promise((resolve) => {
    const socketPath = adminSocket(dir)
    const sent = request({ socketPath, path: '/process', timeout: ANSWER_MS }, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => {
        text = (text + chunk).slice(0, ANSWER_BYTES_MAX)
      })
      response.once('error', () => resolve(undefined))
      response.once('end', () => resolve(pidIn(text)))
    })
    sent.once('timeout', () => sent.destroy())
    sent.once('error', () => resolve(undefined))
    sent.once('close', () => resolve(undefined))
    sent.end()
  })
}

function pidIn(text: string): number | undefined {
  try {
    const { pid } = JSON.parse(text) as { readonly pid?: unknown }
    return isWholeNumber(pid, 2) && pid !== process.pid ? pid : undefined
  } catch {
    return undefined
  }
}

/** Ends a process; resolves once it is gone. It is killed when it takes longer than `limitMs`. */
export async function endProcess(
  pid: number,
  { signal, limitMs }: { readonly signal: 'SIGTERM' | 'SIGKILL'; readonly limitMs: number },
): Promise<void> {
  const killsAtMs = performance.now() + limitMs
  if (!send(pid, signal)) return
  for (let now = 0; send(pid, 0) && now < killsAtMs + limitMs; now = performance.now()) {
    if (now > killsAtMs) send(pid, 'SIGKILL')
    await setTimeout(LOOK_MS)
  }
}

/** False when there is no such process. */
export function send(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, signal)
  } catch {
    return false
  }
}
