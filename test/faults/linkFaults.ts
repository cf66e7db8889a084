// Faults of links between validators, applied in the harness's proxies. Owns: each fault and what must hold during it.
import { after, type Fault, type FaultBench, type Outcome, STUCK } from './faultBench.ts'

const LOST = /a validator is lost/

/** Applies a rule to the links, requires progress, heals. */
async function whileLinksAre(
  bench: FaultBench,
  options: { readonly durationMs: number; readonly what: string; readonly make: () => void },
): Promise<Outcome> {
  options.make()
  const standstillMs = await bench.goesOn(options.durationMs, options.what)
  bench.mesh.heal()
  const recoveryMs = await bench.recovers(performance.now(), `after ${options.what}`)
  return { standstillMs, recoveryMs }
}

const delay: Fault = {
  name: 'delay',
  what: '100 ms more delay on every link, plus up to 100 ms at random',
  run: (bench) =>
    whileLinksAre(bench, {
      durationMs: 10_000,
      what: 'slow links',
      make: () => bench.mesh.setAll({ delayMs: 100, jitterMs: 100 }),
    }),
}

const bandwidth: Fault = {
  name: 'bandwidth',
  what: 'one validator has 32 KiB/s each way to each other one',
  run(bench) {
    const { index } = bench.victims(1).hit[0]!
    return whileLinksAre(bench, {
      durationMs: 10_000,
      what: `narrow links of validator ${index}`,
      make: () =>
        bench.mesh.setAll({ bytesPerSecond: 32 * 1024 }, (from, to) => from === index || to === index),
    })
  },
}

const stalls: Fault = {
  name: 'stalls',
  what: 'random link directions stall for up to 1.5 s, repeatedly',
  async run(bench) {
    const { mesh, random } = bench
    const timers = new Set<NodeJS.Timeout>()
    const stall = (): void => {
      const [from, to] = random.pick(mesh.pairs())
      mesh.set(from, to, { isStalled: true })
      const end = setTimeout(
        () => {
          timers.delete(end)
          mesh.set(from, to, { isStalled: false })
        },
        random.between(200, 1_500),
      )
      timers.add(end)
    }
    const ticking = setInterval(stall, 300)
    try {
      return await whileLinksAre(bench, { durationMs: 12_000, what: 'stalling links', make: stall })
    } finally {
      clearInterval(ticking)
      for (const timer of timers) clearTimeout(timer)
      mesh.heal()
    }
  },
}

const resets: Fault = {
  name: 'resets',
  what: 'the connection of a random pair is reset every 400 ms',
  async run(bench) {
    const { mesh, random } = bench
    const reset = (): void => mesh.reset(...random.pick(mesh.pairs()))
    const ticking = setInterval(reset, 400)
    try {
      const standstillMs = await bench.goesOn(12_000, 'resetting links')
      clearInterval(ticking)
      const recoveryMs = await bench.recovers(performance.now(), 'after resets')
      return { standstillMs, recoveryMs }
    } finally {
      clearInterval(ticking)
    }
  },
}

const mute: Fault = {
  name: 'mute',
  what: 'one validator receives from the others, but they do not receive from it',
  async run(bench) {
    const { hit, spared } = bench.victims(1)
    const { index } = hit[0]!
    const mark = bench.markLogs()
    return whileLinksAre(bench, {
      durationMs: 16_000,
      what: `validator ${index} is not heard`,
      make: () => bench.mesh.setAll({ isStalled: true }, (from) => from === index),
    }).then(async (outcome) => {
      for (const node of spared) await bench.says(node, lost(index), mark)
      return outcome
    })
  },
}

const deaf: Fault = {
  name: 'deaf',
  what: 'the others receive from one validator, but it does not receive from them',
  async run(bench) {
    const { index } = bench.victims(1).hit[0]!
    const mark = bench.markLogs()
    const outcome = await whileLinksAre(bench, {
      durationMs: 30_000,
      what: `validator ${index} does not hear`,
      make: () => bench.mesh.setAll({ isStalled: true }, (_, to) => to === index),
    })
    await bench.says(bench.nodes[index]!, LOST, mark)
    return outcome
  },
}

const lost = (validator: number): RegExp => new RegExp(`"validator":${validator},.*${LOST.source}`)

const isolate: Fault = {
  name: 'isolate',
  what: 'one validator is cut off from all others: packets lost, or connections refused',
  async run(bench) {
    const { hit, spared } = bench.victims(1)
    const { index } = hit[0]!
    const mark = bench.markLogs()
    const isRejecting = bench.random.chance(0.5)
    const outcome = await whileLinksAre(bench, {
      durationMs: 16_000,
      what: `validator ${index} is cut off`,
      make: () => {
        if (isRejecting) for (const other of spared) bench.mesh.cut(index, other.index)
        else bench.mesh.setAll({ isStalled: true }, (from, to) => from === index || to === index)
      },
    })
    for (const node of spared) await bench.says(node, lost(index), mark)
    await bench.says(hit[0]!, isRejecting ? LOST : /"finalized"/, mark)
    return outcome
  },
}

const split: Fault = {
  name: 'split',
  stopsFour: true,
  what: 'two and two cannot reach each other: the chain stops, and resumes by itself',
  async run(bench) {
    const { hit, spared } = bench.victims(2)
    const isRejecting = bench.random.chance(0.5)
    const side = new Set(hit.map(({ index }) => index))
    const mark = bench.markLogs()
    if (isRejecting) {
      for (const one of hit) for (const other of spared) bench.mesh.cut(one.index, other.index)
    } else bench.mesh.setAll({ isStalled: true }, (from, to) => side.has(from) !== side.has(to))
    await bench.stands(14_000, 'two and two')
    for (const node of hit) await bench.says(node, lost(spared[0]!.index), mark)
    for (const node of bench.nodes) await bench.says(node, STUCK, mark)
    bench.mesh.heal()
    const recoveryMs = await bench.recovers(performance.now(), 'after the split')
    return { standstillMs: undefined, recoveryMs }
  },
}

const flap: Fault = {
  name: 'flap',
  what: 'all links fail for a second and heal, five times',
  async run(bench) {
    const fromMs = performance.now()
    for (let i = 0; i < 5; i++) {
      bench.mesh.setAll({ isStalled: true })
      await after(1_000)
      bench.mesh.heal()
      await after(1_000)
    }
    const recoveryMs = await bench.recovers(performance.now(), 'after flapping')
    return {
      standstillMs: bench.trial.ledger.longestStandstill(fromMs, performance.now()),
      recoveryMs,
    }
  },
}

export const LINK_FAULTS: readonly Fault[] = [
  delay,
  bandwidth,
  stalls,
  resets,
  mute,
  deaf,
  isolate,
  split,
  flap,
]
