// Makes the recorded chain: genesis and blocks as bytes, and the result of each block. Owns: the length and the pace.
import { genesisSchema } from '../../genesis/schema.ts'
import { SECRETS, storyGenesis } from './chainActors.ts'
import { scene } from './chainStory.ts'
import { Traffic } from './chainTraffic.ts'
import { GoldenChain } from './goldenChain.ts'

const BLOCKS = 300
const PAUSE_MS = 200
/** The chain is idle for a while once in this many blocks. */
const IDLE_EVERY = 70
const IDLE_MS = 2_500

/** The genesis document, then every block, in canonical bytes. */
export function recordChain(): readonly Uint8Array[] {
  const document = storyGenesis()
  const chain = new GoldenChain(document, SECRETS)
  const traffic = new Traffic()
  while (chain.height < BLOCKS) {
    const pauseMs = (chain.height + 1) % IDLE_EVERY === 0 ? IDLE_MS : PAUSE_MS
    chain.next([...scene(chain, pauseMs), ...traffic.next(chain)], pauseMs)
  }
  return [genesisSchema.encode(document), ...chain.blocks.map(({ bytes }) => bytes)]
}
