// The text that an answer, or a part of a stream, holds: for a tokenizer where the backend does not count.
import type { Json } from '../../base/field.ts'
import type { Body } from '../meter/price.ts'

const membersOf = (json: Json | undefined): Body =>
  typeof json === 'object' && json !== null && !Array.isArray(json) ? (json as Body) : {}
const textOf = (json: Json | undefined): string => (typeof json === 'string' ? json : '')

export function textOfPart(part: Body): string {
  const choices = Array.isArray(part.choices) ? (part.choices as readonly Json[]) : []
  const chosen = choices.map((choice) => {
    const { text, delta, message } = membersOf(choice)
    const { content, reasoning_content } = membersOf(delta ?? message)
    return textOf(text) + textOf(content) + textOf(reasoning_content)
  })
  return (
    chosen.join('') +
    textOf(typeof part.type === 'string' && part.type.endsWith('.delta') ? part.delta : undefined)
  )
}
