// Parameters of all modules together: one check for genesis and governance, and the sections in state.
// Not: the values and bounds of each (module definitions), who decides a change (governance).
import { assert, mustExist } from '../base/assert.ts'
import { isLive, type ModuleDef, type Params } from '../base/moduleDefinition.ts'
import type { AnyParam } from '../base/parameters.ts'
import type { ReadContext, WriteContext } from './context.ts'
import { providerIds } from './modules/providers/members.ts'
import type { ParameterContext, ParameterFault, ParameterRules, Section, Sections } from './parameterRules.ts'
import type { Module } from './rules.ts'
import { paramsOf } from './table.ts'
import type { StateReader, StateWriter } from './view.ts'

/** What the rules between parameters may depend on besides the parameters. */
export type ParameterFacts = Pick<ParameterContext, 'protocolVersion' | 'providerCount'>

const hasParams = (definition: ModuleDef): boolean => Object.keys(definition.params).length > 0

/** Modules of this version that have parameters. */
function sectioned(modules: readonly ParameterRules[], protocolVersion: number): readonly ParameterRules[] {
  return modules.filter(({ definition }) => hasParams(definition) && isLive(definition, protocolVersion))
}

function valueFault(declared: AnyParam, value: unknown, protocolVersion: number): string | undefined {
  if (isLive(declared, protocolVersion)) return declared.field.check(value) ?? declared.check?.(value)
  // Versions before `since` neither know nor store it, and versions after `until` do not read it.
  const isSet = value !== undefined && !declared.field.isDefault(value)
  return isSet && declared.until === undefined ? `unknown before version ${declared.since}` : undefined
}

function sectionFault(
  { definition }: ParameterRules,
  sections: Sections,
  protocolVersion: number,
): ParameterFault | undefined {
  const { name, params } = definition
  const section = sections[name]
  if (section === undefined) return { path: name, reason: 'missing' }
  for (const [key, declared] of Object.entries(params)) {
    const reason = valueFault(declared, section[key], protocolVersion)
    if (reason !== undefined) return { path: `${name}.${key}`, reason }
  }
  return undefined
}

/**
 * Why these sections cannot be the parameters of a chain, or undefined. Genesis and governance use it alike. First the
 * bounds of each value, then every module's own rules, each of which sees the whole set. `path` is `module.parameter`.
 */
export function checkParameters(
  modules: readonly ParameterRules[],
  sections: Sections,
  facts: ParameterFacts,
): ParameterFault | undefined {
  const { protocolVersion } = facts
  const known = sectioned(modules, protocolVersion)
  const names = new Set(known.map(({ definition }) => definition.name))
  for (const [name, section] of Object.entries(sections)) {
    if (section !== undefined && !names.has(name)) {
      return { path: name, reason: `no module of version ${protocolVersion} has parameters of this name` }
    }
  }
  for (const module of known) {
    const fault = sectionFault(module, sections, protocolVersion)
    if (fault !== undefined) return fault
  }
  const context = contextOf(sections, facts)
  for (const { definition, rules } of known) {
    const fault = rules.checkParameters?.(sections[definition.name] as never, context)
    if (fault !== undefined) return { path: `${definition.name}.${fault.path}`, reason: fault.reason }
  }
  return undefined
}

function contextOf(sections: Sections, facts: ParameterFacts): ParameterContext {
  return {
    ...facts,
    of: <D extends ModuleDef>({ name }: D) => mustExist(sections[name], `section ${name}`) as Params<D>,
  }
}

/** The facts of a running chain. */
export function parameterFacts(ctx: ReadContext): ParameterFacts {
  const { protocolVersion } = ctx.block
  return { protocolVersion, providerCount: providerIds(ctx.state).length }
}

/** Writes the sections into state; they have passed `checkParameters`. */
export function writeParameters(
  state: StateWriter,
  modules: readonly ParameterRules[],
  sections: Sections,
): void {
  for (const { definition } of modules) {
    const section = sections[definition.name]
    if (section !== undefined) paramsOf(definition).set(state, section)
  }
}

/** The parameters in state of all modules of a version. */
export function readParameters(
  state: StateReader,
  modules: readonly ParameterRules[],
  protocolVersion: number,
): { readonly [module: string]: Section } {
  const sections = sectioned(modules, protocolVersion).map(
    ({ definition }) => [definition.name, paramsOf(definition).get(state)] as const,
  )
  return Object.fromEntries(sections)
}

/** Puts the parameters that modules say are due into force and tells every module; at a window's end. */
export function changeParameters(ctx: WriteContext, modules: readonly Module[]): void {
  const { protocolVersion } = ctx.block
  const changes = modules.flatMap(({ rules }) => rules.dueParameters?.(ctx) ?? [])
  if (changes.length === 0) return
  const before = readParameters(ctx.state, modules, protocolVersion)
  const after: Sections = Object.assign({}, before, ...changes)
  const facts = parameterFacts(ctx)
  const fault = checkParameters(modules, after, facts)
  assert(fault === undefined, `due parameters are valid: ${fault?.path}: ${fault?.reason}`)
  writeParameters(ctx.state, modules, after)
  for (const { rules } of modules) rules.onParametersChanged?.(ctx, contextOf(before, facts))
}
