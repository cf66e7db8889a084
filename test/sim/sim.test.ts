// A bounded slice of the simulator for every run of the suite; `npm run sim` plays more.
import assert from 'node:assert/strict'
import { bls } from '../../base/crypto/bls.ts'
import { SCENARIOS } from './scenarios.ts'
import { CALM, SimWorld } from './world.ts'

const SEEDS = 12

describe('simulator', () => {
  for (const [name, scenario] of Object.entries(SCENARIOS)) {
    it(`${name}: ${SEEDS} seeds agree, never double-sign, and make progress after healing`, () => {
      for (let seed = 1; seed <= SEEDS; seed++) {
        try {
          const result = new SimWorld(scenario(seed)).run()
          assert.ok(result.height > 0)
        } catch (error) {
          throw new Error(`replay: npm run sim -- --scenario ${name} --first ${seed} --seeds 1`, {
            cause: error,
          })
        }
      }
    }).timeout(60_000)
  }

  it('the same seed gives the same trace, another seed another one', () => {
    const trace = (seed: number) => new SimWorld(SCENARIOS.everything!(seed)).run().traceHash
    assert.equal(trace(7), trace(7))
    assert.notEqual(trace(7), trace(8))
  })

  it('really crashes, at random moments and at journal and signer points', () => {
    assert.ok(new SimWorld(SCENARIOS.crashes!(5)).run().crashes > 5)
    assert.ok(new SimWorld(SCENARIOS.crashPoints!(5)).run().crashes > 2)
  })

  it('finds the double voter, and accuses nobody else', () => {
    for (const seed of [1, 4]) {
      const world = new SimWorld({ ...SCENARIOS.byzantine!(seed), lossRate: 0, crashPointRate: 0 })
      world.run()
      assert.ok(world.evidence.length > 0, `seed ${seed}`)
    }
  })

  it('real BLS: three seeds under loss and crashes', () => {
    for (let seed = 1; seed <= 3; seed++) {
      const config = { ...SCENARIOS.lossy!(seed), crashEveryMs: 1_000, faultsUntilMs: 2_000, bls }
      assert.ok(new SimWorld(config).run().height > 0)
    }
  }).timeout(60_000)

  it('an idle chain sleeps for hours, then finalizes one transaction in three hops', () => {
    for (let seed = 1; seed <= 2; seed++) {
      const parameters = { ...CALM.parameters, heartbeatMs: 24 * 3_600_000 }
      const world = new SimWorld({ ...CALM, seed, txEveryMs: 0, delayMs: [5, 10], parameters })
      world.startAll()
      world.scheduler.run(world.scheduler.nowMs + 5 * 3_600_000, () => false)
      assert.equal(world.invariants.height, 0)
      const submittedAtMs = world.scheduler.nowMs
      const transaction = world.submit(world.nodes[seed % 4]!)
      const done = () => world.nodes.every((node) => node.store.includes(transaction))
      assert.ok(world.scheduler.run(submittedAtMs + 1_000, done))
      // One hop to the leader, three to finality, builds, executions and disks.
      assert.ok(world.scheduler.nowMs - submittedAtMs <= 100, `${world.scheduler.nowMs - submittedAtMs} ms`)
      assert.equal(world.invariants.height, 1)
    }
  }).timeout(60_000)

  it('two of four stopped: nothing is final; one back: it resumes by itself', () => {
    const world = new SimWorld({ ...CALM, seed: 3, txEveryMs: 0 })
    world.startAll()
    world.submit(world.nodes[0]!)
    const everyone = (height: number) => world.nodes.every((node) => node.store.height >= height)
    assert.ok(world.scheduler.run(world.scheduler.nowMs + 5_000, () => everyone(1)))
    world.nodes[2]!.crash()
    world.nodes[3]!.crash()
    const transaction = world.submit(world.nodes[0]!)
    const final = () => world.nodes[0]!.store.includes(transaction)
    assert.equal(world.scheduler.run(world.scheduler.nowMs + 3_600_000, final), false)
    world.restart(world.nodes[3]!)
    assert.ok(world.scheduler.run(world.scheduler.nowMs + 45_000, final))
  }).timeout(60_000)

  it('a node that was down for 200 blocks follows again', () => {
    const world = new SimWorld({ ...CALM, seed: 4, txEveryMs: 50 })
    world.startAll()
    world.nodes[1]!.crash()
    const others = world.nodes.filter((node) => node.index !== 1)
    const submitAll = () => {
      world.submit(others[0]!)
      return others.every((node) => node.store.height >= 200)
    }
    assert.ok(world.scheduler.run(world.scheduler.nowMs + 600_000, submitAll))
    world.restart(world.nodes[1]!)
    const goal = () => world.nodes[1]!.store.height >= 200
    assert.ok(world.scheduler.run(world.scheduler.nowMs + 30_000, goal))
  }).timeout(60_000)

  it('all lose their journals at once: the signers’ flags keep everyone honest, and the chain goes on', () => {
    for (let seed = 1; seed <= 5; seed++) {
      const world = new SimWorld({ ...CALM, seed, txEveryMs: 100 })
      world.startAll()
      world.submit(world.nodes[0]!)
      const everyone = (height: number) => () => {
        world.submit(world.nodes[0]!)
        return world.nodes.every((node) => node.store.height >= height)
      }
      assert.ok(world.scheduler.run(world.scheduler.nowMs + 10_000, everyone(3)))
      for (const node of world.nodes) {
        node.crash()
        node.disk.wipe()
      }
      for (const node of world.nodes) world.restart(node)
      const height = world.invariants.height + 3
      assert.ok(world.scheduler.run(world.scheduler.nowMs + 60_000, everyone(height)))
    }
  }).timeout(60_000)
})
