// Options that `devnet` and `genesis devnet` share. Owns: their bounds and defaults.
import { Option } from 'commander'
import { DEVNET_VALIDATORS, DEVNET_WINDOW_MS } from '../../genesis/devnet.ts'
import { wholeNumber } from '../common.ts'

const { min: VALIDATORS_MIN, max: VALIDATORS_MAX } = DEVNET_VALIDATORS
export const validatorsOption = () =>
  new Option('-n, --validators <count>', `number of validators, ${VALIDATORS_MIN} to ${VALIDATORS_MAX}`)
    .argParser(wholeNumber(VALIDATORS_MIN, VALIDATORS_MAX))
    .default(DEVNET_VALIDATORS.usual)
export const blockTimeOption = () =>
  new Option('-b, --block-time <ms>', 'shortest time between blocks, milliseconds')
    .argParser(wholeNumber(0, 60_000))
    .default(50)
export const windowOption = () =>
  new Option('-w, --window <ms>', 'length of a capacity window, milliseconds')
    .argParser(wholeNumber(1_000, 86_400_000))
    .default(DEVNET_WINDOW_MS)
