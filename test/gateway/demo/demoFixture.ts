// The model that is shipped, read once. Owns: what several tests of the demo model need.
import { Cache, Forward } from '../../../gateway/demo/forward.ts'
import type { Model } from '../../../gateway/demo/model.ts'
import { loadBase } from '../../../gateway/demo/models.ts'
import { bestOf } from '../../../gateway/demo/sampler.ts'

export const base = loadBase()

/** The best tokens after a prompt, until the end of the text or of the context. */
export function greedy(model: Model, prompt: readonly number[], count: number): readonly number[] {
  const forward = new Forward(model)
  const cache = new Cache(model.sizes)
  let hidden = new Float32Array()
  for (const token of prompt) hidden = forward.step(cache, token) as Float32Array<ArrayBuffer>
  const answer: number[] = []
  while (answer.length < count) {
    const token = bestOf(forward.logits(hidden))
    if (token === base.tokenizer.vocabulary.endId) break
    answer.push(token)
    if (cache.length === model.sizes.context) break
    hidden = forward.step(cache, token) as Float32Array<ArrayBuffer>
  }
  return answer
}
