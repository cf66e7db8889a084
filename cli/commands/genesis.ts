// `suanli genesis`: the ceremony's commands (cli/genesis/), and the devnet's document. Not: the rules (genesis/).
import { writeFileSync } from 'node:fs'
import type { Command } from 'commander'
import { developmentGenesis } from '../../devnet/genesisOptions.ts'
import { genesisText } from '../../node/nodeDir.ts'
import { addAddMember } from '../genesis/addMember.ts'
import { addCheck, addCollect } from '../genesis/collectParts.ts'
import { addNew } from '../genesis/newDraft.ts'
import { addShow } from '../genesis/show.ts'
import { blockTimeOption, validatorsOption, windowOption } from './chainOptions.ts'

export function addGenesis(program: Command, finish: (code: number) => void): void {
  const genesis = program.command('genesis').description('make and check genesis documents')
  addNew(genesis)
  addAddMember(genesis)
  addCollect(genesis)
  addCheck(genesis)
  addShow(genesis, finish)
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
