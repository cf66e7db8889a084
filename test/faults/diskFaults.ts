// Fills a validator's disk: its directory is a small file system of its own. Owns: mounting, filling, freeing.
import { execFileSync } from 'node:child_process'
import { closeSync, cpSync, openSync, renameSync, rmSync, statfsSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { EXIT_HALTED } from '../../cli/runStart.ts'
import type { ValidatorProcess } from '../support/processNetwork.ts'
import { after, type Fault, type FaultBench } from './faultBench.ts'
import { TrialFailure } from './trial.ts'

const MIB = 1024 * 1024
/** Free space for the rest of a run; a filler file takes it while the disk must be full. */
const ROOM_BYTES = 192 * MIB
const FULL_LIMIT_MS = 40_000

function bytesIn(dir: string): number {
  return Number(execFileSync('du', ['-sb', dir], { encoding: 'utf8' }).split('\t')[0])
}

/** Puts a stopped validator's directory on a small file system. Throws when the machine cannot mount one. */
function giveSmallDisk(bench: FaultBench, node: ValidatorProcess): void {
  const { dir } = node.member
  const sizeKib = Math.ceil((bytesIn(dir) * 1.2 + ROOM_BYTES) / 1024)
  const aside = `${dir}.aside`
  renameSync(dir, aside)
  execFileSync('mkdir', [dir])
  try {
    const args = ['-t', 'tmpfs', '-o', `size=${sizeKib}k,mode=700`, 'suanli-faults', dir]
    execFileSync('mount', args, { stdio: ['ignore', 'ignore', 'pipe'], encoding: 'utf8' })
  } catch (error) {
    rmSync(dir, { recursive: true })
    renameSync(aside, dir)
    const said = String((error as { stderr?: string }).stderr ?? (error as Error).message).trim()
    throw new TrialFailure([
      `disk-full needs a small file system, and this machine does not mount one (${said}): run as root, or in a ` +
        'container that may mount (CAP_SYS_ADMIN)',
    ])
  }
  bench.cleanups.push(() => void execFileSync('umount', ['-l', dir]))
  cpSync(aside, dir, { recursive: true, preserveTimestamps: true })
  rmSync(aside, { recursive: true })
}

/** Writes until the file system is full. */
function fill(path: string): void {
  const file = openSync(path, 'w')
  try {
    for (let size = MIB; size >= 1; ) {
      try {
        if (writeSync(file, new Uint8Array(size)) < size) size = Math.floor(size / 2)
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
        size = Math.floor(size / 2)
      }
    }
  } finally {
    closeSync(file)
  }
}

const withSmallDisks = new WeakMap<FaultBench, Set<number>>()

const diskFull: Fault = {
  name: 'disk-full',
  what: "one validator's disk is full; it halts and logs why, and returns once space is free",
  async run(bench) {
    const [node] = bench.victims(1).hit
    const { trial, random } = bench
    const small = withSmallDisks.get(bench) ?? new Set()
    withSmallDisks.set(bench, small)
    if (!small.has(node!.index)) {
      await trial.terminate(node!)
      giveSmallDisk(bench, node!)
      small.add(node!.index)
      await trial.start(node!)
      await trial.caughtUp(node!)
    }
    await after(random.between(0, 1_000))
    const mark = bench.markLogs()
    const filler = join(node!.member.dir, 'filler')
    node!.mayHalt = true
    bench.expectedAlarms.push(/ENOSPC|[Nn]o space left on device|the disk is full/)
    try {
      fill(filler)
      const { bavail } = statfsSync(node!.member.dir)
      if (bavail !== 0) throw new TrialFailure([`the disk still has ${bavail} free blocks`])
      const standstillMs = await bench.goesOn(3_000, `the disk of validator ${node!.index} is full`)
      await bench.says(node!, /consensus halted/, mark, FULL_LIMIT_MS)
      await bench.says(node!, /"reason":"the disk is full: free space, then start the node again/, mark)
      rmSync(filler)
      const code = await trial.terminate(node!)
      if (code !== EXIT_HALTED) throw new TrialFailure([`a halted validator ended with code ${code}`])
      const healedMs = performance.now()
      await trial.start(node!)
      return { standstillMs, recoveryMs: await bench.recovers(healedMs, 'with space on the disk') }
    } finally {
      node!.mayHalt = false
      rmSync(filler, { force: true })
    }
  },
}

export const DISK_FAULTS: readonly Fault[] = [diskFull]
