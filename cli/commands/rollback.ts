// `suanli rollback`: removes the newest blocks of a stopped node's chain. Not: how (storage/rollback.ts).
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { dataDirOption, printJson, wholeNumber } from '../common.ts'

const height = wholeNumber(0, Number.MAX_SAFE_INTEGER)

/** Adds the command. Journal and signer keep everything, so nothing can be signed twice afterwards. */
export function addRollback(program: Command): void {
  program
    .command('rollback')
    .description('remove the newest blocks of a stopped node; the next start fetches them from peers again')
    .addOption(dataDirOption())
    .option('--to <height>', 'height of the new tip', height)
    .option('--blocks <count>', 'number of blocks to remove', height)
    .option(
      '--before-damage',
      "cut a damaged database's log in front of the damage, as `suanli doctor` advises",
      false,
    )
    .addHelpText(
      'after',
      `
The new tip is the highest block at or below that height with its own
certificate. Its state root is checked before anything changes; heights whose
state is pruned are refused. The votes in journal and signer stay; only verdicts
on blocks that this node's execution refused are removed, so that they are
executed again. --before-damage works on a copy, proves its state root and only
then takes it; the damaged files are kept.`,
    )
    .action(async (options) => {
      const { cutNode, rollbackNode } = await import('../doctor/rollbackNode.ts')
      const { to, blocks, beforeDamage } = options
      const dataDir = resolve(options.dataDir)
      printJson(
        beforeDamage ? await cutNode(dataDir, { to, blocks }) : await rollbackNode(dataDir, { to, blocks }),
      )
    })
}
