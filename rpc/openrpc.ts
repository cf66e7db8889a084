// rpc.discover: the OpenRPC document, derived from the method definitions.
import type { Json } from '../base/field.ts'
import type { Backend } from './backend.ts'
import { defineMethod, type Method } from './method.ts'

const OPENRPC_VERSION = '1.3.2'

function methodJson(method: Method): Json {
  return {
    name: method.name,
    summary: method.doc,
    paramStructure: 'either',
    params: method.params.map(({ name, schema, required }) => ({ name, required, schema })),
    result: { name: 'result', schema: method.returns },
    'x-cost': method.cost,
  }
}

/** The method that returns the document for `methods` and itself. */
export function discoverMethod(backend: Backend, methods: readonly Method[]): Method {
  let document: Json | undefined
  const discover: Method = defineMethod({
    name: 'rpc.discover',
    doc: 'This document.',
    cost: 50,
    params: {},
    returns: { type: 'object' },
    run: () => {
      document ??= {
        openrpc: OPENRPC_VERSION,
        info: {
          title: 'Suanli JSON-RPC',
          description: 'Ethereum-compatible methods for wallets; native methods derived from the modules.',
          version: backend.identity.clientVersion.split('/')[1] ?? '0',
          license: { name: 'Apache-2.0' },
        },
        methods: [...methods, discover].toSorted((a, b) => (a.name < b.name ? -1 : 1)).map(methodJson),
      }
      return document
    },
  })
  return discover
}
