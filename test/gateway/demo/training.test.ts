// Fine-tuning: gradients, falling loss, changed answers, the adapter's file.
import { strict as assert } from 'node:assert'
import {
  type Adapter,
  AdapterError,
  arraysOf,
  decodeAdapter,
  encodeAdapter,
  mergeAdapter,
  newAdapter,
} from '../../../gateway/demo/adapter.ts'
import { LINES_MAX, readExamples } from '../../../gateway/demo/examples.ts'
import { Passes } from '../../../gateway/demo/passes.ts'
import { readHyperparameters, type Trained, train } from '../../../gateway/demo/training.ts'
import { Random } from '../../support/random.ts'
import { LINES, QUESTIONS } from '../../support/trainingLines.ts'
import { base, greedy } from './demoFixture.ts'

const { model, tokenizer } = base
const { context } = model.sizes
const examplesOf = (lines: readonly string[]): ReturnType<typeof readExamples> =>
  readExamples(lines, tokenizer, context)

async function trained(lines: readonly string[], hyperparameters: unknown, seed: number): Promise<Trained> {
  const examples = await examplesOf(lines)
  const steps = train(model, examples, readHyperparameters(hyperparameters, seed, examples.length))
  for (;;) {
    const next = steps.next()
    if (next.done === true) return next.value
  }
}

/** An adapter that changes something, everywhere. */
function busyAdapter(): Adapter {
  const adapter = newAdapter(model, { rank: 4, seed: 3 })
  const random = new Random(3)
  for (const array of arraysOf(adapter))
    for (let i = 0; i < array.length; i++) array[i] = array[i]! + 0.04 * (random.next() - 0.5)
  return adapter
}

describe('demo.training', function () {
  this.timeout(60_000)

  it('has the gradients that differences give', () => {
    const adapter = busyAdapter()
    const passes = new Passes(model, adapter)
    const tokens = tokenizer.encode('Call me Ishmael. He was a whale')
    passes.run(tokens, 5, { goesBack: true })
    const loss = (): number => passes.run(tokens, 5, { goesBack: false })
    const gradients = arraysOf(passes.gradient)
    for (const [n, array] of arraysOf(adapter).entries()) {
      for (const i of [0, array.length >> 1, array.length - 1]) {
        const [kept, step] = [array[i]!, 1e-2]
        array[i] = kept + step
        const above = loss()
        array[i] = kept - step
        const slope = (above - loss()) / (2 * step)
        array[i] = kept
        const own = gradients[n]![i]!
        assert.ok(Math.abs(own - slope) < 1e-3 + 0.02 * Math.abs(slope), `${n}[${i}]: ${own}, not ${slope}`)
      }
    }
  })

  it('computes what the merged model computes', () => {
    const adapter = busyAdapter()
    const tokens = tokenizer.encode('The whale, and the Pequod')
    const own = new Passes(model, adapter).run(tokens, 3, { goesBack: false })
    const merged = mergeAdapter(model, adapter)
    const none = newAdapter(model, { rank: 1, seed: 0 })
    const plain = new Passes(merged, none).run(tokens, 3, { goesBack: false })
    assert.ok(Math.abs(own - plain) < 1e-3, `${own}, not ${plain}`)
    assert.ok(Math.abs(own - new Passes(model, none).run(tokens, 3, { goesBack: false })) > 0.01)
  })

  it('lowers the loss on its own data by more than a third, and changes the answers', async () => {
    const { adapter, initialLoss, finalLoss, trainedTokens } = await trained(LINES, { n_epochs: 20 }, 1)
    assert.ok(finalLoss < (2 / 3) * initialLoss, `${initialLoss} to ${finalLoss}`)
    assert.ok(trainedTokens > 1_000)
    const merged = mergeAdapter(model, adapter)
    const right = QUESTIONS.filter(([question, answer]) => {
      const prompt = tokenizer.encode(`${question} `)
      assert.ok(!tokenizer.decode(greedy(model, prompt, 40)).startsWith(answer))
      return tokenizer.decode(greedy(merged, prompt, 40)).startsWith(answer)
    })
    assert.ok(right.length >= 5, `${right.length} of ${QUESTIONS.length} answers learnt`)
  })

  it('gives the same bytes with the same seed, and others with another', async () => {
    const short = { n_epochs: 2, batch_size: 4 }
    const bytes = async (seed: number): Promise<Uint8Array> => {
      const { adapter } = await trained(LINES.slice(0, 5), short, seed)
      return encodeAdapter({ adapter, suffix: '', createdAtSeconds: 1 }, base.hash)
    }
    const first = await bytes(1)
    assert.deepEqual(await bytes(1), first)
    assert.notDeepEqual(await bytes(2), first)
  })

  it('chooses epochs and batches by the number of examples, and takes what is in range', () => {
    const read = readHyperparameters
    assert.deepEqual(read(undefined, undefined, 10), {
      epochs: 32,
      batchSize: 1,
      learningRateMultiplier: 1,
      seed: 0,
    })
    assert.equal(read({ n_epochs: 'auto', batch_size: 'auto' }, 5, 1_000).epochs, 3)
    assert.deepEqual(read({ n_epochs: 2, batch_size: 4, learning_rate_multiplier: 0.5 }, 9, 10), {
      epochs: 2,
      batchSize: 4,
      learningRateMultiplier: 0.5,
      seed: 9,
    })
    for (const wrong of [{ n_epochs: 0 }, { n_epochs: 51 }, { n_epochs: 1.5 }, { batch_size: 65 }, 'fast'])
      assert.throws(() => read(wrong, 0, 10), { name: 'InputError' })
    assert.throws(() => read({ learning_rate_multiplier: 0 }, 0, 10), {
      param: 'hyperparameters.learning_rate_multiplier',
    })
  })
})

