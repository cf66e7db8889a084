// Travel-rule data as IVMS101: who pays whom, as its canonical JSON. Owns: what may be said and its one spelling (RFC 8785).
// Not: sealing and hashing it (memo.ts), sending (modules.ts `compliance.transferWithMemo`).
import { utf8 } from '../../base/bytes.ts'
import { ClientError } from '../clientError.ts'

/** A text, a list, an object with fields, or one of two objects. */
type Shape =
  | { readonly text: number; readonly of?: readonly string[]; readonly like?: RegExp }
  | { readonly list: Shape; readonly max: number }
  | { readonly fields: { readonly [name: string]: Shape }; readonly required: readonly string[] }
  | { readonly either: { readonly [name: string]: Shape } }

const text = (most: number): Shape => ({ text: most })
const oneOf = (...of: readonly string[]): Shape => ({ text: 8, of })
const list = (of: Shape, max = 8): Shape => ({ list: of, max })
const COUNTRY: Shape = { text: 2, like: /^[A-Z]{2}$/ }
const DATE: Shape = { text: 10, like: /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])$/ }

const naturalName: Shape = {
  fields: {
    primaryIdentifier: text(100),
    secondaryIdentifier: text(100),
    nameIdentifierType: oneOf('ALIA', 'BIRT', 'MAID', 'LEGL', 'MISC'),
  },
  required: ['primaryIdentifier', 'nameIdentifierType'],
}
const legalName: Shape = {
  fields: {
    legalPersonName: text(100),
    legalPersonNameIdentifierType: oneOf('LEGL', 'SHRT', 'TRAD'),
  },
  required: ['legalPersonName', 'legalPersonNameIdentifierType'],
}
const names = (name: Shape): Shape => ({
  fields: {
    nameIdentifier: list(name),
    localNameIdentifier: list(name),
    phoneticNameIdentifier: list(name),
  },
  required: ['nameIdentifier'],
})
const ADDRESS_FIELDS = [
  ...['department', 'subDepartment', 'streetName', 'buildingNumber', 'buildingName', 'floor', 'postBox'],
  ...['room', 'postCode', 'townName', 'townLocationName', 'districtName', 'countrySubDivision'],
]
const address: Shape = {
  fields: {
    addressType: oneOf('HOME', 'BIZZ', 'GEOG'),
    ...Object.fromEntries(ADDRESS_FIELDS.map((name) => [name, text(70)])),
    addressLine: list(text(70), 7),
    country: COUNTRY,
  },
  required: ['addressType', 'country'],
}
const identification: Shape = {
  fields: {
    nationalIdentifier: text(35),
    nationalIdentifierType: oneOf(
      'ARNU',
      'CCPT',
      'RAID',
      'DRLC',
      'FIIN',
      'TXID',
      'SOCS',
      'IDCD',
      'LEIX',
      'MISC',
    ),
    countryOfIssue: COUNTRY,
    registrationAuthority: { text: 8, like: /^RA\d{6}$/ },
  },
  required: ['nationalIdentifier', 'nationalIdentifierType'],
}
const person: Shape = {
  either: {
    naturalPerson: {
      fields: {
        name: names(naturalName),
        geographicAddress: list(address),
        nationalIdentification: identification,
        customerIdentification: text(50),
        dateAndPlaceOfBirth: {
          fields: { dateOfBirth: DATE, placeOfBirth: text(70) },
          required: ['dateOfBirth', 'placeOfBirth'],
        },
        countryOfResidence: COUNTRY,
      },
      required: ['name'],
    },
    legalPerson: {
      fields: {
        name: names(legalName),
        geographicAddress: list(address),
        customerIdentification: text(50),
        nationalIdentification: identification,
        countryOfRegistration: COUNTRY,
      },
      required: ['name'],
    },
  },
}
const party = (persons: string): Shape => ({
  fields: { [persons]: list(person), accountNumber: list(text(100)) },
  required: [persons, 'accountNumber'],
})
const provider = (name: string): Shape => ({ fields: { [name]: person }, required: [name] })

const IVMS101: Shape = {
  fields: {
    originator: party('originatorPersons'),
    beneficiary: party('beneficiaryPersons'),
    originatingVASP: provider('originatingVASP'),
    beneficiaryVASP: provider('beneficiaryVASP'),
  },
  required: ['originator', 'beneficiary', 'originatingVASP'],
}

const refuse = (path: string, reason: string): ClientError =>
  new ClientError('input', `travel-rule data: ${path === '' ? 'the whole' : path}: ${reason}`)

type Value = { readonly [name: string]: unknown }

/** The canonical JSON of a value of this shape. Throws ClientError `input` with the path of what it is not. */
function encode(value: unknown, shape: Shape, path: string): string {
  if ('text' in shape) return encodeText(value, shape, path)
  if ('list' in shape) {
    if (!Array.isArray(value) || value.length === 0 || value.length > shape.max)
      throw refuse(path, `expected a list of 1 to ${shape.max}`)
    return `[${value.map((item, i) => encode(item, shape.list, `${path}[${i}]`)).join(',')}]`
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw refuse(path, 'expected an object')
  const fields = 'either' in shape ? shape.either : shape.fields
  // By UTF-16 code units, as RFC 8785 sorts.
  const given = Object.keys(value).sort()
  const unknown = given.find((name) => !Object.hasOwn(fields, name))
  if (unknown !== undefined) throw refuse(path, `${unknown} is no field of it`)
  if ('either' in shape && given.length !== 1)
    throw refuse(path, `expected exactly one of ${Object.keys(fields).join(', ')}`)
  const missing = 'either' in shape ? undefined : shape.required.find((name) => !given.includes(name))
  if (missing !== undefined) throw refuse(path, `${missing} is missing`)
  const members = given.map((name) => {
    const inner = encode((value as Value)[name], fields[name]!, path === '' ? name : `${path}.${name}`)
    return `${JSON.stringify(name)}:${inner}`
  })
  return `{${members.join(',')}}`
}

function encodeText(value: unknown, shape: Extract<Shape, { readonly text: number }>, path: string): string {
  if (typeof value !== 'string' || value === '') throw refuse(path, 'expected a text')
  if ([...value].length > shape.text) throw refuse(path, `expected at most ${shape.text} characters`)
  if (value !== value.normalize('NFC') || /[\p{Cc}\p{Cs}]/u.test(value))
    throw refuse(path, 'expected composed characters (NFC) without control characters')
  if (shape.of !== undefined && !shape.of.includes(value))
    throw refuse(path, `expected one of ${shape.of.join(', ')}`)
  if (shape.like !== undefined && !shape.like.test(value)) throw refuse(path, `not ${JSON.stringify(value)}`)
  return JSON.stringify(value)
}

/**
 * The canonical bytes of IVMS101 data: UTF-8 of its JSON with sorted names, no spaces and nothing that IVMS101 does not name.
 * Equal data has equal bytes. Throws ClientError `input` with the path of what is wrong.
 *
 * @example
 * const person = { legalPerson: { name: { nameIdentifier: [{ legalPersonName: 'Aurora', legalPersonNameIdentifierType: 'LEGL' }] } } }
 * const bytes = encodeIvms101({
 *   originator: { originatorPersons: [person], accountNumber: ['0x01'] },
 *   beneficiary: { beneficiaryPersons: [person], accountNumber: ['0x02'] },
 *   originatingVASP: { originatingVASP: person },
 * })
 * bytes[0] // 123
 */
export function encodeIvms101(data: unknown): Uint8Array {
  return utf8(encode(data, IVMS101, ''))
}
