// Makes the views of one honest leader fail: it shows its nullify to one validator alone, which then waits for a leader that
// knows of no need, and to all once that validator has given up.
import { nullifySubject } from '../../../consensus/subject.ts'
import { ALL, type MakeBehaviour, toPeer, voteMessage } from './behaviour.ts'

const LOOK_MS = 5

export function framer(victim: number, startsAfterMs: number): MakeBehaviour {
  return (self) => {
    const dupe = self.peers.find((peer) => peer !== `${victim}`)!
    let shownIn = 0
    const isVictims = (view: number): boolean => {
      const { state } = self
      return state !== undefined && state.leaderOf(view) === victim
    }
    const look = (): void => {
      self.after(LOOK_MS, look)
      const { state } = self
      if (state === undefined || state.view <= shownIn || !isVictims(state.view)) return
      shownIn = state.view
      const vote = self.sign(nullifySubject(state.epoch, state.view))
      self.send(toPeer(dupe, voteMessage(vote)))
    }
    self.after(startsAfterMs, look)
    return {
      // Of the victim's views it says nothing else.
      outgoing: (outgoing) => {
        const { message } = outgoing
        const isSilent = message.kind === 'vote' && shownIn > 0 && isVictims(message.body.subject.view)
        return isSilent ? [] : [outgoing]
      },
      incoming: (from, message) => {
        if (message.kind !== 'vote' || from !== dupe) return true
        const { kind, view, epoch } = message.body.subject
        if (kind === 'nullify' && view === shownIn) {
          self.send({ to: ALL, message: voteMessage(self.sign(nullifySubject(epoch, view))) })
        }
        return true
      },
    }
  }
}
