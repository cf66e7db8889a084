// `suanli genesis`: checks genesis documents and writes the devnet's. Not: the rules (genesis/build.ts).
import { writeFileSync } from 'node:fs'
import type { Command } from 'commander'
import { toHex } from '../../base/bytes.ts'
import { developmentGenesis } from '../../devnet/genesisOptions.ts'
import { genesisHash } from '../../genesis/schema.ts'
import { genesisText, readGenesis } from '../../node/nodeDir.ts'
import { printJson } from '../common.ts'
import { blockTimeOption, validatorsOption, windowOption } from './chainOptions.ts'

export function addGenesis(program: Command): void {
  const genesis = program.command('genesis').description('make and check genesis documents')
  genesis
    .command('check <file>')
    .description('check every rule; prints the genesis hash, or the field and the reason')
    .action((file) => {
      const document = readGenesis(file)
      printJson({ name: document.name, chainId: document.chainId, hash: toHex(genesisHash(document)) })
    })
  genesis
    .command('devnet')
    .description("write the devnet's genesis, as an example or a starting point")
    .addOption(validatorsOption())
    .addOption(blockTimeOption())
    .addOption(windowOption())
    .option('-o, --out <file>', 'file to write; default: standard output')
    .action((options) => {
      const text = genesisText(
        developmentGenesis({
          validators: options.validators,
          blockTimeMs: options.blockTime,
          windowMs: options.window,
        }),
      )
      if (options.out === undefined) process.stdout.write(text)
      else writeFileSync(options.out, text, { flag: 'wx' })
    })
}
