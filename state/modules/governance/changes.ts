// Changes of parameters: what a proposal may say, and putting it into force at a window's end (ECONOMY §3, §10).
// Not: the proposal's life (proposals.ts), the bounds of parameters (module definitions).
import { mustExist } from '../../../base/assert.ts'
import type { AnyField } from '../../../base/field.ts'
import type { ActionArgs } from '../../../base/moduleDefinition.ts'
import type { AnyParam } from '../../../base/parameters.ts'
import type { ActionContext, ReadContext, WriteContext } from '../../context.ts'
import type { Sections } from '../../parameterRules.ts'
import { changeCatalogue } from './classes.ts'
import { parameterFault, parametersNow } from './external.ts'
import { conclude, openProposal, proposerOf, unlockedAtWindowEnd } from './proposals.ts'
import type { governanceSchema, ParameterChange } from './schema.ts'
import { fail, governanceTables } from './tables.ts'

/** The declaration of a parameter that exists in this version. */
function declarationOf(ctx: ReadContext, { module, parameter }: ParameterChange): AnyParam | undefined {
  const found = ctx.block.modules.find(({ definition }) => definition.name === module)
  const params = found?.definition.params ?? {}
  return Object.entries(params).find(([name]) => name === parameter)?.[1]
}

/** A value as its field holds it. A number too large for its field becomes one that the check refuses. */
function fieldValue(field: AnyField, value: bigint): number | bigint {
  return typeof field.absent() === 'number' ? Number(value) : value
}

/** What changes would do, beside what is in force; one of a parameter that the version no longer has is left out. */
export function differencesOf(ctx: ReadContext, changes: readonly ParameterChange[]) {
  const now = parametersNow(ctx)
  return changes.flatMap((change) => {
    const { module, parameter, value } = change
    const declared = declarationOf(ctx, change)
    if (declared === undefined) return []
    const current = BigInt(now[module]?.[parameter] as number | bigint)
    return [{ module, parameter, doc: declared.doc, nowValue: current, proposedValue: value }]
  })
}

/** The parameters with these changes made in order. The caller has checked that each exists. */
function withChanges(ctx: ReadContext, before: Sections, changes: readonly ParameterChange[]): Sections {
  const after: Record<string, Sections[string]> = { ...before }
  for (const change of changes) {
    const { module, parameter, value } = change
    const { field } = mustExist(declarationOf(ctx, change), 'a proposal names parameters that exist')
    after[module] = { ...after[module], [parameter]: fieldValue(field, value) }
  }
  return after
}

export function proposeParameters(
  ctx: ActionContext,
  { changes }: ActionArgs<typeof governanceSchema, 'proposeParameters'>,
) {
  const proposer = proposerOf(ctx)
  if ('refused' in proposer) return proposer.refused
  if (changes.length === 0) return fail.NoChanges({})
  for (const change of changes) {
    const { module, parameter } = change
    const declared = declarationOf(ctx, change)
    if (declared === undefined) return fail.UnknownParameter({ module, parameter })
    if (declared.fixed === true) return fail.ParameterFixed({ module, parameter })
  }
  const fault = parameterFault(ctx, withChanges(ctx, parametersNow(ctx), changes))
  if (fault !== undefined) return fail.ParametersRefused({ path: fault.path })
  // After this point the action must succeed.
  openProposal(ctx, { kind: 'parameters', provider: 0, proposer: proposer.id, changes: { changes } })
  return undefined
}

/**
 * The parameters to put into force at this window's end, and the end of the proposals for them and for the catalogue, which
 * change it here. Each is checked again,
 * on top of the earlier ones: parameters, members and versions may have changed since it was proposed.
 */
export function dueParameters(ctx: WriteContext): Sections | undefined {
  let sections: Sections | undefined
  for (const [id, kind] of unlockedAtWindowEnd(ctx)) {
    if (kind !== 'parameters') {
      conclude(ctx, id, changeCatalogue(ctx, id) ? 'executed' : 'impossible')
      continue
    }
    const { changes } = governanceTables.changes.mustGet(ctx.state, { id })
    const exist = changes.every((change) => declarationOf(ctx, change) !== undefined)
    const wanted = exist ? withChanges(ctx, sections ?? parametersNow(ctx), changes) : undefined
    const isPossible = wanted !== undefined && parameterFault(ctx, wanted) === undefined
    if (isPossible) sections = wanted
    conclude(ctx, id, isPossible ? 'executed' : 'impossible')
  }
  return sections
}
