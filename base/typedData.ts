// EIP-712 digests of any typed data as JSON: nested structs, arrays, a domain of any members. What `eth_signTypedData_v4` signs.
// Owns: reading the JSON, type strings, hashes. Not: the flat structs of this chain's own actions (eip712.ts).
import { bigintToFixed, concatBytes, parseHex, utf8 } from './bytes.ts'
import { keccak256 } from './crypto/hash.ts'
import { type Json, SchemaError } from './field.ts'
import type { Hash32 } from './ids.ts'

/** Structs within structs and lists within lists. */
const DEPTH_MAX = 32
const TYPES_MAX = 256
const MEMBERS_MAX = 256
const TYPE_CHARS_MAX = 256
const WORD = 32
const NAME = /^[A-Za-z_$][\w$]*$/
const DOMAIN = 'EIP712Domain'
/** Members of a domain in the order of the standard. */
const DOMAIN_MEMBERS: readonly Member[] = [
  { name: 'name', type: 'string' },
  { name: 'version', type: 'string' },
  { name: 'chainId', type: 'uint256' },
  { name: 'verifyingContract', type: 'address' },
  { name: 'salt', type: 'bytes32' },
]

interface Member {
  readonly name: string
  readonly type: string
}
type Types = ReadonlyMap<string, readonly Member[]>
type Members = { readonly [name: string]: Json }

const isObject = (json: Json | undefined): json is Members =>
  typeof json === 'object' && json !== null && !Array.isArray(json)

function fail(path: string, expected: string): never {
  throw new SchemaError(`${path.slice(0, 200)}: expected ${expected}`)
}

/** keccak(0x1901 ‖ domain separator ‖ struct hash) of `{types, primaryType, domain, message}`. Throws SchemaError with the path. */
export function typedDataJsonDigest(json: Json): Hash32 {
  if (!isObject(json)) fail('typed data', 'an object with types, primaryType, domain and message')
  const { primaryType, domain, message } = json
  if (!isObject(domain)) fail('domain', 'an object')
  const types = readTypes(json.types, domain)
  if (typeof primaryType !== 'string' || !types.has(primaryType)) fail('primaryType', 'the name of a type')
  const separator = hashStruct(types, { type: DOMAIN, value: domain, path: 'domain', depth: 0 })
  const head = new Uint8Array([0x19, 0x01])
  // A domain alone may be signed, without a message.
  if (primaryType === DOMAIN) return keccak256(concatBytes(head, separator))
  return keccak256(
    concatBytes(
      head,
      separator,
      hashStruct(types, { type: primaryType, value: message, path: 'message', depth: 0 }),
    ),
  )
}

function readTypes(json: Json | undefined, domain: Members): Types {
  if (!isObject(json)) fail('types', 'an object')
  const entries = Object.entries(json)
  if (entries.length > TYPES_MAX) fail('types', `at most ${TYPES_MAX} types`)
  const types = new Map<string, readonly Member[]>()
  for (const [name, members] of entries) {
    if (!NAME.test(name)) fail(`types.${name}`, 'a name of letters and digits')
    types.set(name, readMembers(members, `types.${name}`))
  }
  if (!types.has(DOMAIN))
    types.set(
      DOMAIN,
      DOMAIN_MEMBERS.filter(({ name }) => domain[name] !== undefined),
    )
  return types
}

function readMembers(json: Json | undefined, path: string): readonly Member[] {
  if (!Array.isArray(json) || json.length > MEMBERS_MAX)
    fail(path, `a list of at most ${MEMBERS_MAX} members`)
  const members = (json as readonly Json[]).map((member, i): Member => {
    const { name, type } = isObject(member) ? member : {}
    if (typeof name !== 'string' || !NAME.test(name)) fail(`${path}[${i}].name`, 'a name')
    if (typeof type !== 'string' || type.length > TYPE_CHARS_MAX) fail(`${path}[${i}].type`, 'a type')
    return { name, type }
  })
  if (new Set(members.map(({ name }) => name)).size < members.length) fail(path, 'each name once')
  return members
}

/** The struct behind a member's type, without its lists. */
const structOf = (type: string): string => type.replace(/(?:\[\d*\])+$/, '')

