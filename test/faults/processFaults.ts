// Faults of processes and clocks: killed, stopped, wrong time. Owns: each fault and what must hold during it.
import { CLOCK_OFFSET_VARIABLE } from '../../node/clock.ts'
import type { ValidatorProcess } from '../support/processNetwork.ts'
import { after, type Fault, type FaultBench, type Outcome, STUCK } from './faultBench.ts'

const HOUR_MS = 3_600_000

/** Longer than a validator may be down before the others log it. */
const NOTICED_MS = 5_000

const kill: Fault = {
  name: 'kill',
  what: 'kill -9 of one validator, restarted after some seconds',
  async run(bench) {
    const { hit, spared } = bench.victims(1)
    const mark = bench.markLogs()
    await bench.trial.kill(hit[0]!)
    const standstillMs = await bench.goesOn(NOTICED_MS, `without validator ${hit[0]!.index}`)
    for (const node of spared) await bench.says(node, /not connected.*a validator is lost/, mark)
    const healedMs = performance.now()
    await bench.trial.start(hit[0]!)
    return { standstillMs, recoveryMs: await bench.recovers(healedMs, 'after the kill') }
  },
}

const killAll: Fault = {
  name: 'kill-all',
  what: 'kill -9 of all validators at once',
  async run(bench) {
    await bench.trial.killAll()
    const healedMs = performance.now()
    await Promise.all(bench.nodes.map((node) => bench.trial.start(node)))
    return { standstillMs: undefined, recoveryMs: await bench.recovers(healedMs, 'after all were killed') }
  },
}

async function pausing(
  bench: FaultBench,
  nodes: readonly ValidatorProcess[],
  meanwhile: () => Promise<number | undefined>,
): Promise<Outcome> {
  for (const node of nodes) node.signal('SIGSTOP')
  try {
    const standstillMs = await meanwhile()
    const healedMs = performance.now()
    for (const node of nodes) node.signal('SIGCONT')
    return { standstillMs, recoveryMs: await bench.recovers(healedMs, 'after the pause') }
  } finally {
    for (const node of nodes) node.signal('SIGCONT')
  }
}

const pause: Fault = {
  name: 'pause',
  what: 'SIGSTOP of one validator for 15 s, then SIGCONT',
  run(bench) {
    const { hit, spared } = bench.victims(1)
    const mark = bench.markLogs()
    return pausing(bench, hit, async () => {
      const standstillMs = await bench.goesOn(15_000, `validator ${hit[0]!.index} is stopped`)
      for (const node of spared) await bench.says(node, /a validator is lost/, mark)
      return standstillMs
    })
  },
}

const pauseTwo: Fault = {
  name: 'pause-two',
  stopsFour: true,
  what: 'SIGSTOP of two validators for 10 s: the chain stops, and resumes by itself',
  run(bench) {
    const { hit, spared } = bench.victims(2)
    const mark = bench.markLogs()
    return pausing(bench, hit, async () => {
      await bench.stands(8_000, 'two are stopped')
      for (const node of spared) await bench.says(node, STUCK, mark)
      return undefined
    })
  },
}

/** Restarts validators with shifted clocks. */
async function restartAt(
  bench: FaultBench,
  nodes: readonly ValidatorProcess[],
  offsetMs: number,
): Promise<void> {
  await Promise.all(nodes.map((node) => bench.trial.terminate(node)))
  await Promise.all(
    nodes.map((node) => {
      node.environment = offsetMs === 0 ? {} : { [CLOCK_OFFSET_VARIABLE]: String(offsetMs) }
      return bench.trial.start(node)
    }),
  )
}

const clock: Fault = {
  name: 'clock',
  what: "one validator's clock is an hour off, either way",
  async run(bench) {
    const [node] = bench.victims(1).hit
    const offsetMs = bench.random.chance(0.5) ? HOUR_MS : -HOUR_MS
    const mark = bench.markLogs()
    await restartAt(bench, [node!], offsetMs)
    const standstillMs = await bench.goesOn(20_000, `the clock of validator ${node!.index} is off`)
    const side = offsetMs > 0 ? 'ahead of' : 'behind'
    await bench.says(node!, new RegExp(`the clock of this machine is ${side}`), mark)
    const healedMs = performance.now()
    await restartAt(bench, [node!], 0)
    return { standstillMs, recoveryMs: await bench.recovers(healedMs, 'with the clock right') }
  },
}

const clockWithin: Fault = {
  name: 'clock-within',
  what: 'the clocks of two validators are off by less than the precision, in opposite directions: no effect',
  async run(bench) {
    const { hit } = bench.victims(2)
    await restartAt(bench, [hit[0]!], 200)
    await restartAt(bench, [hit[1]!], -200)
    const standstillMs = await bench.goesOn(8_000, 'clocks within the precision')
    const healedMs = performance.now()
    await restartAt(bench, hit, 0)
    return { standstillMs, recoveryMs: await bench.recovers(healedMs, 'with the clocks right') }
  },
}

const clockTwo: Fault = {
  name: 'clock-two',
  stopsFour: true,
  what: 'the clocks of two validators are an hour ahead: the chain stops, and resumes once they are right',
  async run(bench) {
    const { hit, spared } = bench.victims(2)
    const mark = bench.markLogs()
    await restartAt(bench, hit, HOUR_MS)
    await bench.stands(10_000, 'two clocks are off')
    for (const node of spared) await bench.says(node, STUCK, mark)
    for (const node of hit) await bench.says(node, /a proposal is dated too long ago/, mark)
    const healedMs = performance.now()
    await restartAt(bench, hit, 0)
    return { standstillMs: undefined, recoveryMs: await bench.recovers(healedMs, 'with both clocks right') }
  },
}

export const PROCESS_FAULTS: readonly Fault[] = [kill, killAll, pause, pauseTwo, clock, clockWithin, clockTwo]

/** Lets the network settle between two faults. */
export const settle = (): Promise<void> => after(1_500)
