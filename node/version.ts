// The version of this build, for clients and logs.
import { readFileSync } from 'node:fs'

function packageVersion(): string {
  // From dist/node/ to the package root.
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}

/** Semantic version of the package. */
export const VERSION = packageVersion()
/** `suanli/0.1.0/linux-x64/node20`. */
export const CLIENT_VERSION = `suanli/${VERSION}/${process.platform}-${process.arch}/node${process.versions.node.split('.')[0]}`
