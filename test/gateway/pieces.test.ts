// Small parts alone: cutting event streams, raising fees, the chain's time, bounds of a request.
import { strict as assert } from 'node:assert'
import { utf8, utf8Text } from '../../base/bytes.ts'
import { ChainTime } from '../../gateway/chain/chainTime.ts'
import { raisedBy } from '../../gateway/chain/transactor.ts'
import { EventCutter, eventData } from '../../gateway/http/sse.ts'
import { boundOf } from '../../gateway/meter/price.ts'
import { GatewayMetrics } from '../../gateway/metrics.ts'
import { GroupCommit } from '../../gateway/store/groupCommit.ts'

describe('gateway: event streams', () => {
  const stream =
    'data: {"a":1}\n\n: comment\n\nevent: x\r\ndata: one\r\ndata: two\r\n\r\ndata: 漢字\n\ndata: [DONE]\n\n'

  it('cuts them the same in pieces of any size', () => {
    const bytes = utf8(stream)
    const whole = new EventCutter().push(bytes).map(utf8Text)
    assert.deepEqual(
      whole.map((event) => eventData(utf8(event))),
      ['{"a":1}', undefined, 'one\ntwo', '漢字', '[DONE]'],
    )
    for (let size = 1; size < 20; size++) {
      const cutter = new EventCutter()
      const events: string[] = []
      for (let at = 0; at < bytes.length; at += size)
        events.push(...cutter.push(bytes.slice(at, at + size)).map(utf8Text))
      assert.deepEqual(events, whole, `pieces of ${size}`)
      assert.equal(cutter.end(), undefined)
    }
  })

  it('gives up an event without an end', () => {
    const cutter = new EventCutter()
    assert.throws(() => {
      for (let i = 0; i < 3; i++) cutter.push(new Uint8Array(600_000).fill(97))
    }, /exceeds/)
  })
})

describe('gateway: fees', () => {
  it('raises both enough for a node to replace a transaction', () => {
    for (const fee of [0n, 1n, 7n, 10n ** 9n]) {
      const { maxFeePerGas, maxPriorityFeePerGas } = raisedBy({
        maxFeePerGas: fee,
        maxPriorityFeePerGas: fee,
      })
      assert.ok(maxFeePerGas * 10n >= fee * 11n && maxFeePerGas > fee)
      assert.ok(maxPriorityFeePerGas * 10n >= fee * 11n && maxPriorityFeePerGas > fee)
    }
  })
})

describe("gateway: the chain's time", () => {
  it('learns from fresh blocks how far this clock is off, and believes it while the chain idles', () => {
    let nowMs = 1_000_000
    const time = new ChainTime(() => nowMs)
    // An old block says nothing.
    time.take({ height: 1, timestampMs: 10 })
    assert.equal(time.skewMs, 0)
    nowMs += 100
    time.take({ height: 2, timestampMs: nowMs - 3_600_000 })
    assert.equal(time.skewMs, -3_600_000)
    nowMs += 100
    time.take({ height: 3, timestampMs: nowMs })
    assert.equal(time.skewMs, 0)
    // A block of the future, fresh or not.
    nowMs += 60_000
    time.take({ height: 4, timestampMs: nowMs + 3_600_000 })
    assert.equal(time.nowMs(), nowMs + 3_600_000)
  })
})

describe('gateway: bounds of a request', () => {
  it('takes each byte for a token, answers at their longest, and pictures for a whole context', () => {
    const body = { model: 'm', messages: [], max_tokens: 10, n: 3 }
    assert.deepEqual(boundOf('chat/completions', body, 100, 10_000), {
      prompts: 1,
      choices: 3,
      promptTokens: 612,
      answerTokens: 10,
    })
    assert.equal(boundOf('chat/completions', { model: 'm' }, 100, 4_000).answerTokens, 4_000)
    const picture = {
      messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'x' } }] }],
    }
    assert.equal(boundOf('chat/completions', picture, 100, 4_000).promptTokens, 4_000)
    assert.equal(boundOf('embeddings', { input: ['a', 'b'] }, 100_000, 512).promptTokens, 1_024)
    assert.equal(boundOf('completions', { prompt: ['a', 'b'], best_of: 4 }, 10, 64).choices, 8)
  })
})

describe('gateway: writes in groups', () => {
  it('writes what arrives meanwhile together, in order, and takes nothing after a failure', async () => {
    const batches: string[][] = []
    let open: (() => void) | undefined
    let isBroken = false
    const commit = new GroupCommit(async (operations) => {
      if (isBroken) throw new Error('no space')
      batches.push(operations.map(({ key }) => key))
      if (batches.length === 1) await new Promise<void>((resolve) => (open = resolve))
    })
    const put = (key: string): Promise<void> => commit.put([{ type: 'put', key, value: utf8(key) }])
    const first = put('a')
    while (open === undefined) await Promise.resolve()
    const rest = [put('b'), put('c'), put('d')]
    open()
    await Promise.all([first, ...rest])
    assert.deepEqual(batches, [['a'], ['b', 'c', 'd']])
    isBroken = true
    await assert.rejects(put('e'), { code: 'Disk' })
    isBroken = false
    await assert.rejects(put('f'), { code: 'Disk' })
    assert.equal(batches.length, 2)
  })
})

describe('gateway: figures', () => {
  it('are bounded, and escape what is in a label', () => {
    const metrics = new GatewayMetrics()
    for (let i = 0; i < 2_000; i++) metrics.add('requests_total', { path: `p${i}`, status: '200' })
    metrics.add('refused_total', { code: 'a"\n\\' })
    const lines = metrics.text().split('\n')
    assert.equal(lines.filter((line) => line.startsWith('suanli_gateway_requests_total{')).length, 512)
    assert.ok(lines.includes('suanli_gateway_refused_total{code="a\\"\\n\\\\"} 1'))
  })
})
