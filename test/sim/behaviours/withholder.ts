// Sends its proposals to at most a bare quorum, never serves bodies or certificates, and sometimes withholds its votes.
import { type MakeBehaviour, toPeer } from './behaviour.ts'

export const withholder: MakeBehaviour = (self) => ({
  outgoing: (outgoing) => {
    const { message } = outgoing
    switch (message.kind) {
      case 'proposal': {
        // With its own vote these make a quorum; fewer do not.
        const quorum = self.state?.quorum ?? 1
        const shown = self.random.chance(0.7) ? quorum - 1 : 1
        return self.peers.slice(0, shown).map((peer) => toPeer(peer, message))
      }
      case 'blocks':
      case 'certificates':
      case 'certificate':
        return []
      case 'vote':
        return self.random.chance(0.5) ? [outgoing] : []
      default:
        return [outgoing]
    }
  },
})
