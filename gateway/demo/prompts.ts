// Messages, and the text that the model reads for them. Owns: the chat template of the model file, the forms that messages may have.
import { InputError, isRecord } from './input.ts'

export interface Message {
  readonly role: string
  readonly content: string
}

const ROLES = ['developer', 'system', 'user', 'assistant', 'tool', 'function'] as const
const MESSAGES_MAX = 1_024
const PARTS_MAX = 64

/** The template of the file, `{% for m in messages %}{{ m['content'] }} {% endfor %}`: each message, then a space. */
export function chatPrompt(messages: readonly Message[]): string {
  return messages.map(({ content }) => `${content} `).join('')
}

/** Text, or parts of type text, as OpenAI's clients send them. */
function readContent(value: unknown, at: string): string {
  if (typeof value === 'string') return value
  // An assistant's message that only called tools.
  if (value === null || value === undefined) return ''
  if (!Array.isArray(value) || value.length > PARTS_MAX)
    throw new InputError(at, `expected a text, or at most ${PARTS_MAX} parts`)
  return value
    .map((part: unknown, i) => {
      if (!isRecord(part) || part.type !== 'text' || typeof part.text !== 'string')
        throw new InputError(`${at}[${i}]`, 'this model reads parts of type text only')
      return part.text
    })
    .join('')
}

/** Reads a list of messages. Throws InputError. */
export function readMessages(value: unknown, at = 'messages'): readonly Message[] {
  if (!Array.isArray(value) || value.length === 0 || value.length > MESSAGES_MAX)
    throw new InputError(at, `expected 1 to ${MESSAGES_MAX} messages`)
  return value.map((message: unknown, i) => {
    const here = `${at}[${i}]`
    if (!isRecord(message)) throw new InputError(here, 'expected an object')
    const role = ROLES.find((one) => one === message.role)
    if (role === undefined) throw new InputError(`${here}.role`, `expected one of ${ROLES.join(', ')}`)
    return { role, content: readContent(message.content, `${here}.content`) }
  })
}
