// The published ABI of every native module, in the JSON form that viem, ethers and cast read.
// Owns: JSON items and the text of abi/*.ts. Not: writing the files (scripts/writeAbi.ts).

import { toHex } from '../base/bytes.ts'
import type { AbiType, AnyField, Fields } from '../base/field.ts'
import { isLive, type ModuleDef, moduleAddress } from '../base/moduleDefinition.ts'
import { PROTOCOL_VERSION } from '../base/protocol/version.ts'
import { answerField, isAbiQuery } from './abiTable.ts'
import { callSchema } from './dispatch.ts'
import { erc20Schema } from './modules/assets/schema.ts'

export interface AbiParameter {
  readonly name: string
  readonly type: string
  readonly components?: readonly AbiParameter[]
  readonly indexed?: boolean
}

export interface AbiItem {
  readonly type: 'function' | 'event' | 'error'
  readonly name: string
  readonly inputs: readonly AbiParameter[]
  readonly outputs?: readonly AbiParameter[]
  readonly stateMutability?: 'view' | 'nonpayable' | 'payable'
}

function typeName(type: AbiType): string {
  switch (type.kind) {
    case 'uint':
      return `uint${type.bits}`
    case 'fixedBytes':
      return `bytes${type.size}`
    case 'array':
      return `${typeName(type.of)}[]`
    case 'tuple':
      return 'tuple'
    default:
      return type.kind
  }
}

function componentsOf(type: AbiType): readonly AbiParameter[] | undefined {
  if (type.kind === 'array') return componentsOf(type.of)
  if (type.kind !== 'tuple') return undefined
  return type.components.map((component) => parameterOf(component.name, component.type))
}

function parameterOf(name: string, type: AbiType): AbiParameter {
  const components = componentsOf(type)
  return { name, type: typeName(type), ...(components === undefined ? {} : { components }) }
}

function inputsOf(fields: Fields): readonly AbiParameter[] {
  return Object.entries(fields).map(([name, field]) => parameterOf(name, field.abi!))
}

function eventInputsOf(fields: Fields): readonly AbiParameter[] {
  return Object.entries(fields).map(([name, field]: [string, AnyField]) => ({
    ...parameterOf(name, field.abi!),
    indexed: field.indexed === true,
  }))
}

/**
 * Functions of this build's version, errors and events of `definition`, then those of `common` (failures and logs that
 * any call may produce). Errors and events of earlier versions stay, because receipts hold them.
 */
export function abiOf(definition: ModuleDef, common?: ModuleDef): readonly AbiItem[] {
  const items: AbiItem[] = []
  // Only token functions return a value: ERC-20 requires it.
  const outputs = definition.name === 'erc20' ? [{ name: '', type: 'bool' }] : []
  for (const [name, action] of Object.entries(definition.actions)) {
    if (!isLive(action, PROTOCOL_VERSION)) continue
    const stateMutability = action.payable === true ? 'payable' : 'nonpayable'
    items.push({ type: 'function', name, inputs: inputsOf(action.args), outputs, stateMutability })
  }
  for (const [name, query] of Object.entries(definition.queries)) {
    if (!isAbiQuery(query) || !isLive(query, PROTOCOL_VERSION)) continue
    const answer = parameterOf('', answerField(query).abi!)
    items.push({
      type: 'function',
      name,
      inputs: inputsOf(query.args),
      outputs: [answer],
      stateMutability: 'view',
    })
  }
  const errors = { ...definition.errors, ...common?.errors }
  for (const [name, fields] of Object.entries(errors)) {
    items.push({ type: 'error', name, inputs: inputsOf(fields) })
  }
  const events = { ...definition.events, ...common?.events }
  for (const [name, fields] of Object.entries(events)) {
    items.push({ type: 'event', name, inputs: eventInputsOf(fields) })
  }
  return items
}

/** Names and texts of the files in abi/: one per module with address and ABI `as const`, and erc20 for assets. */
export function abiFiles(modules: readonly ModuleDef[]): ReadonlyMap<string, string> {
  const files = new Map<string, string>()
  for (const definition of [...modules, erc20Schema]) {
    const { name, doc } = definition
    // Each asset has its own address.
    const address = definition === erc20Schema ? [] : [addressLine(definition), '']
    const lines = [
      '// Generated from the module definitions in state/ by scripts/writeAbi.ts; do not edit.',
      '',
      ...address,
      `/** ${doc} */`,
      `export const ${name}Abi = [`,
      ...abiOf(definition, callSchema).map((item) => `  ${JSON.stringify(item)},`),
      '] as const',
      '',
    ]
    files.set(`${name}.ts`, lines.join('\n'))
  }
  return files
}

function addressLine(definition: ModuleDef): string {
  return `export const ${definition.name}Address = '${toHex(moduleAddress(definition))}' as const`
}
