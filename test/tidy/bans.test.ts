// Bans clocks, randomness, timers, I/O and floats where every node must agree, and unfinished marks anywhere.
import { strict as assert } from 'node:assert'
import { ALL_ROOMS, read, sources, withoutComments } from './sources.ts'

const DETERMINISTIC = ['consensus', 'state'] as const

const IMPURE =
  /\b(Date\.now|new Date|Math\.random|setTimeout|setInterval|setImmediate|performance\.now|process\.(?!env)|await|async|localeCompare|toLocaleString|crypto\.getRandomValues|randomBytes)\b|from 'node:/
const FLOATS =
  /\b(parseFloat|toFixed|toPrecision|Float32Array|Float64Array|Number\.EPSILON|Math\.(?!max\b|min\b|floor\b|ceil\b|imul\b|clz32\b)\w+)\b|\b\d+\.\d+\b|\b\d+e-\d/
const DIVISION = / \/ /
/** The quotient is rounded on the same line, or is of bigints. */
const ROUNDED = /Math\.(floor|ceil)\(|\b\d+n\b/
/** Exact divisions, divisions of bigint variables, and integers above 32 bits in a Float64Array. */
const EXACT: readonly string[] = [
  'const heads = new Float64Array(count)',
  'FAN / 8',
  'keyHashes.length / 32',
  '(value - (value % 2)) / 2',
  '(leaderMs - (leaderMs % 2)) / 2',
  'COIN / PPM',
]

/** Files of a running node that read the wall clock; everything that waits or limits takes `Clock.monotonicMs` or `performance.now`. */
const WALL_CLOCK: readonly string[] = [
  'node/clock.ts',
  'node/node.ts',
  'node/openChain.ts',
  'rpc/leanHttp.ts',
]

/** Code lines of the deterministic rooms, without comments and quoted text. */
function codeLines(): readonly { readonly at: string; readonly line: string }[] {
  return DETERMINISTIC.flatMap(sources).flatMap((file) =>
    withoutComments(read(file))
      .split('\n')
      .map((line, i) => ({ at: `${file}:${i + 1}`, line })),
  )
}

const withoutText = (line: string): string => line.replace(/'[^']*'|`[^`]*`/g, "''")

describe('tidy.bans', () => {
  it('keeps clock, randomness, timers, async and I/O out of consensus and state', () => {
    const wrong = codeLines().filter(({ line }) => IMPURE.test(line))
    assert.deepEqual(wrong, [])
  })

  it('keeps floats out of consensus and state', () => {
    const wrong = codeLines().filter(({ line }) => {
      const code = withoutText(line)
      if (EXACT.some((exact) => code.includes(exact))) return false
      return FLOATS.test(code) || (DIVISION.test(code) && !ROUNDED.test(code))
    })
    assert.deepEqual(wrong, [])
  })

  it('lists only divisions that still exist', () => {
    const text = codeLines()
      .map(({ line }) => line)
      .join('\n')
    assert.deepEqual(
      EXACT.filter((exact) => !text.includes(exact)),
      [],
    )
  })

  it('reads the wall clock only where people or blocks read it', () => {
    const readers = (['node', 'p2p', 'rpc'] as const)
      .flatMap(sources)
      .filter((file) => /\bDate\.now\b/.test(withoutComments(read(file))))
    assert.deepEqual(readers, WALL_CLOCK)
  })

  it('has no unfinished marks', () => {
    const marks = new RegExp(`\\b(${['TO' + 'DO', 'FIX' + 'ME', 'XX' + 'X', 'HA' + 'CK'].join('|')})\\b`)
    assert.deepEqual(
      ALL_ROOMS.flatMap(sources).filter((file) => marks.test(read(file))),
      [],
    )
  })
})
