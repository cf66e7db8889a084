// The genesis of simulated whole nodes, built once per process: proofs of possession cost more than a whole run.
import { developmentGenesis } from '../../../devnet/genesisOptions.ts'
import { buildGenesis, type GenesisBlock } from '../../../genesis/build.ts'
import type { Genesis } from '../../../genesis/schema.ts'

const BLOCK_TIME_MS = 100
const WINDOW_MS = 10_000

export interface DevelopmentChain {
  readonly genesis: Genesis
  readonly block: GenesisBlock
}

const chains = new Map<number, DevelopmentChain>()

export function developmentChain(validators: number): DevelopmentChain {
  let known = chains.get(validators)
  if (known === undefined) {
    const genesis = developmentGenesis({ validators, blockTimeMs: BLOCK_TIME_MS, windowMs: WINDOW_MS })
    known = { genesis, block: buildGenesis(genesis) }
    chains.set(validators, known)
  }
  return known
}
