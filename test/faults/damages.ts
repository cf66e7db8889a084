// What a disk or a hand can do to the files of a stopped node, and what the doctor must say about each.
// Owns: the list. Not: the directories (damageBed.ts), judging (damageTrial.ts).
import { cpSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Random } from '../support/random.ts'
import type { Bed } from './damageBed.ts'

export interface Damage {
  readonly name: string
  /** Name of the check that must find it. */
  readonly check: RegExp
  /** What the advice must name; undefined for damage that a start mends by itself, which is a note. */
  readonly advice: RegExp | undefined
  /** On a pruned chain it may be out of use anyway, which is worth a note only. */
  readonly mayBeNote?: true
  readonly harm: (dir: string, random: Random, bed: Bed) => void
}

const RESYNC = /^mv \S+\/chain \S+\/chain\.damaged/
const CUT = /^suanli rollback -d \S+ --before-damage/
const NO_JOURNAL = /^mv \S+\/journal |^check the disk/
const OBSERVE = /observe|Never sign with an older copy/
const RESTORE = /offline copy/
const NEW_SNAPSHOT = /^mv \S+\/snapshots\/\d+ /
const GENESIS = /^copy genesis\.json from another member/

/** The newest file below `dir` whose name fits. */
function newest(dir: string, folder: string, pattern: RegExp): string {
  const names = readdirSync(join(dir, folder)).filter((name) => pattern.test(name))
  const name = names.sort().at(-1)
  if (name === undefined) throw new Error(`no ${pattern} in ${folder}`)
  return join(dir, folder, name)
}

function flip(file: string, random: Random, range?: { readonly from: number; readonly to: number }): void {
  const bytes = readFileSync(file)
  const at = random.between(range?.from ?? 0, (range?.to ?? bytes.length) - 1)
  bytes[at]! ^= 1 << random.between(0, 7)
  writeFileSync(file, bytes)
}

function cut(file: string, random: Random): void {
  truncateSync(file, random.between(0, statSync(file).size - 1))
}

/** Changes one digit of the first match, so that the text stays well-formed. */
function alter(file: string, pattern: RegExp): void {
  const text = readFileSync(file, 'utf8')
  const match = pattern.exec(text)
  if (match === null) throw new Error(`${file} has no ${pattern}`)
  const at = match.index + match[0].length - 1
  writeFileSync(file, text.slice(0, at) + (text[at] === '1' ? '2' : '1') + text.slice(at + 1))
}

function swap(from: string, to: string): void {
  rmSync(to, { recursive: true, force: true })
  cpSync(from, to, { recursive: true })
}

const DATABASE = join('chain', 'chain')
const LOG = /^\d+\.log$/
const TABLE = /^\d+\.ldb$/
const MANIFEST = /^MANIFEST-/
const JOURNAL = /^journal-\d+\.log$/
const SIGNER = /^signer-\d+\.log$/
const KEYS = ['peer', 'consensus', 'operator'] as const
/** Magic and genesis hash of a record file. */
const SEGMENT_HEAD = 40

/** The largest file of a journal or signer folder: the others may hold no record. */
function records(dir: string, folder: string, pattern: RegExp): string {
  const files = readdirSync(join(dir, folder)).filter((name) => pattern.test(name))
  const path = (name: string): string => join(dir, folder, name)
  return path(files.sort((a, b) => statSync(path(a)).size - statSync(path(b)).size).at(-1)!)
}

