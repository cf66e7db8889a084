// `suanli genesis collect` and `check`: the document of all parts, and whether it is what was signed. Not: the rules (genesis/).
import type { Command } from 'commander'
import { toHex } from '../../base/bytes.ts'
import { collectParts, compareWithDraft, compareWithParts } from '../../genesis/collect.ts'
import { type Genesis, genesisHash } from '../../genesis/schema.ts'
import { readGenesis } from '../../node/nodeDir.ts'
import { printJson } from '../common.ts'
import { UsageError } from '../usageError.ts'
import { naming, peersOf, readDraft, readParts, writeGenesis, writeNewFile } from './files.ts'
import { spoken } from './terms.ts'

function hashes(genesis: Genesis) {
  const hash = toHex(genesisHash(genesis))
  return {
    name: genesis.name,
    chainId: genesis.chainId,
    members: genesis.providers.length,
    hash,
    aloud: spoken(hash),
  }
}

export function addCollect(genesis: Command): void {
  genesis
    .command('collect <parts...>')
    .description('check the parts of all members and write the genesis document, the same for every order')
    .option('--draft <file>', 'the draft', 'draft.json')
    .option('-o, --out <file>', 'file to write', 'genesis.json')
    .option('--peers <file>', "also write the members' addresses, for `suanli init --peers`")
    .action((files, options) => {
      const draft = readDraft(options.draft)
      const parts = readParts(files)
      const document = collectParts(draft, parts)
      writeGenesis(options.out, document)
      const { peers } = options
      if (peers !== undefined) writeNewFile(peers, `${JSON.stringify(peersOf(document, parts), null, 2)}\n`)
      printJson({ file: options.out, ...hashes(document) })
    })
}

export function addCheck(genesis: Command): void {
  genesis
    .command('check <file>')
    .description('check every rule, and that it says what you signed; prints the hash to compare')
    .option('--draft <file>', 'the draft that it was made from')
    .option('--part <file...>', 'your part, or all parts')
    .action((file, options) => {
      const document = readGenesis(file)
      const { draft: draftFile, part: files } = options
      if (files !== undefined && draftFile === undefined) throw new UsageError('--part needs --draft')
      if (draftFile === undefined) return printJson(hashes(document))
      const draft = readDraft(draftFile)
      const parts = readParts(files ?? [])
      naming(file, () => compareWithDraft(document, draft))
      const isComplete = naming(file, () => compareWithParts(document, { draft, parts }))
      printJson({ ...hashes(document), sameAs: [draftFile, ...(files ?? [])], allMembersSigned: isComplete })
    })
}
