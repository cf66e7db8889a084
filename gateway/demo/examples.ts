// Lines of OpenAI's fine-tuning files as examples of prompt and answer. Owns: their forms, their limits.
import { setImmediate } from 'node:timers/promises'
import { InputError, isRecord } from './input.ts'
import { chatPrompt, type Message, readMessages } from './prompts.ts'
import type { Tokenizer } from './tokenizer.ts'

export interface Example {
  /** Prompt, answer and the token of the end; as many as the context holds. */
  readonly tokens: readonly number[]
  /** Where the answer begins. */
  readonly from: number
}

export const LINES_MAX = 2_048
export const LINE_LENGTH_MAX = 16_384
/** A conversation gives one example per answer. */
export const EXAMPLES_MAX = 4_096

const LINES_PER_TURN = 16

interface Texts {
  readonly prompt: string
  readonly answer: string
}

/** Every assistant's message is an answer to what stands before it, unless its weight is 0. */
function ofConversation(value: unknown): readonly Texts[] {
  const messages: readonly Message[] = readMessages(value)
  const raw = value as readonly Readonly<Record<string, unknown>>[]
  return messages.flatMap(({ role, content }, i) =>
    role === 'assistant' && i > 0 && raw[i]!.weight !== 0
      ? [{ prompt: chatPrompt(messages.slice(0, i)), answer: content }]
      : [],
  )
}

function textsOf(line: string): readonly Texts[] {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    throw new InputError('line', 'not JSON')
  }
  if (!isRecord(value)) throw new InputError('line', 'expected an object')
  if (value.messages !== undefined) {
    const found = ofConversation(value.messages)
    if (found.length === 0) throw new InputError('messages', 'no message of an assistant follows another')
    return found
  }
  const { prompt, completion } = value
  if (typeof prompt !== 'string' || typeof completion !== 'string')
    throw new InputError('line', 'expected messages, or prompt and completion')
  return [{ prompt, answer: completion }]
}

function toExample({ prompt, answer }: Texts, tokenizer: Tokenizer, context: number): Example {
  if (answer === '') throw new InputError('line', 'the answer is empty')
  if (prompt === '') throw new InputError('line', 'the prompt is empty')
  // At least one token of the answer, and the end.
  const promptMax = context - 2
  const tooLong = (count: string): InputError =>
    new InputError('line', `a prompt of ${count} tokens; the model reads ${promptMax} here`)
  const atLeast = tokenizer.leastTokens(prompt)
  if (atLeast > promptMax) throw tooLong(`at least ${atLeast}`)
  const asked = tokenizer.encode(prompt)
  if (asked.length > promptMax) throw tooLong(String(asked.length))
  const begun = tokenizer.beginning(answer, context)
  const answered = [...tokenizer.encode(begun, { continues: true }), tokenizer.vocabulary.endId]
  return { tokens: [...asked, ...answered].slice(0, context), from: asked.length }
}

function readLine(line: string, number: number, tokenizer: Tokenizer, context: number): readonly Example[] {
  try {
    if (line.length > LINE_LENGTH_MAX)
      throw new InputError('line', `longer than ${LINE_LENGTH_MAX} characters`)
    return textsOf(line).map((texts) => toExample(texts, tokenizer, context))
  } catch (error) {
    if (!(error instanceof InputError)) throw error
    const where = error.param === 'line' ? '' : `${error.param}: `
    throw new InputError(`line ${number}`, `${where}${error.reason}`)
  }
}

/** Reads lines of JSON, a few per turn of the event loop. Rejects with InputError whose `param` is the line, counted from 1. */
export async function readExamples(
  lines: readonly string[],
  tokenizer: Tokenizer,
  context: number,
): Promise<readonly Example[]> {
  if (lines.length === 0 || lines.length > LINES_MAX)
    throw new InputError('training_file', `expected 1 to ${LINES_MAX} lines, got ${lines.length}`)
  const examples: Example[] = []
  for (const [i, line] of lines.entries()) {
    examples.push(...readLine(line, i + 1, tokenizer, context))
    if (examples.length > EXAMPLES_MAX)
      throw new InputError('training_file', `more than ${EXAMPLES_MAX} answers`)
    if (i % LINES_PER_TURN === LINES_PER_TURN - 1) await setImmediate()
  }
  return examples
}
