// What every option of a kind must be, by the word in its flags: a <dir> is a directory or not there yet, a <file> has a name, a <port> is
// one. Owns: these checks, for all commands alike.
import { statSync } from 'node:fs'
import { type Command, InvalidArgumentError, type Option } from 'commander'
import { wholeNumber } from './common.ts'

const PORT_MAX = 65_535

/** For commander: a directory, there or not; never a file, nor a path through one. */
function directory(text: string): string {
  // It would be the current directory.
  if (text === '') throw new InvalidArgumentError('expected a directory.')
  try {
    const stat = statSync(text, { throwIfNoEntry: false })
    if (stat === undefined || stat.isDirectory()) return text
  } catch (error) {
    // What cannot be read is the command's own to report.
    if ((error as { readonly code?: string }).code !== 'ENOTDIR') return text
  }
  throw new InvalidArgumentError('a file is in the way, expected a directory.')
}

/** For commander: a name; whether there is such a file is the command's own to report. */
function file(text: string): string {
  if (text === '') throw new InvalidArgumentError('expected a file.')
  return text
}

/** Gives all options of a command and of those below it the check of their kind, unless they have one that is closer. */
export function checkKinds(command: Command): void {
  command.commands.forEach(checkKinds)
  for (const option of command.options) checkKind(option)
}

function checkKind(option: Option): void {
  const own = option.parseArg
  // Repeated ones are collected.
  if (/<file[^.]*>/.test(option.flags) && own !== undefined && !option.variadic)
    option.argParser((text, before) => own(file(text), before))
  if (option.parseArg !== undefined || option.variadic) return
  if (/<dir>/.test(option.flags)) option.argParser(directory)
  else if (/<file/.test(option.flags)) option.argParser(file)
  else if (/<port>/.test(option.flags)) option.argParser(wholeNumber(0, PORT_MAX))
}
