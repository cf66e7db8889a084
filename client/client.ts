// Entry of the browser bundle (`npm run bundle`): what a page, an extension or a wallet gets. In this repository
// everybody imports the files themselves.
export { checksumAddress, parseChecksumAddress } from '../base/address.ts'
export { parseHash32 } from '../base/ids.ts'
export { formatBoundaryCheckpoint as formatCheckpoint } from '../base/protocol/checkpoint.ts'
export { recordsOf } from '../base/record.ts'
export { formatCoins, parseCoins } from '../base/units.ts'
export { schemas } from '../state/schemas.ts'
export { parseClientState } from './clientState.ts'
export { conflictJson } from './conflict.ts'
export { LightClientError } from './errors.ts'
export { LightClient } from './lightClient.ts'
export { httpProvider } from './provider.ts'
export { parseCheckpoint, trustGenesis } from './trust.ts'
