// A Byzantine validator as a process that a test starts, orders and ends.
import { type ChildProcess, fork } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { DevnetMember } from '../../devnet/member.ts'
import { within } from './processNetwork.ts'

const MAIN = fileURLToPath(new URL('../byzantine/hostileMain.js', import.meta.url))
const LIMIT_MS = 60_000

export interface HostileOrder {
  readonly behaviour: string
}

export type HostileMessage =
  | { readonly kind: 'up'; readonly behaviours: readonly string[] }
  | { readonly kind: 'behaves'; readonly behaviour: string }

export class HostileProcess {
  readonly #member: DevnetMember
  readonly #seed: number
  #child: ChildProcess | undefined
  #behaviours: readonly string[] = []

  constructor(member: DevnetMember, seed: number) {
    this.#member = member
    this.#seed = seed
  }

  /** What it can be told to do; empty before its start. */
  get behaviours(): readonly string[] {
    return this.#behaviours
  }

  async start(): Promise<void> {
    const { dir, index } = this.#member
    const log = openSync(`${dir}.log`, 'a')
    const child = fork(MAIN, [dir, String(index), String(this.#seed)], {
      env: { ...process.env, NODE_V8_COVERAGE: '' },
      stdio: ['ignore', log, log, 'ipc'],
    })
    closeSync(log)
    this.#child = child
    const up = await this.#answer((message) => message.kind === 'up', 'the hostile validator is not up')
    if (up.kind === 'up') this.#behaviours = up.behaviours
  }

  /** Resolves once it behaves so. */
  async behave(behaviour: string): Promise<void> {
    const done = this.#answer(
      (message) => message.kind === 'behaves' && message.behaviour === behaviour,
      `the hostile validator does not take the order ${behaviour}`,
    )
    this.#child?.send({ behaviour } satisfies HostileOrder)
    await done
  }

  async kill(): Promise<void> {
    const child = this.#child
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const ended = new Promise<void>((resolve) => void child.once('exit', () => resolve()))
    child.kill('SIGKILL')
    await ended
  }

  #answer(isIt: (message: HostileMessage) => boolean, what: string): Promise<HostileMessage> {
    const child = this.#child!
    const came = new Promise<HostileMessage>((resolve, reject) => {
      const onMessage = (message: HostileMessage): void => {
        if (!isIt(message)) return
        child.off('message', onMessage)
        child.off('exit', onExit)
        resolve(message)
      }
      const onExit = (): void => reject(new Error(`${what}: it ended; see ${this.#member.dir}.log`))
      child.on('message', onMessage)
      child.once('exit', onExit)
    })
    return within(came, LIMIT_MS, what)
  }
}
