// `suanli redemption request`, `suanli issuance quota`, …: every action and query of every module, derived from its schema.
// Owns: the commands. Not: sending (chain/send.ts), what arguments look like (chain/fieldText.ts).
import { type Command, Option } from 'commander'
import { OperatorError } from '../../base/errors.ts'
import type { AnyField, Fields, Json } from '../../base/field.ts'
import { isLive, type ModuleDef } from '../../base/moduleDefinition.ts'
import { PROTOCOL_VERSION } from '../../base/protocol/version.ts'
import { defaultOf, optionName, valueHint } from '../chain/fieldText.ts'
import { unitOf } from '../chain/fieldUnits.ts'
import { withProgress } from '../chain/progress.ts'
import {
  clientOf,
  type NodeOptions,
  printAnswer,
  type SendOptions,
  sendCall,
  withNode,
  withSending,
} from '../chain/send.ts'
import { wholeNumber } from '../common.ts'

type Texts = { readonly [name: string]: string | undefined }

/** Longest list of names among the flags. */
const HINT_MAX = 24

/** `none` is zero bytes, by which actions mean that there is none. */
function requirement(field: AnyField): string {
  if (defaultOf(field) !== undefined) return ''
  return valueHint(field) === 'hex' || valueHint(field) === 'address'
    ? 'required; none = zero bytes'
    : 'required'
}

/** One option for each field, of its name. Commander throws when a common option has that name: then the field needs another. */
function addArguments(command: Command, fields: Fields): void {
  for (const [name, field] of Object.entries(fields)) {
    const hint = valueHint(field)
    // Among the flags a long list would leave the texts no room.
    const isLong = hint.length > HINT_MAX
    const flags = `${optionName(name)} <${isLong ? 'name' : hint}>`
    const counted = isLong ? hint.replaceAll('|', ', ') : unitOf(name, field)
    const texts = [requirement(field), counted].filter((text) => text !== undefined && text !== '')
    command.addOption(new Option(flags, texts.join(': ')))
  }
}

/** The texts of the fields among a command's options. */
function textsOf(fields: Fields, options: Texts): Texts {
  return Object.fromEntries(Object.keys(fields).map((name) => [name, options[name]]))
}

/** `doc` in the tone of help: no capital, no full stop. */
function helpText(doc: string): string {
  const first = doc.split(/(?<=\.)\s/)[0]!.replace(/\.$/, '')
  return `${first[0]!.toLowerCase()}${first.slice(1)}`
}

const kebab = (name: string): string => optionName(name).slice(2)

/** The command of one action, by its own name or by another that reads better in a group. */
export function addAction(module: Command, definition: ModuleDef, name: string, as = kebab(name)): Command {
  const action = definition.actions[name]!
  const command = module
    .command(as)
    .summary(helpText(action.doc))
    .description(`${action.doc} Sends a transaction.`)
  addArguments(command, action.args)
  if (action.payable === true) command.option('--value <coins>', 'coins to attach')
  withSending(command).action(async (options: SendOptions & Texts) => {
    const { coinsOption, readOptions } = await import('../chain/fieldInput.ts')
    const args = readOptions(action.args, textsOf(action.args, options))
    const valueBase = options.value === undefined ? 0n : coinsOption('--value', options.value)
    const { encodeCall } = await import('../../client/calls.ts')
    await sendCall(encodeCall(definition, name, args, { valueBase }), options)
  })
  return command
}

function addQuery(module: Command, definition: ModuleDef, name: string): void {
  const query = definition.queries[name]!
  // A few modules have a query and an action of one name; the action came first.
  const isTaken = Object.hasOwn(definition.actions, name)
  const command = module
    .command(isTaken ? `${kebab(name)}-of` : kebab(name))
    .summary(helpText(query.doc))
    .description(`${query.doc} Asks a node.`)
  addArguments(command, query.args)
  command.addOption(
    new Option('--at-block <height>', 'a recent height instead of the newest').argParser(
      wholeNumber(0, Number.MAX_SAFE_INTEGER),
    ),
  )
  withNode(command).action(async (options: NodeOptions & Texts & { readonly atBlock?: number }) => {
    const { readOptions } = await import('../chain/fieldInput.ts')
    const values = readOptions(query.args, textsOf(query.args, options))
    const params: Record<string, Json> = {}
    for (const [key, field] of Object.entries(query.args)) {
      if (values[key] !== undefined) params[key] = field.toJson(values[key])
    }
    if (options.atBlock !== undefined) params.atBlock = options.atBlock
    const client = await clientOf(options)
    const answer = await withProgress('waiting for the node', () =>
      client.request(`${definition.name}_${name}`, params),
    )
    if (answer === null) {
      const words = nothingText(params, textsOf(query.args, options))
      throw new OperatorError(`${definition.name} ${kebab(name)}: ${reasonOf(query.doc)} ${words}`)
    }
    printAnswer(options, answer)
  })
}

/** When a query answers with nothing, in the words of its definition: `no answer for an unknown series`. */
function reasonOf(doc: string): string {
  const [, when] = /\bnull ((?:for|if|when|once|without) [^.;]+)/.exec(doc) ?? []
  return when === undefined ? 'there is none' : `no answer ${when},`
}

/** What was asked for in vain; what was left out was asked for as 0, which few mean. */
function nothingText(params: { readonly [name: string]: Json }, given: Texts): string {
  const { atBlock, ...asked } = params
  const words = Object.entries(asked).map(
    ([name, value]) => `${optionName(name)} ${value}${given[name] === undefined ? ' (it was left out)' : ''}`,
  )
  const where = atBlock === undefined ? 'on this chain' : `in block ${atBlock}`
  return `${where}${words.length === 0 ? '' : `: ${words.join(', ')}`}`
}

/** The command of one module. */
export function addModule(definition: ModuleDef): (program: Command) => void {
  return (program) => {
    const module = program.command(definition.name).description(`${helpText(definition.doc)}`)
    for (const [name, action] of Object.entries(definition.actions)) {
      if (isLive(action, PROTOCOL_VERSION)) addAction(module, definition, name)
    }
    for (const [name, query] of Object.entries(definition.queries)) {
      if (isLive(query, PROTOCOL_VERSION)) addQuery(module, definition, name)
    }
  }
}