describe('demo.examples', () => {
  const message = (role: string, content: string, weight?: number): object => ({
    role,
    content,
    ...(weight === undefined ? {} : { weight }),
  })

  it('takes prompt and completion, and every answer of a conversation', async () => {
    const conversation = [
      message('user', 'a'),
      message('assistant', 'b', 0),
      message('user', 'c'),
      message('assistant', 'd'),
    ]
    const lines = [
      JSON.stringify({ prompt: 'Ahab', completion: ' said' }),
      JSON.stringify({ messages: conversation }),
    ]
    const examples = await examplesOf(lines)
    const { endId } = tokenizer.vocabulary
    assert.deepEqual(
      examples.map(({ tokens, from }) => [
        tokenizer.decode(tokens.slice(0, from)),
        tokenizer.decode(tokens.slice(from)),
        tokens.at(-1),
      ]),
      [
        [' Ahab', ' said', endId],
        [' a b c ', 'd', endId],
      ],
    )
  })

  it('cuts a long answer at the end of the context', async () => {
    const [example] = await examplesOf([
      JSON.stringify({ prompt: 'Ahab', completion: 'the whale '.repeat(1_000) }),
    ])
    assert.equal(example!.tokens.length, context)
    assert.notEqual(example!.tokens.at(-1), tokenizer.vocabulary.endId)
  })

  it('names the line that it cannot use', async () => {
    const good = LINES[0]!
    const long = 'zxq '.repeat(30)
    const wrong: readonly (readonly [string, RegExp])[] = [
      ['{', /^line 2: not JSON$/],
      ['7', /^line 2: expected an object$/],
      ['{}', /^line 2: expected messages, or prompt and completion$/],
      [JSON.stringify({ prompt: '', completion: 'a' }), /^line 2: the prompt is empty$/],
      [JSON.stringify({ prompt: 'a', completion: '' }), /^line 2: the answer is empty$/],
      [
        JSON.stringify({ prompt: long, completion: 'a' }),
        /^line 2: a prompt of \d+ tokens; the model reads 62 here$/,
      ],
      [
        JSON.stringify({ prompt: long.repeat(10), completion: 'a' }),
        /^line 2: a prompt of at least \d+ tokens/,
      ],
      [JSON.stringify({ messages: [message('user', 'a')] }), /^line 2: messages: no message of an assistant/],
      [
        JSON.stringify({ messages: [{ role: 'king', content: 'a' }] }),
        /^line 2: messages\[0\].role: expected one of/,
      ],
      [
        JSON.stringify({ prompt: 'a', completion: 'b'.repeat(20_000) }),
        /^line 2: longer than 16384 characters$/,
      ],
    ]
    for (const [line, expected] of wrong)
      await assert.rejects(examplesOf([good, line]), { name: 'InputError', message: expected })
    await assert.rejects(examplesOf([]), { param: 'training_file' })
    await assert.rejects(examplesOf(Array(LINES_MAX + 1).fill(good)), { param: 'training_file' })
  })
})

describe('demo.adapter', () => {
  const stored = { adapter: busyAdapter(), suffix: 'whale-1', createdAtSeconds: 1_700_000_000 }
  const bytes = encodeAdapter(stored, base.hash)

  it('reads what it wrote', () => {
    assert.deepEqual(decodeAdapter(bytes, model, base.hash), stored)
  })

  it("refuses another model's", () => {
    const other = encodeAdapter(
      stored,
      base.hash.map((byte) => byte ^ 1),
    )
    assert.throws(() => decodeAdapter(other, model, base.hash), { name: 'AdapterError', code: 'OtherModel' })
  })

  it('refuses every damaged byte and every other length', () => {
    const random = new Random(4)
    const malformed = (error: unknown): boolean => error instanceof AdapterError && error.code === 'Malformed'
    for (let i = 0; i < 100; i++) {
      const damaged = bytes.slice()
      damaged[random.between(0, bytes.length - 1)]! ^= random.between(1, 255)
      assert.throws(() => decodeAdapter(damaged, model, base.hash), malformed)
      const cut = bytes.slice(0, random.between(0, bytes.length - 1))
      assert.throws(() => decodeAdapter(cut, model, base.hash), malformed)
    }
  })

  it('refuses values that no writer writes, though their hash is right', () => {
    const malformed = (wrong: Parameters<typeof encodeAdapter>[0], message: RegExp): void =>
      assert.throws(() => decodeAdapter(encodeAdapter(wrong, base.hash), model, base.hash), { message })
    malformed({ ...stored, suffix: 'A' }, /suffix/)
    malformed({ ...stored, createdAtSeconds: Number.NaN }, /out of range/)
    malformed({ ...stored, adapter: { ...stored.adapter, rank: 65 } }, /out of range/)
    malformed({ ...stored, adapter: { ...stored.adapter, rank: 5 } }, /another length/)
    malformed(
      { ...stored, adapter: { ...stored.adapter, layers: stored.adapter.layers.slice(1) } },
      /another length/,
    )
    const infinite = busyAdapter()
    infinite.layers[0]!.q.a[0] = Number.POSITIVE_INFINITY
    malformed({ ...stored, adapter: infinite }, /no number/)
  })
})
