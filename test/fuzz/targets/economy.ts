// The whole economy as a target: a frame is a block of a seeded history, which is wound up in the end.

import { History } from '../economy/history.ts'
import { end } from '../economy/shrink.ts'
import type { FuzzTarget } from '../target.ts'

const BLOCKS = 250

export const economyTarget: FuzzTarget = {
  name: 'economy',
  weight: 0.05,
  open: (random) => {
    let seed = random.between(1, 1_000_000)
    let history = new History(seed)
    const next = (): void => {
      history.close()
      history = new History(++seed)
    }
    return {
      step: () => {
        const replay = `npm run fuzz:economy -- --histories 1 --seed ${seed} --blocks ${BLOCKS} --shrink`
        try {
          history.step()
          if (history.blocks.length < BLOCKS) return
          const left = end(history)
          if (left !== undefined) throw new Error(left)
        } catch (cause) {
          next()
          throw new Error(`${replay}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
        }
        next()
      },
      close: () => history.close(),
    }
  },
}
