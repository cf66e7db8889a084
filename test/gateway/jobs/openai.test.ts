// OpenAI's own client, unmodified: it uploads a file, fine-tunes the demo model, and talks to the result.
import { strict as assert } from 'node:assert'
import OpenAI, { toFile } from 'openai'
import { LINES } from '../../support/trainingLines.ts'
import { assignedOf, type Door } from '../door.ts'
import { openJobsDoor, SECOND_HOLDER } from './jobsDoor.ts'

describe('gateway/jobs: the openai package', function () {
  this.timeout(120_000)
  let door: Door
  let openai: OpenAI
  const clientOf = (key: string): OpenAI =>
    new OpenAI({ apiKey: key, baseURL: `${door.url}/v1`, maxRetries: 0 })

  before(async () => {
    door = await openJobsDoor({
      more: [{ kind: 'demo', models: ['tiny-llama'], contextTokens: 64 }],
      assignments: [assignedOf(), assignedOf(SECOND_HOLDER)],
    })
    openai = clientOf(door.keyOf())
  })
  after(() => door.close())

  it('uploads, lists, reads and deletes files', async () => {
    const text = 'ein Wal 🐋\r\n--not-a-boundary\r\n'
    const file = await openai.files.create({
      file: await toFile(Buffer.from(text), 'a "b".jsonl'),
      purpose: 'fine-tune',
    })
    assert.equal(file.bytes, Buffer.byteLength(text))
    assert.equal(file.object, 'file')
    assert.equal(await (await openai.files.content(file.id)).text(), text)
    const listed: string[] = []
    for await (const { id } of openai.files.list()) listed.push(id)
    assert.deepEqual(listed, [file.id])
    assert.equal((await openai.files.retrieve(file.id)).filename, file.filename)
    assert.equal((await openai.files.delete(file.id)).deleted, true)
    await assert.rejects(openai.files.retrieve(file.id), { status: 404 })
  })

  it('fine-tunes, sees its events, and uses the model, which nobody else can', async () => {
    const training = await toFile(Buffer.from(LINES.join('\n')), 'ten.jsonl')
    const file = await openai.files.create({ file: training, purpose: 'fine-tune' })
    const created = await openai.fineTuning.jobs.create({
      model: 'tiny-llama',
      training_file: file.id,
      suffix: 'mine',
      seed: 7,
      method: { type: 'supervised', supervised: { hyperparameters: { n_epochs: 2 } } },
    })
    assert.equal(created.object, 'fine_tuning.job')
    await streamed(door, created.id)
    const job = await openai.fineTuning.jobs.retrieve(created.id)
    assert.equal(job.status, 'succeeded', JSON.stringify(job.error))
    const model = job.fine_tuned_model!
    assert.match(model, /^ft:tiny-llama:mine:/)
    assert.ok(job.trained_tokens! > 0)
    const events = (await openai.fineTuning.jobs.listEvents(job.id, { limit: 100 })).data
    assert.equal(events[0]!.message, 'succeeded')
    assert.ok(events.some(({ type }) => type === 'metrics'))
    const [checkpoint] = (await openai.fineTuning.jobs.checkpoints.list(job.id)).data
    assert.equal(checkpoint!.fine_tuned_model_checkpoint, model)
    assert.deepEqual(
      (await openai.fineTuning.jobs.list()).data.map(({ id }) => id),
      [job.id],
    )

    const models = (await openai.models.list()).data.map(({ id }) => id)
    assert.ok(models.includes(model))
    assert.equal((await openai.models.retrieve(model)).id, model)
    const metered = door.meter().meteredBase
    assert.ok(metered > 0n)
    const messages = [{ role: 'user' as const, content: 'What is a coin?' }]
    const answer = await openai.chat.completions.create({ model, messages, max_tokens: 8, temperature: 0 })
    const { prompt_tokens: asked, completion_tokens: made } = answer.usage!
    assert.equal(door.meter().meteredBase - metered, BigInt(asked) * 1_000n + BigInt(made) * 2_000n)

    const other = clientOf(door.keyOf(SECOND_HOLDER))
    assert.ok(!(await other.models.list()).data.some(({ id }) => id === model))
    await assert.rejects(other.chat.completions.create({ model, messages }), { status: 404 })
    await assert.rejects(other.fineTuning.jobs.retrieve(job.id), { status: 404 })
    await assert.rejects(other.fineTuning.jobs.create({ model: 'tiny-llama', training_file: file.id }), {
      status: 400,
      code: 'file_not_found',
    })
  })

  it('cancels a job, and charges nothing for a file that is no training file', async () => {
    const many = await openai.files.create({
      file: await toFile(Buffer.from(LINES.join('\n')), 'a.jsonl'),
      purpose: 'fine-tune',
    })
    const long = await openai.fineTuning.jobs.create({
      model: 'tiny-llama',
      training_file: many.id,
      method: { type: 'supervised', supervised: { hyperparameters: { n_epochs: 50 } } },
    })
    assert.equal((await openai.fineTuning.jobs.cancel(long.id)).status, 'cancelled')
    const junk = await openai.files.create({
      file: await toFile(Buffer.from('{"no": 1}'), 'junk.jsonl'),
      purpose: 'fine-tune',
    })
    const metered = door.meter().meteredBase
    const failing = await openai.fineTuning.jobs.create({ model: 'tiny-llama', training_file: junk.id })
    await streamed(door, failing.id)
    const { status, error } = await openai.fineTuning.jobs.retrieve(failing.id)
    assert.equal(status, 'failed')
    assert.deepEqual([error?.code, error?.param], ['invalid_training_file', 'training_file'])
    assert.equal(door.meter().meteredBase, metered)
  })
})

/** Events as they come, to the end. */
async function streamed(door: Door, id: string): Promise<void> {
  const response = await door.fetch(`/v1/fine_tuning/jobs/${id}/events?stream=true`)
  assert.match(await response.text(), /data: \[DONE\]\n\n$/)
}
