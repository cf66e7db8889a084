// Nullifies every view it finalizes, and finalizes every view it notarizes, before any certificate.
import type { Behaviour } from './behaviour.ts'

export const doubleVoter: Behaviour = (outgoing, self) => {
  const { message, to } = outgoing
  if (message.kind !== 'vote') return [outgoing]
  const { subject } = message.body
  const { epoch, view } = subject
  if (subject.kind === 'nullify') return [outgoing]
  const nullify = self.sign({ kind: 'nullify', epoch, view })
  const finalize = self.sign({ ...subject, kind: 'finalize' })
  return [
    outgoing,
    { to, message: { kind: 'vote', body: nullify } },
    { to, message: { kind: 'vote', body: finalize } },
  ]
}
