// chain_*: identity, blocks, headers, certificates, validators, reserve.
import { toHex } from '../../base/bytes.ts'
import type { Json, JsonSchema } from '../../base/field.ts'
import { reserveSchema } from '../../base/protocol/header.ts'
import { receiptSchema } from '../../base/protocol/receipt.ts'
import { validatorSetHash, validatorSetSchema } from '../../base/protocol/validators.ts'
import { PROTOCOL_VERSION } from '../../base/protocol/version.ts'
import type { Backend, FinalizedBlock } from '../backend.ts'
import { RPC_CODE, RpcError } from '../errors.ts'
import { findBlock, mustFindBlock } from '../eth/resolve.ts'
import { defineMethod, type Method } from '../method.ts'
import { type BlockSelector, p, withDefault } from '../params.ts'
import { FINALITY_JSON_SCHEMA, finalityJson, HEADER_JSON_SCHEMA, headerJson, nativeLogJson } from './json.ts'

const OBJECT: JsonSchema = { type: 'object' }
const OBJECT_OR_NULL: JsonSchema = { oneOf: [OBJECT, { type: 'null' }] }

function blockJson(block: FinalizedBlock, hydrated: boolean): Json {
  const transactions = block.transactions.map((transaction, i): Json => {
    const receipt = receiptSchema.toJson(block.receipts[i]!) as { readonly [name: string]: Json }
    const head = { hash: toHex(transaction.id), sender: toHex(transaction.sender) }
    return hydrated ? { ...head, raw: toHex(transaction.raw), receipt } : head
  })
  return {
    header: headerJson(block.header),
    sizeBytes: block.sizeBytes,
    transactions,
    systemLogs: block.systemLogs.map(nativeLogJson),
  }
}

function info(backend: Backend): Json {
  const { identity } = backend
  const { header, hash } = backend.head()
  return {
    chainId: identity.chainId,
    genesisHash: toHex(identity.genesisHash),
    clientVersion: identity.clientVersion,
    protocolVersion: header.version,
    protocolVersionMax: PROTOCOL_VERSION,
    height: header.height,
    hash: toHex(hash),
    timestampMs: header.timestampMs,
    epoch: header.epoch,
    view: header.view,
    nextBaseFeePerGas: backend.nextBaseFees().general.toString(),
    stateHeightMin: backend.stateHeightMin(),
    blockHeightMin: backend.blockHeightMin(),
    coin: { symbol: 'ACPC', decimals: 18 },
  }
}

export function chainMethods(backend: Backend): readonly Method[] {
  const mustFind = (selector: BlockSelector): Promise<FinalizedBlock> => mustFindBlock(backend, selector)
  return [
    defineMethod({
      name: 'chain_info',
      doc: 'Returns chain id, genesis hash, versions and the finalized tip.',
      cost: 2,
      params: {},
      returns: OBJECT,
      run: () => info(backend),
    }),
    defineMethod({
      name: 'chain_genesis',
      doc: 'Returns the genesis document.',
      cost: 50,
      params: {},
      returns: OBJECT,
      run: () => backend.identity.genesisJson,
    }),
    defineMethod({
      name: 'chain_block',
      doc: 'Returns a finalized block; hydrated adds envelopes and receipts. Null when unknown.',
      cost: 20,
      params: { block: p.atBlock, hydrated: withDefault(p.bool, false) },
      returns: OBJECT_OR_NULL,
      run: async (args) => {
        const block = await findBlock(backend, args.block)
        return block === undefined ? null : blockJson(block, args.hydrated)
      },
    }),
    defineMethod({
      name: 'chain_header',
      doc: 'Returns a finalized header and its canonical bytes (SHA-256: the block hash). Null when unknown.',
      cost: 10,
      params: { block: p.atBlock },
      returns: { oneOf: [HEADER_JSON_SCHEMA, { type: 'null' }] },
      run: async (args) => {
        const block = await findBlock(backend, args.block)
        return block === undefined ? null : headerJson(block.header)
      },
    }),
    defineMethod({
      name: 'chain_certificate',
      doc: "Returns a block's finality: certificate and headers up to the certified block. Null for genesis.",
      cost: 20,
      params: { block: p.atBlock },
      returns: {
        type: 'object',
        properties: { header: HEADER_JSON_SCHEMA, certificate: FINALITY_JSON_SCHEMA },
        required: ['header', 'certificate'],
      },
      run: async (args) => {
        const block = await mustFind(args.block)
        const finality = await backend.finalityOf(block.header.height)
        return { header: headerJson(block.header), certificate: finalityJson(finality) }
      },
    }),
    defineMethod({
      name: 'chain_validators',
      doc: 'Returns the validator set that signs a block, in the order of certificate bits, and its hash.',
      cost: 20,
      params: { block: p.atBlock },
      returns: {
        type: 'object',
        properties: {
          height: { type: 'integer' },
          setHash: { type: 'string' },
          set: validatorSetSchema.jsonSchema,
        },
        required: ['height', 'setHash', 'set'],
      },
      run: async (args) => {
        const { height } = (await mustFind(args.block)).header
        const set = await backend.validatorsAt(height)
        if (set === undefined)
          throw new RpcError(RPC_CODE.refused, `the validator set of block ${height} is not held`)
        return { height, setHash: toHex(validatorSetHash(set)), set: validatorSetSchema.toJson(set) }
      },
    }),
    defineMethod({
      name: 'chain_reserve',
      doc: 'Returns the reserve: supply, liabilities, capacity, locked in redemption, anchor, shortfall.',
      cost: 5,
      params: { block: p.atBlock },
      returns: {
        type: 'object',
        properties: {
          height: { type: 'integer' },
          hash: { type: 'string' },
          reserve: reserveSchema.jsonSchema,
        },
        required: ['height', 'hash', 'reserve'],
      },
      run: async (args) => {
        const { header, hash } = await mustFind(args.block)
        return { height: header.height, hash: toHex(hash), reserve: reserveSchema.toJson(header.reserve) }
      },
    }),
  ]
}
