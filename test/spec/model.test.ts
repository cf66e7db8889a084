// The formal model: its invariants hold on random runs, the runs make progress, the checks can fail, and real cores
// follow the model step by step (consensus/spec/README.md). The runs are kept (recorded.ts); the cores replay them on every change.
import assert from 'node:assert/strict'
import type { Core } from '../../consensus/core.ts'
import { type ModelState, readTrace } from './itf.ts'
import { GUARDS, type Instance, shapeOf } from './quint.ts'
import { DROPPED, type Recorded, RUNS, recorded } from './recorded.ts'
import { replayTrace } from './replay.ts'
import { Deviation } from './replayNode.ts'

const REACHED = [
  'finalAfterNullified',
  'reproposalFinal',
  'epochSwitched',
  'secondEpochFinal',
  'finalizedLater',
  'finalizedUnnotarized',
  'bothCertificates',
  'twoBoundaries',
  'restartedAndFinal',
  'idle',
] as const

/** Whether any trace reveals a difference between the model and mutated cores. */
async function isNoticed(
  instance: Instance,
  traces: readonly (readonly ModelState[])[],
  spoil: (core: Core) => void,
) {
  const shape = await shapeOf(instance)
  return traces.some((trace) => {
    try {
      replayTrace(shape, trace, spoil)
      return false
    } catch (error) {
      if (error instanceof Deviation) return true
      throw error
    }
  })
}

describe('formal model', () => {
  let { runs, mutants }: Recorded = { runs: new Map(), mutants: new Map() }
  const tracesOf = (instance: Instance) => runs.get(instance)!.traces.map(readTrace)

  before(() => {
    ;({ runs, mutants } = recorded())
  })

  for (const instance of ['simplex4', 'simplexSets'] as const) {
    it(`keeps every invariant in random runs of ${instance}`, () => {
      assert.deepEqual(runs.get(instance)!.violated, [])
    })

    it(`matches the cores at every step of ${instance}`, async () => {
      const shape = await shapeOf(instance)
      const traces = tracesOf(instance)
      assert.equal(traces.length, RUNS[instance].samples)
      const steps = traces.map((trace) => replayTrace(shape, trace).steps).reduce((sum, n) => sum + n, 0)
      assert.ok(steps > (RUNS[instance].samples * RUNS[instance].steps) / 2, `only ${steps} steps`)
    })
  }

  for (const name of REACHED) {
    it(`reaches ${name}`, () => {
      const counts = [...runs.values()].map(({ witnessed }) => new Map(witnessed).get(name) ?? 0)
      assert.ok(Math.max(...counts) > 0, `in none of the runs of ${[...runs.keys()]}`)
    })
  }

  for (const dropped of DROPPED) {
    it(`breaks ${GUARDS[dropped]} without the guard ${dropped}`, () => {
      assert.ok(mutants.get(dropped)!.violated.includes(GUARDS[dropped]), `${mutants.get(dropped)!.violated}`)
    })
  }

  it('detects cores that forget a flag, misjudge a proposal or accept too few signers', async () => {
    const traces = tracesOf('simplex4')
    const spoilt: Record<string, (core: Core) => void> = {
      'a core that forgets what it nullified': (core) => {
        const { own } = core.state
        const refuses = own.refuses.bind(own)
        own.refuses = (subject) => {
          const reason = refuses(subject)
          return reason === 'nullified' ? undefined : reason
        }
      },
      'a core that skips views without U': (core) => {
        core.state.certificates.skipsAll = () => true
      },
      'a core without the boundary rule': (core) => {
        core.state.isBoundary = () => false
      },
      'a core that needs one signature fewer': (core) => {
        Object.assign(core.state, { quorum: core.state.quorum - 1 })
      },
    }
    for (const [what, spoil] of Object.entries(spoilt)) {
      assert.ok(await isNoticed('simplex4', traces, spoil), what)
    }
  })
})
