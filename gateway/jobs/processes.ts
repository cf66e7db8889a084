// The processes of a job, as Linux's /proc tells them: its group, its session, and whoever carries its mark in the environment,
// for those that left both. Owns: finding them, their memory, stopping and ending them.
import { closeSync, openSync, readSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { setImmediate } from 'node:timers/promises'
import type { ProcessMark } from './records.ts'

/** In the environment of every process of a job. */
export const JOB_VARIABLE = 'SUANLI_JOB'
/** Rounds of killing: a job that forks as fast as it is killed loses, as each round leaves fewer. */
const KILL_ROUNDS = 50
const ENVIRON_BYTES_MAX = 262_144
/** More than the kernel writes of one process. */
const STAT_BYTES = Buffer.alloc(4_096)
/** Processes per turn of the event loop, a millisecond or two. */
const TURN_PROCESSES = 64

interface Found {
  readonly pid: number
  readonly parent: number
  readonly group: number
  readonly session: number
  readonly startTicks: string
  readonly isZombie: boolean
}

/** A line of /proc, which waits for nothing: asked through the thread pool, each look at a machine's processes costs seven times as much. */
function lineOf(path: string): string {
  const file = openSync(path, 'r')
  try {
    return STAT_BYTES.toString('latin1', 0, readSync(file, STAT_BYTES))
  } finally {
    closeSync(file)
  }
}

function statOf(pid: number): Found | undefined {
  let text: string
  try {
    text = lineOf(`/proc/${pid}/stat`)
  } catch {
    return undefined
  }
  // The name in parentheses may hold anything.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return {
    pid,
    isZombie: fields[0] === 'Z' || fields[0] === 'X',
    parent: Number(fields[1]),
    group: Number(fields[2]),
    session: Number(fields[3]),
    startTicks: fields[19] ?? '',
  }
}

/** May wait for whoever changes that process' memory, so it does not hold up the event loop. */
async function carries(pid: number, mark: string): Promise<boolean> {
  try {
    const environ = await readFile(`/proc/${pid}/environ`, 'latin1')
    return environ.slice(0, ENVIRON_BYTES_MAX).split('\0').includes(mark)
  } catch {
    return false
  }
}

/** Bytes of memory that a process has resident. */
async function residentBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'latin1').catch(() => '')
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1_024
}

/** What tells a process from another with the same number; undefined when it is gone. */
export function markOf(pid: number): ProcessMark | undefined {
  const found = statOf(pid)
  return found === undefined || found.isZombie ? undefined : { pid, startTicks: found.startTicks }
}

async function all(): Promise<readonly Found[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number)
  const found: Found[] = []
  for (const [i, pid] of pids.entries()) {
    if (i % TURN_PROCESSES === TURN_PROCESSES - 1) await setImmediate()
    const one = statOf(pid)
    if (one !== undefined && !one.isZombie) found.push(one)
  }
  return found
}

/**
 * Processes of a job. `leader`: of group and session; undefined when that number may be another's by now. Looking for the mark
 * reads every process' environment, so it is left out of frequent looks.
 */
export async function membersOf(
  jobId: string,
  leader: number | undefined,
  { byMark = true }: { readonly byMark?: boolean } = {},
): Promise<readonly number[]> {
  const processes = await all()
  const mark = `${JOB_VARIABLE}=${jobId}`
  const members = new Set<number>()
  const byGroup = (one: Found): boolean =>
    leader !== undefined && (one.pid === leader || one.group === leader || one.session === leader)
  for (const one of processes) {
    if (one.pid === process.pid) continue
    // Those of other users cannot be read, and are none of ours.
    if (byGroup(one) || (byMark && (await carries(one.pid, mark)))) members.add(one.pid)
  }
  // Children of members that gave up group, session and environment.
  for (let grew = true; grew; ) {
    grew = false
    for (const { pid, parent } of processes) {
      if (members.has(pid) || !members.has(parent)) continue
      members.add(pid)
      grew = true
    }
  }
  return [...members]
}

export async function memoryOf(pids: readonly number[]): Promise<number> {
  const sizes = await Promise.all(pids.map(residentBytes))
  return sizes.reduce((sum, bytes) => sum + bytes, 0)
}

/** Sends a signal; false when there is nobody. */
export function signalTo(pid: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(pid, signal)
    return true
  } catch {
    return false
  }
}

/** Resolves with how many there were. */
export async function signalAll(
  jobId: string,
  leader: number | undefined,
  signal: NodeJS.Signals,
): Promise<number> {
  if (leader !== undefined) signalTo(-leader, signal)
  const pids = await membersOf(jobId, leader)
  for (const pid of pids) signalTo(pid, signal)
  return pids.length
}

/** Kills every member until none is found. */
export async function killAll(jobId: string, leader: number | undefined): Promise<void> {
  for (let round = 0; round < KILL_ROUNDS; round++) {
    if ((await signalAll(jobId, leader, 'SIGKILL')) === 0) return
  }
}

/** Kills what an earlier life of the gateway left of a job. */
export async function killLeftOver(jobId: string, mark: ProcessMark | undefined): Promise<void> {
  const now = mark === undefined ? undefined : markOf(mark.pid)
  const isSame = now !== undefined && now.startTicks === mark?.startTicks
  // The leader may have ended before its group: the mark in the environment finds the rest.
  await killAll(jobId, isSame ? now.pid : undefined)
}
