// `npm run test:gateway-kills`: kills a gateway, a holder's proxy or the node, again and again, while programs stream and pay.
// Owns: options, who is killed when, the summary. The seed fixes all choices, but not the timing.
import { Command } from 'commander'
import { wholeNumber } from '../../../cli/common.ts'
import { Random } from '../../support/random.ts'
import { KillTrial, VICTIMS } from './trial.ts'

interface Options {
  readonly kills: number
  readonly seed: number
  readonly secondsPerKill: number
  readonly secondsToStart: number
}

/** Of a window, for the kills: in its last fifth the gateway settles, and whoever is down then is too late. */
const USED_PART = 0.75

async function run({ kills, seed, secondsPerKill, secondsToStart }: Options): Promise<number> {
  const print = (line: string): void => void process.stdout.write(`${line}\n`)
  print(`seed ${seed}`)
  const random = new Random(seed)
  const windowMs = Math.ceil((kills * secondsPerKill * 1_000) / USED_PART)
  // In its last quarter the chain assigns the window after the next one.
  const firstWindowMs = Math.ceil(windowMs / 4) + secondsToStart * 1_000
  print(`a window of ${Math.round(windowMs / 1_000)} s begins in ${Math.round(firstWindowMs / 1_000)} s`)
  const trial = await KillTrial.begin({ random, windowMs, firstWindowMs })
  try {
    for (let i = 1; i <= kills; i++) {
      const victim = random.pick(VICTIMS)
      const beganMs = performance.now()
      await trial.kill(victim)
      print(
        `kill ${i}: ${victim}, ${Math.round(performance.now() - beganMs)} ms, ${trial.tokens} tokens so far`,
      )
    }
    await trial.finish()
    print(JSON.stringify(trial.summary, null, 2))
    return 0
  } catch (error) {
    process.stderr.write(`${(error as Error).stack}\n${JSON.stringify(trial.summary, null, 2)}\n`)
    process.stderr.write(`again: npm run test:gateway-kills -- --seed ${seed} --kills ${kills}\n`)
    return 1
  } finally {
    await trial.abandon()
  }
}

const program = new Command('test:gateway-kills')
  .description('kills gateway, proxies and node of a devnet under load and checks that nothing is lost')
  .option('--kills <count>', 'at random moments', wholeNumber(1, 10_000), 20)
  .option('--seed <number>', 'of every choice', wholeNumber(0, 999_999_999), Date.now() % 1_000_000_000)
  .option('--seconds-per-kill <count>', 'room in the window for each', wholeNumber(1, 600), 8)
  .option('--seconds-to-start <count>', 'for the devnet and the gateway', wholeNumber(10, 600), 60)
program.parse()
process.exit(await run(program.opts<Options>()))
