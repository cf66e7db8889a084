// chain_parameters: what governance and genesis have set, as it is in force. Not: changing it (governance).
import type { Json } from '../../base/field.ts'
import { readParameters } from '../../state/parameters.ts'
import type { Module } from '../../state/rules.ts'
import { protocolVersionOf } from '../../state/versions.ts'
import type { Backend } from '../backend.ts'
import { mustFindState } from '../eth/resolve.ts'
import { defineMethod, type Method } from '../method.ts'
import { p } from '../params.ts'

export function parameterMethods(backend: Backend, modules: readonly Module[]): readonly Method[] {
  return [
    defineMethod({
      name: 'chain_parameters',
      doc: 'Returns the parameters of all modules that are in force, by module and name.',
      cost: 50,
      params: { atBlock: p.atBlock },
      returns: {
        type: 'object',
        additionalProperties: { type: 'object', additionalProperties: true },
      },
      run: async ({ atBlock }): Promise<Json> => {
        const { state } = await mustFindState(backend, atBlock)
        const sections = readParameters(state, modules, protocolVersionOf(state))
        const written = modules.flatMap(({ definition: { name, params } }): [string, Json][] => {
          const section = sections[name]
          if (section === undefined) return []
          const values = Object.entries(params).flatMap(([key, { field }]): [string, Json][] =>
            section[key] === undefined ? [] : [[key, field.toJson(section[key])]],
          )
          return [[name, Object.fromEntries(values)]]
        })
        return Object.fromEntries(written)
      },
    }),
  ]
}
