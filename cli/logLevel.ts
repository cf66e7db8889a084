// The option `--log-level` of commands that run a node. Apart from common.ts, as it loads a node's configuration.
import { Option } from 'commander'
import { LOG_LEVELS } from '../node/config.ts'

export const logLevelOption = (text: string): Option =>
  new Option('--log-level <level>', text).choices([...LOG_LEVELS])
