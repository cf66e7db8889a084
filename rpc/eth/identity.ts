// eth_chainId, net_*, web3_*, eth_syncing, eth_accounts, eth_blockNumber.

import { toHex } from '../../base/bytes.ts'
import { keccak256 } from '../../base/crypto/hash.ts'
import { ZERO_ADDRESS } from '../../base/ids.ts'
import type { Backend } from '../backend.ts'
import { defineMethod, type Method } from '../method.ts'
import { ADDRESS_SCHEMA, DATA_SCHEMA, p, QUANTITY_SCHEMA } from '../params.ts'
import { quantity } from './format.ts'

const SHA3_BYTES_MAX = 1024 * 1024

/** What a node says about itself, also what only older clients ask for. */
function nodeMethods(backend: Backend): readonly Method[] {
  return [
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
      name: 'eth_protocolVersion',
      doc: "Version of the chain's rules.",
      cost: 1,
      params: {},
      returns: QUANTITY_SCHEMA,
      run: () => quantity(backend.head().header.version),
    }),
    defineMethod({
      name: 'eth_coinbase',
      doc: "The operator account of this node's validator, which its tips go to; the zero address of a follower.",
      cost: 1,
      params: {},
      returns: ADDRESS_SCHEMA,
      run: async () => {
        const index = backend.health().validatorIndex
        const set =
          index === undefined ? undefined : await backend.validatorsAt(backend.head().header.height + 1)
        return toHex(set?.validators[index!]?.operator ?? ZERO_ADDRESS)
      },
    }),
    defineMethod({
      name: 'eth_mining',
      doc: 'False: there is no proof of work.',
      cost: 1,
      params: {},
      returns: { type: 'boolean' },
      run: () => false,
    }),
  ]
}

/** The namespaces that have a method, with the version that every node gives. */
export function moduleListMethod(methods: readonly Method[]): Method {
  const spaces = methods.flatMap(({ name }) => (name.includes('_') ? [name.slice(0, name.indexOf('_'))] : []))
  const names = [...new Set(['rpc', ...spaces])].sort()
  const list = Object.fromEntries(names.map((name) => [name, '1.0']))
  return defineMethod({
    name: 'rpc_modules',
    doc: 'The namespaces of this node and their versions.',
    cost: 1,
    params: {},
    returns: { type: 'object' },
    run: () => list,
  })
}

export function identityMethods(backend: Backend): readonly Method[] {
  return [...nodeMethods(backend), ...chainMethods(backend)]
}

function chainMethods(backend: Backend): readonly Method[] {
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
