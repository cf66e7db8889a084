// What the demo model does in a second, on one core: `npm run bench:demo-model`.
import { startDemoBackend } from '../gateway/demo/demoBackend.ts'
import { Cache, Forward } from '../gateway/demo/forward.ts'
import { loadBase } from '../gateway/demo/models.ts'
import { bestOf } from '../gateway/demo/sampler.ts'

const LINES = ['a coin', 'a voucher', 'a window', 'a final block', 'a pledge'].flatMap((thing) =>
  ['What is', 'Who needs'].map((question) =>
    JSON.stringify({ prompt: `${question} ${thing}? `, completion: `The chain knows ${thing} well.` }),
  ),
)
const STREAMS = 200

const base = loadBase()
const forward = new Forward(base.model)
const { context } = base.model.sizes

/** Tokens a second of CPU time, of one text after another. */
function tokensPerSecond(texts: number): number {
  const before = process.cpuUsage()
  for (let text = 0; text < texts; text++) {
    const cache = new Cache(base.model.sizes)
    for (let token = 1; cache.length < context; ) token = bestOf(forward.logits(forward.step(cache, token)))
  }
  const { user, system } = process.cpuUsage(before)
  return (texts * context * 1e6) / (user + system)
}

tokensPerSecond(20)
const runs = Array.from({ length: 5 }, () => tokensPerSecond(60)).sort((a, b) => a - b)
console.log(`forward pass: ${runs[2]!.toFixed(0)} tokens a second of CPU time (median of 5)`)

const backend = await startDemoBackend()
async function stream(): Promise<{ readonly firstMs: number; readonly tokens: number }> {
  const startMs = performance.now()
  const body = {
    model: 'tiny-llama',
    prompt: 'The whale',
    stream: true,
    stream_options: { include_usage: true },
  }
  const response = await fetch(`${backend.url}/v1/completions`, {
    method: 'POST',
    body: JSON.stringify(body),
  })
  let [text, firstMs] = ['', 0]
  for await (const part of response.body!.pipeThrough(new TextDecoderStream())) {
    if (text === '') firstMs = performance.now() - startMs
    text += part
  }
  return { firstMs, tokens: Number(/"completion_tokens":(\d+)/.exec(text)?.[1]) }
}
await stream()
const alone = []
for (let i = 0; i < 50; i++) alone.push((await stream()).firstMs)
alone.sort((a, b) => a - b)
console.log(`first token over HTTP, alone: ${alone[25]!.toFixed(1)} ms (median of 50)`)
const startMs = performance.now()
const streams = await Promise.all(Array.from({ length: STREAMS }, stream))
const seconds = (performance.now() - startMs) / 1_000
const tokens = streams.reduce((sum, one) => sum + one.tokens, 0)
console.log(`${STREAMS} streams at once: ${(tokens / seconds).toFixed(0)} tokens a second`)
const { initialLoss, finalLoss, trainedTokens, deviceSeconds } = await backend.startFineTune({ lines: LINES })
console.log(
  `fine-tuning on ${LINES.length} lines: loss ${initialLoss.toFixed(2)} to ${finalLoss.toFixed(2)}, ` +
    `${trainedTokens} tokens in ${deviceSeconds.toFixed(1)} s`,
)
await backend.close()
