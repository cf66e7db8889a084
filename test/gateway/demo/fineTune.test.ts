// Fine-tuning through the backend: the new model answers, is kept, and everything can be ended.
import { strict as assert } from 'node:assert'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  type DemoBackend,
  type FineTuneOptions,
  startDemoBackend,
} from '../../../gateway/demo/demoBackend.ts'
import type { TimedProgress } from '../../../gateway/demo/fineTuner.ts'
import { LINES } from '../../support/trainingLines.ts'

const SHORT: FineTuneOptions = { lines: LINES.slice(0, 2), hyperparameters: { n_epochs: 4 }, seed: 1 }
/** Long enough that it is ended before its end. */
const LONG: FineTuneOptions = {
  lines: Array(1_000).fill(LINES[0]),
  hyperparameters: { n_epochs: 50, batch_size: 1 },
}

async function answerOf(backend: DemoBackend, model: string): Promise<string> {
  const body = {
    model,
    messages: [{ role: 'user', content: 'What is a coin?' }],
    temperature: 0,
    max_tokens: 16,
  }
  const response = await fetch(`${backend.url}/v1/chat/completions`, {
    method: 'POST',
    body: JSON.stringify(body),
  })
  const text = await response.text()
  assert.equal(response.status, 200, text)
  return (JSON.parse(text) as { choices: readonly { message: { content: string } }[] }).choices[0]!.message
    .content
}

async function modelsOf(backend: DemoBackend): Promise<readonly string[]> {
  const response = await fetch(`${backend.url}/v1/models`)
  return ((await response.json()) as { data: readonly { id: string }[] }).data.map(({ id }) => id)
}

/** Starts a training and resolves at its first step. */
function begun(
  backend: DemoBackend,
  options: FineTuneOptions,
): { first: Promise<TimedProgress>; end: Promise<unknown> } {
  let end: Promise<unknown> = Promise.resolve()
  const first = new Promise<TimedProgress>((resolve) => {
    end = backend.startFineTune({ ...options, onProgress: resolve })
  })
  return { first, end }
}

describe('demo.fineTune', function () {
  this.timeout(60_000)
  const dir = mkdtempSync(join(tmpdir(), 'suanli-demo-'))
  after(() => rmSync(dir, { recursive: true, force: true }))

  it('serves the new model beside the old one, while it trains too, and after a restart', async () => {
    const modelsDir = join(dir, 'kept')
    const steps: TimedProgress[] = []
    let backend = await startDemoBackend({ modelsDir })
    const before = await answerOf(backend, 'tiny-llama')
    const tuning = backend.startFineTune({
      ...SHORT,
      suffix: 'coins',
      onProgress: (step) => steps.push(step),
    })
    assert.equal(await answerOf(backend, 'tiny-llama'), before)
    const { model, initialLoss, finalLoss, trainedTokens, deviceSeconds } = await tuning
    assert.match(model, /^ft:tiny-llama:coins:[0-9a-f]{8}$/)
    assert.ok(finalLoss < initialLoss)
    assert.deepEqual(
      steps.map(({ step }) => step),
      [1, 2, 3, 4, 5, 6, 7, 8],
    )
    assert.ok(
      steps.every((step, i) => step.steps === 8 && step.deviceSeconds > (steps[i - 1]?.deviceSeconds ?? 0)),
    )
    assert.equal(steps.at(-1)!.trainedTokens, trainedTokens)
    assert.ok(deviceSeconds >= steps.at(-1)!.deviceSeconds)
    const after = await answerOf(backend, model)
    assert.notEqual(after, before)
    assert.equal(await answerOf(backend, 'tiny-llama'), before)
    await backend.close()

    writeFileSync(join(modelsDir, 'half.lora.partial'), 'left by a crash')
    backend = await startDemoBackend({ modelsDir })
    assert.deepEqual(await modelsOf(backend), ['tiny-llama', model])
    assert.equal(await answerOf(backend, model), after)
    assert.equal(readdirSync(modelsDir).length, 1)
    assert.ok(backend.removeModel(model))
    assert.ok(!backend.removeModel(model))
    assert.ok(!backend.removeModel('tiny-llama'))
    assert.deepEqual(await modelsOf(backend), ['tiny-llama'])
    assert.deepEqual(readdirSync(modelsDir), [])
    await backend.close()
  })

  it('refuses lines, suffixes and hyperparameters that it cannot use, before it trains', async () => {
    const backend = await startDemoBackend()
    await assert.rejects(backend.startFineTune({ lines: [] }), { param: 'training_file' })
    await assert.rejects(backend.startFineTune({ lines: ['x'] }), { param: 'line 1' })
    await assert.rejects(backend.startFineTune({ ...SHORT, suffix: '../up' }), { param: 'suffix' })
    const hyperparameters = { n_epochs: 1_000 }
    await assert.rejects(backend.startFineTune({ ...SHORT, hyperparameters }), {
      param: 'hyperparameters.n_epochs',
    })
    await backend.close()
  })

  it('ends at an abort, at work or waiting, and goes on with the next', async () => {
    const backend = await startDemoBackend()
    const [running, waiting] = [new AbortController(), new AbortController()]
    const { first, end } = begun(backend, { ...LONG, signal: running.signal })
    await first
    const second = backend.startFineTune({ ...SHORT, signal: waiting.signal })
    const third = backend.startFineTune(SHORT)
    const aborts = [end, second].map((one) => assert.rejects(one, { name: 'FineTuneError', code: 'Aborted' }))
    // Both have passed their checks of lines by then.
    await new Promise(setImmediate)
    waiting.abort()
    running.abort()
    await Promise.all(aborts)
    assert.match((await third).model, /^ft:tiny-llama::/)
    await assert.rejects(backend.startFineTune({ ...SHORT, signal: running.signal }), { code: 'Aborted' })
    await backend.close()
  })

  it('lets eight wait, refuses a ninth, and ends all when it is closed', async () => {
    const backend = await startDemoBackend()
    const { first, end } = begun(backend, LONG)
    await first
    const waiting = Array.from({ length: 8 }, () => backend.startFineTune(SHORT))
    const closed = [end, ...waiting].map((one) => assert.rejects(one, { code: 'Closed' }))
    await assert.rejects(backend.startFineTune(SHORT), { code: 'Overloaded' })
    await backend.close()
    await Promise.all(closed)
    await assert.rejects(backend.startFineTune(SHORT), { code: 'Closed' })
  })

  it('does not start with a damaged model', async () => {
    const modelsDir = mkdtempSync(join(dir, 'damaged-'))
    writeFileSync(join(modelsDir, 'a.lora'), 'x')
    await assert.rejects(startDemoBackend({ modelsDir }), {
      name: 'OperatorError',
      message: /a\.lora: adapter file/,
    })
  })
})
