// Parameters of all modules together: one check for genesis and governance, and the sections in state.
// Not: the values and bounds of each (module definitions), who decides a change (governance).
import { mustExist } from '../base/assert.ts'
import { isLive, type ModuleDef, type Params } from '../base/moduleDefinition.ts'
import type { AnyParam } from '../base/parameters.ts'
import type { Module, ParameterContext, ParameterFault } from './rules.ts'
import { paramsOf } from './table.ts'
import type { StateReader, StateWriter } from './view.ts'

/** Values of one module's parameters by name, with their types erased. */
export type Section = { readonly [name: string]: unknown }
/** Sections by module name. */
export type Sections = { readonly [module: string]: Section | undefined }

/** What the rules between parameters may depend on besides the parameters. */
export type ParameterFacts = Pick<ParameterContext, 'protocolVersion' | 'providerCount'>

const hasParams = (definition: ModuleDef): boolean => Object.keys(definition.params).length > 0

/** Modules of this version that have parameters. */
function sectioned(modules: readonly Module[], protocolVersion: number): readonly Module[] {
  return modules.filter(({ definition }) => hasParams(definition) && isLive(definition, protocolVersion))
}

function valueFault(declared: AnyParam, value: unknown, protocolVersion: number): string | undefined {
  if (isLive(declared, protocolVersion)) return declared.field.check(value) ?? declared.check?.(value)
  // Versions before `since` neither know nor store it, and versions after `until` do not read it.
  const isSet = value !== undefined && !declared.field.isDefault(value)
  return isSet && declared.until === undefined ? `unknown before version ${declared.since}` : undefined
}

function sectionFault(
  { definition }: Module,
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
  modules: readonly Module[],
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
  const context: ParameterContext = {
    ...facts,
    of: <D extends ModuleDef>({ name }: D) => mustExist(sections[name], `section ${name}`) as Params<D>,
  }
  for (const { definition, rules } of known) {
    const fault = rules.checkParameters?.(sections[definition.name] as never, context)
    if (fault !== undefined) return { path: `${definition.name}.${fault.path}`, reason: fault.reason }
  }
  return undefined
}

/** Writes the sections into state; they have passed `checkParameters`. */
export function writeParameters(state: StateWriter, modules: readonly Module[], sections: Sections): void {
  for (const { definition } of modules) {
    const section = sections[definition.name]
    if (section !== undefined) paramsOf(definition).set(state, section)
  }
}

/** The parameters in state of all modules of a version. */
export function readParameters(
  state: StateReader,
  modules: readonly Module[],
  protocolVersion: number,
): { readonly [module: string]: Section } {
  const sections = sectioned(modules, protocolVersion).map(
    ({ definition }) => [definition.name, paramsOf(definition).get(state)] as const,
  )
  return Object.fromEntries(sections)
}
