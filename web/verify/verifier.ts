// The light client in a worker of its own: a pairing would hold up the page.
import { parseChecksumAddress } from '../../base/address.ts'
export const known = parseChecksumAddress
