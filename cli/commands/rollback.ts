// `suanli rollback`: takes the newest blocks off a stopped node's chain. Not: how (storage/rollback.ts).
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { dataDirOption, printJson, wholeNumber } from './common.ts'

const height = wholeNumber(0, Number.MAX_SAFE_INTEGER)

/** Adds the command. Journal and signer keep everything, so nothing can be signed twice afterwards. */
export function addRollback(program: Command): void {
  program
    .command('rollback')
    .description('take the newest blocks off a stopped node; the next start fetches them from peers again')
    .addOption(dataDirOption())
    .option('--to <height>', 'the block that is to be the tip', height)
    .option('--blocks <count>', 'how many blocks to take off', height)
    .addHelpText(
      'after',
      `
It lands on the highest block at or below that height that has a certificate of its own, checks that its state has
the right root before anything changes, and refuses below what the node keeps. The votes in journal and signer stay;
only what this node's execution refused is forgotten, so that it is judged again.`,
    )
    .action(async (options) => {
      const { rollbackNode } = await import('../doctor/rollbackNode.ts')
      printJson(await rollbackNode(resolve(options.dataDir), { to: options.to, blocks: options.blocks }))
    })
}
