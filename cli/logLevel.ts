// The options of commands that log. Apart from common.ts, as they load a node's configuration.
import { type Command, Option } from 'commander'
import { LOG_LEVELS } from '../node/config.ts'
import { LOG_FORMATS } from '../node/logText.ts'

export const logLevelOption = (text: string): Option =>
  new Option('--log-level <level>', text).choices([...LOG_LEVELS])

/** `--log-format` and `--log-file`. */
export function addLogOptions(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--log-format <format>',
        'lines for people (text), for programs (json); auto: by the output',
      ).choices([...LOG_FORMATS]),
    )
    .option('--log-file <file>', 'log to a file, which is rotated by size')
}