/** `Mail(Person from,Person to)Person(string name)`: the other structs follow in the order of their names. */
function encodeTypeOf(types: Types, name: string): string {
  const found = new Set<string>()
  const visit = (at: string): void => {
    if (found.has(at) || !types.has(at)) return
    found.add(at)
    for (const { type } of types.get(at)!) visit(structOf(type))
  }
  visit(name)
  found.delete(name)
  const text = (at: string): string =>
    `${at}(${types
      .get(at)!
      .map((member) => `${member.type} ${member.name}`)
      .join(',')})`
  return [name, ...[...found].sort()].map(text).join('')
}

interface Value {
  readonly type: string
  readonly value: Json | undefined
  /** For the message of an error. */
  readonly path: string
  readonly depth: number
}

function hashStruct(types: Types, { type, value, path, depth }: Value): Hash32 {
  if (!isObject(value)) fail(path, `an object of type ${type}`)
  const words = types.get(type)!.map((member) =>
    wordOf(types, {
      type: member.type,
      value: Object.hasOwn(value, member.name) ? value[member.name] : undefined,
      path: `${path}.${member.name}`,
      depth: depth + 1,
    }),
  )
  return keccak256(concatBytes(keccak256(utf8(encodeTypeOf(types, type))), ...words))
}

/** The 32 bytes that stand for a member. */
function wordOf(types: Types, at: Value): Uint8Array {
  const { type, value, path, depth } = at
  if (depth > DEPTH_MAX) fail(path, `at most ${DEPTH_MAX} levels`)
  const list = /^(.*)\[(\d*)\]$/.exec(type)
  if (list !== null) {
    const [, of, count] = list
    const isLong = Array.isArray(value) && (count === '' || value.length === Number(count))
    if (!isLong) fail(path, `a list, ${type}`)
    const words = (value as readonly Json[]).map((each, i) =>
      wordOf(types, { type: of!, value: each, path: `${path}[${i}]`, depth: depth + 1 }),
    )
    return keccak256(concatBytes(...words))
  }
  if (!types.has(type)) return atomOf(type, value, path)
  // The end of a struct that contains itself.
  return value === null || value === undefined ? new Uint8Array(WORD) : hashStruct(types, at)
}

function atomOf(type: string, value: Json | undefined, path: string): Uint8Array {
  if (type === 'string') return typeof value === 'string' ? keccak256(utf8(value)) : fail(path, 'a string')
  if (type === 'bytes') return keccak256(bytesOf(value) ?? fail(path, 'bytes as 0x hex'))
  if (type === 'bool') {
    return typeof value === 'boolean' ? bigintToFixed(value ? 1n : 0n, WORD) : fail(path, 'true or false')
  }
  if (type === 'address') {
    const bytes = bytesOf(value)
    return bytes?.length === 20 ? concatBytes(new Uint8Array(12), bytes) : fail(path, 'an address')
  }
  const [, kind, digits] = /^(bytes|uint|int)(\d*)$/.exec(type) ?? fail(path, `a known type, here ${type}`)
  const size = digits === '' ? 256 : Number(digits)
  if (kind === 'bytes') {
    const bytes = bytesOf(value)
    if (size < 1 || size > WORD || bytes?.length !== size) fail(path, `${size} bytes as 0x hex`)
    return concatBytes(bytes, new Uint8Array(WORD - size))
  }
  if (size < 8 || size > 256 || size % 8 !== 0) fail(path, `a known type, here ${type}`)
  return integerOf({ isSigned: kind === 'int', bits: size, value }) ?? fail(path, `an integer, ${type}`)
}

const bytesOf = (value: Json | undefined): Uint8Array | undefined =>
  typeof value === 'string' && value.startsWith('0x') ? parseHex(value) : undefined

function integerOf(given: {
  readonly isSigned: boolean
  readonly bits: number
  readonly value: Json | undefined
}): Uint8Array | undefined {
  const { isSigned, bits, value } = given
  const isText = typeof value === 'string' && /^(?:-?\d{1,78}|0x[\da-fA-F]{1,64})$/.test(value)
  if (!isText && !Number.isSafeInteger(value)) return undefined
  const number = BigInt(value as string | number)
  const limit = 1n << BigInt(isSigned ? bits - 1 : bits)
  if (number >= limit || number < (isSigned ? -limit : 0n)) return undefined
  return bigintToFixed(number < 0n ? (1n << 256n) + number : number, WORD)
}
