// `npm run test:damage`: every damage of the list, at random places, on a full and on a pruned chain, after an orderly
// stop and after a kill. Owns: options, the order, the summary. The seed fixes all choices.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command } from 'commander'
import { wholeNumber } from '../../cli/common.ts'
import { Random } from '../support/random.ts'
import { makeBed } from './damageBed.ts'
import { DAMAGES } from './damages.ts'
import { falseAlarm, tryDamage } from './damageTrial.ts'

interface Options {
  readonly rounds: number
  readonly seed: number
  readonly only?: string
}

/** Only the marks of an orderly stop show that the newest records, or the newest commit, are gone. */
const UNKNOWABLE_AFTER_KILL =
  /^log: (?:cut|a flipped byte in the last write)|^(?:database|chain|journal): an older copy|^journal: (?:cut|a file removed|a flipped byte in a record)|^signer: (?:cut|an older copy)/

async function run({ rounds, seed, only }: Options): Promise<number> {
  const print = (line: string): void => void process.stdout.write(`${line}\n`)
  const random = new Random(seed)
  const root = mkdtempSync(join(tmpdir(), 'suanli-damage-'))
  const failures: string[] = []
  let tried = 0
  for (const isPruned of [false, true]) {
    const bed = await makeBed(join(root, isPruned ? 'pruned' : 'full'), { blocks: 100, isPruned })
    for (const isKilled of [false, true]) {
      const where = `${isPruned ? 'pruned' : 'full'}, ${isKilled ? 'killed' : 'closed'}`
      const alarm = await falseAlarm(bed, join(root, 'trial'), isKilled)
      if (alarm !== undefined) failures.push(`${where}, undamaged: ${alarm}`)
      for (const damage of DAMAGES.filter(({ name }) => only === undefined || name.includes(only))) {
        if (isKilled && UNKNOWABLE_AFTER_KILL.test(damage.name)) continue
        for (let round = 0; round < rounds; round++) {
          const { failure, said } = await tryDamage(damage, {
            bed,
            dir: join(root, 'trial'),
            random,
            isKilled,
          })
          tried++
          if (failure === undefined) continue
          failures.push(`${where}, ${damage.name}: ${failure}: ${said}`)
          print(`FAILED ${failures.at(-1)}`)
        }
      }
      print(`${where}: done, ${tried} tried, ${failures.length} failed`)
    }
  }
  rmSync(root, { recursive: true, force: true })
  print(`seed ${seed}: ${DAMAGES.length} kinds, ${tried} tried, ${failures.length} not found or not mended`)
  return failures.length === 0 ? 0 : 1
}

const whole = wholeNumber(0, 999_999_999)
const program = new Command('test:damage')
  .description(
    'damages the files of a stopped node and checks that the doctor finds it and that its advice helps',
  )
  .option('--rounds <count>', 'places per kind of damage', whole, 5)
  .option('--seed <number>', 'of every choice', whole, Date.now() % 1_000_000_000)
  .option('--only <text>', 'kinds whose name contains this')
program.parse()
process.exit(await run(program.opts<Options>()))
