// A slice of the random histories; `npm run test:backing` plays more of them.
import assert from 'node:assert/strict'
import { playHistory } from './histories.ts'

const HISTORIES = 250

describe('backing: random histories', () => {
  it('equal brute force over all backers, with losses, and pay out no more than came in', () => {
    for (let seed = 1; seed <= HISTORIES; seed++)
      assert.doesNotThrow(() => playHistory(seed), `npm run test:backing -- --histories 1 --seed ${seed}`)
  })
})
