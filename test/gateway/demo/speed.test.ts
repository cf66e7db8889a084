// The forward pass beside a plain loop of multiplications in the same process: CPU time, so that a busy machine fails nothing.
import { strict as assert } from 'node:assert'
import { Cache, Forward } from '../../../gateway/demo/forward.ts'
import { bestOf } from '../../../gateway/demo/sampler.ts'
import { base } from './demoFixture.ts'

function cpuSeconds(work: () => void): number {
  const before = process.cpuUsage()
  work()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1e6
}

/** Multiplications of one token, without attention. */
const PRODUCTS_PER_TOKEN = base.model.embedding.weight.length + 2 * (4 * 64 * 64 + 3 * 64 * 192)

function plainLoop(products: number): number {
  const [a, b] = [new Float32Array(4_096).fill(0.5), new Float32Array(4_096).fill(0.25)]
  let sum = 0
  for (let done = 0; done < products; done += a.length)
    for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!
  return sum
}

function generate(texts: number): number {
  const forward = new Forward(base.model)
  let tokens = 0
  for (let text = 0; text < texts; text++) {
    const cache = new Cache(base.model.sizes)
    for (let token = 1; cache.length < base.model.sizes.context; tokens++)
      token = bestOf(forward.logits(forward.step(cache, token)))
  }
  return tokens
}

describe('demo.speed', () => {
  it('takes at most twice what its multiplications take in a plain loop', () => {
    // Compiled before it is measured.
    generate(10)
    plainLoop(20 * PRODUCTS_PER_TOKEN)
    const ratios = [1, 2, 3].map(() => {
      const perToken = cpuSeconds(() => generate(16)) / (16 * base.model.sizes.context)
      const perLoop = cpuSeconds(() => plainLoop(1_024 * PRODUCTS_PER_TOKEN)) / 1_024
      return { ratio: perToken / perLoop, tokensPerSecond: 1 / perToken }
    })
    const best = ratios.sort((a, b) => a.ratio - b.ratio)[0]!
    const told = `${best.tokensPerSecond.toFixed(0)} tokens a CPU second, ${best.ratio.toFixed(2)} times the plain loop`
    assert.ok(best.ratio < 2, told)
  })
})
