// The types of rules between parameters. Not: applying them (parameters.ts), the other rules (rules.ts).
import type { ModuleDef, Params } from '../base/moduleDefinition.ts'

/** Values of one module's parameters by name, with their types erased. */
export type Section = { readonly [name: string]: unknown }
/** Sections by module name. */
export type Sections = { readonly [module: string]: Section | undefined }

export interface ParameterFault {
  /** A parameter of the module, or `module.parameter`. */
  readonly path: string
  readonly reason: string
}

/** What a rule between parameters sees. */
export interface ParameterContext {
  /** Version of the rules that the parameters are for. */
  readonly protocolVersion: number
  /** Members that may pledge and serve. */
  readonly providerCount: number
  /** The proposed parameters of another module; asserts that the version has it. */
  of<D extends ModuleDef>(definition: D): Params<D>
}

/** The part of a module that checks parameters. */
export interface ParameterRules {
  readonly definition: ModuleDef
  readonly rules: { checkParameters?(own: never, all: ParameterContext): ParameterFault | undefined }
}
