// A signer process for one validator's key, started and killed like the validators. Owns: its directory and process.
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, copyFileSync, mkdirSync, openSync, readFileSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { toHex } from '../../base/bytes.ts'
import { DEVELOPMENT_PASSWORD } from '../../devnet/directories.ts'
import { GENESIS_FILE } from '../../node/config.ts'
import { consensusPublicKey } from '../../signer/keyFiles.ts'
import type { SignerConfig } from '../../signer/signerConfig.ts'
import { signerFolder } from '../../signer/signerDir.ts'
import { type ValidatorProcess, within } from './processNetwork.ts'

const MAIN = fileURLToPath(new URL('../../node/main.js', import.meta.url))
const START_MS = 30_000
const POLL_MS = 20

/** A signer's address, as arguments of its process and as its node's configuration. */
export interface SignerPlace {
  readonly args: readonly string[]
  readonly config: (publicKey: string) => SignerConfig
}

export class SignerProcess {
  readonly dir: string
  readonly #args: readonly string[]
  #child: ChildProcess | undefined
  #exited: Promise<number | null> = Promise.resolve(null)

  constructor(dir: string, args: readonly string[]) {
    this.dir = dir
    this.#args = args
  }

  get logFile(): string {
    return join(this.dir, 'signer.log')
  }

  readLog(): string {
    return readFileSync(this.logFile, 'utf8')
  }

  /** Resolves once it listens; rejects when it ends first. */
  async start(): Promise<void> {
    const log = openSync(this.logFile, 'a')
    const before = this.#ups()
    const child = spawn(process.execPath, [MAIN, 'signer', '--data-dir', this.dir, ...this.#args], {
      env: { ...process.env, SUANLI_PASSWORD: DEVELOPMENT_PASSWORD, NODE_V8_COVERAGE: '' },
      stdio: ['ignore', log, log],
    })
    closeSync(log)
    this.#child = child
    let hasEnded = false
    this.#exited = new Promise((resolve) => {
      child.once('exit', (code) => {
        hasEnded = true
        resolve(code)
      })
    })
    const up = async (): Promise<void> => {
      while (this.#ups() === before) {
        if (hasEnded) throw new Error(`the signer ended before it was up; see ${this.logFile}`)
        await new Promise((resolve) => setTimeout(resolve, POLL_MS))
      }
    }
    await within(up(), START_MS, 'the signer is not up')
  }

  #ups(): number {
    return this.readLog().split('signer is up').length
  }

  async kill(): Promise<void> {
    this.#child?.kill('SIGKILL')
    await this.#exited
  }

  /** SIGTERM; resolves with the exit code. */
  async terminate(): Promise<number | null> {
    this.#child?.kill('SIGTERM')
    return this.#exited
  }
}

/** Moves the consensus key of a validator that has never run to a signer's directory. */
export function giveKeyToSigner(node: ValidatorProcess, dir: string, place: SignerPlace): SignerProcess {
  const from = node.member.dir
  const publicKey = toHex(consensusPublicKey(from))
  mkdirSync(join(dir, 'keys'), { recursive: true })
  copyFileSync(join(from, GENESIS_FILE), join(dir, GENESIS_FILE))
  for (const name of ['consensus.json', 'consensus.fresh']) {
    renameSync(join(from, 'keys', name), join(dir, 'keys', name))
  }
  node.configure({ signer: place.config(publicKey) })
  node.signerDirs = [signerFolder(dir)]
  return new SignerProcess(dir, place.args)
}
