// Lines of a state file, however they come in pieces.
import assert from 'node:assert/strict'
import { linesOf } from '../../node/stateFile.ts'

const PIECE = 'x'.repeat(1_024)

describe('stateFile.linesOf', () => {
  it('gives the same lines for every cut', async () => {
    const text = 'one\ntwo\n\nthree\nend'
    for (let size = 1; size <= text.length; size++) {
      const pieces = Array.from({ length: Math.ceil(text.length / size) }, (_, i) =>
        text.slice(i * size, (i + 1) * size),
      )
      const lines: string[] = []
      for await (const line of linesOf(pieces)) lines.push(line)
      assert.deepEqual(lines, text.split('\n'), `pieces of ${size}`)
    }
  })

  // Looked at again for each piece, it would take minutes.
  it('ends at a line without end, in time that grows with its length', async () => {
    function* endless(): Generator<string> {
      for (;;) yield PIECE
    }
    await assert.rejects(async () => {
      for await (const _ of linesOf(endless())) assert.fail('a line')
    }, /a line of the state file is too long/)
  }).timeout(30_000)
})
