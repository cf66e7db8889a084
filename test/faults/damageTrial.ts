// Damages a copy of a node's directory, asks the doctor, follows its advice where a command does, and asks again.
import { cpSync, existsSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { type Diagnosis, diagnose } from '../../cli/doctor/diagnose.ts'
import { cutNode } from '../../cli/doctor/rollbackNode.ts'
import { DEVELOPMENT_PASSWORD } from '../../devnet/directories.ts'
import type { Random } from '../support/random.ts'
import type { Bed } from './damageBed.ts'
import type { Damage } from './damages.ts'

export interface Verdict {
  /** Why the doctor failed; undefined when it found the damage and its advice helped. */
  readonly failure: string | undefined
  /** What it said about the damage. */
  readonly said: string
}

const ask = (dir: string): Promise<Diagnosis> => diagnose(dir, { blocks: 8, password: DEVELOPMENT_PASSWORD })

/** The advice that needs nothing from outside the directory, carried out; false for the others. */
async function follow(advice: string, dir: string): Promise<boolean> {
  const move = /^mv (\S+) (\S+)/.exec(advice)
  const remove = /^rm (\S+)/.exec(advice)
  if (move !== null) renameSync(move[1]!, move[2]!)
  else if (remove !== null) rmSync(remove[1]!)
  else if (/^suanli rollback -d \S+ --before-damage/.test(advice)) await cutNode(dir, {})
  else return false
  return true
}

/** `isKilled`: the node's last stop was not orderly, so the marks of an orderly one do not help. */
export async function tryDamage(
  damage: Damage,
  at: { readonly bed: Bed; readonly dir: string; readonly random: Random; readonly isKilled: boolean },
): Promise<Verdict> {
  const { bed, dir, random, isKilled } = at
  rmSync(dir, { recursive: true, force: true })
  cpSync(bed.sound, dir, { recursive: true })
  if (isKilled) for (const part of ['chain', 'journal']) rmSync(join(dir, part, 'closed'), { force: true })
  damage.harm(dir, random, bed)
  const { checks, advice } = await ask(dir)
  const found = checks.filter(({ name, status }) => status !== 'ok' && damage.check.test(name))
  const said = found.map(({ status, name, detail }) => `${status} ${name}: ${detail}`).join('; ')
  const fail = (failure: string): Verdict => ({ failure, said: said || JSON.stringify(checks) })
  if (damage.advice === undefined) {
    return found.length > 0 ? { failure: undefined, said } : fail('the doctor does not mention it')
  }
  const isNoted = damage.mayBeNote === true && found.length > 0
  if (isNoted && advice.length === 0) return { failure: undefined, said }
  if (!found.some(({ status }) => status === 'bad')) return fail('the doctor does not find it')
  const named = advice.find((line) => damage.advice!.test(line))
  if (named === undefined) return fail(`the advice does not help: ${advice.join(' | ')}`)
  if (!(await follow(named, dir))) return { failure: undefined, said }
  const again = await ask(dir)
  // A signer without its record is what was advised.
  const left = again.checks.filter(
    ({ name, status, detail }) =>
      status === 'bad' && damage.check.test(name) && !/is missing: the node signs nothing/.test(detail),
  )
  const isMended = left.length === 0 && existsSync(dir)
  return isMended
    ? { failure: undefined, said }
    : fail(`still ${left.map(({ detail }) => detail).join('; ')}`)
}

/** The doctor finds nothing in the undamaged directory; else what it says. */
export async function falseAlarm(bed: Bed, dir: string, isKilled: boolean): Promise<string | undefined> {
  rmSync(dir, { recursive: true, force: true })
  cpSync(bed.sound, dir, { recursive: true })
  if (isKilled) for (const part of ['chain', 'journal']) rmSync(join(dir, part, 'closed'), { force: true })
  const { checks, advice } = await ask(dir)
  return advice.length === 0 ? undefined : JSON.stringify(checks.filter(({ status }) => status === 'bad'))
}