const chain: readonly Damage[] = [
  {
    name: 'log: a flipped byte in the first half',
    check: /^database$/,
    advice: CUT,
    harm: (dir, random) => {
      const log = newest(dir, DATABASE, LOG)
      flip(log, random, { from: 0, to: Math.floor(statSync(log).size / 2) })
    },
  },
  {
    name: 'log: a flipped byte in the last write',
    check: /^database$|^chain$/,
    advice: /--before-damage|check the disk/,
    harm: (dir, random) => {
      const log = newest(dir, DATABASE, LOG)
      const { size } = statSync(log)
      flip(log, random, { from: size - 64, to: size })
    },
  },
  {
    name: 'log: cut',
    check: /^database$|^chain$/,
    advice: /--before-damage|check the disk/,
    harm: (dir, random) => cut(newest(dir, DATABASE, LOG), random),
  },
  {
    name: 'log: removed',
    check: /^database$/,
    advice: RESYNC,
    harm: (dir) => rmSync(newest(dir, DATABASE, LOG)),
  },
  {
    name: 'table: a flipped byte',
    check: /^database$/,
    advice: RESYNC,
    harm: (dir, random) => flip(newest(dir, DATABASE, TABLE), random),
  },
  {
    name: 'table: cut',
    check: /^database$/,
    advice: RESYNC,
    harm: (dir, random) => cut(newest(dir, DATABASE, TABLE), random),
  },
  {
    name: 'table: removed',
    check: /^database$/,
    advice: RESYNC,
    harm: (dir) => rmSync(newest(dir, DATABASE, TABLE)),
  },
  {
    name: "table: another chain's",
    check: /^database$/,
    advice: RESYNC,
    harm: (dir, _, bed) => swap(newest(bed.other, DATABASE, LOG), newest(dir, DATABASE, TABLE)),
  },
  {
    name: 'MANIFEST: a flipped byte',
    check: /^database$|^chain$/,
    advice: RESYNC,
    harm: (dir, random) => flip(newest(dir, DATABASE, MANIFEST), random),
  },
  {
    name: 'MANIFEST: cut',
    check: /^database$|^chain$/,
    advice: RESYNC,
    harm: (dir, random) => cut(newest(dir, DATABASE, MANIFEST), random),
  },
  {
    name: 'MANIFEST: removed',
    check: /^database$/,
    advice: RESYNC,
    harm: (dir) => rmSync(newest(dir, DATABASE, MANIFEST)),
  },
  {
    name: 'CURRENT: a flipped byte',
    check: /^database$/,
    advice: RESYNC,
    harm: (dir, random) => flip(join(dir, DATABASE, 'CURRENT'), random),
  },
  {
    name: 'CURRENT: cut',
    check: /^database$/,
    advice: RESYNC,
    harm: (dir, random) => cut(join(dir, DATABASE, 'CURRENT'), random),
  },
  {
    name: 'CURRENT: removed',
    check: /^database$/,
    advice: RESYNC,
    harm: (dir) => rmSync(join(dir, DATABASE, 'CURRENT')),
  },
  {
    name: "database: another chain's",
    check: /^genesis$|^chain$/,
    advice: RESYNC,
    harm: (dir, _, bed) => swap(join(bed.other, 'chain'), join(dir, 'chain')),
  },
  {
    name: 'database: an older copy',
    check: /^chain$/,
    advice: /check the disk/,
    harm: (dir, _, bed) => swap(join(bed.older, DATABASE), join(dir, DATABASE)),
  },
  {
    name: 'chain: an older copy',
    check: /^chain$/,
    advice: /fetches the rest from its peers/,
    harm: (dir, _, bed) => swap(join(bed.older, 'chain'), join(dir, 'chain')),
  },
  {
    name: 'chain: removed',
    check: /^chain$/,
    advice: undefined,
    harm: (dir) => rmSync(join(dir, 'chain'), { recursive: true }),
  },
  {
    name: 'tree.cache: a flipped byte',
    check: /^tree\.cache$/,
    advice: /^rm \S+tree\.cache/,
    harm: (dir, random) => flip(join(dir, 'chain', 'tree.cache'), random),
  },
  {
    name: 'tree.cache: cut',
    check: /^tree\.cache$/,
    advice: /^rm \S+tree\.cache/,
    harm: (dir, random) => cut(join(dir, 'chain', 'tree.cache'), random),
  },
  {
    name: 'tree.cache: removed',
    check: /^tree\.cache$/,
    advice: undefined,
    harm: (dir) => rmSync(join(dir, 'chain', 'tree.cache')),
  },
  {
    name: "tree.cache: another chain's",
    mayBeNote: true,
    check: /^tree\.cache$/,
    advice: /^rm \S+tree\.cache/,
    harm: (dir, _, bed) => swap(join(bed.other, 'chain', 'tree.cache'), join(dir, 'chain', 'tree.cache')),
  },
]

const recordFiles: readonly Damage[] = [
  {
    name: 'journal: a flipped byte in a record',
    check: /^journal$/,
    advice: NO_JOURNAL,
    harm: (dir, random) => {
      const file = records(dir, 'journal', JOURNAL)
      flip(file, random, { from: SEGMENT_HEAD, to: SEGMENT_HEAD + 16 })
    },
  },
  {
    name: 'journal: a flipped byte in the head',
    check: /^journal$/,
    advice: NO_JOURNAL,
    harm: (dir, random) => flip(records(dir, 'journal', JOURNAL), random, { from: 0, to: SEGMENT_HEAD }),
  },
  {
    name: 'journal: cut',
    check: /^journal$/,
    advice: NO_JOURNAL,
    harm: (dir, random) => cut(records(dir, 'journal', JOURNAL), random),
  },
  {
    name: 'journal: a file removed',
    check: /^journal$/,
    advice: NO_JOURNAL,
    harm: (dir) => rmSync(records(dir, 'journal', JOURNAL)),
  },
  {
    name: 'journal: removed',
    check: /^journal$/,
    advice: undefined,
    harm: (dir) => rmSync(join(dir, 'journal'), { recursive: true }),
  },
  {
    name: "journal: another chain's",
    check: /^genesis$/,
    advice: NO_JOURNAL,
    harm: (dir, _, bed) => swap(join(bed.other, 'journal'), join(dir, 'journal')),
  },
  {
    name: 'journal: an older copy',
    check: /^journal$/,
    advice: NO_JOURNAL,
    harm: (dir, _, bed) => swap(join(bed.older, 'journal'), join(dir, 'journal')),
  },
  {
    name: 'signer: a flipped byte in a record',
    check: /^signer$/,
    advice: OBSERVE,
    harm: (dir, random) => {
      flip(newest(dir, 'signer', SIGNER), random, { from: SEGMENT_HEAD, to: SEGMENT_HEAD + 16 })
    },
  },
  {
    name: 'signer: a flipped byte in the head',
    check: /^signer$|^genesis$/,
    advice: OBSERVE,
    harm: (dir, random) => flip(newest(dir, 'signer', SIGNER), random, { from: 0, to: SEGMENT_HEAD }),
  },
  {
    name: 'signer: cut',
    check: /^signer$/,
    advice: OBSERVE,
    harm: (dir, random) => cut(newest(dir, 'signer', SIGNER), random),
  },
  {
    name: 'signer: removed',
    check: /^signer$/,
    advice: OBSERVE,
    harm: (dir) => {
      for (const name of readdirSync(join(dir, 'signer'))) {
        if (SIGNER.test(name)) rmSync(join(dir, 'signer', name))
      }
    },
  },
  {
    name: "signer: another chain's",
    check: /^genesis$/,
    advice: OBSERVE,
    harm: (dir, _, bed) => swap(join(bed.other, 'signer'), join(dir, 'signer')),
  },
  {
    name: 'signer: an older copy',
    check: /^signer$/,
    advice: OBSERVE,
    harm: (dir, _, bed) => swap(join(bed.older, 'signer'), join(dir, 'signer')),
  },
]

