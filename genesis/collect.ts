// Joins the parts of all members to a genesis document, and compares a document with them. Not: the parts (parts.ts).
import { bytesKey, compareBytes, utf8 } from '../base/bytes.ts'
import { buildGenesis } from './build.ts'
import { checkDraft, differenceFromDraft, firstDifference } from './draft.ts'
import { GenesisError } from './error.ts'
import { checkPart, type GenesisPart, genesisPartSchema } from './parts.ts'
import { type Genesis, genesisProviderSchema } from './schema.ts'

export interface NamedPart {
  /** For messages: the file. */
  readonly name: string
  readonly part: GenesisPart
}

/** Members in the byte order of their legal names, so that the document is the same whatever the order of the files. */
function inOrder(parts: readonly NamedPart[]): readonly NamedPart[] {
  const nameOf = ({ part }: NamedPart): Uint8Array => utf8(part.member.profile.legalName)
  return [...parts].sort((a, b) => compareBytes(nameOf(a), nameOf(b)))
}

/** Which file a rule that names `providers[i]` or `balances[i]` is about. */
function inFiles(error: GenesisError, parts: readonly NamedPart[]): GenesisError {
  const owners = parts.flatMap((named) => named.part.coins.map(() => named))
  const named = (text: string): string =>
    text
      .replace(/providers\[(\d+)\]/g, (whole, i) => {
        const file = parts[Number(i)]
        return file === undefined ? whole : `${file.name} member`
      })
      .replace(/balances\[(\d+)\]/g, (whole, i) => {
        const file = owners[Number(i)]
        return file === undefined ? whole : `${file.name} coins`
      })
  return new GenesisError(named(error.path), named(error.reason))
}

function refuseTwice(parts: readonly NamedPart[]): void {
  const seen = new Map<string, string>()
  for (const { name, part } of parts) {
    const { signature: _, ...unsigned } = part
    const key = bytesKey(genesisPartSchema.encode({ ...unsigned, signature: new Uint8Array(65) }))
    const first = seen.get(key)
    if (first !== undefined) throw new GenesisError(name, `the same part as ${first}`)
    seen.set(key, name)
  }
}

/**
 * The document of a draft and the parts of all its members: every signature, proof and rule is checked, quotas too. The same
 * for every order of the parts. Throws GenesisError naming the part's file and the field.
 */
export function collectParts(draft: Genesis, given: readonly NamedPart[]): Genesis {
  checkDraft(draft)
  refuseTwice(given)
  for (const { name, part } of given) checkPart(draft, part, name)
  const parts = inOrder(given)
  const genesis: Genesis = {
    ...draft,
    providers: parts.map(({ part }) => part.member),
    balances: parts.flatMap(({ part }, backedBy) => part.coins.map((coins) => ({ ...coins, backedBy }))),
  }
  try {
    // Their proofs have just been checked.
    buildGenesis(genesis, { areProofsChecked: true }).tree.release()
  } catch (error) {
    throw error instanceof GenesisError ? inFiles(error, parts) : error
  }
  return genesis
}

/** Compares a document with the draft that its members have signed for. Throws GenesisError naming the first difference. */
export function compareWithDraft(genesis: Genesis, draft: Genesis): void {
  checkDraft(draft)
  const path = differenceFromDraft(genesis, draft)
  if (path !== undefined) throw new GenesisError(path, 'differs from the draft')
}

/**
 * Compares a document with members' parts: each must be in it as it was signed. Returns whether the document has no member
 * besides them. Throws GenesisError naming the part and the first difference.
 */
export function compareWithParts(
  genesis: Genesis,
  options: { readonly draft: Genesis; readonly parts: readonly NamedPart[] },
): boolean {
  const { draft, parts } = options
  refuseTwice(parts)
  for (const { name, part } of parts) {
    checkPart(draft, part, name)
    const key = bytesKey(part.member.consensusKey)
    const i = genesis.providers.findIndex((provider) => bytesKey(provider.consensusKey) === key)
    const provider = genesis.providers[i]
    if (provider === undefined) throw new GenesisError(name, 'this member is not in the document')
    const path = firstDifference(
      genesisProviderSchema.toJson(provider),
      genesisProviderSchema.toJson(part.member),
      `providers[${i}]`,
    )
    if (path !== undefined) throw new GenesisError(path, `differs from ${name}`)
    const coins = genesis.balances.filter(({ backedBy }) => backedBy === i)
    const isSame =
      coins.length === part.coins.length &&
      coins.every(({ account, amountBase }, c) => {
        const signed = part.coins[c]!
        return bytesKey(account) === bytesKey(signed.account) && amountBase === signed.amountBase
      })
    if (!isSame) throw new GenesisError(`balances backed by providers[${i}]`, `differ from ${name}`)
  }
  return parts.length === genesis.providers.length
}
