// The compiler as tests run it. Owns: its process. Not: what is compiled.
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const PROGRAM = fileURLToPath(new URL('../../../node_modules/typescript/bin/tsc', import.meta.url))
/** Its threads would each read all types again, and what collects its garbage costs more than the memory of so short a run. */
const ARGS = ['--singleThreaded'] as const
const ENVIRONMENT = { GOGC: 'off' } as const

export interface Compiled {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs it in `cwd` to its end; never rejects for what it finds. */
export function tsc(args: readonly string[], cwd: string): Promise<Compiled> {
  const child = spawn(process.execPath, [PROGRAM, ...ARGS, ...args], {
    cwd,
    env: { ...process.env, ...ENVIRONMENT },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const out = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (piece: string) => {
      out[name] += piece
    })
  }
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => resolve({ code, ...out }))
  })
}