const snapshots: readonly Damage[] = (
  [
    ['a flipped byte', 'data', flip],
    ['cut', 'data', cut],
    ['removed', 'data', (file: string) => rmSync(file)],
    ['a flipped byte', 'manifest', flip],
    ['cut', 'manifest', cut],
    ['removed', 'manifest', (file: string) => rmSync(file)],
  ] as const
).map(([what, file, harm]) => ({
  name: `snapshot ${file}: ${what}`,
  check: /^snapshots$/,
  advice: NEW_SNAPSHOT,
  harm: (dir: string, random: Random) => harm(join(newest(dir, 'snapshots', /^\d+$/), file), random),
}))

const settings: readonly Damage[] = [
  {
    name: "snapshot: another chain's",
    check: /^snapshots$/,
    advice: NEW_SNAPSHOT,
    harm: (dir, _, bed) => {
      swap(newest(bed.other, 'snapshots', /^\d+$/), newest(dir, 'snapshots', /^\d+$/))
    },
  },
  {
    name: 'config.json: a flipped quote',
    check: /^config$/,
    advice: /^mend config\.json/,
    harm: (dir) => {
      const file = join(dir, 'config.json')
      writeFileSync(file, readFileSync(file, 'utf8').replace('"rpcHost"', '"rpcHost#'))
    },
  },
  {
    name: 'config.json: cut',
    check: /^config$/,
    advice: /^mend config\.json/,
    harm: (dir, random) => cutText(join(dir, 'config.json'), random),
  },
  {
    name: 'config.json: removed',
    check: /^config$/,
    advice: /^mend config\.json/,
    harm: (dir) => rmSync(join(dir, 'config.json')),
  },
  {
    name: 'genesis.json: a changed digit',
    check: /^genesis$/,
    advice: GENESIS,
    harm: (dir) => alter(join(dir, 'genesis.json'), /"(?:heartbeatMs|operator|peerId)": *"?(?:0x)?[0-9a-f]/),
  },
  {
    name: 'genesis.json: cut',
    check: /^genesis$/,
    advice: GENESIS,
    harm: (dir, random) => cutText(join(dir, 'genesis.json'), random),
  },
  {
    name: 'genesis.json: removed',
    check: /^genesis$/,
    advice: GENESIS,
    harm: (dir) => rmSync(join(dir, 'genesis.json')),
  },
  {
    name: "genesis.json: another chain's",
    check: /^genesis$/,
    advice: GENESIS,
    harm: (dir, _, bed) => swap(join(bed.other, 'genesis.json'), join(dir, 'genesis.json')),
  },
]

/** A document without its last line break is still whole. */
function cutText(file: string, random: Random): void {
  truncateSync(file, random.between(0, statSync(file).size - 2))
}

const keys: readonly Damage[] = KEYS.flatMap((key) => {
  const fileOf = (dir: string): string => join(dir, 'keys', `${key}.json`)
  const damage = (what: string, harm: Damage['harm']): Damage => ({
    name: `keys/${key}.json: ${what}`,
    check: /^keys$/,
    advice: RESTORE,
    harm,
  })
  return [
    damage('a changed digit of the secret', (dir) =>
      alter(fileOf(dir), /"cipher"[\s\S]*?"message": *"[0-9a-f]/),
    ),
    damage('a changed digit of the public key', (dir) => alter(fileOf(dir), /"pubkey": *"[0-9a-f]{20}/)),
    damage('cut', (dir, random) => cutText(fileOf(dir), random)),
    // Without an account evidence is only logged, and no file says that there was one.
    ...(key === 'operator' ? [] : [damage('removed', (dir) => rmSync(fileOf(dir)))]),
    ...(key === 'operator'
      ? []
      : [damage("another node's", (dir, _, bed) => swap(fileOf(bed.other), fileOf(dir)))]),
  ]
})

export const DAMAGES: readonly Damage[] = [...chain, ...recordFiles, ...snapshots, ...settings, ...keys]
