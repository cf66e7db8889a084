import { makeFacts } from './facts.ts'
import { assertGolden, type Lines, readLines } from './files.ts'

describe('golden facts', function () {
  this.timeout(60_000)

  it('computes the same genesis, votes, certificates, blocks and roots as recorded', () => {
    assertGolden('fact', readLines<Lines>('facts.json'), makeFacts())
  })
})
