// `suanli doctor`: reports what is wrong with a stopped node's data directory and what to do. Not: the checks (cli/doctor/).
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { dataDirOption, givenPassword, passwordOption, print, printJson, wholeNumber } from '../common.ts'

const MARKS = { ok: 'ok  ', note: 'note', bad: 'BAD ' } as const

/** Adds the command; its exit code is 1 when something needs the operator. */
export function addDoctor(program: Command, finish: (code: number) => void): void {
  program
    .command('doctor')
    .description('check the data directory of a stopped node: reports what is wrong and which command helps')
    .addOption(dataDirOption())
    .option('--blocks <count>', 'number of recent blocks to execute again', wholeNumber(1, 1_000_000), 64)
    .addOption(passwordOption())
    .option('--json', 'print everything as JSON, including the keys that differ', false)
    .option('--compare <file>', "only compare a halted node's diagnosis file with this node's data")
    .action(async (options) => {
      const { compareOffline, diagnose } = await import('../doctor/diagnose.ts')
      if (options.compare !== undefined) {
        printJson(await compareOffline(resolve(options.dataDir), options.compare))
        return
      }
      const { blocks } = options
      const diagnosis = await diagnose(resolve(options.dataDir), { blocks, password: givenPassword(options) })
      const { checks, advice } = diagnosis
      if (options.json) printJson(diagnosis)
      else {
        for (const { name, status, detail } of checks) print(`${MARKS[status]}  ${name.padEnd(12)} ${detail}`)
        print(advice.length === 0 ? '\nNothing is wrong here.' : `\nTo do:\n${numbered(advice)}`)
      }
      finish(advice.length === 0 ? 0 : 1)
    })
}

function numbered(lines: readonly string[]): string {
  return lines.map((line, i) => `  ${i + 1}. ${line}`).join('\n')
}
