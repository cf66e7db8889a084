// JSON-RPC requests to the dispatcher with every method: always an answer, never an internal error.
import type { Json } from '../../../base/field.ts'
import { DISPATCH_LIMITS, Dispatcher } from '../../../rpc/dispatch.ts'
import { createMethods } from '../../../rpc/methods.ts'
import { CHAIN } from '../../support/chainHarness.ts'
import { FakeBackend } from '../../support/fakeBackend.ts'
import type { Random } from '../../support/random.ts'
import { mutateBytes, mutateJson } from '../bytes.ts'
import type { FuzzTarget } from '../target.ts'

const ADDRESS = '0x00000000000000000000000000000000000000aa'
const HASH = `0x${'12'.repeat(32)}`
const FILTER = { fromBlock: '0x0', toBlock: 'latest', address: ADDRESS, topics: [HASH] }
/** Arguments that fit many methods. */
const PARAMS: readonly Json[] = [
  [],
  {},
  [ADDRESS],
  [ADDRESS, 'latest'],
  [ADDRESS, [HASH], '0x0'],
  [HASH],
  ['0x0', true],
  ['latest', false],
  [{ to: ADDRESS, data: '0x1234', gas: '0x5208' }, 'latest'],
  [FILTER],
  ['0x02f86b01'],
  ['0x4', 'latest', [10, 50]],
  { height: 0 },
  { id: 1 },
  { account: ADDRESS },
  { hash: HASH },
]

export const rpcTarget: FuzzTarget = {
  name: 'rpc',
  weight: 0.05,
  open: () => {
    const bugs: string[] = []
    const log = {
      error: ({ method, err }: { readonly method: string; readonly err: unknown }) =>
        void bugs.push(`${method}: ${err instanceof Error ? err.stack : String(err)}`),
    }
    const methods = createMethods({ backend: new FakeBackend(), modules: CHAIN.modules, log })
    const names = [...methods.table.keys()]
    const dispatcher = new Dispatcher(methods.table, DISPATCH_LIMITS, log)
    const request = (r: Random): Json => ({
      jsonrpc: '2.0',
      id: r.between(0, 9),
      method: r.pick(names),
      params: r.pick(PARAMS),
    })
    return {
      step: async (r) => {
        const one: Json = r.chance(0.1) ? [request(r), request(r)] : request(r)
        let text = JSON.stringify(r.chance(0.9) ? mutateJson(r, one) : one)
        if (r.chance(0.2)) {
          const bytes = new TextEncoder().encode(text)
          text = new TextDecoder().decode(mutateBytes(r, bytes, bytes))
        }
        const answer = await dispatcher.handle(text, { connection: undefined, client: '' })
        if (answer !== '') JSON.parse(answer)
        const bug = bugs.pop()
        if (bug !== undefined) throw new Error(`internal error for ${text}: ${bug}`)
      },
      close: () => methods.close(),
    }
  },
}
