// Run as a child process: prints one encoding of every schema of the project, of every record in state, and of every frame.
// Owns: finding the schemas. It statically imports nothing that defines one, so that the tap is in place first.
import { readdirSync, readFileSync } from 'node:fs'
import { register } from 'node:module'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { Message } from '../../base/schema.ts'
import type { MessageKind } from '../../consensus/messages.ts'
import type { RecordKind } from '../../consensus/records.ts'
import type { Reply, Request } from '../../signer/signerProtocol.ts'
import { sampleFields } from '../support/sample.ts'

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '../../..')

/** The body schema of each kind; a new kind does not compile without a line here. */
const CONSENSUS_BODIES: { readonly [K in MessageKind]: string } = {
  proposal: 'Proposal(vote,block,justification)',
  vote: 'Vote',
  certificate: 'Certificate',
  status: 'Status',
  certificatesRequest: 'CertificatesRequest',
  certificates: 'Certificates',
  blocksRequest: 'BlocksRequest',
  blocks: 'Blocks',
  boundaryRequest: 'BoundaryRequest',
  ownVotesRequest: 'OwnVotesRequest',
  heldVotes: 'HeldVotes',
  proposalRequest: 'ProposalRequest',
}
const JOURNAL_BODIES: { readonly [K in RecordKind]: string } = {
  block: 'BlockRecord',
  proposal: 'ProposalRecord',
  intent: 'IntentRecord',
  certificate: 'CertificateRecord',
  verdict: 'VerdictRecord',
}
const SIGNER_REQUESTS: { readonly [K in Request['kind']]: string } = {
  hello: 'SignerHello',
  beginEpoch: 'SignerBeginEpoch',
  sign: 'SignerSign',
  randao: 'SignerRandao',
  ping: 'SignerPing',
  health: 'SignerHealthRequest',
  follow: 'SignerFollow',
  prove: 'SignerProve',
  held: 'SignerHeld',
}
const SIGNER_REPLIES: { readonly [K in Reply['kind']]: string } = {
  welcome: 'SignerWelcome',
  refused: 'SignerRefused',
  epoch: 'SignerEpoch',
  signed: 'SignerSigned',
  reveal: 'SignerReveal',
  pong: 'SignerPong',
  health: 'SignerHealth',
  taken: 'SignerTaken',
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const keyHex = (key: string): string => Buffer.from(key, 'latin1').toString('hex')
const sorted = (lines: Record<string, string>): Record<string, string> =>
  Object.fromEntries(Object.entries(lines).sort(([a], [b]) => (a < b ? -1 : 1)))

/** Loads every source file that defines a message, in all folders that are compiled. */
async function loadAll(): Promise<void> {
  const { include } = JSON.parse(readFileSync(join(ROOT, 'tsconfig.json'), 'utf8')) as { include: string[] }
  for (const room of include.filter((name) => name !== 'test')) {
    for (const file of readdirSync(join(ROOT, room), { recursive: true, encoding: 'utf8' }).sort()) {
      if (!file.endsWith('.ts') || file.endsWith('.d.ts')) continue
      if (!/\b(message|defineModule)\(/.test(readFileSync(join(ROOT, room, file), 'utf8'))) continue
      await import(pathToFileURL(join(ROOT, 'dist', room, file.replace(/\.ts$/, '.js'))).href)
    }
  }
}

function encodeSample(schema: Message<unknown>): string {
  const bytes = schema.encode(sampleFields(schema.name, schema.fields))
  const again = schema.encode(schema.decode(bytes))
  if (hex(again) !== hex(bytes))
    throw new Error(`${schema.name}: a decode does not re-encode to the same bytes`)
  return hex(bytes)
}

/** By name; schemas that share a name, by name and fields; those that share both, numbered. */
function byKey(defined: readonly Message<unknown>[]): Map<string, Message<unknown>> {
  const names = new Map<string, Map<string, Message<unknown>>>()
  for (const schema of defined) {
    const same = names.get(schema.name) ?? new Map<string, Message<unknown>>()
    same.set(`${Object.keys(schema.fields).join(',')}) ${encodeSample(schema)}`, schema)
    names.set(schema.name, same)
  }
  const out = new Map<string, Message<unknown>>()
  for (const [name, same] of names) {
    for (const text of [...same.keys()].sort()) {
      const fields = `${name}(${text.slice(0, text.indexOf(')') + 1)}`
      let key = same.size === 1 ? name : fields
      for (let n = 2; out.has(key); n++) key = `${fields}#${n}`
      out.set(key, same.get(text)!)
    }
  }
  return out
}

async function recordLines(): Promise<Record<string, string>> {
  const { MODULE_SCHEMAS } = await import('../../state/schemas.ts')
  const { paramsRecordOf, recordsOf } = await import('../../base/record.ts')
  const { paramFields } = await import('../../base/moduleDefinition.ts')
  const lines: Record<string, string> = {}
  for (const definition of MODULE_SCHEMAS) {
    const codecs = recordsOf(definition)
    for (const [name, { key, value }] of Object.entries(definition.records)) {
      const codec = codecs[name]!
      const seed = codec.name
      const stored = codec.encode(sampleFields(seed, value) as never)
      lines[seed] = `${keyHex(codec.key(sampleFields(`${seed} key`, key) as never))} ${hex(stored)}`
    }
    const params = paramsRecordOf(definition)
    const stored = params.encode(sampleFields(params.name, paramFields(definition.params)) as never)
    lines[`${definition.name}.Params`] = `${keyHex(params.key({}))} ${hex(stored)}`
  }
  return lines
}

async function frameLines(schemas: ReadonlyMap<string, Message<unknown>>): Promise<Record<string, string>> {
  const { encodeMessage } = await import('../../consensus/messages.ts')
  const { encodeRecord } = await import('../../consensus/records.ts')
  const { encodeFrame } = await import('../../storage/recordFile.ts')
  const { encodeReply, encodeRequest } = await import('../../signer/signerProtocol.ts')
  const { encodeHello } = await import('../../p2p/hello.ts')
  const { frameHeader } = await import('../../p2p/frames.ts')
  const lines: Record<string, string> = {}
  const add = (group: string, bodies: object, encode: (value: never) => Uint8Array): void => {
    for (const [kind, key] of Object.entries(bodies) as [string, string][]) {
      const schema = schemas.get(key)
      if (schema === undefined) {
        // The comparison reports this better than throwing here.
        lines[`${group} ${kind}`] = `no schema ${key}`
        continue
      }
      const body = schema.decode(Buffer.from(encodeSample(schema), 'hex'))
      lines[`${group} ${kind}`] = hex(encode({ kind, body } as never))
    }
  }
  add('consensus', CONSENSUS_BODIES, encodeMessage)
  add('journal', JOURNAL_BODIES, encodeRecord)
  add('signer request', SIGNER_REQUESTS, encodeRequest)
  add('signer reply', SIGNER_REPLIES, encodeReply)
  const hash = new Uint8Array(32).fill(7)
  lines['journal frame of epoch 258'] = hex(encodeFrame(258, hash))
  lines['p2p hello'] = hex(encodeHello(hash))
  lines['p2p hello that refuses'] = hex(encodeHello(hash, 'busy'))
  lines['p2p frame header of 66,051 bytes'] = hex(frameHeader(66_051))
  return lines
}

register('./tapHooks.js', import.meta.url)
const { defined } = await import('./schemaTap.ts')
await loadAll()
const schemas = byKey(defined)
const records = await recordLines()
// Messages that are a record's value are listed among the records, with the key and the version byte.
const messages = [...schemas].filter(([key]) => records[key] === undefined)
const answer = {
  messages: sorted(Object.fromEntries(messages.map(([key, schema]) => [key, encodeSample(schema)]))),
  records: sorted(records),
  frames: sorted(await frameLines(schemas)),
}
process.stdout.write(JSON.stringify(answer))
