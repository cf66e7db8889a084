// Whether this Node can run the program. Owns: which versions can (package.json's `engines` says the same), and what the user of another reads.

/** The first minor version that will do, by release line; 21 and the first 22 lack `zlib.crc32` and `process.getBuiltinModule`. */
const FIRST_MINOR: Readonly<Record<number, number>> = { 20: 19, 22: 3 }
const NEWEST_LINE = 22

/**
 * One line for the user of a Node that will not do; undefined for one that will.
 *
 * @param version as `process.version` has it, e.g. `v20.19.0`
 */
export function nodeComplaint(version: string): string | undefined {
  const [, majorText = '0', minorText = '0'] = /^v(\d+)\.(\d+)\./.exec(version) ?? []
  const [major, minor] = [Number(majorText), Number(minorText)]
  if (major > NEWEST_LINE || minor >= (FIRST_MINOR[major] ?? Number.POSITIVE_INFINITY)) return undefined
  const needed = major > 20 ? '22.3 or newer, or 20.19' : '20.19 or newer'
  return `suanli needs Node ${needed}; this is ${version}`
}
