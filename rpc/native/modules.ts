// One method per module query, derived from the module definitions: `redemption_request`, `issuance_quota`, …
import { assert } from '../../base/assert.ts'
import type { Json } from '../../base/field.ts'
import { isLive, type QueryDef } from '../../base/moduleDefinition.ts'
import type { ReadContext } from '../../state/context.ts'
import type { Module } from '../../state/rules.ts'
import type { Backend } from '../backend.ts'
import { RPC_CODE, RpcError } from '../errors.ts'
import { defineMethod, type Method, type Param } from '../method.ts'
import { p, withDefault } from '../params.ts'
import { askState, provableSchema } from './proven.ts'

/** Parameters that every derived method adds to the query's own. */
const COMMON = ['atBlock', 'proof'] as const

/** A method exists for every query of this build; a chain may not have it yet, or no more, at the block asked for. */
function refuseAbsent(ctx: ReadContext, module: Module, queryName: string, query: QueryDef): void {
  const { protocolVersion } = ctx.block
  if (isLive(module.definition, protocolVersion) && isLive(query, protocolVersion)) return
  throw new RpcError(
    RPC_CODE.refused,
    `${module.definition.name}_${queryName} does not exist in version ${protocolVersion} of the chain's rules`,
  )
}

function queryMethod(backend: Backend, module: Module, queryName: string, query: QueryDef): Method {
  const { name: moduleName } = module.definition
  const own: { [name: string]: Param<unknown> } = {}
  for (const [name, field] of Object.entries(query.args)) {
    assert(!COMMON.includes(name as 'proof'), `${moduleName}.${queryName}: ${name} is taken`)
    own[name] = p.field(field)
  }
  const names = Object.keys(own)
  const rule = module.rules.queries[queryName]
  assert(rule !== undefined, `${moduleName}.${queryName} has a rule`)
  return defineMethod({
    name: `${moduleName}_${queryName}`,
    doc: query.doc,
    cost: 20,
    params: { ...own, atBlock: p.atBlock, proof: withDefault(p.bool, false) },
    returns: provableSchema({ oneOf: [query.returns.jsonSchema, { type: 'null' }] }),
    run: (given) => {
      const values = given as unknown as { readonly [name: string]: unknown }
      const args: Record<string, unknown> = {}
      for (const name of names) if (values[name] !== undefined) args[name] = values[name]
      const ask = (ctx: ReadContext): Json => {
        refuseAbsent(ctx, module, queryName, query)
        const answer = rule(ctx, args as never)
        return answer === undefined ? null : query.returns.toJson(answer)
      }
      return askState(backend, given.atBlock, given.proof, ask)
    },
  })
}

export function moduleMethods(backend: Backend, modules: readonly Module[]): readonly Method[] {
  return modules.flatMap((module) =>
    Object.entries(module.definition.queries).map(([name, query]) =>
      queryMethod(backend, module, name, query),
    ),
  )
}
