// Everything that a validator of a devnet writes into its folder, by name. Owns: finding what else is there, and removing
// exactly what has a name here. Not: whose folder it is (ownership.ts).
import { lstatSync, readdirSync, readFileSync, realpathSync, rmdirSync, unlinkSync } from 'node:fs'
import { join } from 'node:path'
import { CONFIG_FILE, GENESIS_FILE } from '../node/config.ts'
import { nodePaths } from '../node/nodePaths.ts'

/** Mark in every folder that a devnet made (ownership.ts). */
export const MARK_FILE = 'devnet-validator.json'

/** Names of files, and folders with what may be in them. */
interface Names {
  readonly files: RegExp
  readonly folders?: readonly (readonly [RegExp, Names])[]
}

const LEVEL: Names = {
  files: /^(?:LOCK|LOG|LOG\.old|CURRENT|MANIFEST-\d+|\d+\.(?:ldb|sst|log|dbtmp))$/,
}
const DATABASE = [/^chain$/, LEVEL] as const
const STORE: Names = {
  files: /^(?:tree\.cache|closed)(?:\.tmp)?$/,
  folders: [DATABASE, [/^damaged-\d+$/, LEVEL], [/^cut$/, { files: /^(?!)/, folders: [DATABASE] }]],
}
const SNAPSHOT: Names = { files: /^(?:data|manifest|bucket-\d+)$/ }
const SIGNER: Names = {
  files: /^(?:key|mark|signer-\d+\.log(?:\.damaged)?)(?:\.tmp)?$/,
  folders: [[/^lock$/, LEVEL]],
}
const KEYS: Names = {
  files: /^(?:consensus\.json|peer\.json|operator\.json|consensus\.fresh|consensus\.imported)(?:\.tmp)?$/,
}
/** By the names of `nodePaths`, so that a new path needs its contents here. */
const ROOMS: { readonly [P in Exclude<keyof ReturnType<typeof nodePaths>, 'addresses'>]: Names } = {
  chain: STORE,
  journal: { files: /^(?:closed|journal-\d+\.log(?:\.damaged)?)(?:\.tmp)?$/ },
  signer: SIGNER,
  recovery: { files: /^recovery-\d+\.json(?:\.tmp)?$/ },
  snapshots: { files: /^(?!)/, folders: [[/^\d+(?:\.tmp)?$/, SNAPSHOT]] },
  accountIndex: LEVEL,
  series: LEVEL,
  evidence: { files: /^[\da-f]{64}\.evidence(?:\.tmp)?$/ },
}

/** What holders uploaded and made: no name of it is known before. */
const OF_HOLDERS: Names = {
  files: /^/,
  get folders() {
    return [[/^/, OF_HOLDERS]] as const
  },
}
/** What the validator's provider serves (gateways.ts). */
const GATEWAY: Names = {
  files: /^(?:tariff\.json(?:\.tmp)?|gateway\.log(?:\.\d+)?)$/,
  folders: [
    [/^meter$/, LEVEL],
    [/^(?:jobs|demo-models)$/, OF_HOLDERS],
  ],
}

const anyOf = (names: readonly string[], after = ''): RegExp =>
  new RegExp(`^(?:${names.map((name) => name.replaceAll('.', '\\.')).join('|')})${after}$`)

const { addresses, ...folders } = nodePaths('')
const FOLDER: Names = {
  files: new RegExp(
    `${anyOf([MARK_FILE, CONFIG_FILE, GENESIS_FILE, 'genesis.checked', addresses], '(?:\\.tmp)?').source}|` +
      '^admin\\.sock$|^node\\.log(?:\\.\\d+)?$|^diagnosis-\\d+(?:-\\d+)?\\.json(?:\\.tmp)?$',
  ),
  folders: [
    [/^keys$/, KEYS],
    [/^gateway$/, GATEWAY],
    ...Object.entries(folders).map(
      ([name, path]) => [anyOf([path]), ROOMS[name as keyof typeof ROOMS]] as const,
    ),
  ],
}

/** What is in a validator's folder, paths from it, each folder after what is in it. */
export interface Contents {
  readonly files: readonly string[]
  readonly folders: readonly string[]
  /** The first that no devnet and no node writes, and why; undefined when everything has a name. */
  readonly foreign: string | undefined
}

/** Where other file systems, or other folders, are mounted on this machine; empty where the system does not say. */
export function mountPoints(): ReadonlySet<string> {
  try {
    const lines = readFileSync('/proc/self/mountinfo', 'utf8').split('\n')
    const unescaped = (path: string): string =>
      path.replace(/\\(\d{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))
    return new Set(lines.flatMap((line) => line.split(' ').slice(4, 5)).map(unescaped))
  } catch {
    return new Set()
  }
}

/** Looks at everything in a folder. Changes nothing, and follows no link. */
export function contentsOf(dir: string, mounts = mountPoints()): Contents {
  const root = realpathSync(dir)
  const found = { files: [] as string[], folders: [] as string[] }
  const { dev } = lstatSync(root)
  const look = (at: string, names: Names): string | undefined => {
    for (const entry of readdirSync(join(root, at), { withFileTypes: true })) {
      const path = join(at, entry.name)
      if (entry.isFile() || entry.isSocket()) {
        if (!names.files.test(entry.name)) return `${path} is not the devnet's`
        found.files.push(path)
        continue
      }
      if (entry.isSymbolicLink()) return `${path} is a link to elsewhere`
      const inside = names.folders?.find(([name]) => name.test(entry.name))?.[1]
      if (!entry.isDirectory() || inside === undefined) return `${path} is not the devnet's`
      if (isMounted(path)) return `${path} is another file system`
      const foreign = look(path, inside)
      if (foreign !== undefined) return foreign
      found.folders.push(path)
    }
    return undefined
  }
  const isMounted = (path: string): boolean =>
    mounts.has(join(root, path)) || lstatSync(join(root, path)).dev !== dev
  const foreign = mounts.has(root) ? 'it is another file system' : look('', FOLDER)
  return { ...found, foreign }
}

/** Removes what was found and the folder. Whatever appeared meanwhile stays: its folder is not empty then, which throws ENOTEMPTY. */
export function removeContents(dir: string, { files, folders: within }: Contents): void {
  for (const path of files) unlinkSync(join(dir, path))
  for (const path of within) rmdirSync(join(dir, path))
  rmdirSync(dir)
}
