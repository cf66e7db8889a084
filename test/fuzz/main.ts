// `npm run fuzz -- --frames N [--seed S] [--target T] [--stacks]`: feeds N frames to every parser of untrusted input;
// fails when anything throws, accepts invalid input, or leaks memory.
import { parseArgs } from 'node:util'
import { parseWholeNumber } from '../../base/integers.ts'
import { sharesOf, TARGETS } from './all.ts'
import { fuzz } from './run.ts'
import type { FuzzReport } from './target.ts'

const { values } = parseArgs({
  options: {
    frames: { type: 'string', default: '1000000' },
    seed: { type: 'string', default: '1' },
    target: { type: 'string' },
    stacks: { type: 'boolean', default: false },
  },
})

function natural(text: string, name: string): number {
  const value = parseWholeNumber(text, 1)
  if (value !== undefined) return value
  console.error(`--${name}: expected a whole number from 1 on`)
  process.exit(2)
}

const mebibytes = (bytes: number): string => (bytes / 1024 / 1024).toFixed(1)

function print(report: FuzzReport): void {
  const { target, frames, seconds, heapBefore, heapAfter, failures } = report
  const rate = Math.round(frames / seconds)
  console.log(
    `${target.padEnd(12)} ${`${frames}`.padStart(9)} frames, ${`${rate}`.padStart(7)} a CPU second, ` +
      `heap ${mebibytes(heapBefore)} → ${mebibytes(heapAfter)} MiB, ${failures.length} failures`,
  )
  for (const failure of failures) console.error(`  ${failure}`)
}

async function main(): Promise<void> {
  const [frames, seed] = [natural(values.frames, 'frames'), natural(values.seed, 'seed')]
  const targets = TARGETS.filter((t) => values.target === undefined || t.name === values.target)
  if (targets.length === 0) {
    console.error(`no target ${values.target}; there are: ${TARGETS.map((t) => t.name).join(', ')}`)
    process.exit(2)
  }
  const shares = sharesOf(targets, frames)
  const reports: FuzzReport[] = []
  for (const [i, target] of targets.entries()) {
    const report = await fuzz(target, { frames: shares[i]!, seed, stacks: values.stacks })
    reports.push(report)
    print(report)
    if (report.failures.length > 0) {
      console.error(
        `  replay: npm run fuzz -- --target ${target.name} --frames ${shares[i]} --seed ${seed} --stacks`,
      )
    }
  }
  const total = reports.reduce((sum, r) => sum + r.frames, 0)
  const seconds = reports.reduce((sum, r) => sum + r.seconds, 0)
  const failed = reports.reduce((sum, r) => sum + r.failures.length, 0)
  console.log(
    `${total} frames in ${seconds.toFixed(1)} s of CPU, ${Math.round(total / seconds)} a second, ${failed} failures`,
  )
  process.exitCode = failed === 0 ? 0 : 1
}

await main()
