// Whether this Node can run the program. Owns: the oldest version (package.json's `engines` says the same) and what its user reads.

/** The oldest Node that runs everything: the first 20 that loads ES modules with `require`. */
const OLDEST = { major: 20, minor: 19 } as const

/**
 * One line for the user of a Node that is too old; undefined for one that will do.
 *
 * @param version as `process.version` has it, e.g. `v20.19.0`
 */
export function nodeComplaint(version: string): string | undefined {
  const [, major = '0', minor = '0'] = /^v(\d+)\.(\d+)\./.exec(version) ?? []
  const isNewer = Number(major) > OLDEST.major
  if (isNewer || (Number(major) === OLDEST.major && Number(minor) >= OLDEST.minor)) return undefined
  return `suanli needs Node ${OLDEST.major}.${OLDEST.minor} or newer; this is ${version}`
}
