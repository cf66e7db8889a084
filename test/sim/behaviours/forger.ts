// Sends votes with broken signatures, certificates with broken bitmaps, and withholds its proposals from all but one.
import type { Behaviour } from './behaviour.ts'

export const forger: Behaviour = (outgoing, self) => {
  const { message, to } = outgoing
  if (message.kind === 'vote') {
    const signature = message.body.signature.map((byte, i) => (i === 50 ? byte ^ 1 : byte))
    return [{ to, message: { kind: 'vote', body: { ...message.body, signature } } }]
  }
  if (message.kind === 'certificate') {
    const bitmap = message.body.bitmap.map((byte) => byte ^ 0x0f)
    return [outgoing, { to, message: { kind: 'certificate', body: { ...message.body, bitmap } } }]
  }
  if (message.kind === 'proposal') return [{ to: { kind: 'peer', peer: self.peers[0]! }, message }]
  return [outgoing]
}
