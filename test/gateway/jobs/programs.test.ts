// Programs of several kinds: the demo's training program, a command that fine-tunes and whose model is served, containers.
import { strict as assert } from 'node:assert'
import { chmodSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { assignedOf, codeOf, type Door } from '../door.ts'
import { FakeUpstream } from '../fakeUpstream.ts'
import { ended, openJobsDoor, SECOND_HOLDER, upload, watchEvents } from './jobsDoor.ts'

const TRAIN = fileURLToPath(new URL('../../../gateway/demo/trainMain.js', import.meta.url))
const TEXT = 'The whale moved slowly through the water, and nobody on deck said a word about it. '.repeat(8)

/** Of a container: runs what stands after the image as a command, and writes down what it was told. */
const RUNNER = `#!/usr/bin/env node
const { spawn } = require('node:child_process')
const { appendFileSync, readFileSync } = require('node:fs')
const [verb, log, ...rest] = process.argv.slice(2)
appendFileSync(log, JSON.stringify([verb, ...rest]) + '\\n')
if (verb === 'run') {
  const [name, memory, folder, envFile, image, ...args] = rest
  const env = Object.fromEntries(readFileSync(envFile, 'utf8').trim().split('\\n').map((line) => line.split(/=(.*)/s)))
  const child = spawn(process.execPath, ['-e', args[0]], { stdio: 'inherit', env: { ...env, FOLDER: folder }, cwd: folder })
  child.on('exit', (code) => process.exit(code ?? 1))
}
`

describe('gateway/jobs: programs', function () {
  this.timeout(120_000)
  let door: Door | undefined
  afterEach(() => door?.close())

  it('trains the demo model as a job, in steps that learn, and leaves a model', async () => {
    door = await openJobsDoor({
      jobs: { meterMs: 1_000 },
      more: [{ kind: 'command', name: 'train-demo', argv: [process.execPath, TRAIN] }],
    })
    const id = await upload(door, 'text.txt', TEXT)
    const created = await door.call('/suanli/v1/jobs', {
      command: 'train-demo',
      args: ['--steps', '50', '--file', 'text.txt'],
      files: [{ id, name: 'text.txt' }],
    })
    const job = await ended(door, created.json.id as string)
    const { text } = await door.get(`/suanli/v1/jobs/${job.id}/logs`)
    assert.equal(job.status, 'succeeded', text)
    const losses = [...text.matchAll(/"train_loss":([\d.]+)/g)].map(([, loss]) => Number(loss))
    assert.equal(losses.length, 50)
    assert.ok(losses.at(-1)! < losses[0]! * 0.8, `${losses[0]} to ${losses.at(-1)}`)
    assert.deepEqual(
      job.checkpoints.map(({ name }) => name),
      ['checkpoints/step-0000025.lora', 'checkpoints/step-0000050.lora'],
    )
    assert.ok(
      Buffer.byteLength((await door.get(`/suanli/v1/jobs/${job.id}/outputs/output/model.lora`)).text) > 1_000,
    )
  })

  it('fine-tunes by a command, whose model its backend serves to the same holder', async () => {
    const upstream = await FakeUpstream.start()
    try {
      door = await openJobsDoor({
        upstreamUrl: upstream.url,
        more: [
          {
            kind: 'command',
            name: 'tune',
            models: ['base'],
            url: upstream.url,
            contextTokens: 256,
            argv: [process.execPath, '-e', TUNE],
          },
        ],
        assignments: [assignedOf(), assignedOf(SECOND_HOLDER)],
      })
      const training_file = await upload(door, 'lines.jsonl', '{"prompt":"a","completion":"b"}\n')
      const body = { model: 'base', training_file, suffix: 'x', seed: 5 }
      const created = await door.call('/v1/fine_tuning/jobs', body)
      assert.equal(created.status, 200, created.text)
      await ended(door, created.json.id as string)
      const job = (await door.get(`/v1/fine_tuning/jobs/${created.json.id}`)).json
      assert.equal(job.status, 'succeeded', JSON.stringify(job))
      assert.equal(job.trained_tokens, 12)
      const model = job.fine_tuned_model as string
      assert.match(model, /^ft:base:x:[0-9a-f]{8}$/)
      const { text } = await door.get(`/suanli/v1/jobs/${job.id}/outputs/output/told.json`)
      assert.deepEqual(JSON.parse(text), { base: 'base', model, seed: '5', lines: 1 })
      // It has no price of its own, and its base has none either: nobody serves it for nothing.
      const unpriced = await door.chat({ model })
      assert.deepEqual([unpriced.status, codeOf(unpriced)], [400, 'unpriced'])
      const other = await door.chat({ model }, { key: door.keyOf(SECOND_HOLDER) })
      assert.deepEqual([other.status, codeOf(other)], [404, 'model_not_found'])
    } finally {
      await upstream.close()
    }
  })

  it('runs an image through the runner: paused, resumed and killed by its commands', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'suanli-jobs-image-'))
    const [runner, calls] = [join(folder, 'runner.cjs'), join(folder, 'calls')]
    writeFileSync(runner, RUNNER)
    chmodSync(runner, 0o755)
    const tool = (verb: string): readonly string[] => [process.execPath, runner, verb, calls, '{name}']
    door = await openJobsDoor({
      folder,
      jobs: {
        images: ['example/train:1'],
        runner: {
          run: [
            process.execPath,
            runner,
            'run',
            calls,
            '{name}',
            '{memoryMb}',
            '{folder}',
            '{envFile}',
            '{image}',
          ],
          pause: tool('pause'),
          resume: tool('resume'),
          kill: tool('kill'),
        },
      },
      config: { exposurePpm: 10_000 },
      assignments: [assignedOf({ amountBase: 100_000_000n })],
    })
    const refused = await door.call('/suanli/v1/jobs', { image: 'example/other:1' })
    assert.deepEqual([refused.status, codeOf(refused)], [404, 'image_not_found'])
    const code = `require('node:fs').writeFileSync('output/told', process.env.SUANLI_OUTPUT); setInterval(() => {}, 1000)`
    const created = await door.call('/suanli/v1/jobs', { image: 'example/train:1', args: [code] })
    const id = created.json.id as string
    await watchEvents(door, id, (message) => message === 'paused: a voucher is due')
    await door.vouch(door.meter().meteredBase)
    await watchEvents(door, id, (message) => message === 'goes on')
    await door.call(`/suanli/v1/jobs/${id}/cancel`, {})
    assert.equal((await door.get(`/suanli/v1/jobs/${id}/outputs/output/told`)).text, '/job/output')
    const told = readFileSync(calls, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as string[])
    assert.deepEqual(told[0]!.slice(0, 3), ['run', `suanli-${id}`, '4096'])
    const verbs = told.map(([verb]) => verb)
    for (const verb of ['pause', 'resume', 'kill']) assert.ok(verbs.includes(verb), verb)
    assert.ok(told.slice(1).every(([, name]) => name === `suanli-${id}`))
  })
})

const TUNE = `
const { readFileSync, writeFileSync } = require('node:fs')
const { env } = process
const lines = readFileSync(env.SUANLI_TRAINING_FILE, 'utf8').trim().split('\\n').length
console.log(JSON.stringify({ step: 1, train_loss: 2.5 }))
console.log(JSON.stringify({ trained_tokens: 12 }))
writeFileSync(env.SUANLI_OUTPUT + '/told.json', JSON.stringify({ base: env.SUANLI_BASE_MODEL, model: env.SUANLI_MODEL, seed: env.SUANLI_SEED, lines }))
`
