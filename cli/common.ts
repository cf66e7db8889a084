// Helpers shared by several commands. Owns: common options, passwords, printing. Not: any command.
import { readFileSync } from 'node:fs'
import { InvalidArgumentError, Option } from 'commander'
import { fromHex } from '../base/bytes.ts'
import { OperatorError } from '../base/errors.ts'
import { parseWholeNumber } from '../base/integers.ts'

export const PASSWORD_VARIABLE = 'SUANLI_PASSWORD'

/** For commander: a whole number within bounds. */
export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = parseWholeNumber(text, min, max)
    if (value !== undefined) return value
    throw new InvalidArgumentError(`expected a whole number, ${min} to ${max}`)
  }
}

/** The password of the key files, from the given file or the environment; undefined without one. */
export function givenPassword(options: { readonly passwordFile?: string }): string | undefined {
  if (options.passwordFile !== undefined) {
    const text = readFileSync(options.passwordFile, 'utf8').replace(/\r?\n$/, '')
    if (text === '') throw new OperatorError(`${options.passwordFile} is empty`)
    return text
  }
  const fromEnvironment = process.env[PASSWORD_VARIABLE]
  return fromEnvironment === '' ? undefined : fromEnvironment
}

/** Like `givenPassword`, but throws OperatorError without one. */
export function passwordOf(options: { readonly passwordFile?: string }): string {
  const password = givenPassword(options)
  if (password !== undefined) return password
  throw new OperatorError(`give the password of the key files with --password-file or ${PASSWORD_VARIABLE}`)
}

export const print = (text: string): void => void process.stdout.write(`${text}\n`)
export const printJson = (value: unknown): void => print(JSON.stringify(value, null, 2))

export const dataDirOption = (): Option =>
  new Option('-d, --data-dir <dir>', 'the data directory of the node').makeOptionMandatory()

export const jsonOption = (): Option => new Option('--json', 'print JSON, and nothing else')

export const passwordOption = (): Option =>
  new Option(
    '--password-file <file>',
    `file with the password of the key files (or set ${PASSWORD_VARIABLE})`,
  )

/** Bytes from a command line. Throws OperatorError. */
export function hexOption(name: string, text: string): Uint8Array {
  try {
    return fromHex(text.replace(/^0x/, ''))
  } catch {
    throw new OperatorError(`${name}: expected 0x hex, not ${text.slice(0, 100)}`)
  }
}
