// eth_chainId, net_*, web3_*, eth_syncing, eth_accounts, eth_blockNumber.

import { toHex } from '../../base/bytes.ts'
import { keccak256 } from '../../base/crypto/hash.ts'
import type { Backend } from '../backend.ts'
import { defineMethod, type Method } from '../method.ts'
import { DATA_SCHEMA, p, QUANTITY_SCHEMA } from '../params.ts'
import { quantity } from './format.ts'

const SHA3_BYTES_MAX = 1024 * 1024

export function identityMethods(backend: Backend): readonly Method[] {
  const { chainId, clientVersion } = backend.identity
  const chainIdHex = quantity(chainId)
  return [
    defineMethod({
      name: 'eth_chainId',
      doc: 'Chain id for signing transactions and typed data.',
      cost: 1,
      params: {},
      returns: QUANTITY_SCHEMA,
      run: () => chainIdHex,
    }),
    defineMethod({
      name: 'net_version',
      doc: 'Chain id as a decimal string.',
      cost: 1,
      params: {},
      returns: { type: 'string' },
      run: () => String(chainId),
    }),
    defineMethod({
      name: 'net_listening',
      doc: 'Whether the node listens for peers: always true.',
      cost: 1,
      params: {},
      returns: { type: 'boolean' },
      run: () => true,
    }),
    defineMethod({
      name: 'net_peerCount',
      doc: 'Number of connected peers.',
      cost: 1,
      params: {},
      returns: QUANTITY_SCHEMA,
      run: () => quantity(backend.health().peerCount),
    }),
    defineMethod({
      name: 'web3_clientVersion',
      doc: 'Name, version and platform of this node.',
      cost: 1,
      params: {},
      returns: { type: 'string' },
      run: () => clientVersion,
    }),
    defineMethod({
      name: 'web3_sha3',
      doc: 'keccak-256 of the data.',
      cost: 4,
      params: { data: p.data(SHA3_BYTES_MAX) },
      returns: DATA_SCHEMA,
      run: ({ data }) => toHex(keccak256(data)),
    }),
    defineMethod({
      name: 'eth_accounts',
      doc: 'Always empty: the node holds no keys.',
      cost: 1,
      params: {},
      returns: { type: 'array' },
      run: () => [],
    }),
    defineMethod({
      name: 'eth_syncing',
      doc: 'False when in sync, otherwise the progress.',
      cost: 1,
      params: {},
      returns: { oneOf: [{ type: 'boolean' }, { type: 'object' }] },
      run: () => {
        const progress = backend.syncing()
        if (progress === undefined) return false
        return {
          startingBlock: quantity(progress.startingHeight),
          currentBlock: quantity(progress.currentHeight),
          highestBlock: quantity(progress.highestHeight),
        }
      },
    }),
    defineMethod({
      name: 'eth_blockNumber',
      doc: 'Height of the latest block, which is final.',
      cost: 1,
      params: {},
      returns: QUANTITY_SCHEMA,
      run: () => quantity(backend.head().header.height),
    }),
  ]
}
